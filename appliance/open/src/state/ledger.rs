//! What the embassy remembers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pouch_format::{RegistryName, Sha256Digest};
use serde::{Deserialize, Serialize};

/// The version of the state that this software writes and reads.
pub(crate) const VERSION: u64 = 1;

/// The newest pouch admitted of one registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its number.
    pub sequence: u64,
    /// SHA-256 of its manifest.
    pub manifest: Sha256Digest,
    /// The time whose state it shows.
    pub as_of: Timestamp,
    /// When it was sealed: nothing older follows.
    pub sealed_at: Timestamp,
    /// The registry's recovery point objective, in seconds; 0 for none.
    pub rpo_seconds: u64,
    /// When it was kept, by the local clock; told, never trusted.
    pub kept_at: Timestamp,
}

/// The end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// How many lines there are.
    pub lines: u64,
    /// SHA-256 of the last one without its newline; zeros if there is none.
    pub sha256: Sha256Digest,
}

impl LogHead {
    /// The head of a log without lines.
    pub(crate) const EMPTY: Self = Self { lines: 0, sha256: Sha256Digest([0; 32]) };
}

/// What the embassy remembers: of each registry the newest pouch admitted, and where the log ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    #[serde(rename = "pouch-state")]
    pub(crate) version: u64,
    pub(crate) generation: u64,
    pub(crate) registries: BTreeMap<RegistryName, Head>,
    pub(crate) log: LogHead,
}

impl Ledger {
    /// What an embassy knows that never admitted anything.
    pub(crate) fn fresh() -> Self {
        Self { version: VERSION, generation: 0, registries: BTreeMap::new(), log: LogHead::EMPTY }
    }

    /// The newest pouch admitted of a registry.
    #[must_use]
    pub fn head(&self, registry: &RegistryName) -> Option<&Head> {
        self.registries.get(registry)
    }

    /// The newest pouch admitted of each registry.
    #[must_use]
    pub fn heads(&self) -> &BTreeMap<RegistryName, Head> {
        &self.registries
    }

    /// How often the state was changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The end of the log.
    #[must_use]
    pub fn log(&self) -> LogHead {
        self.log
    }
}
