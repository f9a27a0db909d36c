//! One pouch on its way into the vault, or as far as a dry run goes.

use std::path::Path;

use pouch_console::Failure;
use pouch_format::{Rule, Sha256Digest};
use pouch_import::config::Config;
use pouch_open::{
    Checked, Clock, Event, Ledger, Receipt, Source, Trust, admit, check, judge, keep, receipt, spool, verify,
};
use pouch_vault::Vault;

use super::{patient_state, record};
use crate::explain;

/// What happened to one pouch.
pub(crate) enum Taken {
    /// It is in the vault.
    Kept(Box<Receipt>),
    /// It would be.
    Would(Box<Checked>),
}

/// The digest from a dispatch note that is meant for this pouch: its own if that was given, else any, which is then the
/// wrong one.
fn noted(first: &[Sha256Digest], digest: Sha256Digest) -> Option<Sha256Digest> {
    first.iter().find(|noted| **noted == digest).or(first.first()).copied()
}

/// Imports one pouch. A refusal by a rule is recorded in the log. The state is not held while the pouch is copied.
pub(crate) fn import(
    path: &Path,
    first: &[Sha256Digest],
    trust: &Trust,
    config: &Config,
    vault: &Vault,
) -> Result<Taken, Failure> {
    let source = path.display().to_string();
    let spooled = Source::open(path).and_then(spool).map_err(|error| explain::spool(error, path));
    let spooled = spooled.map_err(|failure| log_refusal(config, vault, failure, &source))?;
    let verified = verify(spooled, trust, vault).map_err(|error| explain::verify(error, path));
    let verified = verified.map_err(|failure| log_refusal(config, vault, failure, &source))?;

    let (id, facts) = (verified.checked().id().to_string(), Facts::of(path, verified.checked()));
    let first = noted(first, verified.checked().digest());
    let mut state = patient_state(config, vault)?;
    let admitted = match admit(verified, &state, first, Clock::system()) {
        Ok(admitted) => admitted,
        Err(error) => {
            drop(state);
            return Err(log_refusal(config, vault, facts.of_failure(explain::admit(&error)), &id));
        }
    };
    match keep(admitted, vault, &mut state) {
        Ok(kept) => Ok(Taken::Kept(Box::new(receipt(&kept)))),
        Err(error) => {
            drop(state);
            Err(log_refusal(config, vault, facts.of_failure(explain::keep(error)), &id))
        }
    }
}

/// Says what importing would do, and changes nothing.
pub(crate) fn dry_run(path: &Path, first: &[Sha256Digest], trust: &Trust, ledger: &Ledger) -> Result<Taken, Failure> {
    let spooled = Source::open(path).and_then(spool).map_err(|error| explain::spool(error, path))?;
    let checked = check(spooled, trust).map_err(|error| explain::verify(error, path))?;
    let facts = Facts::of(path, &checked);
    judge(&checked, ledger, noted(first, checked.digest()))
        .map_err(|error| facts.of_failure(explain::admit(&error)))?;
    Ok(Taken::Would(Box::new(checked)))
}

/// What is known of a verified pouch, for whoever reads of its refusal.
struct Facts(Vec<(&'static str, String)>);

impl Facts {
    fn of(path: &Path, checked: &Checked) -> Self {
        let mut facts = vec![("pouch", checked.id().to_string()), ("source", path.display().to_string())];
        facts.extend(checked.signers().iter().map(|signer| ("signed by", signer.to_string())));
        Self(facts)
    }

    fn of_failure(&self, failure: Failure) -> Failure {
        self.0.iter().fold(failure, |failure, (name, value)| failure.fact(name, value))
    }
}

/// A refusal by a rule goes to the log. Where that fails, the refusal still stands.
fn log_refusal(config: &Config, vault: &Vault, failure: Failure, what: &str) -> Failure {
    let Some(rule) = Rule::ALL.iter().copied().find(|rule| rule.id() == failure.id) else { return failure };
    match record(config, vault, &Event::refused("import", what, Some(rule), &failure.message)) {
        Ok(()) => failure,
        Err(error) => failure.fact("log", format!("the refusal is not in the log: {}", error.message)),
    }
}
