//! Writes the tree of an archive beneath a private directory.
//!
//! Files get mode 0600, directories 0700, and the time of change from the archive; nothing else is ever set. Every
//! name is created new and beneath the directory that is held open, so nothing that others do to the tree meanwhile can
//! lead a write outside.
//!
//! Nothing is durable before [`TreeWriter::commit`], which makes one `syncfs` of the whole file system: 200,000 `fsync`
//! one after the other would each wait for the journal, and a private directory is not published before all of it is
//! durable anyway.

use std::io::{self, Write};

use pouch_format::{Blake3Digest, EntryPath, Rule, Totals};
use pouch_platform::{Dir, DirError, Metadata, NewFile, set_file_mtime};

use crate::{Budget, Fault, Sink};

/// What an entry turned out to be, once written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Size in bytes.
        size: u64,
        /// Where its first byte lies in the archive.
        offset: u64,
        /// BLAKE3 of the bytes that were written.
        blake3: Blake3Digest,
    },
}

/// One entry as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryReport<'e> {
    /// Its path.
    pub path: &'e EntryPath,
    /// Seconds since 1970.
    pub mtime: i64,
    /// The rest.
    pub kind: EntryKind,
}

/// Why a tree is not complete. What was written stays, for the caller to remove.
#[derive(Debug, thiserror::Error)]
pub enum TreeError<E: std::error::Error> {
    /// A directory or the creation of a file failed.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// A file failed.
    #[error("cannot write \"{path}\": {source}")]
    Write {
        /// The file.
        path: EntryPath,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// More or less than the budget.
    #[error("{fault}")]
    Budget {
        /// By how much.
        fault: Fault,
    },
    /// The tree is committed although its archive did not end.
    #[error("the archive ended after {} entries without being accepted", totals.entries)]
    Unfinished {
        /// As written so far.
        totals: Totals,
    },
    /// An entry begins, ends or goes on out of turn.
    #[error("\"{path}\" has {written} of {size} bytes, and something else comes")]
    OutOfTurn {
        /// The file at hand.
        path: EntryPath,
        /// Bytes so far.
        written: u64,
        /// Bytes announced.
        size: u64,
    },
    /// Content without a file.
    #[error("content comes outside of any file")]
    NoFile,
    /// Whoever is told of the entries objects.
    #[error(transparent)]
    Report(E),
}

impl<E: std::error::Error> TreeError<E> {
    /// The rule that refuses, if it is one of the archive's.
    #[must_use]
    pub const fn rule(&self) -> Option<Rule> {
        match self {
            Self::Budget { fault } => Some(fault.rule()),
            _ => None,
        }
    }
}

/// A sink that writes files and directories.
#[derive(Debug)]
pub struct TreeWriter<F> {
    root: Dir,
    /// The directories from the root to the last entry, outermost first.
    open: Vec<OpenDir>,
    file: Option<OpenFile>,
    budget: Budget,
    totals: Totals,
    ended: bool,
    on_entry: F,
}

/// A directory whose content is being written. When it is left it gets the time it should have.
#[derive(Debug)]
struct OpenDir {
    name: String,
    dir: Dir,
    mtime: i64,
}

#[derive(Debug)]
struct OpenFile {
    path: EntryPath,
    file: NewFile,
    size: u64,
    mtime: i64,
    offset: u64,
    written: u64,
    hasher: blake3::Hasher,
}

impl<F, E> TreeWriter<F>
where
    F: FnMut(&EntryReport<'_>) -> Result<(), E>,
    E: std::error::Error,
{
    /// Writes beneath `root`, which must be an empty directory of this user with mode 0700, and tells
    /// `on_entry` of every directory once created and every file once complete, in the order of the archive.
    ///
    /// # Errors
    /// [`DirError::NotPrivate`] in [`TreeError::Dir`].
    pub fn new(root: Dir, budget: Budget, on_entry: F) -> Result<Self, TreeError<E>> {
        check_closed(&root)?;
        Ok(Self { root, open: Vec::new(), file: None, budget, totals: Totals::default(), ended: false, on_entry })
    }

    /// Makes the whole tree durable, and only then returns.
    ///
    /// # Errors
    /// [`TreeError::Unfinished`] if the archive was not accepted to its end.
    pub fn commit(mut self) -> Result<Totals, TreeError<E>> {
        if !self.ended {
            return Err(TreeError::Unfinished { totals: self.totals });
        }
        self.leave_to(0)?;
        self.root.sync_file_system()?;
        Ok(self.totals)
    }

    /// Leaves directories until `depth` of them are open.
    fn leave_to(&mut self, depth: usize) -> Result<(), DirError> {
        while self.open.len() > depth {
            if let Some(OpenDir { dir, mtime, .. }) = self.open.pop() {
                dir.set_mtime(mtime)?;
            }
        }
        Ok(())
    }

    /// The directory that is to hold the entry.
    fn enter_parent_of(&mut self, path: &EntryPath) -> Result<&Dir, DirError> {
        let parent = path.parent().unwrap_or_default();
        let wanted = || parent.split('/').filter(|name| !name.is_empty());
        let common = self.open.iter().zip(wanted()).take_while(|(open, name)| open.name == **name).count();
        self.leave_to(common)?;
        for name in wanted().skip(common) {
            let dir = self.innermost().subdir(name)?;
            // It was written and left before: its time is right, and will be again.
            let mtime = dir.own_metadata()?.mtime;
            self.open.push(OpenDir { name: name.to_owned(), dir, mtime });
        }
        Ok(self.innermost())
    }

    fn innermost(&self) -> &Dir {
        self.open.last().map_or(&self.root, |open| &open.dir)
    }

    /// What every new entry has to pass.
    fn begin(&mut self, size: u64) -> Result<(), TreeError<E>> {
        if let Some(file) = &self.file {
            return Err(file.out_of_turn());
        }
        self.totals = self.budget.add(self.totals, size).map_err(|fault| TreeError::Budget { fault })?;
        Ok(())
    }

    fn report(&mut self, path: &EntryPath, mtime: i64, kind: EntryKind) -> Result<(), TreeError<E>> {
        (self.on_entry)(&EntryReport { path, mtime, kind }).map_err(TreeError::Report)
    }
}

impl<F, E> Sink for TreeWriter<F>
where
    F: FnMut(&EntryReport<'_>) -> Result<(), E>,
    E: std::error::Error,
{
    type Error = TreeError<E>;

    fn directory(&mut self, path: &EntryPath, mtime: i64) -> Result<(), Self::Error> {
        self.begin(0)?;
        let name = path.file_name();
        let dir = self.enter_parent_of(path)?.create_dir(name)?;
        self.open.push(OpenDir { name: name.to_owned(), dir, mtime });
        self.report(path, mtime, EntryKind::Directory)
    }

    fn file(&mut self, path: &EntryPath, size: u64, mtime: i64, offset: u64) -> Result<(), Self::Error> {
        self.begin(size)?;
        let file = self.enter_parent_of(path)?.create_new(path.file_name())?;
        self.file = Some(OpenFile {
            path: path.clone(),
            file: NewFile::new(file, size),
            size,
            mtime,
            offset,
            written: 0,
            hasher: blake3::Hasher::new(),
        });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        let file = self.file.as_mut().ok_or(TreeError::NoFile)?;
        if bytes.len() as u64 > file.size - file.written {
            return Err(file.out_of_turn());
        }
        file.append(bytes).map_err(|source| TreeError::Write { path: file.path.clone(), source })
    }

    fn end_file(&mut self) -> Result<(), Self::Error> {
        let file = self.file.take().ok_or(TreeError::NoFile)?;
        if file.written != file.size {
            return Err(file.out_of_turn());
        }
        let OpenFile { path, file, size, mtime, offset, hasher, .. } = file;
        let written = file.finish().and_then(|file| set_file_mtime(&file, mtime));
        if let Err(source) = written {
            return Err(TreeError::Write { path, source });
        }
        let blake3 = Blake3Digest(*hasher.finalize().as_bytes());
        self.report(&path, mtime, EntryKind::File { size, offset, blake3 })
    }

    fn end(&mut self, _: Totals) -> Result<(), Self::Error> {
        if let Some(file) = &self.file {
            return Err(file.out_of_turn());
        }
        self.budget.check_end(self.totals).map_err(|fault| TreeError::Budget { fault })?;
        self.ended = true;
        Ok(())
    }
}

impl OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn out_of_turn<E: std::error::Error>(&self) -> TreeError<E> {
        TreeError::OutOfTurn { path: self.path.clone(), written: self.written, size: self.size }
    }
}

/// Mode 0700 and owned by this user, so that nobody else can look in, and no setgid bit is handed down.
fn check_closed(root: &Dir) -> Result<(), DirError> {
    root.check_private()?;
    let Metadata { uid: owner, mode, .. } = root.own_metadata()?;
    if mode == 0o700 {
        Ok(())
    } else {
        Err(DirError::NotPrivate { path: root.path().to_owned(), owner, mode, user: owner })
    }
}
