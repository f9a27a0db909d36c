//! Follows the index while the archive is unpacked: both must say the same of every entry, to the last line.
//!
//! SPEC.md section 4. The index is opened part by part, so it may be larger than memory.

use blake3::Hasher;
use pouch_archive::{EntryKind, EntryReport};
use pouch_format::{
    Blake3Digest, Declaration, IndexEnd, IndexEntry, IndexError, IndexHead, Manifest, Part, Rule, VERSION, limits,
    read_line,
};

use crate::key::PouchKey;
use crate::ordered::{Fetch, StreamError};
use crate::segment::PartOpener;

/// Why the index is refused.
#[derive(Debug, thiserror::Error)]
pub enum IndexFault {
    /// A part of it cannot be had or is refused.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A line of it is refused.
    #[error(transparent)]
    Line(#[from] IndexError),
    /// It ends too early, or goes on after its end.
    #[error("the index {flaw} after line {line}")]
    Length {
        /// `ends` or `goes on`.
        flaw: &'static str,
        /// The last line read, from 1.
        line: u64,
    },
    /// It says something else than the archive, or the manifest.
    #[error("line {line} of the index says {index}, but {found}")]
    Mismatch {
        /// From 1.
        line: u64,
        /// What the index says, escaped.
        index: String,
        /// What the archive or the manifest says, escaped.
        found: String,
    },
    /// It is another index than the one that was signed.
    #[error("the index has BLAKE3 {found}, the manifest states {stated}")]
    Digest {
        /// As computed.
        found: Blake3Digest,
        /// As stated.
        stated: Blake3Digest,
    },
}

impl IndexFault {
    /// The rule that refuses, if it is one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            IndexFault::Stream(StreamError::Part(error)) => Some(error.rule()),
            IndexFault::Stream(_) => None,
            IndexFault::Line(error) => Some(error.rule()),
            IndexFault::Length { .. } | IndexFault::Mismatch { .. } | IndexFault::Digest { .. } => {
                Some(Rule::IndexMismatch)
            }
        }
    }
}

/// Reads the index in step with the archive.
pub(crate) struct IndexFollower<'a> {
    lines: Lines<'a>,
    stated: Blake3Digest,
    entries: u64,
}

impl<'a> IndexFollower<'a> {
    /// Opens the index and checks its head against the manifest.
    pub(crate) fn new(manifest: &'a Manifest, key: &'a PouchKey, fetch: &'a Fetch<'a>) -> Result<Self, IndexFault> {
        let opener = PartOpener::new(key).map_err(StreamError::SetUp)?;
        let mut lines = Lines {
            parts: manifest.index.iter(),
            opener,
            fetch,
            content: Vec::new(),
            at: 0,
            line: Vec::new(),
            number: 0,
            hasher: Hasher::new(),
        };
        let head: IndexHead = lines.next()?;
        let expected = IndexHead { version: VERSION, registry: manifest.registry.clone(), sequence: manifest.sequence };
        if head != expected {
            return Err(lines.mismatch(&head, format!("the manifest is of {}", manifest.id())));
        }
        Ok(Self { lines, stated: manifest.index_blake3, entries: 0 })
    }

    /// Compares the next line with an entry that was written.
    pub(crate) fn entry(&mut self, found: &EntryReport<'_>) -> Result<(), IndexFault> {
        self.entries += 1;
        let line: IndexEntry = self.lines.next()?;
        if says_the_same(&line, found) {
            return Ok(());
        }
        let found = match found.kind {
            EntryKind::Directory => format!("the archive has directory \"{}\", mtime {}", found.path, found.mtime),
            EntryKind::File { size, offset, blake3 } => format!(
                "the archive has file \"{}\", mtime {}, {size} bytes at {offset}, BLAKE3 {blake3}",
                found.path, found.mtime
            ),
        };
        Err(self.lines.mismatch(&line, found))
    }

    /// Checks the end of the index and its digest; returns what the source said of itself.
    pub(crate) fn finish(mut self) -> Result<Declaration, IndexFault> {
        let end: IndexEnd = self.lines.next()?;
        if end.entries != self.entries {
            return Err(self.lines.mismatch(&end, format!("the archive has {} entries", self.entries)));
        }
        let found = self.lines.finish()?;
        if found != self.stated {
            return Err(IndexFault::Digest { found, stated: self.stated });
        }
        Ok(end.declaration)
    }
}

fn says_the_same(line: &IndexEntry, found: &EntryReport<'_>) -> bool {
    match (line, found.kind) {
        (IndexEntry::Directory { path, mtime, .. }, EntryKind::Directory) => {
            path == found.path && *mtime == found.mtime
        }
        (
            IndexEntry::File { path, mtime, size, offset, blake3, .. },
            EntryKind::File { size: found_size, offset: found_offset, blake3: found_blake3 },
        ) => {
            path == found.path
                && *mtime == found.mtime
                && *size == found_size
                && *offset == found_offset
                && *blake3 == found_blake3
        }
        _ => false,
    }
}

/// The lines of the index, whatever parts they lie in.
struct Lines<'a> {
    parts: std::slice::Iter<'a, Part>,
    opener: PartOpener<'a>,
    fetch: &'a Fetch<'a>,
    content: Vec<u8>,
    at: usize,
    line: Vec<u8>,
    number: u64,
    hasher: Hasher,
}

impl Lines<'_> {
    fn next<T: serde::Serialize + serde::de::DeserializeOwned>(&mut self) -> Result<T, IndexFault> {
        self.line.clear();
        loop {
            let rest = self.content.get(self.at..).unwrap_or_default();
            let found = rest.iter().position(|byte| *byte == b'\n');
            let taken = rest.get(..found.unwrap_or(rest.len())).unwrap_or_default();
            if self.line.len() + taken.len() > limits::INDEX_LINE_BYTES {
                return Err(IndexError::TooLong { line: self.number + 1, limit: limits::INDEX_LINE_BYTES }.into());
            }
            self.line.extend_from_slice(taken);
            self.at += taken.len() + usize::from(found.is_some());
            if found.is_some() {
                break;
            }
            if !self.next_part()? {
                return Err(IndexFault::Length { flaw: "ends", line: self.number });
            }
        }
        self.number += 1;
        Ok(read_line(self.number, &self.line)?)
    }

    fn next_part(&mut self) -> Result<bool, IndexFault> {
        let Some(part) = self.parts.next() else { return Ok(false) };
        self.opener.fetch(part, self.fetch)?;
        self.opener.decompress(part, &mut self.content).map_err(StreamError::from)?;
        self.opener.shrink();
        self.hasher.update(&self.content);
        self.at = 0;
        Ok(true)
    }

    /// Nothing may be left; the digest of all of it.
    fn finish(mut self) -> Result<Blake3Digest, IndexFault> {
        let left = self.at < self.content.len();
        if left || self.next_part()? {
            return Err(IndexFault::Length { flaw: "goes on", line: self.number });
        }
        Ok(Blake3Digest(*self.hasher.finalize().as_bytes()))
    }

    fn mismatch<T: serde::Serialize>(&self, line: &T, found: String) -> IndexFault {
        let mut text = serde_json::to_string(line).unwrap_or_default();
        // A declaration may be long; what differs stands at the front.
        text.truncate(text.floor_char_boundary(400));
        let index = text.escape_debug().to_string().replace("\\\"", "\"");
        IndexFault::Mismatch { line: self.number, index, found }
    }
}
