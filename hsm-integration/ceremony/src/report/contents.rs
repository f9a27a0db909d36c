//! What the lines of a transcript add up to.

use crate::people::Role;
use crate::transcript::{Event, Fact, Line};
use jiff::Timestamp;
use pouch_format::{Fingerprint, Sha256Digest};
use std::collections::BTreeMap;

/// The first line.
pub(super) struct Beginning<'a> {
    pub(super) title: &'a str,
    pub(super) purpose: &'a str,
    pub(super) plan: Sha256Digest,
    pub(super) binding: Sha256Digest,
    pub(super) tool: &'a str,
    pub(super) tool_file: Sha256Digest,
}

/// A certificate that was made or accepted.
pub(super) struct Certificate<'a> {
    pub(super) name: &'a str,
    pub(super) fingerprint: &'a Fingerprint,
    pub(super) subkeys: &'a [Fingerprint],
    pub(super) user_id: &'a str,
    pub(super) created: Timestamp,
    pub(super) expires: Option<Timestamp>,
}

/// Rows of the tables, in the order of the transcript.
#[derive(Default)]
pub(super) struct Contents<'a> {
    pub(super) beginning: Option<Beginning<'a>>,
    pub(super) people: Vec<(Role, &'a str)>,
    pub(super) tokens: Vec<(&'a str, &'a str)>,
    /// Token, PIN, how many it takes, of how many, number of the set.
    pub(super) shares: Vec<(&'a str, &'a str, u8, u8, u16)>,
    /// Key, algorithm, when it was made, URI.
    pub(super) keys: Vec<(&'a str, &'a str, Timestamp, &'a str)>,
    pub(super) destroyed: Vec<(&'a str, &'a str)>,
    pub(super) certificates: Vec<Certificate<'a>>,
    pub(super) files: Vec<(&'a str, Sha256Digest)>,
    /// Lines that say that something failed, was left out or went on after an interruption.
    pub(super) incidents: Vec<&'a Line>,
    /// Other programs than the one that began: the ceremony went on with another file of this tool.
    pub(super) other_tools: Vec<Sha256Digest>,
    /// Other bindings, likewise.
    pub(super) other_bindings: Vec<Sha256Digest>,
    pub(super) steps: usize,
    /// Whether plan and tool were compared with the paper.
    pub(super) compared: bool,
}

impl<'a> Contents<'a> {
    pub(super) fn of(lines: &'a [Line]) -> Self {
        let mut contents = Self::default();
        lines.iter().for_each(|line| contents.line(line));
        contents
    }

    fn line(&mut self, line: &'a Line) {
        match &line.event {
            Event::Begin { .. } => self.begin(&line.event),
            Event::Done { step, facts } => {
                self.compared |= *step == crate::steps::Work::Digests.to_string();
                self.steps = self.steps.saturating_add(1);
                facts.iter().for_each(|fact| self.fact(fact));
            }
            Event::Resume { tool_sha256, binding_sha256 } => {
                self.incidents.push(line);
                let first = self.beginning.as_ref().map(|beginning| (beginning.tool_file, beginning.binding));
                let (tool, binding) = first.unzip();
                add_other(&mut self.other_tools, tool, *tool_sha256);
                add_other(&mut self.other_bindings, binding, *binding_sha256);
            }
            Event::Failure { .. } | Event::Exception { .. } => self.incidents.push(line),
            Event::Step { .. } | Event::Answer { .. } | Event::Close { .. } => {}
        }
    }

    fn begin(&mut self, event: &'a Event) {
        let Event::Begin { title, purpose, plan_sha256, binding_sha256, tool, tool_sha256, .. } = event else {
            return;
        };
        self.beginning = Some(Beginning {
            title,
            purpose,
            plan: *plan_sha256,
            binding: *binding_sha256,
            tool,
            tool_file: *tool_sha256,
        });
    }

    fn fact(&mut self, fact: &'a Fact) {
        match fact {
            Fact::People { names } => self.people = people(names),
            Fact::Token { token, uri } => {
                self.tokens.retain(|(other, _)| *other != token.as_str());
                self.tokens.push((token.as_str(), uri));
            }
            Fact::Shares { token, pin, threshold, count, set } => {
                self.shares.push((token.as_str(), pin, *threshold, *count, *set));
            }
            Fact::Key { key, uri, algorithm, created } => self.keys.push((key.as_str(), algorithm, *created, uri)),
            Fact::Certificate { certificate, fingerprint, subkeys, user_id, created, expires } => {
                let (name, created, expires) = (certificate.as_str(), *created, *expires);
                self.certificates.push(Certificate { name, fingerprint, subkeys, user_id, created, expires });
            }
            Fact::File { name, sha256 } => self.files.push((name, *sha256)),
            Fact::Destroyed { key, uri } => self.destroyed.push((key.as_str(), uri)),
            Fact::Proof { .. } => {}
        }
    }
}

fn add_other(others: &mut Vec<Sha256Digest>, first: Option<Sha256Digest>, digest: Sha256Digest) {
    if first != Some(digest) && !others.contains(&digest) {
        others.push(digest);
    }
}

fn people(names: &BTreeMap<Role, String>) -> Vec<(Role, &str)> {
    names.iter().map(|(role, name)| (*role, name.as_str())).collect()
}
