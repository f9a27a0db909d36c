//! Why there is no certificate.

use crate::{
    composite::Composite,
    error::{Explain, Explanation, Kind},
    key::KeyError,
    public::PublicKey,
    signer::SignError,
};

/// Longest user id and longest text of a revocation, in bytes.
pub(super) const MAX_TEXT: usize = 255;

/// Why there is no certificate, or no change of one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CertificateError {
    /// The user id is empty, too long, or has control characters.
    #[error("user id has {actual} bytes; it must have 1 to {} and no control characters", MAX_TEXT)]
    UserId {
        /// Bytes given.
        actual: usize,
    },
    /// The text of a revocation is too long or has control characters.
    #[error(
        "the reason for a revocation has {actual} bytes; it must have at most {} and no control characters",
        MAX_TEXT
    )]
    ReasonText {
        /// Bytes given.
        actual: usize,
    },
    /// The creation time does not fit the 32 bits of OpenPGP, or the key cannot do this job.
    #[error("{public} cannot be {purpose} of a certificate with this creation time")]
    Purpose {
        /// The key.
        public: PublicKey,
        /// What it should be.
        purpose: &'static str,
    },
    /// The same key twice.
    #[error("key {key} is in the certificate already")]
    SameKey {
        /// The key, so far as it can be named.
        key: String,
    },
    /// A composite key in a certificate of version 4, or with a creation time that does not fit 32 bits.
    #[error("{composite} keys are of version 6 only, with a creation time from 1970 to 2106")]
    CompositeVersion {
        /// The algorithm.
        composite: Composite,
    },
    /// Something was to be said of a certificate at a time before it was made.
    #[error("certificate {fingerprint} was made later than the time given")]
    TooEarly {
        /// The certificate.
        fingerprint: String,
    },
    /// The end of the validity is not after its beginning.
    #[error("the validity of key {fingerprint} would end before it begins")]
    EndsBeforeItBegins {
        /// The key.
        fingerprint: String,
    },
    /// The certificate is revoked: a newer self-signature could make it valid again.
    #[error("certificate {fingerprint} is revoked")]
    Revoked {
        /// The certificate.
        fingerprint: String,
    },
    /// The certificate has no such key.
    #[error("certificate {fingerprint} has no subkey {subkey} that is bound to it and not revoked")]
    NoSubkey {
        /// The certificate.
        fingerprint: String,
        /// The subkey looked for.
        subkey: String,
    },
    /// The certificate has no such user id.
    #[error("certificate {fingerprint} has no valid user id of these words at the time given")]
    NoUserId {
        /// The certificate.
        fingerprint: String,
    },
    /// The key is not acceptable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The token did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Sequoia refused to build it.
    #[error("the certificate cannot be built: {reason}")]
    Build {
        /// Words of sequoia.
        reason: String,
    },
}

impl Explain for CertificateError {
    fn explain(&self) -> Explanation {
        let (id, kind, hint) = match self {
            Self::Key(error) => return error.explain(),
            Self::Sign(error) => return error.explain(),
            Self::UserId { .. } => {
                ("CERT-USER-ID", Kind::Usage, "give a name such as \"Registry home <home@example.org>\"")
            }
            Self::ReasonText { .. } => ("CERT-REASON", Kind::Usage, "say in one line why, without secrets"),
            Self::Purpose { .. } => (
                "CERT-PURPOSE",
                Kind::Usage,
                "sign with RSA, P-256, P-384 or Ed25519, encrypt to RSA, P-256, P-384 or X25519, between 1970 and 2106",
            ),
            Self::CompositeVersion { .. } => ("CERT-PURPOSE", Kind::Usage, "make a certificate of version 6"),
            Self::SameKey { .. } => ("CERT-SAME-KEY", Kind::Refused, "make another key for this"),
            Self::TooEarly { .. } | Self::EndsBeforeItBegins { .. } => {
                ("CERT-TIME", Kind::Usage, "look at the clock and at the times in the plan")
            }
            Self::Revoked { .. } => ("CERT-REVOKED", Kind::Refused, "make a new certificate"),
            Self::NoSubkey { .. } => ("CERT-NO-SUBKEY", Kind::Missing, "name the subkey by its fingerprint"),
            Self::NoUserId { .. } => ("CERT-NO-USER-ID", Kind::Missing, "compare the user id, letter by letter"),
            Self::Build { .. } => ("CERT-BUILD", Kind::Software, "look at the creation time and the validity"),
        };
        Explanation::new(id, kind, hint)
    }
}

impl From<sequoia_openpgp::anyhow::Error> for CertificateError {
    fn from(error: sequoia_openpgp::anyhow::Error) -> Self {
        match error.downcast::<SignError>() {
            Ok(error) => Self::Sign(error),
            Err(error) => Self::Build { reason: error.to_string() },
        }
    }
}
