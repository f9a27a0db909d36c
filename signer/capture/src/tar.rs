//! A tar of another program, through the strict walker into the sink.

use std::fmt;
use std::io::{self, Read};

use pouch_archive::{Budget, Mode, Refusal, Sink, WalkError, walk};
use pouch_format::{EntryPath, PathError, Rule, Totals};

use crate::{Meta, SinkError, SnapshotSink};

/// The walker ignores permission bits; these stand in for them.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Why the tar of another program is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// A rule refuses it.
    #[error("the tar is refused {0}")]
    Refused(Refusal),
    /// A name is too long or too deep for the place it gets in the pouch.
    #[error(transparent)]
    Name(PathError),
    /// It cannot be read.
    #[error("cannot read the tar: {0}")]
    Read(#[source] io::Error),
}

impl TarError {
    /// The rule that refused, if it was one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::Refused(refusal) => Some(refusal.rule()),
            Self::Name(error) => Some(error.rule()),
            Self::Read(_) => None,
        }
    }
}

/// Why [`unpack`] stopped.
#[derive(Debug)]
pub(crate) enum Unpack {
    Tar(TarError),
    Sink(SinkError),
}

/// Reads a tar to its end and pushes its entries into `sink`, each under the path `below` if there is one.
pub(crate) fn unpack(reader: impl Read, below: Option<&EntryPath>, sink: &mut dyn SnapshotSink) -> Result<(), Unpack> {
    match walk(reader, Mode::Strict, Budget::LIMITS, &mut Bridge { below, sink }) {
        Ok(_) => Ok(()),
        Err(WalkError::Refused(refusal)) => Err(Unpack::Tar(TarError::Refused(refusal))),
        Err(WalkError::Read(error)) => Err(Unpack::Tar(TarError::Read(error))),
        Err(WalkError::Sink(Stop(unpack))) => Err(unpack),
    }
}

/// A [`SnapshotSink`] as the walker's sink.
struct Bridge<'b> {
    below: Option<&'b EntryPath>,
    sink: &'b mut dyn SnapshotSink,
}

/// An [`Unpack`] on its way through the walker, which wants to be able to show it.
#[derive(Debug)]
struct Stop(Unpack);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Unpack::Tar(error) => error.fmt(f),
            Unpack::Sink(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Stop {}

impl From<SinkError> for Stop {
    fn from(error: SinkError) -> Self {
        Self(Unpack::Sink(error))
    }
}

impl Bridge<'_> {
    /// Calls `give` with the path that the entry gets in the pouch.
    fn placed(
        &mut self,
        path: &EntryPath,
        give: impl FnOnce(&mut dyn SnapshotSink, &EntryPath) -> Result<(), SinkError>,
    ) -> Result<(), Stop> {
        match self.below {
            None => Ok(give(self.sink, path)?),
            Some(below) => {
                let path = below.join(path.as_bytes()).map_err(|e| Stop(Unpack::Tar(TarError::Name(e))))?;
                Ok(give(self.sink, &path)?)
            }
        }
    }
}

impl Sink for Bridge<'_> {
    type Error = Stop;

    fn directory(&mut self, path: &EntryPath, mtime: i64) -> Result<(), Stop> {
        self.placed(path, |sink, path| sink.directory(path, &Meta { mtime, mode: DIRECTORY_MODE }))
    }

    fn file(&mut self, path: &EntryPath, size: u64, mtime: i64, _: u64) -> Result<(), Stop> {
        self.placed(path, |sink, path| sink.begin_file(path, size, &Meta { mtime, mode: FILE_MODE }))
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        Ok(self.sink.data(bytes)?)
    }

    fn end_file(&mut self) -> Result<(), Stop> {
        Ok(self.sink.end_file()?)
    }

    fn end(&mut self, _: Totals) -> Result<(), Stop> {
        Ok(())
    }
}
