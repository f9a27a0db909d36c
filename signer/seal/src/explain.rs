//! What a person is told when sealing fails: rule or id, exit code, both values, the state of the disk, the next step.

use std::convert::Infallible;
use std::path::Path;

use pouch_archive::TreeError;
use pouch_capture::CaptureError;
use pouch_cli::explain::{dir, hsm, lock};
use pouch_console::{Exit, Failure};
use pouch_format::{ManifestError, PouchId};
use pouch_platform::DirError;
use pouch_seal::certificate::CertificateError;
use pouch_seal::cosign::CosignError;
use pouch_seal::export::ExportError;
use pouch_seal::ledger::LedgerError;
use pouch_seal::seal::SealError;
use pouch_seal::spool::SpoolError;
use pouch_seal::{EnvelopeError, PackError, PartsError, SignError};

const NOTHING_SPOOLED: &str = "nothing is in the spool";

/// Sealing.
pub(crate) fn seal(error: SealError) -> Failure {
    match error {
        SealError::Spool(error) => spool(error),
        SealError::Envelope(error) => envelope(&error),
        SealError::Capture(error) => capture(&error),
        SealError::Pack(error) => pack(&error),
        SealError::Parts(error) => parts(error),
        SealError::Manifest(error) => Failure::new(error.rule(), Exit::Refused, &error)
            .hint(format!("{NOTHING_SPOOLED}; raise `part_size`, or split the registry")),
        SealError::Unconfirmed(error) => {
            Failure::new("CONFIRM", Exit::Usage, &error).hint(format!("{NOTHING_SPOOLED} and nothing was signed"))
        }
        SealError::Clock { .. } => Failure::new("SEAL-CLOCK", Exit::Refused, &error).hint(format!(
            "{NOTHING_SPOOLED}; the embassy would refuse it and all that follow: set the clock right, or wait"
        )),
        SealError::Certificate(error) => certificate(error),
        SealError::Sign(error) => sign(&error),
        SealError::Stage(error) => staged(error),
    }
}

/// A backup is older than the last pouch.
const LEDGER: &str = "nothing was sealed; a second pouch with a used number is a fork, which stops the registry at the \
                      embassy: bring the ledger to the state of the newest dispatch note before sealing again";

/// The spool and its ledger.
pub(crate) fn spool(error: SpoolError) -> Failure {
    match error {
        SpoolError::Dir(error) => dir(error),
        SpoolError::Lock { source, .. } => lock(source),
        SpoolError::Ledger(LedgerError::Dir { source, .. }) => dir(source),
        SpoolError::Ledger(ref error @ LedgerError::Damaged { .. }) => {
            Failure::new("SEAL-LEDGER", Exit::Data, error).hint(LEDGER)
        }
        SpoolError::LedgerLost { .. } => Failure::new("SEAL-LEDGER", Exit::Data, &error).hint(LEDGER),
        SpoolError::Waiting { ref waiting } => Failure::new("SEAL-WAITING", Exit::TryAgain, &error).hint(format!(
            "nothing was sealed; have it signed: pouch-seal cosign {waiting}; or give it up: pouch-seal cosign {waiting} --withdraw"
        )),
        SpoolError::Exhausted { .. } => Failure::new("SEAL-SEQUENCE", Exit::Refused, &error),
    }
}

/// A pouch that is not to be carried yet.
pub(crate) fn not_signed(id: &PouchId) -> Failure {
    Failure::new("SEAL-WAITING", Exit::TryAgain, format!("{id} waits for signatures")).hint(format!(
        "nothing was written; only what all have signed is carried; have it signed: pouch-seal cosign {id}"
    ))
}

/// Writing a pouch as one tar.
pub(crate) fn export(error: ExportError) -> Failure {
    let damaged = "nothing was written; the disk is damaged or somebody changed the pouch: seal the registry again";
    match error {
        ExportError::Dir(error) => dir(error),
        ExportError::Manifest(error) => Failure::new(error.rule(), Exit::Data, &error).hint(damaged),
        ExportError::Read { ref source, .. } => Failure::new("DISK", Exit::from(source), &error).hint(damaged),
        ExportError::Write(ref source) => {
            Failure::new("DISK", Exit::from(source), &error).hint("nothing was left there; free some space")
        }
        ExportError::Other { .. } | ExportError::Layout(_) | ExportError::Part { .. } => {
            Failure::new("EXPORT-POUCH", Exit::Data, &error).hint(damaged)
        }
    }
}

/// A certificate that the configuration names.
pub(crate) fn certificate(error: CertificateError) -> Failure {
    let exit = match error {
        CertificateError::Read { .. } => Exit::Config,
        CertificateError::Unusable { .. } | CertificateError::Version { .. } | CertificateError::Algorithm { .. } => {
            Exit::Refused
        }
    };
    Failure::new("SEAL-CERTIFICATE", exit, &error).hint("nothing was changed; name another certificate or profile")
}

const NOT_SIGNED: &str = "nothing was signed and the pouch is as it was";

/// A further signature.
pub(crate) fn cosign(error: CosignError) -> Failure {
    let (id, exit, hint) = match error {
        CosignError::Spool(error) => return spool(error),
        CosignError::Dir(error) => return dir(error),
        CosignError::Sign(error) => return sign_with(&error, NOT_SIGNED),
        CosignError::Manifest(ref error) => {
            (error.rule().id(), Exit::Data, "the request was changed on its way: export it again")
        }
        CosignError::NotWaiting { .. } => ("COSIGN-POUCH", Exit::NoInput, "to see what is here: pouch-seal list"),
        CosignError::Changed { .. } => {
            ("COSIGN-MANIFEST", Exit::Refused, "somebody changed it after sealing: find out who, then withdraw it")
        }
        CosignError::Part { .. } => {
            ("COSIGN-PART", Exit::Refused, "the disk is damaged or somebody changed it: withdraw it and seal again")
        }
        CosignError::Signature { .. } => {
            ("COSIGN-SIGNATURE", Exit::Refused, "have the officer sign the request that was exported from this pouch")
        }
        CosignError::UnknownKey { .. } => (
            "COSIGN-UNKNOWN",
            Exit::Refused,
            "name the officer's certificate with --certificate FILE; one that is not valid is not used",
        ),
        CosignError::Unannounced { .. } => {
            ("COSIGN-UNANNOUNCED", Exit::Refused, "name the officer in `cosigners` before sealing")
        }
        CosignError::Twice { .. } => ("COSIGN-TWICE", Exit::Refused, "another officer has to sign"),
    };
    Failure::new(id, exit, &error).hint(format!("{NOT_SIGNED}; {hint}"))
}

/// The certificate of a further officer.
pub(crate) fn officer(error: CertificateError) -> Failure {
    let CertificateError::Read { .. } = error else {
        return Failure::new("COSIGN-CERTIFICATE", Exit::Refused, &error).hint(format!(
            "{NOT_SIGNED}; the officer needs a certificate that is valid now and was when it was sealed"
        ));
    };
    Failure::new("COSIGN-CERTIFICATE", Exit::NoInput, &error).hint(format!("{NOT_SIGNED}; correct the path"))
}

/// The source of a registry.
pub(crate) fn capture(error: &CaptureError) -> Failure {
    // The first line says what happened, each further one names an entry.
    let message = error.to_string();
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    let failure = match error.rule() {
        Some(rule) => Failure::new(rule, Exit::Refused, first),
        None => Failure::new("SEAL-SOURCE", Exit::Unavailable, first),
    };
    let failure = lines.fold(failure, |failure, line| failure.fact("entry", line.trim()));
    let hint = error.hint().unwrap_or_else(|| "correct the source and seal again".to_owned());
    failure.hint(format!("{NOTHING_SPOOLED}; {hint}"))
}

/// A manifest that is none.
pub(crate) fn manifest(error: &ManifestError, folder: &Path) -> Failure {
    Failure::new(error.rule(), Exit::Data, error)
        .fact("folder", folder.display())
        .hint("nothing was changed; the pouch is damaged, or not of this version")
}

/// The tree that `lint --extract` writes.
pub(crate) fn tree(error: &TreeError<Infallible>) -> Failure {
    Failure::new("LINT-EXTRACT", Exit::Io, error)
        .hint("the directory was removed again; free some space, or name another one")
}

fn pack(error: &PackError) -> Failure {
    match error.rule() {
        Some(rule) => Failure::new(rule, Exit::Refused, error)
            .hint(format!("{NOTHING_SPOOLED}; rename or leave out one of them at the source")),
        None => Failure::new("SEAL-STOPPED", Exit::Software, error).hint(NOTHING_SPOOLED),
    }
}

fn parts(error: PartsError) -> Failure {
    match error {
        PartsError::Create(error) => staged(error),
        PartsError::Write { ref source, .. } => Failure::new("DISK", Exit::from(source), &error)
            .hint(format!("{NOTHING_SPOOLED}; free some space and seal again")),
        PartsError::Compress { .. } => Failure::new("SEAL-COMPRESS", Exit::Software, &error).hint(NOTHING_SPOOLED),
        PartsError::Envelope { ref source, .. } => envelope(source),
        PartsError::TooMany { .. } => {
            Failure::new("MANIFEST-RANGE", Exit::Refused, &error).hint(format!("{NOTHING_SPOOLED}; raise `part_size`"))
        }
    }
}

fn envelope(error: &EnvelopeError) -> Failure {
    let exit = match error {
        EnvelopeError::Write(source) => Exit::from(source),
        EnvelopeError::Memory(_) => Exit::Unavailable,
        EnvelopeError::Openpgp { .. } => Exit::Software,
    };
    Failure::new("SEAL-ENVELOPE", exit, error).hint(NOTHING_SPOOLED)
}

/// The token's own error, where the OpenPGP library has passed it through.
fn sign(error: &SignError) -> Failure {
    sign_with(error, NOTHING_SPOOLED)
}

fn sign_with(error: &SignError, state: &str) -> Failure {
    let failure = match error {
        SignError::Sign { source } => match source.downcast_ref::<openpgp_pkcs11::SignError>() {
            Some(inner) => hsm(inner.clone()),
            None => Failure::new("SEAL-SIGN", Exit::Unavailable, error),
        },
        SignError::Wrong { .. } => Failure::new("HSM-WRONG-SIGNATURE", Exit::Software, error),
    };
    let hint = failure.hint.clone().map_or_else(String::new, |hint| format!("; {hint}"));
    failure.hint(format!("{state}{hint}"))
}

fn staged(error: DirError) -> Failure {
    let failure = dir(error);
    let hint = failure.hint.clone().map_or_else(String::new, |hint| format!("; {hint}"));
    failure.hint(format!("{NOTHING_SPOOLED}{hint}"))
}
