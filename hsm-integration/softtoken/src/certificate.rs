//! What a demonstration certificate should say.

use openpgp_pkcs11::{KeyVersion, Uri};
use std::time::{Duration, SystemTime};

/// What a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// One key that certifies and signs: those who seal.
    Signing,
    /// A primary key that certifies and a subkey that opens: those who receive.
    Embassy {
        /// The encryption key.
        subkey: Uri,
    },
}

/// That the keys are composite keys of profile pqc, and where their post-quantum halves are if not beside the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostQuantum {
    /// Of the primary key, in a second token.
    pub primary: Option<Uri>,
    /// Of the encryption key, in a second token.
    pub subkey: Option<Uri>,
}

/// A certificate to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What for.
    pub role: Role,
    /// v6 unless changed.
    pub version: KeyVersion,
    /// The primary key.
    pub primary: Uri,
    /// Whether the keys are composite keys; not unless changed.
    pub post_quantum: Option<PostQuantum>,
    /// User id; `DEMO ` is put before it unless it says so already.
    pub user_id: String,
    /// Creation time in whole seconds: fingerprints follow from it.
    pub created: SystemTime,
    /// How long the keys are valid after their creation; for ever unless given.
    pub validity: Option<Duration>,
}

impl Certificate {
    /// A v6 certificate created now.
    pub fn new(role: Role, primary: Uri, user_id: &str) -> Self {
        Self {
            role,
            version: KeyVersion::V6,
            primary,
            post_quantum: None,
            user_id: user_id.to_owned(),
            created: SystemTime::now(),
            validity: None,
        }
    }

    /// The user id with the mark that no reader can miss.
    pub fn marked_user_id(&self) -> String {
        if self.user_id.contains("DEMO") { self.user_id.clone() } else { format!("DEMO {}", self.user_id) }
    }
}
