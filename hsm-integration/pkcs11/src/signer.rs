//! Signatures made by a token, each verified in software before it is handed out.

mod each_time;

pub use each_time::SharedPrompt;

use crate::{
    OpenPgpKey,
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    key::{self, KeyError, PrivateKey, Usage},
    pin::LoginError,
    public::PublicKey,
    session::{LoggedIn, Operation, Shared, count},
    uri::Uri,
};
use cryptoki::mechanism::{
    Mechanism,
    dsa::{HedgeType, SignAdditionalContext},
    eddsa::{EddsaParams, EddsaSignatureScheme},
};
use each_time::EachTime;
use sequoia_openpgp::{
    crypto::{
        Signer,
        mpi::{self, MPI},
    },
    types::{HashAlgorithm, PublicKeyAlgorithm},
};
use std::{fmt, sync::Arc};

/// Why there is no signature. Comes out of sequoia inside an `anyhow::Error`: downcast to this type.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignError {
    /// A hash that is too weak for the key or for signatures at all.
    #[error("hash {hash} is not accepted for signatures with a {key} key")]
    Hash {
        /// Hash asked for.
        hash: HashAlgorithm,
        /// Algorithm of the key.
        key: String,
    },
    /// The digest is not one of this hash.
    #[error("a {hash} digest has {expected} bytes, not {actual}")]
    DigestLength {
        /// Hash asked for.
        hash: HashAlgorithm,
        /// Bytes that it has.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// The token's answer has the wrong length.
    #[error("token key {key} made a signature of {actual} bytes, expected {expected}")]
    SignatureLength {
        /// The key.
        key: Uri,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes received.
        actual: usize,
    },
    /// The signature is wrong: it is thrown away.
    #[error("the signature of token key {key} does not verify with certificate key {fingerprint}")]
    SignatureDoesNotVerify {
        /// The key.
        key: Uri,
        /// Fingerprint of the certificate key.
        fingerprint: String,
    },
    /// The PIN for this one signature was not asked for, not given, or must not be tried.
    #[error(transparent)]
    Pin(#[from] LoginError),
    /// The key wants its PIN between beginning and end of a signature, and the token does not take signatures in parts.
    #[error(
        "token key {key} wants the PIN for every signature, in a way that cannot be reached with this token: {source}"
    )]
    NotInParts {
        /// The key.
        key: Uri,
        /// The call that failed.
        source: DeviceError,
    },
    /// The token failed.
    #[error("signing with token key {key}: {source}")]
    Device {
        /// The key.
        key: Uri,
        /// The call that failed.
        source: DeviceError,
    },
}

impl Explain for SignError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Device { source, .. } => source.explain(),
            Self::Pin(error) => error.explain(),
            Self::NotInParts { .. } => Explanation::new(
                "HSM-KEY-ALWAYS-PIN",
                Kind::Refused,
                "nothing was signed; make a key that the login of the session is enough for",
            ),
            Self::Hash { .. } | Self::DigestLength { .. } => {
                Explanation::new("HSM-HASH", Kind::Usage, "sign with SHA-256, SHA-384 or SHA-512")
            }
            Self::SignatureLength { .. } | Self::SignatureDoesNotVerify { .. } => Explanation::new(
                "HSM-SIGNATURE-WRONG",
                Kind::Unavailable,
                "nothing was handed out; do not use this token until its maker explains the wrong signature",
            ),
        }
    }
}

/// Signs with one private key of a token.
#[derive(Clone)]
pub struct TokenSigner {
    shared: Arc<Shared>,
    key: PrivateKey,
    material: PublicKey,
    public: OpenPgpKey,
    each_time: Option<EachTime>,
}

impl TokenSigner {
    pub(crate) fn new(
        logged_in: &LoggedIn,
        uri: &Uri,
        certificate_key: &OpenPgpKey,
        prompt: Option<SharedPrompt>,
    ) -> Result<Self, KeyError> {
        let material = key::material(certificate_key)?;
        if !certificate_key.pk_algo().for_signing() {
            return Err(KeyError::Unsupported {
                key: certificate_key.fingerprint().to_hex(),
                algorithm: certificate_key.pk_algo().to_string(),
            });
        }
        let shared = Arc::clone(&logged_in.shared);
        let (wanted, certificate, asks) = (uri.clone(), certificate_key.clone(), prompt.is_some());
        let (key, each_time) = shared.look("looking for the key", move |session, token| {
            if !asks {
                return Ok((key::bind(session, token, &wanted, &certificate, Usage::Sign)?, false));
            }
            let key = key::bind_asking(session, token, &wanted, &certificate, Usage::Sign)?;
            let each_time = key.wants_pin_each_time(session)?;
            Ok::<_, KeyError>((key, each_time))
        })?;
        let each_time = prompt.filter(|_| each_time).map(EachTime);
        Ok(Self { shared, key, material, public: certificate_key.clone(), each_time })
    }

    /// The key on the token, with all names it has.
    pub fn uri(&self) -> &Uri {
        &self.key.uri
    }

    fn hashes(&self) -> &'static [HashAlgorithm] {
        match self.material {
            // A shorter digest would be the weakest part (RFC 9580 section 5.2.3.1.2 and FIPS 186).
            PublicKey::P384(_) => &[HashAlgorithm::SHA384, HashAlgorithm::SHA512],
            _ => &[HashAlgorithm::SHA256, HashAlgorithm::SHA384, HashAlgorithm::SHA512],
        }
    }

    /// What [`Signer::sign`] does, with this crate's error type.
    ///
    /// # Errors
    /// [`SignError`]; the token was not asked when hash or digest are wrong.
    pub fn try_sign(&self, hash: HashAlgorithm, digest: &[u8]) -> Result<mpi::Signature, SignError> {
        let refused = || SignError::Hash { hash, key: self.material.algorithm() };
        if !self.hashes().contains(&hash) {
            return Err(refused());
        }
        let expected = hash.digest_size().map_err(|_| refused())?;
        if digest.len() != expected {
            return Err(SignError::DigestLength { hash, expected, actual: digest.len() });
        }
        let input = match &self.material {
            PublicKey::Rsa { .. } => digest_info(hash, digest).ok_or_else(refused)?,
            PublicKey::P256(_) => leftmost(digest, 32),
            PublicKey::P384(_) => leftmost(digest, 48),
            _ => digest.to_vec(),
        };
        let raw = match &self.each_time {
            None => self.ask(&input)?,
            Some(each_time) => each_time.ask(self, &input)?,
        };
        let verified = self.to_mpis(&raw).and_then(|signature| self.verified(signature, hash, digest));
        if verified.is_err() {
            self.shared.distrust();
        }
        verified
    }

    /// The token's bytes, when the login of the session is enough.
    fn ask(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        count(Operation::Sign);
        let (handle, material, input) = (self.key.handle, self.material.clone(), input.to_vec());
        let signed = self.shared.operate("signing", move |session| session.sign(&mechanism(&material), handle, &input));
        signed.map_err(|source| SignError::Device { key: self.key.uri.clone(), source })
    }

    fn verified(&self, made: mpi::Signature, hash: HashAlgorithm, digest: &[u8]) -> Result<mpi::Signature, SignError> {
        match self.public.verify(&made, hash, digest) {
            Ok(()) => Ok(made),
            Err(_) => Err(SignError::SignatureDoesNotVerify {
                key: self.key.uri.clone(),
                fingerprint: self.public.fingerprint().to_hex(),
            }),
        }
    }

    /// The token's bytes as the numbers that OpenPGP writes.
    fn to_mpis(&self, raw: &[u8]) -> Result<mpi::Signature, SignError> {
        let expected = match &self.material {
            PublicKey::Rsa { n, .. } => n.len(),
            PublicKey::P384(_) => 96,
            _ => 64,
        };
        let wrong = || SignError::SignatureLength { key: self.key.uri.clone(), expected, actual: raw.len() };
        if raw.len() != expected {
            return Err(wrong());
        }
        let (r, s) = raw.split_at_checked(expected / 2).ok_or_else(wrong)?;
        let (r, s) = (MPI::new(r), MPI::new(s));
        match (&self.material, self.public.pk_algo()) {
            (PublicKey::Rsa { .. }, _) => Ok(mpi::Signature::RSA { s: MPI::new(raw) }),
            (PublicKey::P256(_) | PublicKey::P384(_), _) => Ok(mpi::Signature::ECDSA { r, s }),
            (_, PublicKeyAlgorithm::Ed25519) => {
                Ok(mpi::Signature::Ed25519 { s: Box::new(raw.try_into().map_err(|_| wrong())?) })
            }
            _ => Ok(mpi::Signature::EdDSA { r, s }),
        }
    }
}

impl Signer for TokenSigner {
    fn public(&self) -> &OpenPgpKey {
        &self.public
    }

    fn acceptable_hashes(&self) -> &[HashAlgorithm] {
        self.hashes()
    }

    fn sign(&mut self, hash_algo: HashAlgorithm, digest: &[u8]) -> sequoia_openpgp::Result<mpi::Signature> {
        Ok(self.try_sign(hash_algo, digest)?)
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSigner({})", self.key.uri)
    }
}

/// Keys that do not sign have no mechanism of their own here: no signer is bound to one.
pub(crate) fn mechanism(material: &PublicKey) -> Mechanism<'static> {
    match material {
        PublicKey::Rsa { .. } => Mechanism::RsaPkcs,
        PublicKey::P256(_) | PublicKey::P384(_) => Mechanism::Ecdsa,
        // Pure ML-DSA with an empty context (RFC 9980 section 5.2), hedged as the token prefers.
        PublicKey::MlDsa65(_) => Mechanism::MlDsa(SignAdditionalContext::new(HedgeType::Preferred, None)),
        PublicKey::Ed25519(_) | PublicKey::X25519(_) | PublicKey::MlKem768(_) => {
            Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519))
        }
    }
}

/// ECDSA uses as many leading bits of the digest as the group order has (FIPS 186-5 section 6.4.1). Some
/// tokens cut by themselves, others refuse a longer input.
fn leftmost(digest: &[u8], length: usize) -> Vec<u8> {
    digest.iter().copied().take(length).collect()
}

/// The DER `DigestInfo` of RFC 8017 section 9.2, note 1: `CKM_RSA_PKCS` only adds the padding.
fn digest_info(hash: HashAlgorithm, digest: &[u8]) -> Option<Vec<u8>> {
    // Arc 2.16.840.1.101.3.4.2.x, the last number, and the digest's length.
    let (number, length) = match hash {
        HashAlgorithm::SHA256 => (1, 32),
        HashAlgorithm::SHA384 => (2, 48),
        HashAlgorithm::SHA512 => (3, 64),
        _ => return None,
    };
    let mut out = vec![0x30, 17 + length, 0x30, 13, 0x06, 9];
    out.extend([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, number]);
    out.extend([0x05, 0, 0x04, length]);
    out.extend(digest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_info_agrees_with_sequoias_prefixes() {
        for hash in [HashAlgorithm::SHA256, HashAlgorithm::SHA384, HashAlgorithm::SHA512] {
            let digest = vec![7; hash.digest_size().unwrap()];
            let expected = [hash.oid().unwrap(), &digest].concat();
            assert_eq!(digest_info(hash, &digest), Some(expected), "{hash}");
        }
        assert_eq!(digest_info(HashAlgorithm::SHA1, &[0; 20]), None);
    }

    #[test]
    fn a_signer_can_move_to_a_worker() {
        fn is_send<T: Send + Sync>() {}
        is_send::<TokenSigner>();
        is_send::<crate::TokenDecryptor>();
        is_send::<LoggedIn>();
    }
}
