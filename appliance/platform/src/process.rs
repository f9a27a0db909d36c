//! This process and its users.

use std::{io, time::Duration};

use nix::{
    sys::{
        prctl,
        resource::{Resource, UsageWho, getrusage, setrlimit},
        stat::{Mode, umask},
        time::TimeValLike,
    },
    unistd::{User, geteuid},
};

/// Why the process could not be hardened or a user not looked up.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The system refused.
    #[error("cannot forbid core dumps: {0}")]
    CoreDumps(#[source] io::Error),
    /// The user database cannot be read.
    #[error("cannot look up user {name:?}: {source}")]
    User {
        /// The name.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Forbids core dumps and attaching debuggers of the same user, and makes new files private (umask 077).
///
/// To be called first thing in `main`, before there is a secret.
///
/// # Errors
/// [`ProcessError::CoreDumps`]; the caller must not go on.
pub fn harden_process() -> Result<(), ProcessError> {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    prctl::set_dumpable(false).map_err(|e| ProcessError::CoreDumps(e.into()))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|e| ProcessError::CoreDumps(e.into()))
}

/// The effective user of this process.
#[must_use]
pub fn effective_uid() -> u32 {
    geteuid().as_raw()
}

/// User and primary group of a user name, or none if there is no such user.
///
/// # Errors
/// [`ProcessError::User`].
pub fn user(name: &str) -> Result<Option<(u32, u32)>, ProcessError> {
    let found = User::from_name(name).map_err(|e| ProcessError::User { name: name.to_owned(), source: e.into() })?;
    Ok(found.map(|user| (user.uid.as_raw(), user.gid.as_raw())))
}

/// Processor time, user and system, that this thread has taken so far.
///
/// # Errors
/// What `getrusage` says.
pub fn thread_time() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    Ok(Duration::from_micros(micros.unsigned_abs()))
}
