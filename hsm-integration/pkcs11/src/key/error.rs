//! Why a key of a token is not used.

use super::{RSA_BITS, Usage};
use crate::{
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    generate::Algorithm,
    open::list_uris,
    public::PublicKey,
    uri::{ObjectType, Uri},
};

/// Why a key is not used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyError {
    /// The URI asks for something that is no private key.
    #[error("{uri} names an object of type {}, a private key is needed", kind.as_str())]
    NotPrivate {
        /// As given.
        uri: Uri,
        /// Its `type`.
        kind: ObjectType,
    },
    /// Neither label nor id.
    #[error("{uri} names a token but no key")]
    NoName {
        /// As given.
        uri: Uri,
    },
    /// No object matches.
    #[error("no private key matches {wanted} on token {token}")]
    NotFound {
        /// As given.
        wanted: Uri,
        /// The token looked at.
        token: Uri,
    },
    /// No object of this algorithm matches, of which a composite key needs one.
    #[error("no private {algorithm} key matches {wanted} on token {token}")]
    NoHalf {
        /// As given.
        wanted: Uri,
        /// The token looked at.
        token: Uri,
        /// What is missing.
        algorithm: Algorithm,
    },
    /// Several objects match.
    #[error("{} keys match {wanted}: {}", found.len(), list_uris(found))]
    TwoKeys {
        /// As given.
        wanted: Uri,
        /// All that match.
        found: Vec<Uri>,
    },
    /// The token was asked for one key and shows another: its module has mixed up its objects.
    #[error("asked for {wanted}, token shows {shown}")]
    MixedUp {
        /// As given.
        wanted: Uri,
        /// What the object found says of itself.
        shown: Uri,
    },
    /// The key can leave the token.
    #[error("private key {key} is not confined to the token: {attribute} is {state}")]
    Exportable {
        /// The key.
        key: Uri,
        /// `CKA_SENSITIVE` or `CKA_EXTRACTABLE`.
        attribute: &'static str,
        /// What the token says.
        state: &'static str,
    },
    /// The key's attributes forbid the use.
    #[error("private key {key} is not allowed for {usage}")]
    Usage {
        /// The key.
        key: Uri,
        /// The use wanted.
        usage: Usage,
    },
    /// The key wants a PIN for every use.
    #[error("private key {key} wants the PIN for every single use (CKA_ALWAYS_AUTHENTICATE)")]
    AlwaysAuthenticate {
        /// The key.
        key: Uri,
    },
    /// The key is of another algorithm than the certificate's key.
    #[error("key {key} is of type {actual}, the certificate has {wanted}")]
    Type {
        /// The key.
        key: Uri,
        /// What the token says.
        actual: String,
        /// What the certificate says.
        wanted: String,
    },
    /// An algorithm that this crate cannot use with a token.
    #[error("{key} has an algorithm that cannot be used with a token here: {algorithm}")]
    Unsupported {
        /// The key, by URI or fingerprint.
        key: String,
        /// The algorithm.
        algorithm: String,
    },
    /// An RSA key too short or too long.
    #[error("RSA key {key} has {bits} bits, accepted are {} to {}", RSA_BITS.start(), RSA_BITS.end())]
    RsaBits {
        /// The key, by URI or fingerprint.
        key: String,
        /// Bits of its modulus.
        bits: usize,
    },
    /// The public half on the token is another key than the certificate's.
    #[error("the token holds {token}, but certificate key {fingerprint} is {certificate}")]
    NotTheCertificateKey {
        /// Public half on the token.
        token: PublicKey,
        /// Fingerprint of the certificate key.
        fingerprint: String,
        /// Public material in the certificate, or its algorithm when no token could hold it.
        certificate: String,
    },
    /// The token keeps no public half of the key.
    #[error("token shows no public half of private key {key}")]
    NoPublicHalf {
        /// The key.
        key: Uri,
    },
    /// The token's object cannot be understood.
    #[error("key {key} has a malformed {attribute}")]
    Malformed {
        /// The key.
        key: Uri,
        /// The attribute.
        attribute: &'static str,
    },
    /// The token failed.
    #[error("token: {0}")]
    Device(#[from] DeviceError),
}

impl From<cryptoki::error::Error> for KeyError {
    fn from(error: cryptoki::error::Error) -> Self {
        Self::Device(error.into())
    }
}

impl Explain for KeyError {
    fn explain(&self) -> Explanation {
        let (id, kind, hint) = match self {
            Self::Device(source) => return source.explain(),
            Self::NotPrivate { .. } | Self::NoName { .. } => {
                ("HSM-KEY-URI", Kind::Usage, "name the key with object=LABEL or id=%01 in the key URI")
            }
            Self::NotFound { .. } => {
                ("HSM-KEY-MISSING", Kind::Missing, "list the token's keys and correct object or id in the key URI")
            }
            Self::NoHalf { .. } => (
                "HSM-KEY-MISSING",
                Kind::Missing,
                "both halves of a composite key have the same label and id; if the other half is in another token, which is \
                 weaker, name it with `key_pq` and write `accept_split_key = true`",
            ),
            Self::TwoKeys { .. } => {
                ("HSM-TWO-KEYS", Kind::Refused, "add id=... to the key URI, or remove the key that is not wanted")
            }
            Self::MixedUp { .. } => (
                "HSM-KEY-MIXED-UP",
                Kind::Unavailable,
                "the key was not used; end this program and start it again, the module may have lost count of its objects",
            ),
            Self::Exportable { .. } => (
                "HSM-KEY-EXPORTABLE",
                Kind::Refused,
                "make a new key inside the token with CKA_SENSITIVE true and CKA_EXTRACTABLE false",
            ),
            Self::Usage { .. } => ("HSM-KEY-USE", Kind::Refused, "use the key that was made for this purpose"),
            Self::AlwaysAuthenticate { .. } => {
                ("HSM-KEY-ALWAYS-PIN", Kind::Refused, "make a key that the login of the session is enough for")
            }
            Self::Type { .. } | Self::NotTheCertificateKey { .. } => (
                "HSM-KEY-MISMATCH",
                Kind::Refused,
                "check that certificate and key URI belong together, and that the right token is inserted",
            ),
            Self::Unsupported { .. } => (
                "HSM-KEY-ALGORITHM",
                Kind::Refused,
                "use RSA, P-256, P-384, Ed25519 or ML-DSA-65+Ed25519 for signing, and RSA, P-256, P-384, X25519 or \
                 ML-KEM-768+X25519 for encryption",
            ),
            Self::RsaBits { .. } => ("HSM-RSA-BITS", Kind::Refused, "make an RSA key of 3072 or 4096 bits"),
            Self::NoPublicHalf { .. } => (
                "HSM-NO-PUBLIC",
                Kind::Missing,
                "write the public half beside the private key, with the same id and label",
            ),
            Self::Malformed { .. } => {
                ("HSM-KEY-MALFORMED", Kind::Software, "the token's key object is damaged or of an unknown form")
            }
        };
        Explanation::new(id, kind, hint)
    }
}
