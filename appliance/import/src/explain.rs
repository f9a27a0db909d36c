//! What a person is told when something is refused or fails: the rule or id, the exit code, the state of the disk, the
//! next step. The message, with both values, is the error's own.

use std::path::Path;

use pouch_archive::TreeError;
use pouch_archive::transit::IndexError;
use pouch_cli::explain::{dir, lock};
use pouch_console::{Exit, Failure};
use pouch_open::{
    AdmitError, IndexFault, KeepError, KeyError, RecoverError, ReopenError, SpoolError, StateError, StreamError,
    TrustError, UnpackError, VerifyError,
};
use pouch_vault::VaultError;

use crate::suggest;

const NOTHING: &str = "nothing was written";
const BAD_COPY: &str = "nothing was written; copy it again from the medium, or ask home to send it again";
const NOT_OURS: &str = "nothing was written; do not trust this pouch: keep the medium, and call home on another way";

/// The trust file.
pub(crate) fn trust(error: TrustError) -> Failure {
    let hint = match &error {
        TrustError::Read { .. } => "name the trust file with `trust` in the configuration",
        TrustError::Pin { .. } => "this is another certificate than the one that was pinned: ask who put it there",
        _ => "correct the trust file",
    };
    Failure::new("TRUST", Exit::Config, &error).hint(format!("{NOTHING}; {hint}; then: {}", suggest::config_check()))
}

/// The two small files of a pouch.
pub(crate) fn spool(error: SpoolError, source: &Path) -> Failure {
    let failure = match (error.rule(), error) {
        (Some(rule), error) => Failure::new(rule, Exit::Refused, &error).hint(BAD_COPY),
        (None, SpoolError::Source(error)) => dir(error),
        (None, SpoolError::Transit(IndexError::Read(ref source))) => {
            Failure::new("INPUT", Exit::from(source), format!("cannot read the file: {source}")).hint(BAD_COPY)
        }
        (None, SpoolError::Read { ref source, file }) => {
            Failure::new("INPUT", Exit::from(source), format!("cannot read {file}: {source}")).hint(BAD_COPY)
        }
        (None, error) => Failure::new("INPUT", Exit::NoInput, &error).hint(BAD_COPY),
    };
    failure.fact("source", source.display())
}

/// Everything about a pouch that needs no state.
pub(crate) fn verify(error: VerifyError, source: &Path) -> Failure {
    let failure = match (error.rule(), error) {
        (Some(rule), error) => {
            let hint = match &error {
                VerifyError::OtherPouch { .. }
                | VerifyError::Extra { .. }
                | VerifyError::Missing { .. }
                | VerifyError::Size { .. }
                | VerifyError::Digest { .. } => BAD_COPY,
                VerifyError::Registry { .. } => {
                    "nothing was written; name the registry in the trust file if it is one of ours"
                }
                VerifyError::Profile { .. } | VerifyError::KeyProfile { .. } => {
                    "nothing was written; ask home to seal it again with the profile that was agreed on; that somebody made \
                     home use a weaker one is what this rule is for"
                }
                VerifyError::Key { .. } => {
                    "nothing was written; ask home for their new certificate, and pin it in the trust file"
                }
                _ => NOT_OURS,
            };
            Failure::new(rule, Exit::Refused, &error).hint(hint)
        }
        (None, VerifyError::Vault(error)) => vault(error),
        (None, VerifyError::Source(error)) => dir(error),
        (None, error @ VerifyError::Read { .. }) => Failure::new("INPUT", Exit::NoInput, &error).hint(BAD_COPY),
        (None, error) => {
            Failure::new("DISK", Exit::Io, &error).hint(format!("{NOTHING}; free some space and import it again"))
        }
    };
    failure.fact("source", source.display())
}

/// Whether a verified pouch is the next one.
pub(crate) fn admit(error: &AdmitError) -> Failure {
    let failure = Failure::new(error.rule(), Exit::Refused, error);
    match error {
        AdmitError::First { manifest, .. } => failure.fact("digest of this pouch", manifest).hint(
            "nothing was written; add --first with the digest or its words from the dispatch note, never from the pouch itself",
        ),
        AdmitError::FirstDigest { .. } => failure.hint(
            "nothing was written; read the dispatch note again; if it is right, this is not the pouch that home sent",
        ),
        // Harmless, so no reason for anybody to be woken; but not what was asked for.
        AdmitError::Replay { .. } => Failure { exit: Exit::Findings, ..failure }
            .hint("it was admitted before, and the vault was not changed; whether it still has it, says status"),
        AdmitError::NotNewer { registry, newest, .. } => {
            let next = newest.saturating_add(1);
            let see = suggest::status(registry);
            failure.hint(format!("nothing was written; ask home for pouch {next} or later; to see what is here: {see}"))
        }
        AdmitError::Gap { newest, .. } => {
            let next = newest.saturating_add(1);
            failure.hint(format!("nothing was written; import pouch {next} first; if it is lost, ask home"))
        }
        AdmitError::Fork { .. } | AdmitError::OtherPast { .. } => {
            failure.hint("nothing was written; home has two pasts, or somebody has its key: call home on another way")
        }
        AdmitError::Time { .. } => failure.hint("nothing was written; home's clock was wrong when it sealed: ask for a new pouch"),
    }
}

/// Publishing and remembering.
pub(crate) fn keep(error: KeepError) -> Failure {
    match error {
        KeepError::Vault(error) => vault(error),
        KeepError::State(error) => state(error),
        KeepError::Stale { .. } => {
            Failure::new("IMPORT-STATE", Exit::TryAgain, &error).hint("nothing was written; import it again")
        }
    }
}

/// The vault.
pub(crate) fn vault(error: VaultError) -> Failure {
    match error {
        VaultError::Dir(error) => dir(error),
        VaultError::Busy(error) => lock(error),
        VaultError::Staged { ref source, .. } => {
            Failure::new("DISK", Exit::from(source), &error).hint("import it again")
        }
        VaultError::Store { .. } => Failure::new("VAULT", Exit::Unavailable, &error)
            .hint("look at the vault's disk or service, then run it again"),
        VaultError::Conflict { .. } => Failure::new("IMPORT-FORK", Exit::Refused, &error)
            .hint("nothing was written; the vault holds another pouch under this number: find out which one home sent"),
        VaultError::Missing { ref id } => Failure::new("VAULT-MISSING", Exit::NoInput, &error)
            .hint(format!("nothing was written; to see what is here: {}", suggest::status(&id.registry))),
        VaultError::Size { .. } | VaultError::Manifest { .. } | VaultError::Misplaced { .. } => {
            Failure::new("VAULT-DAMAGED", Exit::Data, &error).hint(
                "nothing was written; the vault's disk is damaged or was changed: put this pouch back from its medium",
            )
        }
    }
}

/// The state.
pub(crate) fn state(error: StateError) -> Failure {
    match error {
        StateError::Busy(error) => lock(error),
        StateError::Dir(error) => dir(error),
        StateError::Vault(error) => vault(error),
        StateError::Lost { .. } | StateError::Disagree { .. } => Failure::new("IMPORT-STATE", Exit::Refused, &error)
            .hint(format!(
                "nothing was written; bring the newest dispatch notes and a second officer: {}",
                suggest::recover()
            )),
        StateError::Write { ref source, .. } => {
            Failure::new("DISK", Exit::from(source), &error).hint("look at the disk of the state, then run it again")
        }
        StateError::Encode(_) | StateError::Broken => {
            Failure::new("IMPORT-STATE", Exit::Software, &error).hint("run it again")
        }
    }
}

/// A kept pouch taken up again.
pub(crate) fn reopen(error: ReopenError) -> Failure {
    match (error.rule(), error) {
        (_, ReopenError::Vault(error)) => vault(error),
        (_, ReopenError::NotAdmitted { id }) => {
            Failure::new("IMPORT-SEQ", Exit::NoInput, format!("pouch {id} was never admitted here"))
                .hint(format!("nothing was written; to see what is here: {}", suggest::status(&id.registry)))
        }
        (rule, error) => Failure::new(rule.map_or("VAULT-DAMAGED", pouch_format::Rule::id), Exit::Refused, &error).hint(
            "nothing was written; the vault was changed behind our back: keep it as it is, and put the pouch back from its medium",
        ),
    }
}

/// The session key.
pub(crate) fn key(error: KeyError) -> Failure {
    let failure = match &error {
        KeyError::Part(part) => Failure::new(part.rule(), Exit::Refused, &error),
        KeyError::NotForUs { .. } | KeyError::Refused { .. } => Failure::new("OPENPGP-PKESK", Exit::Refused, &error),
        KeyError::Memory(_) => Failure::new("MEMORY", Exit::Unavailable, &error),
    };
    failure.hint("nothing was written; is this the right token, and the right key on it?")
}

/// Unpacking.
pub(crate) fn unpack(error: UnpackError) -> Failure {
    const REMOVED: &str = "the unfinished tree was removed";
    if let Some(rule) = error.rule() {
        return Failure::new(rule, Exit::Refused, &error).hint(format!(
            "{REMOVED}; what home signed cannot be opened safely, or the vault's disk is damaged: put the pouch back from its \
             medium, then call home"
        ));
    }
    match error {
        UnpackError::Stream(error) | UnpackError::Index(IndexFault::Stream(error)) => match error {
            StreamError::Fetch(error) => vault(error),
            error => Failure::new("UNPACK", Exit::Software, &error).hint(REMOVED),
        },
        UnpackError::Tree(TreeError::Dir(error)) => dir(error),
        UnpackError::Tree(TreeError::Write { ref source, .. }) => Failure::new("DISK", Exit::from(source), &error)
            .hint(format!("{REMOVED}; free some space and run it again")),
        error => Failure::new("UNPACK", Exit::Software, &error).hint(REMOVED),
    }
}

/// A state made anew.
pub(crate) fn recover(error: RecoverError) -> Failure {
    match error {
        RecoverError::Vault(error) => vault(error),
        RecoverError::State(error) => state(error),
        RecoverError::Officers => Failure::new("RECOVER-OFFICERS", Exit::Usage, &error).hint("nothing was written"),
        RecoverError::NotLost => Failure::new("IMPORT-STATE", Exit::Refused, &error)
            .hint(format!("nothing was written; to see what is here: {}", suggest::status_of_all())),
        RecoverError::NoNote { .. } | RecoverError::NotNewest { .. } | RecoverError::Digest { .. } => {
            Failure::new("IMPORT-STATE", Exit::Refused, &error)
                .hint("nothing was written; bring the newest dispatch note of each registry in the vault")
        }
    }
}
