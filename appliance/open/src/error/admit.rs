//! Why a verified pouch is not admitted, not kept, or not opened again.

use jiff::Timestamp;
use pouch_format::{PouchId, RegistryName, Rule, Sha256Digest};
use pouch_vault::VaultError;

use crate::state::StateError;

/// Why a verified pouch is not admitted. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The first pouch of a registry, without the digest from the dispatch note.
    #[error(
        "pouch {sequence} is the first of registry \"{registry}\" here; the digest from the dispatch note is needed"
    )]
    First {
        /// The registry.
        registry: RegistryName,
        /// The pouch's number.
        sequence: u64,
        /// The digest of its manifest.
        manifest: Sha256Digest,
    },
    /// The first pouch of a registry, and another digest than the dispatch note's.
    #[error("the first pouch of registry \"{registry}\" has digest {found}, the dispatch note says {noted}")]
    FirstDigest {
        /// The registry.
        registry: RegistryName,
        /// The digest of its manifest.
        found: Sha256Digest,
        /// The digest given.
        noted: Sha256Digest,
    },
    /// The very pouch that was admitted last. Harmless.
    #[error("pouch {sequence} of registry \"{registry}\" is already here since {since}")]
    Replay {
        /// The registry.
        registry: RegistryName,
        /// The pouch's number.
        sequence: u64,
        /// When it was kept, by the local clock.
        since: Timestamp,
    },
    /// Older than the one admitted last.
    #[error("pouch {sequence} of registry \"{registry}\" is not newer than pouch {newest}")]
    NotNewer {
        /// The registry.
        registry: RegistryName,
        /// The pouch's number.
        sequence: u64,
        /// The number admitted last.
        newest: u64,
    },
    /// Pouches are missing in between.
    #[error("pouch {sequence} of registry \"{registry}\" does not follow pouch {newest}: {} missing", Missing(*.newest, *.sequence))]
    Gap {
        /// The registry.
        registry: RegistryName,
        /// The pouch's number.
        sequence: u64,
        /// The number admitted last.
        newest: u64,
    },
    /// Two manifests for one number.
    #[error(
        "pouch {sequence} of registry \"{registry}\" has digest {found}, but {kept} was admitted under that number"
    )]
    Fork {
        /// The registry.
        registry: RegistryName,
        /// The number.
        sequence: u64,
        /// The digest of this one.
        found: Sha256Digest,
        /// The digest admitted.
        kept: Sha256Digest,
    },
    /// A predecessor that was not admitted.
    #[error(
        "pouch {sequence} of registry \"{registry}\" follows a pouch with digest {}, but {kept} was admitted before it",
        .previous.map_or_else(|| "(none)".to_owned(), |digest| digest.to_string())
    )]
    OtherPast {
        /// The registry.
        registry: RegistryName,
        /// The pouch's number.
        sequence: u64,
        /// The predecessor that it names.
        previous: Option<Sha256Digest>,
        /// The predecessor admitted.
        kept: Sha256Digest,
    },
    /// Sealed before what it must come after.
    #[error("pouch {sequence} of registry \"{registry}\" was sealed at {sealed_at}, before {what} of {floor}")]
    Time {
        /// The registry.
        registry: RegistryName,
        /// The pouch's number.
        sequence: u64,
        /// When it was sealed.
        sealed_at: Timestamp,
        /// Before which it must not be.
        floor: Timestamp,
        /// `the pouch before it` or `this software`.
        what: &'static str,
    },
}

/// The numbers between two others.
struct Missing(u64, u64);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, last) = (self.0.saturating_add(1), self.1.saturating_sub(1));
        if first == last { write!(f, "pouch {first} is") } else { write!(f, "pouches {first} to {last} are") }
    }
}

impl AdmitError {
    /// The rule that refuses.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            AdmitError::First { .. } | AdmitError::FirstDigest { .. } => Rule::ImportFirst,
            AdmitError::Replay { .. } => Rule::ImportReplay,
            AdmitError::NotNewer { .. } => Rule::ImportSeq,
            AdmitError::Gap { .. } => Rule::ImportGap,
            AdmitError::Fork { .. } | AdmitError::OtherPast { .. } => Rule::ImportFork,
            AdmitError::Time { .. } => Rule::ImportTime,
        }
    }
}

/// Why an admitted pouch was not kept. Importing it again settles what was left half done.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The vault cannot publish it.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The state cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The state changed between admission and keeping.
    #[error("pouch {id} was admitted under another state than the present one")]
    Stale {
        /// The pouch.
        id: PouchId,
    },
}

impl KeepError {
    /// The rule that refuses; none if a disk does.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            KeepError::Vault(VaultError::Conflict { .. }) => Some(Rule::ImportFork),
            KeepError::Vault(_) => None,
            KeepError::State(error) => error.rule(),
            KeepError::Stale { .. } => Some(Rule::ImportState),
        }
    }
}

/// Why a kept pouch cannot be opened again.
#[derive(Debug, thiserror::Error)]
pub enum ReopenError {
    /// The vault cannot give it.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Newer than what was admitted, or of a registry of which nothing was.
    #[error("pouch {id} was never admitted")]
    NotAdmitted {
        /// The pouch.
        id: PouchId,
    },
    /// The vault holds another pouch than the one admitted under that number.
    #[error("the vault holds a pouch {id} with digest {found}, but {admitted} was admitted")]
    Other {
        /// The pouch.
        id: PouchId,
        /// The digest of what the vault holds.
        found: Sha256Digest,
        /// The digest admitted.
        admitted: Sha256Digest,
    },
}

impl ReopenError {
    /// The rule that refuses; none if the vault cannot be read.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            ReopenError::Vault(VaultError::Manifest { source, .. }) => Some(source.rule()),
            ReopenError::Vault(_) => None,
            ReopenError::NotAdmitted { .. } => Some(Rule::ImportSeq),
            ReopenError::Other { .. } => Some(Rule::ImportFork),
        }
    }
}
