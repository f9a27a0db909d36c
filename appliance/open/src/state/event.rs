//! What is worth a line of the log.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pouch_format::{Fingerprint, PouchId, RegistryName, Rule, Sha256Digest, is_plain};
use serde::Serialize;

use super::ledger::Head;

/// About the longest free text in a line, in bytes.
const TEXT_BYTES: usize = 2048;

/// Something that happened, as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A pouch was kept.
    Kept {
        /// The pouch, e.g. `land-000041`.
        pouch: String,
        /// SHA-256 of its manifest.
        manifest: Sha256Digest,
        /// The time whose state it shows.
        as_of: Timestamp,
        /// When it was sealed.
        sealed_at: Timestamp,
        /// Certificates that signed it.
        signers: Vec<Fingerprint>,
        /// Every rule that was checked and passed.
        passed: Vec<&'static str>,
        /// Whether the vault held it already, left by an import that was interrupted.
        resumed: bool,
    },
    /// A pouch was refused.
    Refused {
        /// What was being done, e.g. `import`.
        verb: String,
        /// The pouch as far as it is known, else the source.
        what: String,
        /// The rule that refused; none if a disk or a file did.
        rule: Option<&'static str>,
        /// Why.
        reason: String,
    },
    /// Something with a pouch was done, e.g. it was unpacked.
    Done {
        /// What was done, e.g. `unpack`.
        verb: String,
        /// The pouch.
        pouch: String,
        /// SHA-256 of its manifest.
        manifest: Sha256Digest,
        /// Every rule that was checked and passed.
        passed: Vec<&'static str>,
    },
    /// The session key of a pouch left the token for an emergency.
    SessionKeyExported {
        /// The pouch.
        pouch: String,
        /// SHA-256 of its manifest.
        manifest: Sha256Digest,
        /// Who answers for it.
        officers: Vec<String>,
    },
    /// Both copies of the state were lost, and it was made anew from dispatch notes.
    Recovered {
        /// The two who answer for it.
        officers: Vec<String>,
        /// What the state says since.
        registries: BTreeMap<RegistryName, Head>,
    },
}

impl Event {
    /// A refusal, with its texts cut to a bounded length.
    #[must_use]
    pub fn refused(verb: &str, what: &str, rule: Option<Rule>, reason: &str) -> Self {
        Event::Refused { verb: cut(verb), what: cut(what), rule: rule.map(Rule::id), reason: cut(reason) }
    }

    /// Something done with a pouch.
    #[must_use]
    pub fn done(verb: &str, pouch: &PouchId, manifest: Sha256Digest, passed: &[Rule]) -> Self {
        Event::Done { verb: cut(verb), pouch: pouch.to_string(), manifest, passed: ids(passed) }
    }

    /// The export of a session key.
    #[must_use]
    pub fn session_key_exported(pouch: &PouchId, manifest: Sha256Digest, officers: &[String]) -> Self {
        let officers = officers.iter().map(|name| cut(name)).collect();
        Event::SessionKeyExported { pouch: pouch.to_string(), manifest, officers }
    }
}

pub(crate) fn ids(rules: &[Rule]) -> Vec<&'static str> {
    rules.iter().map(|rule| rule.id()).collect()
}

/// At most [`TEXT_BYTES`], with every character escaped that could act on a terminal.
fn cut(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        if safe.len() >= TEXT_BYTES {
            safe.push_str("...");
            break;
        }
        if is_plain(character) { safe.push(character) } else { safe.extend(character.escape_unicode()) }
    }
    safe
}
