//! Composite signatures: both halves made by the token, both verified in software before anything is handed out.

use super::Half;
use crate::{
    OpenPgpKey,
    public::PublicKey,
    session::{Operation, count},
    signer::{SignError, mechanism},
    uri::Uri,
};
use openssl::{
    pkey::{Id, PKey},
    sign::Verifier,
};
use sequoia_openpgp::{
    crypto::{Signer, mpi},
    types::HashAlgorithm,
};
use std::fmt;

/// RFC 9980 section 5.2.1 demands 256 bits; others would only be one more thing to be wrong.
const HASHES: [HashAlgorithm; 3] = [HashAlgorithm::SHA256, HashAlgorithm::SHA384, HashAlgorithm::SHA512];

/// Signs with ML-DSA-65+Ed25519. Both halves sign the same digest.
#[derive(Clone)]
pub struct CompositeSigner {
    eddsa: Half,
    mldsa: Half,
    public: OpenPgpKey,
}

impl CompositeSigner {
    pub(super) fn new(eddsa: Half, mldsa: Half, public: OpenPgpKey) -> Self {
        Self { eddsa, mldsa, public }
    }

    /// The halves on their tokens, with all names they have: Ed25519, ML-DSA-65.
    pub fn uris(&self) -> [&Uri; 2] {
        [&self.eddsa.key.uri, &self.mldsa.key.uri]
    }

    /// What [`Signer::sign`] does, with this crate's error type.
    ///
    /// # Errors
    /// [`SignError`]; no token was asked when hash or digest are wrong, and nothing is handed out of one good half.
    pub fn try_sign(&self, hash: HashAlgorithm, digest: &[u8]) -> Result<mpi::Signature, SignError> {
        let refused = || SignError::Hash { hash, key: self.public.pk_algo().to_string() };
        if !HASHES.contains(&hash) {
            return Err(refused());
        }
        let expected = hash.digest_size().map_err(|_| refused())?;
        if digest.len() != expected {
            return Err(SignError::DigestLength { hash, expected, actual: digest.len() });
        }
        let (eddsa, mldsa) = (sign_half(&self.eddsa, digest)?, sign_half(&self.mldsa, digest)?);
        let good_eddsa = ed25519_verifies(&self.eddsa.material, digest, eddsa.as_slice());
        let signature = mpi::Signature::MLDSA65_Ed25519 { eddsa, mldsa };
        self.public.verify(&signature, hash, digest).map_err(|_| SignError::SignatureDoesNotVerify {
            // Together they say only that one of them is wrong; the operator needs to know which key.
            key: if good_eddsa { &self.mldsa } else { &self.eddsa }.key.uri.clone(),
            fingerprint: self.public.fingerprint().to_hex(),
        })?;
        Ok(signature)
    }
}

/// Asks the token of one half for a signature of exactly `N` bytes.
fn sign_half<const N: usize>(half: &Half, digest: &[u8]) -> Result<Box<[u8; N]>, SignError> {
    count(Operation::Sign);
    let (handle, material, input) = (half.key.handle, half.material.clone(), digest.to_vec());
    let raw = half
        .operate("signing", move |session| session.sign(&mechanism(&material), handle, &input))
        .map_err(|source| SignError::Device { key: half.key.uri.clone(), source })?;
    let actual = raw.len();
    Box::try_from(raw).map_err(|_| SignError::SignatureLength { key: half.key.uri.clone(), expected: N, actual })
}

fn ed25519_verifies(material: &PublicKey, digest: &[u8], signature: &[u8]) -> bool {
    let PublicKey::Ed25519(public) = material else { return false };
    let verify = || {
        let key = PKey::public_key_from_raw_bytes(public, Id::ED25519)?;
        Verifier::new_without_digest(&key)?.verify_oneshot(signature, digest)
    };
    verify().unwrap_or(false)
}

impl Signer for CompositeSigner {
    fn public(&self) -> &OpenPgpKey {
        &self.public
    }

    fn acceptable_hashes(&self) -> &[HashAlgorithm] {
        &HASHES
    }

    fn sign(&mut self, hash_algo: HashAlgorithm, digest: &[u8]) -> sequoia_openpgp::Result<mpi::Signature> {
        Ok(self.try_sign(hash_algo, digest)?)
    }
}

impl fmt::Debug for CompositeSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [eddsa, mldsa] = self.uris();
        write!(f, "CompositeSigner({eddsa}, {mldsa})")
    }
}
