//! Why a process could not be confined.

use std::{io, path::PathBuf};

use nix::errno::Errno;

use crate::ProcessError;

/// Why a process could not be confined. It may be so in part, and must end.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// Files and privileges belong to a thread; one that was started before keeps its own.
    #[error("{count} threads run already; files and privileges are taken away while there is one")]
    Threads {
        /// Threads found.
        count: usize,
    },
    /// The process is root and no other user was named.
    #[error("running as root: name a user to become")]
    StaysRoot,
    /// The user or group to become is root.
    #[error("user {user} and group {group} are not without privileges")]
    Root {
        /// User to become.
        user: u32,
        /// Group to become.
        group: u32,
    },
    /// What was taken away is still there.
    #[error("{what} can be had back after it was given up")]
    Regained {
        /// The privilege.
        what: &'static str,
    },
    /// The system refused.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Core dumps or debuggers could not be forbidden.
    #[error(transparent)]
    Harden(ProcessError),
    /// A path that was to be left cannot be opened.
    #[error("cannot leave access to {path:?}: {source}")]
    Path {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: landlock::PathFdError,
    },
    /// The kernel has no Landlock, or one too old.
    #[error("this kernel cannot restrict files (Landlock of Linux {linux} or later is needed): {source}")]
    Landlock {
        /// First kernel that will do.
        linux: &'static str,
        /// What was missing.
        #[source]
        source: landlock::RulesetError,
    },
    /// The kernel took the rules and does not enforce them.
    #[error("this kernel does not enforce Landlock; is `landlock` missing in its lsm= list?")]
    NotEnforced,
    /// The kernel has no seccomp, or does not take the filter.
    #[error("this kernel cannot restrict system calls: {0}")]
    Seccomp(#[source] seccompiler::Error),
    /// There is no filter for this kind of processor.
    #[error("no filter of system calls can be made here: {0}")]
    Filter(#[source] seccompiler::BackendError),
}

impl ConfineError {
    pub(crate) fn system(what: &'static str, errno: Errno) -> Self {
        Self::System { what, source: errno.into() }
    }
}
