//! Errors of libraries that do not know the console, as failures. Used as `.map_err(explain::dir)?`.

use openpgp_pkcs11::Kind;
use pouch_console::{Exit, Failure};
use pouch_format::NameError;
use pouch_platform::{DirError, LockError, ProcessError};
use std::io::ErrorKind;

/// An error of the token.
pub fn hsm(error: impl openpgp_pkcs11::Explain) -> Failure {
    let explanation = error.explain();
    let exit = match explanation.kind {
        Kind::Usage => Exit::Usage,
        Kind::Data => Exit::Data,
        Kind::Missing => Exit::NoInput,
        Kind::Unavailable => Exit::Unavailable,
        Kind::Software => Exit::Software,
        Kind::Refused => Exit::Refused,
        Kind::Configuration => Exit::Config,
    };
    Failure::new(explanation.id, exit, &error).hint(explanation.hint)
}

/// An error at a directory or a file in it.
#[must_use]
pub fn dir(error: DirError) -> Failure {
    match &error {
        DirError::System { source, .. } => {
            let failure = Failure::new("DISK", Exit::from(source), &error);
            match source.kind() {
                ErrorKind::NotFound => failure.hint("correct the path"),
                ErrorKind::PermissionDenied => failure.hint("run as the user that owns it"),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failure.hint("free some space and run it again"),
                _ => failure,
            }
        }
        DirError::Name { .. } => Failure::new("DISK-NAME", Exit::Usage, &error),
        DirError::NotPrivate { path, .. } => Failure::new("DISK-PRIVATE", Exit::Config, &error)
            .hint(format!("make it private: chown it to the user of this command and chmod 0700 {}", path.display())),
        DirError::NotAFile { .. } => Failure::new("DISK-KIND", Exit::Data, &error),
        DirError::TooDeep { .. } => Failure::new("DISK-DEPTH", Exit::Data, &error),
    }
}

/// A lock that was not taken.
#[must_use]
pub fn lock(error: LockError) -> Failure {
    match error {
        LockError::Held { .. } => Failure::new("LOCKED", Exit::TryAgain, &error)
            .hint("nothing was changed; wait for the other command to end and run this one again"),
        LockError::Dir(error) => dir(error),
        LockError::Io { ref source, .. } => Failure::new("LOCK", Exit::from(source), &error),
    }
}

/// A system error at a file that the operator named.
pub fn input(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Failure + '_ {
    move |error| {
        Failure::new("INPUT", Exit::from(&error), format!("cannot read {}: {error}", path.display()))
            .hint("nothing was changed; correct the path")
    }
}

/// A name that is none.
#[must_use]
pub fn name(error: NameError) -> Failure {
    Failure::new("NAME", Exit::Usage, error)
}

/// A user that cannot be looked up, or a process that cannot be hardened.
#[must_use]
pub fn process(error: ProcessError) -> Failure {
    Failure::new("PROCESS", Exit::Unavailable, error)
}
