//! From the plan to the numbered list of what is done. The order of steps reads from the top of [`of`].

use crate::people::Role;
use crate::plan::{Custody, Name, Plan, State};
use openpgp_pkcs11::certificate::Reason;
use std::fmt;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub number: usize,
    /// What is done.
    pub work: Work,
    /// Who types.
    pub role: Role,
    /// What people see above it.
    pub title: String,
    /// What cannot be taken back; asks for the exact word.
    pub irreversible: Option<String>,
    /// Whether the ceremony can go on without it.
    pub optional: bool,
}

/// What a step does. Shown as the step's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Who is there.
    People,
    /// What time it is.
    Clock,
    /// Which tool and which plan.
    Digests,
    /// Whether a token is as the plan says.
    Look(Name),
    /// Whether every custodian still holds right words.
    Papers(Name),
    /// A user PIN that is made and split anew.
    Reshare(Name),
    /// PINs of an empty token, and its initialisation.
    Initialise(Name),
    /// A key.
    Generate(Name),
    /// A copy of a key in the backup token.
    Backup(Name),
    /// A certificate.
    Certify(Name),
    /// Whether the keys of a certificate do what they should.
    Prove(Name),
    /// Revocations of a certificate, made while its key is at hand.
    Revocations(Name),
    /// The certificate of the other side, compared aloud.
    Accept(Name),
    /// The old key certifies the new one.
    Rollover,
    /// A certificate is revoked.
    Revoke(Name),
    /// The trust file.
    Trust,
    /// A key is destroyed.
    Retire(Name),
    /// The transcript is closed and signed.
    Close,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::People => f.write_str("preflight.people"),
            Self::Clock => f.write_str("preflight.clock"),
            Self::Digests => f.write_str("preflight.digests"),
            Self::Look(name) => write!(f, "token.{name}.look"),
            Self::Papers(name) => write!(f, "token.{name}.papers"),
            Self::Reshare(name) => write!(f, "token.{name}.reshare"),
            Self::Initialise(name) => write!(f, "token.{name}.initialise"),
            Self::Generate(name) => write!(f, "key.{name}.generate"),
            Self::Backup(name) => write!(f, "key.{name}.backup"),
            Self::Certify(name) => write!(f, "certificate.{name}.make"),
            Self::Prove(name) => write!(f, "certificate.{name}.prove"),
            Self::Revocations(name) => write!(f, "certificate.{name}.revocations"),
            Self::Accept(name) => write!(f, "known.{name}.accept"),
            Self::Rollover => f.write_str("rollover"),
            Self::Revoke(name) => write!(f, "revoke.{name}"),
            Self::Trust => f.write_str("trust"),
            Self::Retire(name) => write!(f, "retire.{name}"),
            Self::Close => f.write_str("close"),
        }
    }
}

/// The steps of a plan, in order.
pub fn of(plan: &Plan) -> Vec<Step> {
    let mut list = List::default();
    list.preflight(plan);
    for name in plan.known.keys() {
        list.add(Work::Accept(name.clone()), format!("compare the certificate \"{name}\" with the paper"));
    }
    for name in &plan.papers {
        list.add(Work::Papers(name.clone()), format!("all custodians show their words for token {name}"));
    }
    for name in &plan.reshare {
        let title = format!("make and split the user PIN of token {name} anew");
        let what = format!("the words that custodians hold for the user PIN of token {name} become void");
        list.add(Work::Reshare(name.clone()), title).irreversible = Some(what);
    }
    for name in &plan.prove {
        list.add(Work::Prove(name.clone()), format!("prove that the keys of certificate {name} still work"));
    }
    for (name, token) in plan.token.iter().filter(|(_, token)| token.state != State::Ready) {
        let title = format!("initialise token \"{}\"", token.label);
        let what = format!("whatever is in the token \"{name}\" is erased, and its PINs are set");
        list.add(Work::Initialise(name.clone()), title).irreversible = Some(what);
    }
    for (name, key) in plan.key.iter().filter(|(_, key)| !key.before) {
        let title = format!("make key \"{}\" ({}) in token {}", key.label, key.algorithm, key.token);
        let what = format!("a key that can never leave is made in token {}", key.token);
        list.add(Work::Generate(name.clone()), title).irreversible = Some(what);
        if let Some(backup) = &key.backup {
            let title = format!("copy key \"{}\" into token {backup}, wrapped", key.label);
            let what = format!("token {backup} gets a copy of key {name}; after this no other can be made");
            list.add(Work::Backup(name.clone()), title).irreversible = Some(what);
        }
    }
    for (name, certificate) in &plan.certificate {
        list.add(Work::Certify(name.clone()), format!("make the certificate of {}", certificate.user_id));
        list.add(Work::Prove(name.clone()), format!("prove that the keys of certificate {name} work"));
        let step = list.add(Work::Revocations(name.clone()), format!("make the revocations of certificate {name}"));
        step.optional = true;
    }
    list.changes(plan);
    list.add(Work::Close, "close and sign the transcript".to_owned());
    list.0
}

#[derive(Default)]
struct List(Vec<Step>);

impl List {
    fn add(&mut self, work: Work, title: String) -> &mut Step {
        let number = self.0.len().saturating_add(1);
        self.0.push_mut(Step { number, work, role: Role::Administrator, title, irreversible: None, optional: false })
    }

    fn preflight(&mut self, plan: &Plan) {
        self.add(Work::People, "note who is here".to_owned());
        self.add(Work::Clock, "confirm the time aloud".to_owned());
        self.add(Work::Digests, "compare tool and plan with the paper from the review".to_owned());
        for (name, token) in &plan.token {
            let state = match token.state {
                State::Empty => "empty",
                State::Used => "initialised, and is erased later",
                State::Ready => "ready, with its keys",
            };
            self.add(Work::Look(name.clone()), format!("look at token {name}: it must be {state}"));
        }
    }

    fn changes(&mut self, plan: &Plan) {
        if let Some(rollover) = &plan.rollover {
            let title = format!("certify {} by the key of {}", rollover.to, rollover.from);
            self.add(Work::Rollover, title);
        }
        for (name, revoke) in &plan.revoke {
            let title = format!("revoke certificate {name}: {}", revoke.reason.as_str());
            let what = match revoke.reason {
                Reason::Compromised => "published, it makes everything that this certificate ever signed worthless",
                _ => "published, nothing that this certificate signs later counts",
            };
            self.add(Work::Revoke(name.clone()), title).irreversible = Some(what.to_owned());
        }
        if plan.trust.is_some() {
            self.add(Work::Trust, "write the trust file".to_owned());
        }
        for name in &plan.retire {
            let tokens = plan.key.get(name).map(|key| [Some(&key.token), key.pq_token.as_ref()]);
            let tokens: Vec<_> = tokens.into_iter().flatten().flatten().map(Name::to_string).collect();
            let token = tokens.join(" and token ");
            let what = format!("key {name} in token {token} is destroyed; what only it opens is lost for ever");
            self.add(Work::Retire(name.clone()), format!("destroy key {name}")).irreversible = Some(what);
        }
    }
}

/// The people who must come to the terminal for a token's PIN, for the list of steps.
pub fn pin_holders(plan: &Plan, custody: Custody) -> String {
    match custody {
        Custody::Quorum => format!("{} of {} custodians", plan.people.threshold, plan.people.custodians),
        Custody::Typed => "typed by one person".to_owned(),
        Custody::File => "kept in a file".to_owned(),
    }
}
