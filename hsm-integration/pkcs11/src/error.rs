//! What a caller needs to tell a human about a failure: an id, a kind for the exit code, a next step.
//!
//! Every verb of this crate has its own error enum. All of them implement [`Explain`], also when they
//! come back out of sequoia inside an `anyhow::Error` (downcast to [`SignError`] or [`DecryptError`]).

use crate::{
    backup::BackupError,
    certificate::CertificateError,
    decryptor::DecryptError,
    destroy::DestroyError,
    generate::GenerateError,
    holder::HolderError,
    key::KeyError,
    offer::OfferError,
    open::OpenError,
    pin::{LoginError, PinError},
    signer::SignError,
    uri::UriError,
};

/// The sort of a failure, with one exit code each (sysexits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What was asked for makes no sense: exit code 64.
    Usage,
    /// The data are bad: exit code 65.
    Data,
    /// Something named does not exist: exit code 66.
    Missing,
    /// The module, token or device is not there or broke: exit code 69.
    Unavailable,
    /// The token contradicts itself: exit code 70.
    Software,
    /// Refused by a rule of this crate or by the token: exit code 77.
    Refused,
    /// Configuration: exit code 78.
    Configuration,
}

impl Kind {
    /// The exit code of sysexits.h.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 64,
            Self::Data => 65,
            Self::Missing => 66,
            Self::Unavailable => 69,
            Self::Software => 70,
            Self::Refused => 77,
            Self::Configuration => 78,
        }
    }
}

/// How to report a failure. The message itself is the error's `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Stable word for logs and `error[...]`, such as `HSM-PIN-INCORRECT`.
    pub id: &'static str,
    /// The sort of failure, which gives the exit code.
    pub kind: Kind,
    /// The next step, one line, without a trailing full stop.
    pub hint: String,
}

impl Explanation {
    pub(crate) fn new(id: &'static str, kind: Kind, hint: impl Into<String>) -> Self {
        Self { id, kind, hint: hint.into() }
    }
}

/// Implemented by every error of this crate.
pub trait Explain: std::error::Error {
    /// Id, kind and next step.
    fn explain(&self) -> Explanation;
}

/// Any failure of this crate, for callers that treat them alike.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The URI cannot be understood.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// The module or token was not found.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No login.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The key was not found or is not acceptable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nobody holds the key so.
    #[error(transparent)]
    Holder(#[from] HolderError),
    /// No signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// No decryption.
    #[error(transparent)]
    Decrypt(#[from] DecryptError),
    /// No new token or key.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The token does not offer what is asked.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// No new PIN.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A key was not destroyed.
    #[error(transparent)]
    Destroy(#[from] DestroyError),
    /// No backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// No certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Uri(e) => e.explain(),
            Self::Open(e) => e.explain(),
            Self::Login(e) => e.explain(),
            Self::Key(e) => e.explain(),
            Self::Holder(e) => e.explain(),
            Self::Sign(e) => e.explain(),
            Self::Decrypt(e) => e.explain(),
            Self::Generate(e) => e.explain(),
            Self::Offer(e) => e.explain(),
            Self::Pin(e) => e.explain(),
            Self::Destroy(e) => e.explain(),
            Self::Backup(e) => e.explain(),
            Self::Certificate(e) => e.explain(),
        }
    }
}
