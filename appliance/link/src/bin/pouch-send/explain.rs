//! Errors of the library, as failures.

use std::path::Path;

use pouch_carry::missing::MissingError;
use pouch_cli::explain::dir;
use pouch_console::{Exit, Failure};
use pouch_link::key_file::KeyFileError;
use pouch_link::lower::LinkError;
use pouch_link::send::config::SettingError;
use pouch_link::send::service::ServiceError;
use pouch_link::send::{PlanError, SentError, SessionError, StreamError, Target};

/// A configuration, or flags, that cannot be.
pub(crate) fn setting(error: SettingError) -> Failure {
    let hint = match error {
        SettingError::NoLane => "name one with --to udp:ADDRESS:PORT or --to ether:INTERFACE, or under `to`",
        _ => "nothing was sent; correct the configuration or the command line",
    };
    Failure::new("CONFIG-VALUE", Exit::Config, error).hint(hint)
}

/// The link key.
pub(crate) fn key(error: KeyFileError) -> Failure {
    let (exit, hint) = match &error {
        KeyFileError::Read { source, .. } => (Exit::from(source), "correct the path"),
        KeyFileError::Open { .. } => (Exit::Config, "chown it to the user of this command and chmod 0600 it"),
        KeyFileError::Content { .. } => (Exit::Config, "make a key with `pouch-send link-key`"),
    };
    Failure::new("LINK-KEY", exit, &error).hint(format!("nothing was sent; {hint}"))
}

/// A lane that cannot be opened.
pub(crate) fn lane(target: &Target) -> impl FnOnce(LinkError) -> Failure + '_ {
    move |error| {
        Failure::new("LINK-LANE", Exit::Unavailable, &error)
            .fact("lane", target)
            .hint("nothing was sent; look at the interface and its addresses; raw Ethernet needs CAP_NET_RAW")
    }
}

/// A pouch that cannot be read.
pub(crate) fn stream(error: StreamError) -> Failure {
    let message = error.to_string();
    let failure = |id, exit, hint: &str| Failure::new(id, exit, &message).hint(hint);
    match error {
        StreamError::Dir(error) => dir(error),
        StreamError::Manifest { source, .. } => Failure::new(source.rule(), Exit::Data, &message)
            .hint("nothing was sent; the pouch is damaged, or not of this version"),
        StreamError::Name { .. } => {
            failure("LINK-POUCH", Exit::Data, "nothing was sent; call the directory as the pouch")
        }
        StreamError::Parts { .. } | StreamError::Size { .. } | StreamError::Missing { .. } => {
            failure("POUCH-PARTS", Exit::Data, "nothing was sent; seal it again, or copy it again")
        }
        StreamError::Changed { .. } | StreamError::Vanished { .. } => failure(
            "LINK-CHANGED",
            Exit::Data,
            "what was sent is of no use; leave a pouch alone until it is sent, and send it again",
        ),
        StreamError::Read { source, .. } => Failure::new("DISK", Exit::from(&source), &message)
            .hint("it was not sent; look at the disk and send it again"),
    }
}

/// A plan that cannot be.
pub(crate) fn plan(error: PlanError) -> Failure {
    match error {
        PlanError::Block { .. } => Failure::new("LINK-CODE", Exit::Usage, error)
            .hint("nothing was sent; the code is of another pouch, or of this one when it was sent with another --mtu"),
        PlanError::Nothing => Failure::new("LINK-CODE", Exit::Usage, error).hint("the receiver lacks nothing"),
        _ => Failure::new("CONFIG-VALUE", Exit::Config, error).hint("nothing was sent; correct --mtu or --interleave"),
    }
}

/// A code that was misread.
pub(crate) fn code(error: MissingError) -> Failure {
    Failure::new("LINK-CODE", Exit::Usage, error).hint("nothing was sent; take the code from `pouch-receive missing`")
}

/// A pouch that was not sent.
pub(crate) fn session(error: SessionError) -> Failure {
    match error {
        SessionError::Stream(error) => stream(error),
        SessionError::Prepare(pouch_link::send::PrepareError::Stream(error)) => stream(error),
        error => Failure::new("LINK-SEND", Exit::Software, error).hint("not all was sent; send it again"),
    }
}

/// The memory of what was sent.
pub(crate) fn sent(error: SentError) -> Failure {
    match error {
        SentError::Dir(error) => dir(error),
        SentError::Damaged { .. } => Failure::new("LINK-STATE", Exit::Data, error)
            .hint("restore it from a backup; without it every pouch in the spool is sent again"),
    }
}

/// The service ended though nobody asked.
pub(crate) fn service(error: ServiceError) -> Failure {
    match error {
        ServiceError::Session(error) => session(error),
        ServiceError::Sent(error) => sent(error),
        ServiceError::Clerk => {
            Failure::new("BUG", Exit::Software, error).hint("start the service again, and report it")
        }
    }
}

/// A system error at a thing that the operator named.
pub(crate) fn made(path: &Path) -> impl FnOnce(std::io::Error) -> Failure + '_ {
    move |error| {
        Failure::new("OUTPUT", Exit::CannotCreate, format!("cannot write {}: {error}", path.display()))
            .hint("no key was made; name a new file in a directory that exists")
    }
}
