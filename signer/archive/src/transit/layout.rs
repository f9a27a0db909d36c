//! Where everything lies in a pouch in transit, computed from names and sizes.

use std::ops::Range;

use pouch_format::{PouchId, escaped};

use super::Place;
use crate::header::{BLOCK, END, padding, plain_head};

/// Why these are not the parts of a pouch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// No part of a pouch is called so.
    #[error("\"{found}\" is not the name of a pouch's part")]
    Name {
        /// The name, escaped.
        found: String,
    },
    /// A part that is there twice, or whose predecessor is not there.
    #[error("{found} cannot come {}", after.map_or("first".to_owned(), |after| format!("after {after}")))]
    Order {
        /// The part.
        found: Place,
        /// The one before it.
        after: Option<Place>,
    },
    /// A part of a size that none has.
    #[error("{part} of {size} bytes; 1 to {} are allowed", part.most())]
    Size {
        /// The part.
        part: Place,
        /// Its size in bytes.
        size: u64,
    },
    /// Parts are missing at the end.
    #[error("nothing comes after {}, and a pouch has manifest, signatures, segments and index",
        after.map_or("the beginning".to_owned(), |after| after.to_string()))]
    Incomplete {
        /// The last part that is there.
        after: Option<Place>,
    },
}

/// One part, and where its content lies in the tar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Which part.
    pub place: Place,
    /// Where its first byte lies, in bytes from the start of the tar.
    pub start: u64,
    /// Its size in bytes, at least 1.
    pub size: u64,
}

impl Extent {
    /// Where its head begins.
    pub(super) const fn head(self) -> u64 {
        self.start - BLOCK as u64
    }

    /// Where its content lies.
    #[must_use]
    pub const fn range(self) -> Range<u64> {
        self.start..self.start + self.size
    }

    /// Where the zeros behind its content end.
    pub(super) fn padded_end(self) -> u64 {
        self.start + self.size + padding(self.size).len() as u64
    }
}

/// The tar of one pouch in transit, without a byte of its parts. It holds 32 bytes a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pouch: PouchId,
    extents: Vec<Extent>,
}

impl Layout {
    /// The layout of a pouch of these files, given as name and size in bytes, in any order, as a directory lists them.
    ///
    /// # Errors
    /// [`LayoutError`] if they are not the parts of a pouch: other names, gaps, sizes beyond the limits of the format.
    pub fn new<N: AsRef<str>>(pouch: &PouchId, files: impl IntoIterator<Item = (N, u64)>) -> Result<Self, LayoutError> {
        let mut parts = Vec::new();
        for (name, size) in files {
            let name = name.as_ref();
            let place = Place::of(name).ok_or_else(|| LayoutError::Name { found: escaped(name.as_bytes()) })?;
            parts.push((place, size));
        }
        parts.sort_unstable();
        let mut layout = Self::begin(pouch.clone());
        for (place, size) in parts {
            layout.push(place, size)?;
        }
        layout.check_complete()?;
        Ok(layout)
    }

    /// Of no part yet.
    pub(super) const fn begin(pouch: PouchId) -> Self {
        Self { pouch, extents: Vec::new() }
    }

    /// One more part, where the last one ended.
    pub(super) fn push(&mut self, part: Place, size: u64) -> Result<Extent, LayoutError> {
        let after = self.extents.last().map(|extent| extent.place);
        if !part.follows(after) {
            return Err(LayoutError::Order { found: part, after });
        }
        if !(1..=part.most()).contains(&size) {
            return Err(LayoutError::Size { part, size });
        }
        let extent = Extent { place: part, start: self.content_end() + BLOCK as u64, size };
        self.extents.push(extent);
        Ok(extent)
    }

    pub(super) fn check_complete(&self) -> Result<(), LayoutError> {
        match self.extents.last().map(|extent| extent.place) {
            Some(Place::Index(_)) => Ok(()),
            after => Err(LayoutError::Incomplete { after }),
        }
    }

    /// Where the two zero blocks begin.
    pub(super) fn content_end(&self) -> u64 {
        self.extents.last().map_or(0, |extent| extent.padded_end())
    }

    /// Which pouch it is.
    #[must_use]
    pub const fn pouch(&self) -> &PouchId {
        &self.pouch
    }

    /// Bytes of the whole tar: below 2^44, for parts are limited in number and size.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.content_end() + END.len() as u64
    }

    /// The parts, in the order of the tar.
    #[must_use]
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// The part at this place, if the pouch has it; in O(log n).
    #[must_use]
    pub fn extent(&self, place: Place) -> Option<Extent> {
        let at = self.extents.binary_search_by_key(&place, |extent| extent.place).ok()?;
        self.extents.get(at).copied()
    }

    /// The 512 bytes before a part's content.
    #[must_use]
    pub fn head(&self, extent: Extent) -> [u8; BLOCK] {
        plain_head(&self.name(extent.place), extent.size)
    }

    /// What a part is called in the tar, e.g. `land-000041/manifest.json`; at most 72 bytes of ASCII.
    #[must_use]
    pub fn name(&self, place: Place) -> String {
        format!("{}/{place}", self.pouch)
    }
}
