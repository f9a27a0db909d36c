//! Composite decryption: both shares by the token, one wrapping key from both, the session key unwrapped here.

use super::Half;
use crate::{
    OpenPgpKey,
    decryptor::{
        DecryptError, derive,
        host::{assert_wrapped, assert_x25519},
        take,
    },
    device::DeviceError,
    public::PublicKey,
    session::{Operation, count},
    uri::Uri,
};
use cryptoki::{
    mechanism::Mechanism,
    object::{Attribute, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use openssl::{error::ErrorStack, md::Md, md_ctx::MdCtx};
use sequoia_openpgp::{
    crypto::{Decryptor, SessionKey, ecdh, mem::Protected, mpi::Ciphertext},
    types::{PublicKeyAlgorithm, SymmetricAlgorithm},
};
use std::fmt;

/// Bytes of either share.
const SHARE: usize = 32;

/// Opens session keys with ML-KEM-768+X25519.
#[derive(Clone)]
pub struct CompositeDecryptor {
    ecdh: Half,
    mlkem: Half,
    public: OpenPgpKey,
    failure: Option<DecryptError>,
}

impl CompositeDecryptor {
    pub(super) fn new(ecdh: Half, mlkem: Half, public: OpenPgpKey) -> Self {
        Self { ecdh, mlkem, public, failure: None }
    }

    /// The halves on their tokens, with all names they have: X25519, ML-KEM-768.
    pub fn uris(&self) -> [&Uri; 2] {
        [&self.ecdh.key.uri, &self.mlkem.key.uri]
    }

    /// Why the last [`Decryptor::decrypt`] failed; forgotten by asking and by the next success.
    pub fn take_failure(&mut self) -> Option<DecryptError> {
        self.failure.take()
    }

    /// What [`Decryptor::decrypt`] does, with this crate's error type (RFC 9980 section 4.2.1).
    ///
    /// # Errors
    /// [`DecryptError`]; no token was asked when the ciphertext cannot be one for this key. A ciphertext of ML-KEM that is
    /// not for this key gives some other secret (FIPS 203 section 6.3), so it shows only when the session key is unwrapped.
    pub fn try_decrypt(&self, ciphertext: &Ciphertext) -> Result<SessionKey, DecryptError> {
        let (Ciphertext::MLKEM768_X25519 { ecdh, mlkem, esk }, PublicKey::X25519(own)) =
            (ciphertext, &self.ecdh.material)
        else {
            return Err(DecryptError::Algorithm {
                fingerprint: self.public.fingerprint().to_hex(),
                algorithm: self.public.pk_algo().to_string(),
            });
        };
        assert_wrapped(esk, 24..=40, "24, 32 or 40")?;
        assert_x25519(ecdh.as_slice())?;
        let (handle, point) = (self.ecdh.key.handle, ecdh.to_vec());
        let agreed = ask(&self.ecdh, "agreeing on a key", move |session| derive(session, handle, &point, SHARE))?;
        // Points of small order are refused above; a token that answers zero all the same gave no share.
        if agreed.iter().fold(0, |seen, byte| seen | byte) == 0 {
            return Err(DecryptError::EphemeralKey);
        }
        let (handle, sealed) = (self.mlkem.key.handle, mlkem.to_vec());
        let decapsulated =
            ask(&self.mlkem, "decapsulating a key", move |session| decapsulate(session, handle, &sealed))?;
        let wrapping_key =
            combine(&decapsulated, &agreed, ecdh.as_slice(), own).map_err(|_| DecryptError::Derivation)?;
        ecdh::aes_key_unwrap(SymmetricAlgorithm::AES256, &wrapping_key, esk)
            .map(SessionKey::from)
            .map_err(|_| DecryptError::DoesNotOpen { fingerprint: self.public.fingerprint().to_hex() })
    }
}

/// Asks the token of one half for its share.
fn ask(
    half: &Half,
    call: &str,
    work: impl FnOnce(&Session) -> Result<Protected, cryptoki::error::Error> + Send + 'static,
) -> Result<Protected, DecryptError> {
    let key = || half.key.uri.clone();
    let share = half.operate(call, work).map_err(|source: DeviceError| DecryptError::Device { key: key(), source })?;
    if share.len() == SHARE {
        return Ok(share);
    }
    Err(DecryptError::SecretLength { key: key(), expected: SHARE, actual: share.len() })
}

/// `C_DecapsulateKey` into a session object, which never touches the token's storage.
fn decapsulate(session: &Session, key: ObjectHandle, sealed: &[u8]) -> Result<Protected, cryptoki::error::Error> {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Token(false),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
        Attribute::ValueLen(SHARE.try_into()?),
    ];
    count(Operation::Decapsulate);
    let secret = session.decapsulate_key(&Mechanism::MlKem, key, &template, sealed)?;
    take(session, secret)
}

/// `multiKeyCombine` of RFC 9980 section 4.2.1, for algorithm 35.
fn combine(mlkem_share: &[u8], ecdh_share: &[u8], ephemeral: &[u8], own: &[u8; 32]) -> Result<Protected, ErrorStack> {
    let mut context = MdCtx::new()?;
    context.digest_init(Md::sha3_256())?;
    for input in [mlkem_share, ecdh_share, ephemeral, own] {
        context.digest_update(input)?;
    }
    context.digest_update(&[PublicKeyAlgorithm::MLKEM768_X25519.into()])?;
    context.digest_update(b"OpenPGPCompositeKDFv1\x15")?;
    let mut wrapping_key = Protected::from(vec![0; 32]);
    context.digest_final(&mut wrapping_key)?;
    Ok(wrapping_key)
}

impl Decryptor for CompositeDecryptor {
    fn public(&self) -> &OpenPgpKey {
        &self.public
    }

    fn decrypt(
        &mut self,
        ciphertext: &Ciphertext,
        _plaintext_len: Option<usize>,
    ) -> sequoia_openpgp::Result<SessionKey> {
        let opened = self.try_decrypt(ciphertext);
        self.failure = opened.as_ref().err().cloned();
        Ok(opened?)
    }
}

impl fmt::Debug for CompositeDecryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ecdh, mlkem] = self.uris();
        write!(f, "CompositeDecryptor({ecdh}, {mlkem})")
    }
}
