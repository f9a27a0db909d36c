//! Turns a snapshot into the two streams of a pouch: the canonical tar and its index.

use std::io::{self, Write};

use blake3::Hasher;
use pouch_archive::EntryHead;
use pouch_capture::{Meta, SinkError, SnapshotSink};
use pouch_format::{
    Blake3Digest, Declaration, EntryPath, IndexEnd, IndexEntry, IndexHead, PouchId, Rule, Totals, UniqueNames, VERSION,
    write_line,
};

use crate::parts::{Feed, PartWriter, Stopped, Stream};
use crate::progress::Progress;

/// Why an entry cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Two names that a reader could take for one, or an entry before its directory.
    #[error("{reason}")]
    Name {
        /// The rule that refuses.
        rule: Rule,
        /// Both names.
        reason: String,
    },
    /// The source did not deliver what it announced: our bug, or the source's.
    #[error("\"{path}\" was announced with {announced} bytes and came with {found}")]
    Size {
        /// The file.
        path: String,
        /// Bytes announced.
        announced: u64,
        /// Bytes that came.
        found: u64,
    },
    /// Sealing failed; its own error says why.
    #[error("sealing stopped")]
    Stopped,
}

impl PackError {
    /// The rule that refuses, if it is one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            PackError::Name { rule, .. } => Some(*rule),
            PackError::Size { .. } => Some(Rule::SourceChanged),
            PackError::Stopped => None,
        }
    }
}

impl From<Stopped> for PackError {
    fn from(_: Stopped) -> Self {
        PackError::Stopped
    }
}

impl From<io::Error> for PackError {
    fn from(_: io::Error) -> Self {
        PackError::Stopped
    }
}

/// What the packer found out about the snapshot.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) totals: Totals,
    pub(crate) index_blake3: Blake3Digest,
}

/// A file between `begin_file` and `end_file`.
struct OpenFile {
    path: EntryPath,
    meta: Meta,
    size: u64,
    offset: u64,
    done: u64,
    hasher: Hasher,
}

/// Receives a snapshot and writes the archive and its index.
pub(crate) struct Packer<'a> {
    archive: PartWriter<'a>,
    /// Bytes written to the archive so far.
    position: u64,
    index: PartWriter<'a>,
    index_hash: Hasher,
    names: UniqueNames,
    totals: Totals,
    open: Option<OpenFile>,
    /// Header or index line being built; kept, so that small files cost no allocation.
    scratch: Vec<u8>,
    progress: &'a dyn Progress,
}

impl<'a> Packer<'a> {
    pub(crate) fn new(feed: &'a Feed<'a>, id: &PouchId, progress: &'a dyn Progress) -> Result<Self, PackError> {
        let mut packer = Self {
            archive: PartWriter::new(feed, Stream::Archive),
            position: 0,
            index: PartWriter::new(feed, Stream::Index),
            index_hash: Hasher::new(),
            names: UniqueNames::new(),
            totals: Totals::default(),
            open: None,
            scratch: Vec::new(),
            progress,
        };
        packer.index_line(&IndexHead { version: VERSION, registry: id.registry.clone(), sequence: id.sequence })?;
        Ok(packer)
    }

    /// Ends both streams.
    pub(crate) fn finish(mut self, declaration: Declaration) -> Result<Packed, PackError> {
        self.index_line(&IndexEnd { entries: self.totals.entries, declaration })?;
        self.archive.write_all(&pouch_archive::END)?;
        self.archive.finish()?;
        self.index.finish()?;
        let index_blake3 = Blake3Digest(*self.index_hash.finalize().as_bytes());
        Ok(Packed { totals: self.totals, index_blake3 })
    }

    fn index_line<T: serde::Serialize>(&mut self, line: &T) -> Result<(), PackError> {
        self.scratch.clear();
        write_line(&mut self.scratch, line);
        self.index_hash.update(&self.scratch);
        self.index.write_all(&self.scratch)?;
        Ok(())
    }

    fn header(&mut self, path: &EntryPath, head: EntryHead) -> Result<(), PackError> {
        self.scratch.clear();
        pouch_archive::write_head(&mut self.scratch, path, head);
        self.archive.write_all(&self.scratch)?;
        self.position += self.scratch.len() as u64;
        self.totals.entries += 1;
        Ok(())
    }

    fn add_directory(&mut self, path: &EntryPath, meta: &Meta) -> Result<(), PackError> {
        self.names.add_directory(path).map_err(name_error)?;
        self.header(path, EntryHead::Directory { mtime: meta.mtime })?;
        self.index_line(&IndexEntry::Directory { path: path.clone(), mode: meta.mode, mtime: meta.mtime })
    }

    fn add_file(&mut self, path: &EntryPath, size: u64, meta: &Meta) -> Result<(), PackError> {
        self.names.add_file(path).map_err(name_error)?;
        self.header(path, EntryHead::File { mtime: meta.mtime, size })?;
        let offset = self.position;
        let hasher = Hasher::new();
        self.open = Some(OpenFile { path: path.clone(), meta: *meta, size, offset, done: 0, hasher });
        Ok(())
    }

    fn add_data(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        if let Some(file) = &mut self.open {
            file.hasher.update(bytes);
            file.done += bytes.len() as u64;
        }
        self.archive.write_all(bytes)?;
        self.position += bytes.len() as u64;
        self.progress.read(bytes.len() as u64);
        Ok(())
    }

    fn close_file(&mut self) -> Result<(), PackError> {
        let Some(file) = self.open.take() else { return Ok(()) };
        let OpenFile { path, meta, size, offset, done, hasher } = file;
        if done != size {
            return Err(PackError::Size { path: path.as_str().to_owned(), announced: size, found: done });
        }
        let padding = pouch_archive::padding(size);
        self.archive.write_all(padding)?;
        self.position += padding.len() as u64;
        self.totals.bytes += size;
        let blake3 = Blake3Digest(*hasher.finalize().as_bytes());
        self.index_line(&IndexEntry::File { path, mode: meta.mode, mtime: meta.mtime, size, offset, blake3 })
    }
}

fn name_error(conflict: pouch_format::NameConflict) -> PackError {
    PackError::Name { rule: conflict.rule(), reason: conflict.to_string() }
}

impl SnapshotSink for Packer<'_> {
    fn directory(&mut self, path: &EntryPath, meta: &Meta) -> Result<(), SinkError> {
        Ok(self.add_directory(path, meta)?)
    }

    fn begin_file(&mut self, path: &EntryPath, size: u64, meta: &Meta) -> Result<(), SinkError> {
        Ok(self.add_file(path, size, meta)?)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        Ok(self.add_data(bytes)?)
    }

    fn end_file(&mut self) -> Result<(), SinkError> {
        Ok(self.close_file()?)
    }
}
