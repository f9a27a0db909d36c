//! Everything in a directory, walked by descriptor: no link is followed, nothing above the root is reached.
//!
//! Depth first, the names of each directory sorted by their bytes. A file with several names is captured under each of
//! them, holes are captured as zeros, and what is mounted beneath the root belongs to it.

mod walk;

use std::fmt;
use std::io;

use pouch_format::{Declaration, NameConflict, PathError, Rule};
use pouch_platform::{Dir, DirError, Kind};

use crate::{CaptureError, Directory, SnapshotSink, SourceReport};
use walk::Walk;

/// Most offenders that are named.
const NAMED: usize = 20;

/// Why a directory could not be captured.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The root cannot be opened.
    #[error("cannot open the source: {0}")]
    Root(#[source] DirError),
    /// Things that cannot stand in a pouch; the walk went on to find more of them.
    #[error("the source holds {}{} that cannot be captured{}", if *.more { "at least " } else { "" },
            Count(.offenders.len()), Listed(.offenders))]
    Offenders {
        /// The first of them, at least one.
        offenders: Vec<Offender>,
        /// Whether there may be more, because the walk did not come to its end.
        more: bool,
    },
    /// Something changed meanwhile.
    #[error("{kind} \"{path}\" changed while it was read")]
    Changed {
        /// Its path beneath the root, escaped; empty for the root itself.
        path: String,
        /// What it is.
        kind: Kind,
    },
    /// Something cannot be read any more.
    #[error("cannot read \"{path}\": {source}")]
    Read {
        /// Its path beneath the root, escaped.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Something in a source that cannot stand in a pouch.
#[derive(Debug)]
pub struct Offender {
    /// Its path beneath the root, escaped.
    pub path: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with an [`Offender`].
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Neither a regular file nor a directory.
    #[error("is a {0}")]
    Type(Kind),
    /// Its name cannot stand in a pouch.
    #[error("{0}")]
    Name(PathError),
    /// Its name is another one's in the eyes of some reader.
    #[error("{0}")]
    Conflict(NameConflict),
    /// It cannot be opened.
    #[error("{0}")]
    Unreadable(DirError),
}

impl Fault {
    /// The rule that refuses, if it is one.
    #[must_use]
    pub const fn rule(&self) -> Option<Rule> {
        match self {
            Self::Type(_) => Some(Rule::SourceType),
            Self::Name(_) | Self::Conflict(_) => Some(Rule::SourceName),
            Self::Unreadable(_) => None,
        }
    }
}

impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": {}", self.path, self.fault)?;
        self.fault.rule().map_or(Ok(()), |rule| write!(f, " [{rule}]"))
    }
}

struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 1 { f.write_str("1 entry") } else { write!(f, "{} entries", self.0) }
    }
}

struct Listed<'e>(&'e [Offender]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|offender| write!(f, "\n  {offender}"))
    }
}

impl DirectoryError {
    /// The rule that refused, if it was one; of several, the first offender's.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::Offenders { offenders, .. } => offenders.iter().find_map(|offender| offender.fault.rule()),
            Self::Changed { .. } => Some(Rule::SourceChanged),
            Self::Root(_) | Self::Read { .. } => None,
        }
    }

    /// What to do about it, as one sentence, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Offenders { .. } => Some("remove or rename them; nothing is left out silently".to_owned()),
            Self::Changed { .. } => Some("capture a file system snapshot, or stop what writes there".to_owned()),
            Self::Root(_) | Self::Read { .. } => None,
        }
    }
}

impl Directory {
    pub(crate) fn check(&self) -> Result<SourceReport, CaptureError> {
        let found = Walk::run(&self.root()?, None)?;
        let source = format!("directory {}", pouch_format::escaped(self.path.as_os_str().as_encoded_bytes()));
        Ok(SourceReport { source, entries: Some(found.entries), bytes: Some(found.bytes) })
    }

    pub(crate) fn capture(&self, sink: &mut dyn SnapshotSink) -> Result<Declaration, CaptureError> {
        Walk::run(&self.root()?, Some(sink))?;
        Ok(Declaration::Directory {})
    }

    fn root(&self) -> Result<Dir, DirectoryError> {
        Dir::open(&self.path).map_err(DirectoryError::Root)
    }
}
