//! What can go wrong at a directory.

use std::{fmt, io, path::PathBuf};

use nix::errno::Errno;

use crate::Kind;

/// Why something in a directory could not be done. Nothing of it was done, unless the action is `sync`.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// The system refused.
    #[error("cannot {action} {path:?}: {source}")]
    System {
        /// What was tried.
        action: Action,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A name that is absolute, empty, or holds `.` or `..`.
    #[error("{name:?} is not a plain relative name")]
    Name {
        /// The name.
        name: PathBuf,
    },
    /// A directory that others could change.
    #[error("{path:?} has owner {owner} and mode {mode:04o}; it must have owner {user} and a mode like 0700")]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permission bits.
        mode: u32,
        /// The user of this process.
        user: u32,
    },
    /// A file was wanted.
    #[error("{path:?} is a {kind}, not a regular file")]
    NotAFile {
        /// What is no file.
        path: PathBuf,
        /// What it is.
        kind: Kind,
    },
    /// A tree too deep to remove or hand over.
    #[error("{path:?} is more than {limit} directories deep")]
    TooDeep {
        /// The directory at the limit.
        path: PathBuf,
        /// Directories allowed.
        limit: usize,
    },
}

impl DirError {
    /// The sort of system error, e.g. to tell a full disk or a missing file; `InvalidInput` for the others.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::System { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidInput,
        }
    }

    pub(crate) fn system(action: Action, path: PathBuf, errno: Errno) -> Self {
        Self::System { action, path, source: errno.into() }
    }
}

/// What was tried on a directory or on something in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open something that exists.
    Open,
    /// Create something new.
    Create,
    /// Make durable.
    Sync,
    /// Give another name.
    Rename,
    /// Remove.
    Remove,
    /// List or read.
    Read,
    /// Write.
    Write,
    /// Look at its metadata.
    Stat,
    /// Set owner, mode or time.
    Set,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Read => "read",
            Self::Write => "write",
            Self::Stat => "look at",
            Self::Set => "set the attributes of",
        })
    }
}
