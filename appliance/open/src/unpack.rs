//! From sealed parts to a tree of files that is durable, complete and what was signed - or to a refusal.
//!
//! ```text
//!   vault -> part openers (OpenPGP, zstd) --contents--> walker (tar) --entries--> writer of the tree
//!                                                                                   | in step with
//!                                                 index opener (OpenPGP, zstd) ----'
//! ```
//!
//! The openers have threads of their own; the walker lends what it has checked to the writer without a copy. Nothing is
//! published here: the caller removes the tree on any error, and renames it into place only after success.

use pouch_archive::{Budget, EntryKind, EntryReport, Mode, TreeError, TreeWriter, WalkError, walk};
use pouch_format::{Declaration, Manifest, Rule, Totals};
use pouch_platform::Dir;

use crate::index::{IndexFault, IndexFollower};
use crate::key::PouchKey;
use crate::ordered::{Fetch, StreamError, open_in_order};

/// A tree that is complete, durable and what was signed.
#[derive(Debug)]
pub struct Unpacked {
    /// Entries and bytes.
    pub totals: Totals,
    /// What the source said of itself.
    pub declaration: Declaration,
}

/// Why a pouch is not unpacked. What was written is of no use and for the caller to remove.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A part of the archive cannot be had or is refused.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The index, or what it says of the archive.
    #[error(transparent)]
    Index(#[from] IndexFault),
    /// The walker refuses the archive.
    #[error("the archive is refused at byte {offset}: {text}")]
    Archive {
        /// By which rule.
        rule: Rule,
        /// Where, in bytes.
        offset: u64,
        /// Why.
        text: String,
    },
    /// The tree cannot be written.
    #[error("{0}")]
    Tree(#[source] TreeError<IndexFault>),
    /// The contents end although all parts opened: our bug.
    #[error("the archive cannot be read on: {reason}")]
    Walker {
        /// What is wrong.
        reason: String,
    },
}

impl UnpackError {
    /// The rule that refuses, if it is one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            UnpackError::Stream(StreamError::Part(error)) => Some(error.rule()),
            UnpackError::Index(error) => error.rule(),
            UnpackError::Archive { rule, .. } => Some(*rule),
            UnpackError::Tree(error) => error.rule(),
            UnpackError::Stream(_) | UnpackError::Walker { .. } => None,
        }
    }
}

/// Unpacks the pouch of `manifest` into the empty private directory `into`.
///
/// `fetch` gives sealed parts, `written` is told of bytes of content as they are written.
///
/// # Errors
/// [`UnpackError`]; then the tree in `into` is incomplete and must be removed.
pub fn unpack(
    manifest: &Manifest,
    key: &PouchKey,
    fetch: &Fetch<'_>,
    into: Dir,
    written: &dyn Fn(u64),
) -> Result<Unpacked, UnpackError> {
    let mut index = IndexFollower::new(manifest, key, fetch)?;
    let budget = Budget::exactly(manifest.totals);
    let on_entry = |entry: &EntryReport<'_>| {
        if let EntryKind::File { size, .. } = entry.kind {
            written(size);
        }
        index.entry(entry)
    };
    let mut tree = TreeWriter::new(into, budget, on_entry).map_err(UnpackError::Tree)?;
    let (walked, opened) =
        open_in_order(&manifest.segments, key, fetch, |archive| walk(archive, Mode::Canonical, budget, &mut tree));
    // The walker only feels that no more comes from a part that does not open.
    opened?;
    walked.map_err(unpack_error)?;
    let totals = tree.commit().map_err(UnpackError::Tree)?;
    let declaration = index.finish()?;
    Ok(Unpacked { totals, declaration })
}

fn unpack_error(error: WalkError<TreeError<IndexFault>>) -> UnpackError {
    match error {
        WalkError::Refused(refusal) => {
            UnpackError::Archive { rule: refusal.rule(), offset: refusal.offset, text: refusal.fault.to_string() }
        }
        WalkError::Sink(TreeError::Report(fault)) => UnpackError::Index(fault),
        WalkError::Sink(error) => UnpackError::Tree(error),
        WalkError::Read(error) => UnpackError::Walker { reason: error.to_string() },
    }
}
