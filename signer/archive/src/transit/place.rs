//! The names that parts have, in their one order.

use std::fmt;

use pouch_format::{MANIFEST_FILE, SIGNATURE_FILE, index_file, limits, segment_file};

/// Which part of a pouch a file is. The order is that of the parts in transit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The statement.
    Manifest,
    /// The signatures over it.
    Signatures,
    /// The segment of this number, from 0.
    Segment(usize),
    /// The part of the index of this number, from 0.
    Index(usize),
}

impl Place {
    /// The place of a file of this name; none if no part has it.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let number = |prefix| name.strip_prefix(prefix)?.strip_suffix(".pgp")?.parse().ok();
        let place = match name {
            MANIFEST_FILE => Self::Manifest,
            SIGNATURE_FILE => Self::Signatures,
            _ => number("segment-").map(Self::Segment).or_else(|| number("index-").map(Self::Index))?,
        };
        // One spelling only.
        let within = !matches!(place, Self::Segment(n) | Self::Index(n) if n >= limits::PARTS);
        (within && place.to_string() == name).then_some(place)
    }

    /// Whether a part at this place may stand right behind one at `before`, or first of all.
    #[must_use]
    pub(super) fn follows(self, before: Option<Self>) -> bool {
        match (before, self) {
            (None, Self::Manifest)
            | (Some(Self::Manifest), Self::Signatures)
            | (Some(Self::Signatures), Self::Segment(0))
            | (Some(Self::Segment(_)), Self::Index(0)) => true,
            (Some(Self::Segment(before)), Self::Segment(here)) | (Some(Self::Index(before)), Self::Index(here)) => {
                before + 1 == here
            }
            _ => false,
        }
    }

    /// The largest file that may stand here, in bytes.
    #[must_use]
    pub const fn most(self) -> u64 {
        match self {
            Self::Manifest => limits::MANIFEST_BYTES,
            Self::Signatures => limits::SIGNATURE_FILE_BYTES,
            Self::Segment(_) | Self::Index(_) => limits::PART_CONTENT_BYTES + limits::PART_OVERHEAD_BYTES,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.pad(MANIFEST_FILE),
            Self::Signatures => f.pad(SIGNATURE_FILE),
            Self::Segment(number) => f.pad(&segment_file(*number)),
            Self::Index(number) => f.pad(&index_file(*number)),
        }
    }
}
