//! What a line of the transcript says.

use crate::people::Role;
use crate::plan::Name;
use jiff::Timestamp;
use pouch_format::{Fingerprint, Sha256Digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// From 1.
    pub line: u64,
    /// By the clock of the machine, in UTC.
    pub at: Timestamp,
    /// SHA-256 of the line before, without its line feed; zeros before the first.
    pub previous: Sha256Digest,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Whether keys that count were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// On throw-away tokens.
    Rehearsal,
    /// On the tokens of the binding.
    Run,
}

/// How a ceremony ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Every step was done, or left out on the record.
    Done,
    /// Given up.
    Failed,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first line.
    Begin {
        /// Whether it counts.
        mode: Mode,
        /// The plan's title.
        title: String,
        /// The plan's purpose.
        purpose: String,
        /// Of the plan's file.
        plan_sha256: Sha256Digest,
        /// Of the binding's file.
        binding_sha256: Sha256Digest,
        /// Name and version of this tool.
        tool: String,
        /// Of this tool's file.
        tool_sha256: Sha256Digest,
    },
    /// The ceremony was interrupted, and goes on.
    Resume {
        /// Of this tool's file.
        tool_sha256: Sha256Digest,
        /// Of the binding's file.
        binding_sha256: Sha256Digest,
    },
    /// A step begins.
    Step {
        /// Its number, from 1.
        number: usize,
        /// Its id, such as `key.home.generate`.
        step: String,
        /// What people see.
        title: String,
    },
    /// A person was asked something that is no secret.
    Answer {
        /// The step.
        step: String,
        /// Who.
        role: Role,
        /// What was asked, all lines of it.
        question: String,
        /// What was typed.
        answer: String,
    },
    /// A step was done.
    Done {
        /// The step.
        step: String,
        /// What came of it.
        facts: Vec<Fact>,
    },
    /// A step failed; it may be repeated.
    Failure {
        /// The step.
        step: String,
        /// Id of the error.
        error: String,
        /// Its message.
        message: String,
    },
    /// A step was left out.
    Exception {
        /// The step.
        step: String,
        /// Who decided.
        role: Role,
        /// Why.
        reason: String,
    },
    /// The last line.
    Close {
        /// How it ended.
        ending: Ending,
        /// Why, if it failed.
        reason: Option<String>,
        /// The certificate whose key signs this transcript.
        signed_by: Option<Fingerprint>,
    },
}

/// What came of a step. What later steps need is read from here, also after an interruption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// Who is there.
    People {
        /// Names by role.
        names: BTreeMap<Role, String>,
    },
    /// A token, as it calls itself.
    Token {
        /// The plan's name for it.
        token: Name,
        /// Its URI: label, maker, model, serial number.
        uri: String,
    },
    /// A PIN was split.
    Shares {
        /// The plan's name of the token.
        token: Name,
        /// `user` or `security officer`.
        pin: String,
        /// How many shares it takes.
        threshold: u8,
        /// How many there are.
        count: u8,
        /// Number of the set, which each of its shares shows: no secret.
        set: u16,
    },
    /// A key pair in a token.
    Key {
        /// The plan's name for it.
        key: Name,
        /// Its URI.
        uri: String,
        /// Its algorithm.
        algorithm: String,
        /// When it was made: the fingerprint follows from it, and the token does not keep it.
        created: Timestamp,
    },
    /// A certificate.
    Certificate {
        /// The plan's name for it.
        certificate: Name,
        /// Its fingerprint.
        fingerprint: Fingerprint,
        /// Fingerprints of its other keys.
        subkeys: Vec<Fingerprint>,
        /// Its user id.
        user_id: String,
        /// When it was made.
        created: Timestamp,
        /// When it ends.
        expires: Option<Timestamp>,
    },
    /// A file was written.
    File {
        /// Its name in the ceremony's folder.
        name: String,
        /// SHA-256 of its bytes.
        sha256: Sha256Digest,
    },
    /// Something was tried and came out right.
    Proof {
        /// What.
        what: String,
    },
    /// A key is no longer there.
    Destroyed {
        /// The plan's name for it.
        key: Name,
        /// Its URI.
        uri: String,
    },
}
