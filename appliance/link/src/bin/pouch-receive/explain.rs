//! What a person is told when something fails: the id, the exit code, the state of the disk, the next step. The message, with
//! both values, is the error's own.

use std::path::Path;

use pouch_cli::explain::{dir, lock};
use pouch_console::{Exit, Failure};
use pouch_link::key_file::KeyFileError;
use pouch_link::lower::LinkError;
use pouch_link::receive::ReceiveError;
use pouch_link::receive::config::SettingError;
use pouch_link::receive::discard::DiscardError;
use pouch_link::receive::latest::LatestError;
use pouch_link::receive::listen::Listen;
use pouch_link::receive::missing::MissingError;
use pouch_platform::LockError;
use pouch_platform::confine::ConfineError;
use pouch_platform::handover::HandoverError;

const NOTHING: &str = "nothing was changed";

/// The receiver's report.
pub(crate) fn latest(error: LatestError) -> Failure {
    match error {
        LatestError::None { .. } => Failure::new("LINK-STATUS", Exit::Unavailable, &error)
            .hint("start it: systemctl start pouch-receive; or name its directory with --quarantine"),
        LatestError::Dir(error) => dir(error),
        LatestError::Form { .. } => Failure::new("LINK-STATUS", Exit::Data, &error)
            .hint("nothing was changed; a receiver that runs writes it anew every second: is it of this version?"),
    }
}

/// What is missing.
pub(crate) fn missing(error: &MissingError) -> Failure {
    match error {
        MissingError::Unknown { wanted, known } => stream(wanted, "no stream", known.clone()),
        MissingError::UnderWay { .. } => Failure::new("LINK-STREAM", Exit::TryAgain, error)
            .hint("wait for the end of the round: what is missing now may still come; see pouch-receive status"),
    }
}

/// A name of no stream, or of several.
pub(crate) fn stream(wanted: &str, found: &str, known: Vec<String>) -> Failure {
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Failure::new("LINK-STREAM", Exit::NoInput, format!("{found} under way is named \"{wanted}\""))
        .fact("known", known)
        .hint(format!("{NOTHING}; name one of those by its 16 digits"))
}

/// Giving up a stream.
pub(crate) fn discard(error: DiscardError, quarantine: &Path) -> Failure {
    if error.is_not_found() {
        return Failure::new(
            "LINK-STATUS",
            Exit::Unavailable,
            format!("no receiver has run on {}", quarantine.display()),
        )
        .hint(format!("{NOTHING}; name its directory with --quarantine"));
    }
    match error {
        DiscardError::Unknown { wanted, known } => stream(&wanted, "no stream", known),
        DiscardError::Lock(error) => {
            let held = matches!(error, LockError::Held { .. });
            let failure = lock(error);
            if held {
                failure.hint(format!(
                    "{NOTHING}; stop the receiver first: systemctl stop pouch-receive; what is sent meanwhile is lost until \
                     the next round"
                ))
            } else {
                failure
            }
        }
        DiscardError::Dir(error) => dir(error),
    }
}

/// A setting that cannot be.
pub(crate) fn setting(error: &SettingError) -> Failure {
    let hint = match error {
        SettingError::NoLane => "nothing was opened; add `listen` to the configuration, or --listen LANE",
        _ => "nothing was opened; correct the configuration or the flag",
    };
    Failure::new("CONFIG-VALUE", Exit::Config, error).hint(hint)
}

/// The link key.
pub(crate) fn key(error: &KeyFileError) -> Failure {
    let hint = match error {
        KeyFileError::Read { .. } => "nothing was opened; name the file with `link_key` or --link-key".to_owned(),
        KeyFileError::Open { path, .. } => {
            format!(
                "nothing was opened; chmod 0600 {}; if others could read it, make a new key at both ends",
                path.display()
            )
        }
        KeyFileError::Content { .. } => {
            "nothing was opened; put the same key at both ends: pouch-send link-key makes one".to_owned()
        }
    };
    Failure::new("LINK-KEY", Exit::Config, error).hint(hint)
}

/// A lane that cannot be opened.
pub(crate) fn lane(error: &LinkError, listen: &Listen) -> Failure {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => "something else listens there: is another receiver at work?",
        std::io::ErrorKind::AddrNotAvailable => "this machine does not have that address: see ip -br address",
        std::io::ErrorKind::PermissionDenied => {
            "raw Ethernet needs CAP_NET_RAW, a port below 1024 CAP_NET_BIND_SERVICE"
        }
        _ => "see ip -br link; pouch-receive check looks at it",
    };
    Failure::new("LINK-LANE", Exit::Unavailable, error)
        .fact("lane", listen)
        .hint(format!("nothing was received and nothing was written; {hint}"))
}

/// The hand-over.
pub(crate) fn hand_over(error: &HandoverError) -> Failure {
    Failure::new("LINK-IMPORT", Exit::Unavailable, error).hint("nothing was received; is the program still there?")
}

/// A thread that cannot be started.
pub(crate) fn thread(error: std::io::Error) -> Failure {
    Failure::new("LINK-THREAD", Exit::TryAgain, error).hint("nothing was received; try again")
}

/// Privileges and files.
pub(crate) fn confine(error: &ConfineError) -> Failure {
    let hint = "nothing was received: it does not run unconfined; as root name a user with --user; pouch-receive check says \
                what the kernel lacks";
    Failure::new("LINK-CONFINE", Exit::Unavailable, error).hint(hint)
}

/// A receiver that does not start, or ended by itself.
pub(crate) fn receive(error: ReceiveError) -> Failure {
    match error {
        ReceiveError::Dir(error) => dir(error),
        ReceiveError::Lock(error @ LockError::Held { .. }) => {
            lock(error).hint("nothing was received; another receiver has this quarantine")
        }
        ReceiveError::Lock(error) => lock(error).hint("nothing was received; look at the quarantine and its disk"),
        ReceiveError::Quarantine { ref source, .. } => {
            Failure::new("LINK-QUARANTINE", Exit::from(source), &error).hint("nothing was changed; look at its disk")
        }
        ReceiveError::Service { ref source } => Failure::new("LINK-CONFINE", Exit::from(source), &error)
            .hint("nothing was received; it needs a kernel with seccomp"),
        ReceiveError::Died { .. } => {
            Failure::new("BUG", Exit::Software, &error).hint("what has come is kept; start it again, and report this")
        }
        ReceiveError::Thread { .. } => {
            Failure::new("LINK-THREAD", Exit::TryAgain, &error).hint("what has come is kept; start it again")
        }
    }
}
