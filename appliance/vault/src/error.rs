//! What can go wrong at the vault.

use pouch_format::{ManifestError, PouchId};
use pouch_platform::{DirError, LockError};

/// Why the vault could not do something.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A directory of the vault.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// Another process is importing.
    #[error(transparent)]
    Busy(#[from] LockError),
    /// A staged file cannot be read back.
    #[error("cannot read staged file \"{}\": {source}", file.escape_default())]
    Staged {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store refuses, or what it holds is not there.
    #[error("the store cannot {action} {object}: {source}")]
    Store {
        /// What was tried.
        action: &'static str,
        /// On which object.
        object: String,
        /// What the store says.
        source: object_store::Error,
    },
    /// Another pouch is kept under the same number.
    #[error("the vault keeps another pouch {id}")]
    Conflict {
        /// The number.
        id: PouchId,
    },
    /// No such pouch.
    #[error("the vault keeps no pouch {id}")]
    Missing {
        /// The number.
        id: PouchId,
    },
    /// A file of another size than it must have.
    #[error("{object} has {found} bytes in the vault, not {stated}")]
    Size {
        /// The object.
        object: String,
        /// Bytes found.
        found: u64,
        /// Bytes that it must have, or at most may have.
        stated: u64,
    },
    /// A kept manifest that is none, or of another pouch.
    #[error("the kept manifest of {id} is damaged: {source}")]
    Manifest {
        /// The number.
        id: PouchId,
        /// What is wrong.
        source: ManifestError,
    },
    /// A kept manifest that says it is another pouch's.
    #[error("the vault keeps the manifest of {found} in place of that of {id}")]
    Misplaced {
        /// The place.
        id: PouchId,
        /// What the manifest says.
        found: PouchId,
    },
}
