//! What the ceremony has made so far: the facts of the transcript, in the form that later steps ask for.

use crate::people::Role;
use crate::plan::Name;
use crate::steps::Work;
use crate::transcript::{Event, Fact, Line};
use pouch_format::{Fingerprint, Sha256Digest};
use std::collections::{BTreeMap, BTreeSet};

/// Everything made, by the plan's names.
#[derive(Debug, Default)]
pub struct Made {
    /// Steps that were done or left out.
    finished: BTreeSet<String>,
    /// The file of the tool that was compared with the paper.
    compared: Option<Sha256Digest>,
    names: BTreeMap<Role, String>,
    tokens: BTreeMap<Name, String>,
    certificates: BTreeMap<Name, Fingerprint>,
    files: BTreeMap<String, Sha256Digest>,
}

impl Made {
    /// What the lines of a transcript say.
    pub fn of(lines: &[Line]) -> Self {
        let mut made = Self::default();
        let mut tool = None;
        for line in lines {
            match &line.event {
                Event::Begin { tool_sha256, .. } | Event::Resume { tool_sha256, .. } => tool = Some(*tool_sha256),
                Event::Done { step, facts } => {
                    if *step == Work::Digests.to_string() {
                        made.compared = tool;
                    }
                    made.finish(step, facts);
                }
                Event::Exception { step, .. } => made.finish(step, &[]),
                _ => {}
            }
        }
        made
    }

    /// Goes on with the tool of this file: another than the one that was compared is compared too.
    pub fn goes_on_with(&mut self, tool: Sha256Digest) {
        if self.compared != Some(tool) {
            self.finished.remove(&Work::Digests.to_string());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn another_tool_is_compared_once_more() {
        let (old, new) = (Sha256Digest([1; 32]), Sha256Digest([2; 32]));
        let compared = || Event::Done { step: Work::Digests.to_string(), facts: Vec::new() };
        let resume = |tool_sha256| Event::Resume { tool_sha256, binding_sha256: Sha256Digest([3; 32]) };
        let finished = |events: Vec<Event>, tool| {
            let line = |event| Line { line: 1, at: Timestamp::UNIX_EPOCH, previous: Sha256Digest([0; 32]), event };
            let mut made = Made::of(&events.into_iter().map(line).collect::<Vec<_>>());
            made.goes_on_with(tool);
            made.is_finished("preflight.digests")
        };
        assert!(finished(vec![resume(old), compared()], old));
        assert!(!finished(vec![resume(old), compared()], new));
        // Interrupted before it was compared.
        assert!(!finished(vec![resume(old), compared(), resume(new)], new));
        assert!(finished(vec![resume(old), compared(), resume(new), compared()], new));
        assert!(!finished(vec![resume(old), compared(), resume(new), compared()], old));
    }
}
