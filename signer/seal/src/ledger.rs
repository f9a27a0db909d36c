//! The home side's memory of one registry: which sequence number was used last, and for which manifest.
//!
//! A sequence number stands for one manifest for ever; two manifests with one number are a fork, which stops the registry at
//! the embassy. So the number is written down as *pending*, with the digest, before the pouch becomes visible in the
//! spool, and a rerun after any crash finishes exactly that pouch.
//!
//! A pouch that more than one officer has to sign is *waiting* first. Its number counts as used once all have signed.

use jiff::Timestamp;
use pouch_format::{RegistryName, Sha256Digest};
use pouch_platform::{Dir, DirError};
use serde::{Deserialize, Serialize};

/// One pouch of the sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its sequence number.
    pub sequence: u64,
    /// SHA-256 of its manifest.
    pub manifest: Sha256Digest,
    /// When it was sealed.
    pub sealed_at: Timestamp,
}

/// What is kept of one registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The newest pouch that is in the spool, or was.
    pub last: Option<Entry>,
    /// A pouch that was about to become visible.
    pub pending: Option<Entry>,
    /// A pouch that waits for further signatures. Until it has them or is withdrawn no other one is sealed: if the next
    /// one followed it and an officer then refused, the embassy would never get past the hole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Entry>,
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be read or written.
    #[error("the ledger of registry \"{registry}\": {source}")]
    Dir {
        /// The registry.
        registry: RegistryName,
        /// What the system says.
        source: DirError,
    },
    /// The file is not a ledger.
    #[error("the ledger of registry \"{registry}\" is damaged: {reason}")]
    Damaged {
        /// The registry.
        registry: RegistryName,
        /// What is wrong.
        reason: String,
    },
}

/// Largest ledger, in bytes.
const LEDGER_BYTES: u64 = 64 << 10;

/// Which copy of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// The ledger itself, in the state directory.
    State,
    /// Its witness in the spool, written after it: a ledger that is older has been lost or put back from a backup.
    Spool,
}

impl Copy {
    fn file(self, registry: &RegistryName) -> String {
        match self {
            Self::State => format!("{registry}.json"),
            Self::Spool => format!(".ledger-{registry}.json"),
        }
    }
}

impl Ledger {
    /// Reads the ledger; a registry that was never sealed has an empty one.
    ///
    /// # Errors
    /// [`LedgerError`]; a damaged ledger is never taken for an empty one.
    pub fn load(dir: &Dir, copy: Copy, registry: &RegistryName) -> Result<Self, LedgerError> {
        let name = copy.file(registry);
        let read = || dir.exists(&name)?.then(|| dir.read_bounded(&name, LEDGER_BYTES)).transpose();
        match read().map_err(|source| LedgerError::Dir { registry: registry.clone(), source })? {
            None => Ok(Self::default()),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| LedgerError::Damaged { registry: registry.clone(), reason: e.to_string() }),
        }
    }

    /// Writes the ledger so that a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn store(&self, dir: &Dir, copy: Copy, registry: &RegistryName) -> Result<(), LedgerError> {
        let damaged = |e: serde_json::Error| LedgerError::Damaged { registry: registry.clone(), reason: e.to_string() };
        let bytes = serde_json::to_vec(self).map_err(damaged)?;
        dir.replace_file(copy.file(registry), &bytes)
            .map_err(|source| LedgerError::Dir { registry: registry.clone(), source })
    }
}
