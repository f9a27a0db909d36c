//! The writer of canonical archives.

use std::io::{self, Read, Write};

use pouch_format::{EntryPath, NameConflict, Totals, UniqueNames};

use crate::header::{END, EntryHead, padding, write_head};

/// Bytes collected before they are written.
const BUFFER: usize = 256 << 10;
/// Files up to this size are read straight into the buffer.
const SMALL: u64 = 64 << 10;

/// Room behind a full buffer for one more head and small file.
const ROOM: usize = (64 << 10) + (8 << 10);

/// Why an archive cannot be written; what was written so far is of no use.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The destination failed.
    #[error("cannot write the archive: {0}")]
    Io(#[from] io::Error),
    /// A source failed.
    #[error("cannot read the content of \"{path}\": {source}")]
    Source {
        /// The file.
        path: EntryPath,
        /// What reading it said.
        #[source]
        source: io::Error,
    },
    /// A file does not have the size it was said to have.
    #[error("\"{path}\" should have {stated} bytes and has {found} or more")]
    Longer {
        /// The file.
        path: EntryPath,
        /// As stated.
        stated: u64,
        /// Bytes seen.
        found: u64,
    },
    /// A file does not have the size it was said to have.
    #[error("\"{path}\" should have {stated} bytes and has {found}")]
    Shorter {
        /// The file.
        path: EntryPath,
        /// As stated.
        stated: u64,
        /// Bytes seen.
        found: u64,
    },
    /// A name that does not fit with those before it.
    #[error(transparent)]
    Conflict(#[from] NameConflict),
    /// An entry before this one failed or was left unfinished.
    #[error("the archive is broken since \"{since}\"")]
    Broken {
        /// The entry.
        since: EntryPath,
    },
}

/// Writes a canonical archive to `W`, a directory before what is in it.
#[derive(Debug)]
pub struct CanonicalTar<W: Write> {
    inner: W,
    buffer: Vec<u8>,
    /// Bytes of the archive so far, the buffered ones included.
    offset: u64,
    names: UniqueNames,
    totals: Totals,
    /// The entry that is not complete.
    open: Option<EntryPath>,
}

/// A finished archive.
#[derive(Debug)]
pub struct Finished<W> {
    /// Where it was written, flushed.
    pub inner: W,
    /// Entries and bytes of content.
    pub totals: Totals,
    /// Bytes of the archive.
    pub length: u64,
}

impl<W: Write> CanonicalTar<W> {
    /// An archive without an entry. Nothing is written before the buffer of 256 KiB is full.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            buffer: Vec::with_capacity(BUFFER + ROOM),
            offset: 0,
            names: UniqueNames::new(),
            totals: Totals::default(),
            open: None,
        }
    }

    /// Bytes of the archive so far.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Entries and bytes so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// Appends a directory.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn append_dir(&mut self, path: &EntryPath, mtime: i64) -> Result<(), WriteError> {
        self.check_whole()?;
        self.names.add_directory(path)?;
        self.begin(path, EntryHead::Directory { mtime });
        self.end()
    }

    /// Appends a file of exactly `size` bytes; returns where in the archive its first byte lies.
    ///
    /// # Errors
    /// [`WriteError::Shorter`] and [`WriteError::Longer`] if `content` has another size.
    pub fn append_file(
        &mut self,
        path: &EntryPath,
        size: u64,
        mtime: i64,
        content: &mut dyn Read,
    ) -> Result<u64, WriteError> {
        self.check_whole()?;
        self.names.add_file(path)?;
        self.begin(path, EntryHead::File { mtime, size });
        let first = self.offset;
        let fail = |source| WriteError::Source { path: path.clone(), source };
        if size <= SMALL {
            let before = self.buffer.len();
            // One byte more than stated would show that the file has grown.
            content.take(size + 1).read_to_end(&mut self.buffer).map_err(fail)?;
            check_size(path, size, (self.buffer.len() - before) as u64)?;
            self.offset += size;
        } else {
            self.flush()?;
            let mut chunk = vec![0; BUFFER];
            let mut left = size;
            while left > 0 {
                let most = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
                let room = chunk.get_mut(..most).unwrap_or_default();
                let got = read_some(content, room).map_err(fail)?;
                if got == 0 {
                    check_size(path, size, size - left)?;
                }
                self.inner.write_all(chunk.get(..got).unwrap_or_default())?;
                left -= got as u64;
                self.offset += got as u64;
            }
            let more = read_some(content, &mut [0; 1]).map_err(fail)?;
            check_size(path, size, size + more as u64)?;
        }
        self.end_file(size)?;
        Ok(first)
    }

    /// Begins a file of exactly `size` bytes, which are then written to the [`FileWriter`].
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn start_file(&mut self, path: &EntryPath, size: u64, mtime: i64) -> Result<FileWriter<'_, W>, WriteError> {
        self.check_whole()?;
        self.names.add_file(path)?;
        self.begin(path, EntryHead::File { mtime, size });
        let first = self.offset;
        Ok(FileWriter { tar: self, path: path.clone(), size, written: 0, first })
    }

    /// Writes the end: two zero blocks and nothing else.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish(mut self) -> Result<Finished<W>, WriteError> {
        self.check_whole()?;
        self.buffer.extend_from_slice(&END);
        self.offset += END.len() as u64;
        self.flush()?;
        self.inner.flush()?;
        Ok(Finished { inner: self.inner, totals: self.totals, length: self.offset })
    }

    fn check_whole(&self) -> Result<(), WriteError> {
        match &self.open {
            None => Ok(()),
            Some(since) => Err(WriteError::Broken { since: since.clone() }),
        }
    }

    fn begin(&mut self, path: &EntryPath, head: EntryHead) {
        self.open = Some(path.clone());
        let before = self.buffer.len();
        write_head(&mut self.buffer, path, head);
        self.offset += (self.buffer.len() - before) as u64;
    }

    fn end_file(&mut self, size: u64) -> Result<(), WriteError> {
        let padding = padding(size);
        self.buffer.extend_from_slice(padding);
        self.offset += padding.len() as u64;
        self.totals.bytes += size;
        self.end()
    }

    fn end(&mut self) -> Result<(), WriteError> {
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        self.totals.entries += 1;
        self.open = None;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Takes the content of one file. Dropped before [`FileWriter::finish`], it leaves the archive broken.
#[derive(Debug)]
pub struct FileWriter<'t, W: Write> {
    tar: &'t mut CanonicalTar<W>,
    path: EntryPath,
    size: u64,
    written: u64,
    first: u64,
}

impl<W: Write> FileWriter<'_, W> {
    /// Where in the archive the file's first byte lies.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.first
    }

    /// Appends content.
    ///
    /// # Errors
    /// [`WriteError::Longer`] if it is more than was stated.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let written = self.written.saturating_add(bytes.len() as u64);
        if written > self.size {
            return Err(WriteError::Longer { path: self.path.clone(), stated: self.size, found: written });
        }
        if self.tar.buffer.len() + bytes.len() > BUFFER {
            self.tar.flush()?;
        }
        if bytes.len() < BUFFER {
            self.tar.buffer.extend_from_slice(bytes);
        } else {
            self.tar.inner.write_all(bytes)?;
        }
        self.written = written;
        self.tar.offset += bytes.len() as u64;
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// [`WriteError::Shorter`] if it is less than was stated.
    pub fn finish(self) -> Result<(), WriteError> {
        check_size(&self.path, self.size, self.written)?;
        self.tar.end_file(self.size)
    }
}

fn check_size(path: &EntryPath, stated: u64, found: u64) -> Result<(), WriteError> {
    let path = || path.clone();
    match found.cmp(&stated) {
        std::cmp::Ordering::Less => Err(WriteError::Shorter { path: path(), stated, found }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(WriteError::Longer { path: path(), stated, found }),
    }
}

fn read_some(content: &mut dyn Read, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match content.read(room) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
