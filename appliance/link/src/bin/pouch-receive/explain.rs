//! What a person is told when something fails: the id, the exit code, the state of the disk, the next step. The message, with
//! both values, is the error's own.

use std::path::Path;

use pouch_cli::explain::{dir, lock};
use pouch_console::{Exit, Failure};
use pouch_link::receive::discard::DiscardError;
use pouch_link::receive::latest::LatestError;
use pouch_link::receive::missing::MissingError;

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
