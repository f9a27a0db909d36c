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
use pouch_platform::DirError;
use pouch_platform::confine::ConfineError;

/// A configuration, or flags, that cannot be.
pub(crate) fn setting(error: SettingError) -> Failure {
    let hint = match error {
        SettingError::NoLane => {
            "name one with --listen udp:ADDRESS:PORT or --listen ether:INTERFACE, or under `listen`"
        }
        _ => "nothing was done; correct the configuration or the command line",
    };
    Failure::new("CONFIG-VALUE", Exit::Config, error).hint(hint)
}

/// The link key.
pub(crate) fn key(error: KeyFileError) -> Failure {
    let (exit, hint) = match &error {
        KeyFileError::Read { source, .. } => (Exit::from(source), "correct the path"),
        KeyFileError::Open { .. } => (Exit::Config, "chown it to the user of this command and chmod 0600 it"),
        KeyFileError::Content { .. } => (Exit::Config, "bring it from home, where `pouch-send link-key` made it"),
    };
    Failure::new("LINK-KEY", exit, &error).hint(format!("nothing is received; {hint}"))
}

/// A lane that cannot be opened.
pub(crate) fn lane(listen: &Listen) -> impl FnOnce(LinkError) -> Failure + '_ {
    move |error| {
        Failure::new("LINK-LANE", Exit::Unavailable, &error)
            .fact("lane", listen)
            .hint("nothing is received; look at the interface and its addresses; raw Ethernet needs CAP_NET_RAW")
    }
}

/// Privileges that cannot be taken away.
pub(crate) fn confine(error: ConfineError) -> Failure {
    let hint = match &error {
        ConfineError::StaysRoot | ConfineError::Root { .. } => {
            "name a user that owns the quarantine and nothing else, with --user or `user`"
        }
        _ => "it needs a kernel with seccomp and Landlock 4 (Linux 6.7), both turned on; see `pouch-receive check`",
    };
    Failure::new("LINK-CONFINE", Exit::Unavailable, &error).hint(format!("nothing is received; {hint}"))
}

/// A quarantine that is not the receiver's alone.
pub(crate) fn quarantine(error: DirError, user: Option<&str>) -> Failure {
    let failure = dir(error);
    match user {
        Some(user) => failure.hint(format!("make it the receiver's alone: install -d -m 0700 -o {user} DIR")),
        None => failure,
    }
}

/// A thread or process that cannot be started.
pub(crate) fn thread(error: std::io::Error) -> Failure {
    Failure::new("PROCESS-START", Exit::TryAgain, error).hint("nothing is received; try again")
}

/// A receiver that does not begin.
pub(crate) fn receive(error: ReceiveError) -> Failure {
    match error {
        ReceiveError::Dir(error) => dir(error),
        ReceiveError::Lock(error) => lock(error),
        ReceiveError::Quarantine { ref source, .. } => Failure::new("LINK-QUARANTINE", Exit::from(source), &error)
            .hint("nothing is received, and nothing was changed; look at the disk"),
        ReceiveError::Service { ref source } => Failure::new("LINK-CONFINE", Exit::from(source), &error)
            .hint("nothing is received; it needs a kernel with seccomp"),
        ReceiveError::Thread { .. } => {
            Failure::new("PROCESS-START", Exit::TryAgain, &error).hint("nothing is received; try again")
        }
    }
}

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
            let held = matches!(error, pouch_platform::LockError::Held { .. });
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
