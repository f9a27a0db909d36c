//! Why there is no token or key.

use crate::{
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    key::KeyError,
    offer::OfferError,
    open::{OpenError, list_uris},
    pin::LoginError,
    uri::Uri,
};

/// Why no token or key was made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GenerateError {
    /// An unknown algorithm.
    #[error("unknown algorithm {name:?}")]
    Algorithm {
        /// As given.
        name: String,
    },
    /// Label or id is empty, too long, or has control characters.
    #[error("{what} has {actual} bytes; it must have 1 to {limit} and no control characters")]
    Name {
        /// Which name.
        what: &'static str,
        /// Bytes given.
        actual: usize,
        /// Bytes accepted.
        limit: usize,
    },
    /// A token of this label exists.
    #[error("token {token} exists already")]
    TokenExists {
        /// The token.
        token: Uri,
    },
    /// No slot with an empty token.
    #[error("module {module} has no slot with an uninitialised token")]
    NoFreeSlot {
        /// Path of the module.
        module: String,
    },
    /// Several slots with empty tokens.
    #[error("{} uninitialised tokens match: {}", found.len(), list_uris(found))]
    TwoFreeSlots {
        /// All that match, with their slots.
        found: Vec<Uri>,
    },
    /// The module does not erase tokens.
    #[error("token {token} was not erased, its module does not do that: {source}")]
    NoReset {
        /// The token.
        token: Uri,
        /// The call that failed.
        source: DeviceError,
    },
    /// The token says that all went well, but it is not what it should be.
    #[error("token {token} is not as it should be after its initialisation: {what}")]
    NotInitialised {
        /// The token.
        token: Uri,
        /// What is seen.
        what: String,
    },
    /// A key of this label or id exists.
    #[error("token {token} has an object with this {what} already")]
    KeyExists {
        /// The token.
        token: Uri,
        /// `label` or `id`.
        what: &'static str,
    },
    /// The token made something else than was asked for.
    #[error("the new key {key} is not what was asked for: {what}")]
    NotAsAsked {
        /// The key.
        key: Uri,
        /// The difference.
        what: &'static str,
    },
    /// The token does not offer this algorithm.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The new key cannot be read back or is not acceptable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A PIN does not fit the token, or must not be tried.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Module or token not found.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The token failed.
    #[error("token: {0}")]
    Device(#[from] DeviceError),
}

impl From<cryptoki::error::Error> for GenerateError {
    fn from(error: cryptoki::error::Error) -> Self {
        Self::Device(error.into())
    }
}

impl Explain for GenerateError {
    fn explain(&self) -> Explanation {
        let (id, kind, hint) = match self {
            Self::Key(error) => return error.explain(),
            Self::Open(error) => return error.explain(),
            Self::Login(error) => return error.explain(),
            Self::Offer(error) => return error.explain(),
            Self::Device(error) => return error.explain(),
            Self::Algorithm { .. } => {
                ("HSM-ALGORITHM", Kind::Usage, "use rsa3072, rsa4096, p256, p384, ed25519, x25519, mldsa65 or mlkem768")
            }
            Self::Name { .. } => ("HSM-NAME", Kind::Usage, "choose a shorter name; the token would cut it silently"),
            Self::TokenExists { .. } => (
                "HSM-TOKEN-EXISTS",
                Kind::Refused,
                "nothing was changed; use another label, or ask for a reset of that token",
            ),
            Self::NoFreeSlot { .. } => ("HSM-NO-SLOT", Kind::Unavailable, "insert an empty token"),
            Self::TwoFreeSlots { .. } => {
                ("HSM-TWO-TOKENS", Kind::Refused, "nothing was changed; name the slot with slot-id=... in the URI")
            }
            Self::NoReset { .. } => (
                "HSM-NO-RESET",
                Kind::Refused,
                "nothing was changed; erase the token with its maker's tool, then initialise it",
            ),
            Self::NotInitialised { .. } => (
                "HSM-NOT-INITIALISED",
                Kind::Refused,
                "do not use this token; its maker has to explain what is left on it",
            ),
            Self::KeyExists { .. } => {
                ("HSM-KEY-EXISTS", Kind::Refused, "nothing was changed; choose another label and id")
            }
            Self::NotAsAsked { .. } => {
                ("HSM-KEY-CHANGED", Kind::Refused, "remove the new key and look at the token's policy")
            }
        };
        Explanation::new(id, kind, hint)
    }
}
