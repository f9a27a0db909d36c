//! Whether a plan can be carried out, as far as the plan alone tells. Every problem is named by its field.

use super::{Certificate, Custody, Key, KeyKind, Known, Name, Plan, State, Uses, VERSION};
use crate::rehearsal::DEMO;
use pouch_console::config::ConfigError;
use pouch_console::{Exit, Explain, Failure};
use pouch_format::Profile;
use std::path::PathBuf;

/// Longest title, purpose and reason, in bytes.
const MAX_TEXT: usize = 500;
/// Longest user id and reason of a revocation in a certificate, in bytes.
const IN_CERTIFICATE: usize = 255;
/// Longest label of a token and of a key, in bytes: what is longer is cut by tokens without a word.
const TOKEN_LABEL: usize = 32;
const KEY_LABEL: usize = 64;
/// Most witnesses.
const MAX_WITNESSES: u8 = 16;
/// Longest validity in days: OpenPGP counts seconds in 32 bits.
const MAX_DAYS: u32 = 49_000;

/// Why a plan is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It cannot be read, or has unknown, missing or wrong keys.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// It can be read, but not be carried out.
    #[error("the plan {} cannot be carried out: {}", file.display(), list(problems))]
    Problems {
        /// The file.
        file: PathBuf,
        /// All that is wrong with it.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The dotted path of the field.
    pub field: String,
    /// What is wrong with it, with both values.
    pub what: String,
}

impl Explain for PlanError {
    fn explain(&self) -> Failure {
        match self {
            Self::File(error) => error.explain(),
            Self::Problems { problems, .. } => {
                let failure = Failure::new("CEREMONY-PLAN", Exit::Data, self);
                let failure =
                    problems.iter().fold(failure, |failure, problem| failure.fact(&problem.field, &problem.what));
                failure.hint("nothing was done; correct the plan and have it reviewed again")
            }
        }
    }
}

fn list(problems: &[Problem]) -> String {
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    fields.join(", ")
}

/// Everything that is wrong with `plan`.
pub(super) fn problems(plan: &Plan) -> Vec<Problem> {
    let mut check = Check { plan, found: Vec::new() };
    check.head();
    check.people();
    check.tokens();
    check.keys();
    check.certificates();
    check.changes();
    check.trust();
    check.found
}

struct Check<'a> {
    plan: &'a Plan,
    found: Vec<Problem>,
}

impl Check<'_> {
    fn unless(&mut self, good: bool, field: impl Into<String>, what: impl Into<String>) {
        if !good {
            self.found.push(Problem { field: field.into(), what: what.into() });
        }
    }

    fn text(&mut self, field: impl Into<String>, text: &str, most: usize) {
        // What has to be escaped to be shown would read otherwise in a certificate or on a token.
        let good = !text.trim().is_empty() && text.len() <= most && pouch_console::escape(text) == text;
        let what = format!("has {} bytes; 1 to {most}, on one line, none of them unseen", text.len());
        self.unless(good, field, what);
    }

    /// Who is named twice counts once, and the embassy refuses such a list.
    fn once(&mut self, field: String, names: &[Name]) {
        let twice = names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|other| other == *name));
        let what = twice.map(|(_, name)| format!("names \"{name}\" twice")).unwrap_or_default();
        self.unless(twice.is_none(), field, what);
    }

    fn head(&mut self) {
        let plan = self.plan;
        self.unless(plan.version == VERSION, "version", format!("is {}; this tool runs {VERSION}", plan.version));
        self.text("title", &plan.title, MAX_TEXT);
        self.text("purpose", &plan.purpose, MAX_TEXT);
        self.unless(!plan.token.is_empty(), "token", "there is none");
    }

    fn people(&mut self) {
        let people = self.plan.people;
        let split =
            self.plan.token.values().any(|token| {
                [Some(token.user_pin), token.so_pin, token.present_so_pin].contains(&Some(Custody::Quorum))
            });
        if split || people.custodians > 0 {
            let plan = pouch_shares::Plan::new(people.threshold, people.custodians);
            self.unless(plan.is_ok(), "people", plan.err().map(|error| error.to_string()).unwrap_or_default());
        }
        let most = format!("is {}; at most {MAX_WITNESSES}", people.witnesses);
        self.unless(people.witnesses <= MAX_WITNESSES, "people.witnesses", most);
    }

    fn tokens(&mut self) {
        for (name, token) in &self.plan.token {
            let field = |what: &str| format!("token.{name}.{what}");
            self.text(field("label"), &token.label, TOKEN_LABEL);
            let twice = self.plan.token.iter().any(|(other, their)| other != name && their.label == token.label);
            self.unless(!twice, field("label"), format!("\"{}\" is the label of another token too", token.label));
            let wants_officer = token.state != State::Ready;
            let officer =
                if wants_officer { "is missing: the token is initialised" } else { "is not used: the token is ready" };
            self.unless(token.so_pin.is_some() == wants_officer, field("so_pin"), officer);
            let present = match (token.state, token.present_so_pin) {
                (_, None) | (State::Used, Some(Custody::Typed | Custody::Quorum)) => None,
                (State::Used, Some(Custody::File)) => Some("is typed, or put together by custodians"),
                (State::Empty | State::Ready, Some(_)) => Some("is not used: nothing is erased"),
            };
            self.unless(present.is_none(), field("present_so_pin"), present.unwrap_or_default());
        }
        for (list, names) in [("papers", &self.plan.papers), ("reshare", &self.plan.reshare)] {
            for (at, name) in names.iter().enumerate() {
                let token = self.plan.token.get(name);
                let split = token.is_some_and(|token| token.state == State::Ready && token.user_pin == Custody::Quorum);
                let what = format!("\"{name}\" is no token of this plan that is ready and whose user PIN is split");
                self.unless(split, format!("{list}[{at}]"), what);
            }
        }
    }

    fn keys(&mut self) {
        for (name, key) in &self.plan.key {
            let field = |what: &str| format!("key.{name}.{what}");
            self.text(field("label"), &key.label, KEY_LABEL);
            self.token(field("token"), &key.token);
            self.unique(name, key);
            if key.before {
                let is_ready = |name: &Name| self.plan.token.get(name).is_none_or(|token| token.state == State::Ready);
                let ready = is_ready(&key.token) && key.pq_token.as_ref().is_none_or(is_ready);
                self.unless(ready, field("before"), "the key lies in a token that is empty at the beginning");
            }
            match (&key.backup, key.exportable) {
                (Some(backup), true) => {
                    self.token(field("backup"), backup);
                    self.unless(*backup != key.token, field("backup"), "is the token that holds the key");
                    self.unless(!key.before, field("backup"), "only a key made here can be copied, at once");
                }
                (Some(_), false) => self.unless(
                    false,
                    field("backup"),
                    "the key is not exportable; make a second key in the backup token, and name both in `encryption`",
                ),
                (None, true) => self.unless(
                    false,
                    field("exportable"),
                    "there is no backup; a key that may be copied and is not, may be stolen",
                ),
                (None, false) => {}
            }
            self.composite(name, key);
        }
    }

    fn composite(&mut self, name: &Name, key: &Key) {
        let field = |what: &str| format!("key.{name}.{what}");
        let composite = key.algorithm.is_composite();
        let one = "the halves of a composite key are not copied; make a second key in the backup token";
        self.unless(!(composite && key.exportable), field("exportable"), one);
        if let Some(token) = &key.pq_token {
            self.token(field("pq_token"), token);
            self.unless(*token != key.token, field("pq_token"), "is the token of the other half");
            self.unless(composite, field("pq_token"), format!("{} has no post-quantum half", key.algorithm));
        }
    }

    /// Of two keys in one token with one name, an interrupted step could not tell which is whose. A copy and a half are keys too.
    fn unique(&mut self, name: &Name, key: &Key) {
        for (other, their) in self.plan.key.iter().filter(|(other, _)| *other < name) {
            if !places(key).any(|token| places(their).any(|their| their == token)) {
                continue;
            }
            let label = format!("\"{}\" is the label of key.{other} too", key.label);
            self.unless(their.label != key.label, format!("key.{name}.label"), label);
            let id = format!("{} is the id of key.{other} too", key.id);
            self.unless(their.id != key.id, format!("key.{name}.id"), id);
        }
    }

    fn token(&mut self, field: String, name: &Name) {
        let known = self.plan.token.contains_key(name);
        self.unless(known, field, format!("\"{name}\" is no token of this plan"));
    }

    /// A key that can be used so; the key's algorithm decides.
    fn key(&mut self, field: String, name: &Name, does: &str, can: fn(KeyKind) -> bool) {
        match self.plan.key.get(name) {
            None => self.unless(false, field, format!("\"{name}\" is no key of this plan")),
            Some(key) => self.unless(
                can(key.algorithm),
                field,
                format!("key {name} is {}, which does not {does}", key.algorithm),
            ),
        }
    }

    fn certificates(&mut self) {
        for (name, certificate) in &self.plan.certificate {
            let field = |what: &str| format!("certificate.{name}.{what}");
            self.text(field("user_id"), &certificate.user_id, IN_CERTIFICATE - DEMO.len());
            self.unless(!self.plan.known.contains_key(name), format!("certificate.{name}"), "is under [known] too");
            self.key(field("primary"), &certificate.primary, "sign", KeyKind::signs);
            if let Some(signing) = &certificate.signing {
                self.key(field("signing"), signing, "sign", KeyKind::signs);
            }
            for key in &certificate.encryption {
                self.key(field("encryption"), key, "open", KeyKind::opens);
            }
            self.profile(name, certificate);
            for key in keys_of(certificate) {
                let uses = keys_of(certificate).filter(|other| *other == key).count();
                self.unless(
                    uses == 1,
                    field("primary"),
                    format!("key {key} is used {uses} times; each use needs a key of its own"),
                );
            }
            let days = certificate.valid_days.unwrap_or(1);
            self.unless((1..=MAX_DAYS).contains(&days), field("valid_days"), format!("is {days}; 1 to {MAX_DAYS}"));
        }
        for (name, known) in &self.plan.known {
            self.text(format!("known.{name}.user_id"), &known.user_id, IN_CERTIFICATE - DEMO.len());
            self.known(name, known);
        }
        for (at, name) in self.plan.prove.iter().enumerate() {
            let ours = self.plan.known.contains_key(name) && self.plan.uses(name) != Some(Uses::default());
            self.unless(
                ours,
                format!("prove[{at}]"),
                format!("\"{name}\" is no known certificate with a key of this plan"),
            );
        }
    }

    /// What makes a certificate post-quantum is that all of its keys are.
    fn profile(&mut self, name: &Name, certificate: &Certificate) {
        let wanted = self.plan.profile == Profile::Rfc9980;
        for key in keys_of(certificate) {
            let Some(kind) = self.plan.key.get(key).map(|key| key.algorithm) else { continue };
            let what = format!("key {key} is {kind}, which is not of profile {}", self.plan.profile.as_str());
            self.unless(kind.is_composite() == wanted, format!("certificate.{name}"), what);
        }
    }

    fn known(&mut self, name: &Name, known: &Known) {
        let others = known.signing.is_some() || !known.encryption.is_empty();
        let missing = "is missing: other keys of the certificate are named";
        self.unless(!others || known.primary.is_some(), format!("known.{name}.primary"), missing);
        let signing = [("primary", &known.primary), ("signing", &known.signing)];
        let signing = signing.into_iter().filter_map(|(field, key)| key.as_ref().map(|key| (field, key, "sign")));
        let opening = known.encryption.iter().map(|key| ("encryption", key, "open"));
        for (field, key, does) in signing.chain(opening) {
            let field = format!("known.{name}.{field}");
            self.key(field.clone(), key, does, if does == "sign" { KeyKind::signs } else { KeyKind::opens });
            let before = self.plan.key.get(key).is_none_or(|key| key.before);
            self.unless(before, field, format!("key {key} is made in this ceremony"));
        }
    }

    fn changes(&mut self) {
        if let Some(rollover) = &self.plan.rollover {
            self.ours("rollover.from", &rollover.from, true);
            let made = self.plan.certificate.contains_key(&rollover.to);
            let days = rollover.overlap_days;
            let good = (1..=MAX_DAYS).contains(&days);
            self.unless(good, "rollover.overlap_days", format!("is {days}; 1 to {MAX_DAYS}"));
            let valid = self.plan.certificate.get(&rollover.to).and_then(|certificate| certificate.valid_days);
            let ends = format!("is {days}, and {} ends after {} days", rollover.to, valid.unwrap_or_default());
            self.unless(valid.is_none_or(|valid| valid >= days), "rollover.overlap_days", ends);
            self.unless(made, "rollover.to", format!("\"{}\" is no certificate of this plan", rollover.to));
        }
        for (name, revoke) in &self.plan.revoke {
            self.ours(&format!("revoke.{name}"), name, true);
            self.text(format!("revoke.{name}.text"), &revoke.text, IN_CERTIFICATE);
        }
        let by = &self.plan.transcript.signed_by;
        let signs = self.plan.uses(by).and_then(|uses| uses.signing.or(uses.primary));
        for (at, name) in self.plan.retire.iter().enumerate() {
            let field = format!("retire[{at}]");
            let key = self.plan.key.get(name);
            self.unless(key.is_some_and(|key| key.before), field.clone(), format!("\"{name}\" is no key from before"));
            let used = self.plan.certificate.values().any(|certificate| keys_of(certificate).any(|key| key == name));
            self.unless(!used, field.clone(), format!("key {name} is used by a certificate of this plan"));
            let last = format!("key {name} signs the transcript, which comes after");
            self.unless(signs.as_ref() != Some(name), field, last);
        }
        self.ours("transcript.signed_by", by, false);
        let revoked = format!("\"{by}\" is revoked by this plan, and then signs nothing that is believed");
        self.unless(!self.plan.revoke.contains_key(by), "transcript.signed_by", revoked);
    }

    /// A certificate whose primary key this ceremony can use.
    fn ours(&mut self, field: &str, name: &Name, known_only: bool) {
        let known = self.plan.known.get(name).is_some_and(|known| known.primary.is_some());
        let made = !known_only && self.plan.certificate.contains_key(name);
        self.unless(
            known || made,
            field,
            format!("\"{name}\" is no certificate whose primary key is in a token of this plan"),
        );
    }

    fn trust(&mut self) {
        let Some(trust) = &self.plan.trust else { return };
        self.unless(!trust.embassy.is_empty(), "trust.embassy", "names no certificate");
        let named = |plan: &Plan, name: &Name| plan.certificate.contains_key(name) || plan.known.contains_key(name);
        for name in &trust.embassy {
            self.unless(named(self.plan, name), "trust.embassy", format!("\"{name}\" is no certificate of this plan"));
        }
        self.once("trust.embassy".to_owned(), &trust.embassy);
        self.unless(!trust.registry.is_empty(), "trust.registry", "there is none");
        for (registry, signers) in &trust.registry {
            let field = |what: &str| format!("trust.registry.{registry}.{what}");
            for name in &signers.signers {
                self.unless(
                    named(self.plan, name),
                    field("signers"),
                    format!("\"{name}\" is no certificate of this plan"),
                );
            }
            self.once(field("signers"), &signers.signers);
            let good = (1..=signers.signers.len()).contains(&signers.threshold);
            let what = format!("is {}; 1 to {}, its signers", signers.threshold, signers.signers.len());
            self.unless(good, field("threshold"), what);
        }
    }
}

/// The tokens that hold a key, its copy or its other half.
fn places(key: &Key) -> impl Iterator<Item = &Name> {
    std::iter::once(&key.token).chain(&key.backup).chain(&key.pq_token)
}

fn keys_of(certificate: &Certificate) -> impl Iterator<Item = &Name> {
    std::iter::once(&certificate.primary).chain(&certificate.signing).chain(&certificate.encryption)
}

#[cfg(test)]
mod tests;
