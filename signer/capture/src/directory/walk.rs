//! The walk itself: into a sink, or only to see what is there.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

use pouch_format::{EntryPath, escaped};
use pouch_platform::{Dir, DirError, Kind, Metadata, file_metadata};

use super::{DirectoryError, Fault, NAMED, Offender};
use crate::{CaptureError, Meta, SnapshotSink};

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// What a walk has found.
pub(super) struct Found {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

/// A walk over a tree.
pub(super) struct Walk<'s> {
    /// None to look only; taken away at the first offender, for then the rest is walked to name the others.
    sink: Option<&'s mut dyn SnapshotSink>,
    names: pouch_format::UniqueNames,
    offenders: Vec<Offender>,
    found: Found,
    buffer: Vec<u8>,
}

/// Why a walk stops before its end.
enum Stop {
    /// As many offenders as are named, and one more.
    MoreOffenders,
    Failed(CaptureError),
}

impl From<DirectoryError> for Stop {
    fn from(error: DirectoryError) -> Self {
        Self::Failed(error.into())
    }
}

impl<'s> Walk<'s> {
    /// Walks everything in `root`, into `sink` if there is one.
    pub(super) fn run(root: &Dir, sink: Option<&'s mut dyn SnapshotSink>) -> Result<Found, CaptureError> {
        let mut walk = Self {
            sink,
            names: pouch_format::UniqueNames::new(),
            offenders: Vec::new(),
            found: Found { entries: 0, bytes: 0 },
            buffer: vec![0; BUFFER_BYTES],
        };
        let walked = walk.directory(root, None);
        let Self { offenders, found, .. } = walk;
        match walked {
            Ok(()) if offenders.is_empty() => Ok(found),
            Err(Stop::Failed(error)) if offenders.is_empty() => Err(error),
            walked => Err(DirectoryError::Offenders { offenders, more: walked.is_err() }.into()),
        }
    }

    /// Walks what is in `dir`, whose path beneath the root is `at`. Depth is bounded by that of an [`EntryPath`].
    fn directory(&mut self, dir: &Dir, at: Option<&EntryPath>) -> Result<(), Stop> {
        let before = dir.own_metadata().map_err(|e| unreadable(at, e))?;
        for (name, kind) in sorted(dir).map_err(|e| unreadable(at, e))? {
            self.entry(dir, at, &name, kind)?;
        }
        let after = dir.own_metadata().map_err(|e| unreadable(at, e))?;
        if same(&before, &after) { Ok(()) } else { Err(changed(at.map(EntryPath::as_str), Kind::Directory).into()) }
    }

    fn entry(&mut self, dir: &Dir, at: Option<&EntryPath>, name: &OsString, kind: Option<Kind>) -> Result<(), Stop> {
        let path = match at.map_or_else(|| EntryPath::parse(name.as_bytes()), |at| at.join(name.as_bytes())) {
            Ok(path) => path,
            Err(error) => return self.offend(shown(at, name), Fault::Name(error)),
        };
        // Not every file system tells the kind along with the name.
        let kind = match kind.map_or_else(|| dir.metadata(name).map(|metadata| metadata.kind), Ok) {
            Ok(kind) => kind,
            Err(error) => return self.not_opened(&path, Kind::Other, error),
        };
        match kind {
            Kind::Directory => match dir.subdir(name) {
                Ok(below) => self.subdirectory(&below, &path),
                Err(error) => self.not_opened(&path, kind, error),
            },
            Kind::File => match dir.open_file(name) {
                Ok(file) => self.file(file, &path),
                Err(error) => self.not_opened(&path, kind, error),
            },
            other => self.offend(shown(at, name), Fault::Type(other)),
        }
    }

    fn subdirectory(&mut self, dir: &Dir, path: &EntryPath) -> Result<(), Stop> {
        if let Err(conflict) = self.names.add_directory(path) {
            return self.offend(path.to_string(), Fault::Conflict(conflict));
        }
        self.found.entries += 1;
        if let Some(sink) = &mut self.sink {
            let metadata = dir.own_metadata().map_err(|e| unreadable(Some(path), e))?;
            sink.directory(path, &meta(&metadata)).map_err(|e| Stop::Failed(CaptureError::Sink(e)))?;
        }
        self.directory(dir, Some(path))
    }

    fn file(&mut self, mut file: File, path: &EntryPath) -> Result<(), Stop> {
        if let Err(conflict) = self.names.add_file(path) {
            return self.offend(path.to_string(), Fault::Conflict(conflict));
        }
        let read = |source| DirectoryError::Read { path: path.to_string(), source };
        let before = file_metadata(&file).map_err(read)?;
        self.found.entries += 1;
        self.found.bytes = self.found.bytes.saturating_add(before.size);
        let Some(sink) = &mut self.sink else { return Ok(()) };
        let failed = |e| Stop::Failed(CaptureError::Sink(e));
        sink.begin_file(path, before.size, &meta(&before)).map_err(failed)?;
        let mut left = before.size;
        while left > 0 {
            let length = usize::try_from(left).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
            let chunk = read_some(&mut file, self.buffer.get_mut(..length).unwrap_or_default()).map_err(read)?;
            if chunk.is_empty() {
                return Err(changed(Some(path.as_str()), Kind::File).into());
            }
            sink.data(chunk).map_err(failed)?;
            left = left.saturating_sub(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        }
        // Before the sink may take the file for complete.
        if !same(&before, &file_metadata(&file).map_err(read)?) {
            return Err(changed(Some(path.as_str()), Kind::File).into());
        }
        sink.end_file().map_err(failed)
    }

    /// Notes an offender and goes on, without the sink.
    fn offend(&mut self, path: String, fault: Fault) -> Result<(), Stop> {
        self.sink = None;
        if self.offenders.len() == NAMED {
            return Err(Stop::MoreOffenders);
        }
        self.offenders.push(Offender { path, fault });
        Ok(())
    }

    /// What was listed as `kind` a moment ago could not be opened as that.
    fn not_opened(&mut self, path: &EntryPath, kind: Kind, error: DirError) -> Result<(), Stop> {
        match error {
            DirError::NotAFile { kind, .. } => self.offend(path.to_string(), Fault::Type(kind)),
            error if error.kind() == io::ErrorKind::NotFound => Err(changed(Some(path.as_str()), kind).into()),
            error => self.offend(path.to_string(), Fault::Unreadable(error)),
        }
    }
}

/// The names in a directory, sorted by their bytes.
fn sorted(dir: &Dir) -> Result<Vec<(OsString, Option<Kind>)>, DirError> {
    let entries = dir.entries()?.map(|entry| entry.map(|entry| (entry.name, entry.kind)));
    let mut names = entries.collect::<Result<Vec<_>, DirError>>()?;
    names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(names)
}

/// Reads once, and gives what came.
fn read_some<'b>(file: &mut File, room: &'b mut [u8]) -> io::Result<&'b [u8]> {
    loop {
        match file.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => {
                let length = read?;
                return Ok(room.get(..length).unwrap_or_default());
            }
        }
    }
}

/// Whether nothing was written in between: a write moves mtime or ctime, and ctime cannot be set back.
fn same(before: &Metadata, after: &Metadata) -> bool {
    let key = |m: &Metadata| (m.kind, m.size, m.mtime, m.mtime_nanos, m.ctime, m.ctime_nanos, m.ino, m.dev);
    key(before) == key(after)
}

fn meta(metadata: &Metadata) -> Meta {
    Meta { mtime: metadata.mtime, mode: metadata.mode & 0o777 }
}

fn changed(path: Option<&str>, kind: Kind) -> DirectoryError {
    DirectoryError::Changed { path: path.unwrap_or_default().to_owned(), kind }
}

fn unreadable(at: Option<&EntryPath>, error: DirError) -> DirectoryError {
    let source = match error {
        DirError::System { source, .. } => source,
        other => io::Error::other(other),
    };
    DirectoryError::Read { path: at.map(ToString::to_string).unwrap_or_default(), source }
}

/// The path of a name that may be no [`EntryPath`], for messages.
fn shown(at: Option<&EntryPath>, name: &OsString) -> String {
    let name = escaped(name.as_bytes());
    at.map_or_else(|| name.clone(), |at| format!("{at}/{name}"))
}
