//! What the ceremony has made so far: the facts of the transcript, in the form that later steps ask for.

use crate::people::Role;
use crate::plan::Name;
use crate::transcript::{Event, Fact, Line};
use pouch_format::{Fingerprint, Sha256Digest};
use std::collections::{BTreeMap, BTreeSet};

/// Everything made, by the plan's names.
#[derive(Debug, Default)]
pub struct Made {
    /// Steps that were done or left out.
    finished: BTreeSet<String>,
    names: BTreeMap<Role, String>,
    tokens: BTreeMap<Name, String>,
    certificates: BTreeMap<Name, Fingerprint>,
    files: BTreeMap<String, Sha256Digest>,
}

impl Made {
    /// What the lines of a transcript say.
    pub fn of(lines: &[Line]) -> Self {
        let mut made = Self::default();
        for line in lines {
            match &line.event {
                Event::Done { step, facts } => made.finish(step, facts),
                Event::Exception { step, .. } => made.finish(step, &[]),
                _ => {}
            }
        }
        made
    }

    /// Takes what came of a step.
    pub fn finish(&mut self, step: &str, facts: &[Fact]) {
        self.finished.insert(step.to_owned());
        facts.iter().for_each(|fact| self.learn(fact));
    }

    /// Takes one fact, also of a step that is not done yet.
    pub fn learn(&mut self, fact: &Fact) {
        match fact.clone() {
            Fact::People { names } => self.names = names,
            Fact::Token { token, uri } => drop(self.tokens.insert(token, uri)),
            Fact::Certificate { certificate, fingerprint, .. } => {
                self.certificates.insert(certificate, fingerprint);
            }
            Fact::File { name, sha256 } => drop(self.files.insert(name, sha256)),
            Fact::Key { .. } | Fact::Shares { .. } | Fact::Proof { .. } | Fact::Destroyed { .. } => {}
        }
    }

    /// Whether a step need not be done any more.
    pub fn is_finished(&self, step: &str) -> bool {
        self.finished.contains(step)
    }

    /// The person of a role.
    pub fn name(&self, role: Role) -> Option<&str> {
        self.names.get(&role).map(String::as_str)
    }

    /// The URI by which a token called itself.
    pub fn token(&self, name: &Name) -> Option<&str> {
        self.tokens.get(name).map(String::as_str)
    }

    /// The fingerprint of a certificate that was made or accepted.
    pub fn certificate(&self, name: &Name) -> Option<&Fingerprint> {
        self.certificates.get(name)
    }

    /// The digest of a file that was written.
    pub fn file(&self, name: &str) -> Option<Sha256Digest> {
        self.files.get(name).copied()
    }
}
