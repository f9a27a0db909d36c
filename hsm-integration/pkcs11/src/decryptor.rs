//! Session keys opened by a token: RSA decryption or key agreement inside, the rest of OpenPGP outside.

pub(crate) mod host;

use crate::{
    OpenPgpKey,
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    key::{self, KeyError, PrivateKey, Usage},
    public::PublicKey,
    session::{LoggedIn, Operation, Shared, count},
    uri::Uri,
};
use cryptoki::{
    error::RvError,
    mechanism::{
        Mechanism,
        elliptic_curve::{EcKdf, Ecdh1DeriveParams},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use host::{assert_point, assert_wrapped, assert_x25519, hkdf_sha256};
use openssl::nid::Nid;
use sequoia_openpgp::{
    crypto::{Decryptor, SessionKey, ecdh, mem::Protected, mpi::Ciphertext},
    types::{PublicKeyAlgorithm, SymmetricAlgorithm},
};
use std::{fmt, sync::Arc};

/// Why no session key was opened.
///
/// Sequoia drops a decryptor's error (`PKESK::decrypt` returns an `Option`): ask
/// [`TokenDecryptor::take_failure`] afterwards, to tell a pulled token from a foreign message.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DecryptError {
    /// The ciphertext is of another algorithm than the key.
    #[error("the encrypted session key is not of the kind that key {fingerprint} ({algorithm}) opens")]
    Algorithm {
        /// Fingerprint of the certificate key.
        fingerprint: String,
        /// Its algorithm.
        algorithm: String,
    },
    /// A part of the ciphertext has an impossible length.
    #[error("the {part} of the encrypted session key has {actual} bytes, expected {expected}")]
    Length {
        /// The part.
        part: &'static str,
        /// Bytes found.
        actual: usize,
        /// What is possible.
        expected: &'static str,
    },
    /// The sender's ephemeral key is no point of the curve, or a point of small order.
    #[error("the sender's ephemeral key is not a valid point of the curve")]
    EphemeralKey,
    /// Not encrypted to this key, or damaged: deliberately no more is said.
    #[error("the encrypted session key does not open with key {fingerprint}")]
    DoesNotOpen {
        /// Fingerprint of the certificate key.
        fingerprint: String,
    },
    /// The token's answer has the wrong length.
    #[error("token key {key} gave a shared secret of {actual} bytes, expected {expected}")]
    SecretLength {
        /// The key.
        key: Uri,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes received.
        actual: usize,
    },
    /// The key derivation on this host failed.
    #[error("the key derivation failed on this host")]
    Derivation,
    /// The token failed.
    #[error("opening with token key {key}: {source}")]
    Device {
        /// The key.
        key: Uri,
        /// The call that failed.
        source: DeviceError,
    },
}

impl Explain for DecryptError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Device { source, .. } => source.explain(),
            Self::Algorithm { .. } | Self::Length { .. } | Self::EphemeralKey | Self::DoesNotOpen { .. } => {
                Explanation::new(
                    "HSM-CIPHERTEXT",
                    Kind::Data,
                    "check that the message was encrypted to this key and arrived unchanged",
                )
            }
            Self::SecretLength { .. } => Explanation::new(
                "HSM-SECRET-WRONG",
                Kind::Unavailable,
                "the token's key agreement does not follow the standard; ask its maker",
            ),
            Self::Derivation => {
                Explanation::new("HSM-HOST-CRYPTO", Kind::Software, "check the installation of this program")
            }
        }
    }
}

/// Opens session keys with one private key of a token.
#[derive(Clone)]
pub struct TokenDecryptor {
    shared: Arc<Shared>,
    key: PrivateKey,
    material: PublicKey,
    public: OpenPgpKey,
    failure: Option<DecryptError>,
}

impl TokenDecryptor {
    pub(crate) fn new(logged_in: &LoggedIn, uri: &Uri, certificate_key: &OpenPgpKey) -> Result<Self, KeyError> {
        let material = key::material(certificate_key)?;
        if !certificate_key.pk_algo().for_encryption() {
            return Err(KeyError::Unsupported {
                key: certificate_key.fingerprint().to_hex(),
                algorithm: certificate_key.pk_algo().to_string(),
            });
        }
        let usage = if material.rsa_bits().is_some() { Usage::Decrypt } else { Usage::Derive };
        let shared = Arc::clone(&logged_in.shared);
        let (wanted, certificate) = (uri.clone(), certificate_key.clone());
        let key = shared.look("looking for the key", move |session, token| {
            key::bind(session, token, &wanted, &certificate, usage)
        })?;
        Ok(Self { shared, key, material, public: certificate_key.clone(), failure: None })
    }

    /// The key on the token, with all names it has.
    pub fn uri(&self) -> &Uri {
        &self.key.uri
    }

    /// Why the last [`Decryptor::decrypt`] failed; forgotten by asking and by the next success.
    ///
    /// Tokens with a newer OpenSSL answer bad RSA padding with a made-up message instead of an error, so that nobody can
    /// ask which messages are well-formed. Where that has the length of a session key there is no failure here, and
    /// its checksum, which sequoia looks at, is wrong.
    pub fn take_failure(&mut self) -> Option<DecryptError> {
        self.failure.take()
    }

    /// What [`Decryptor::decrypt`] does, with this crate's error type.
    ///
    /// # Errors
    /// [`DecryptError`]; the token was not asked when the ciphertext cannot be one for this key.
    pub fn try_decrypt(&self, ciphertext: &Ciphertext) -> Result<SessionKey, DecryptError> {
        match (&self.material, ciphertext) {
            (PublicKey::Rsa { n, .. }, Ciphertext::RSA { c }) => self.open_rsa(c.value(), n),
            (PublicKey::P256(_), Ciphertext::ECDH { e, key }) => {
                assert_point(e.value(), Nid::X9_62_PRIME256V1, 65)?;
                self.open_ecdh(e.value(), key, 32, ciphertext)
            }
            (PublicKey::P384(_), Ciphertext::ECDH { e, key }) => {
                assert_point(e.value(), Nid::SECP384R1, 97)?;
                self.open_ecdh(e.value(), key, 48, ciphertext)
            }
            (PublicKey::X25519(_), Ciphertext::ECDH { e, key })
                if self.public.pk_algo() == PublicKeyAlgorithm::ECDH =>
            {
                let point = e.value();
                let ephemeral = point.strip_prefix(&[0x40]).filter(|point| point.len() == 32);
                let ephemeral = ephemeral.ok_or(DecryptError::Length {
                    part: "ephemeral key",
                    actual: point.len(),
                    expected: "33, the first being 0x40",
                })?;
                assert_x25519(ephemeral)?;
                self.open_ecdh(ephemeral, key, 32, ciphertext)
            }
            (PublicKey::X25519(u), Ciphertext::X25519 { e, key })
                if self.public.pk_algo() == PublicKeyAlgorithm::X25519 =>
            {
                self.open_x25519(e, u, key)
            }
            _ => Err(DecryptError::Algorithm {
                fingerprint: self.public.fingerprint().to_hex(),
                algorithm: self.public.pk_algo().to_string(),
            }),
        }
    }

    fn does_not_open(&self) -> DecryptError {
        DecryptError::DoesNotOpen { fingerprint: self.public.fingerprint().to_hex() }
    }

    /// RFC 9580 section 5.1.3: PKCS#1 v1.5. The number has lost its leading zeros; tokens want them back.
    fn open_rsa(&self, number: &[u8], modulus: &[u8]) -> Result<SessionKey, DecryptError> {
        let missing =
            modulus.len().checked_sub(number.len()).filter(|_| !number.is_empty()).ok_or(DecryptError::Length {
                part: "RSA number",
                actual: number.len(),
                expected: "1 to the length of the modulus",
            })?;
        let mut padded = vec![0; missing];
        padded.extend(number);
        // Not below the modulus, so not made with this key. Tokens answer such numbers with whatever comes to them,
        // kryoptic with CKR_DEVICE_ERROR: a sender must not be able to make a token look broken.
        if padded.as_slice() >= modulus {
            return Err(self.does_not_open());
        }
        count(Operation::Decrypt);
        let handle = self.key.handle;
        let opened = self.shared.operate("decrypting", move |session| {
            session.decrypt(&Mechanism::RsaPkcs, handle, &padded).map(SessionKey::from)
        });
        match opened {
            Ok(key) => self.assert_session_key(key),
            Err(error) => {
                // Tokens answer bad padding with any of these. All become one answer, which says no more than
                // that a later check of the session key failed.
                let bad = [
                    RvError::EncryptedDataInvalid,
                    RvError::EncryptedDataLenRange,
                    RvError::DataInvalid,
                    RvError::DataLenRange,
                    RvError::GeneralError,
                    RvError::FunctionFailed,
                ];
                if error.rv().is_some_and(|rv| bad.contains(&rv)) && error.call() == "C_Decrypt" {
                    return Err(self.does_not_open());
                }
                Err(DecryptError::Device { key: self.key.uri.clone(), source: error })
            }
        }
    }

    /// RFC 9580 section 11.5: key agreement in the token, KDF and AES key unwrap here.
    fn open_ecdh(
        &self,
        ephemeral: &[u8],
        wrapped: &[u8],
        secret_length: usize,
        ciphertext: &Ciphertext,
    ) -> Result<SessionKey, DecryptError> {
        // A session key of 16 to 32 bytes with algorithm and checksum, padded to at most 255 bytes, is wrapped.
        assert_wrapped(wrapped, 32..=248, "a multiple of 8 from 32 to 248")?;
        let secret = self.agree(ephemeral, secret_length)?;
        let opened = ecdh::decrypt_unwrap(&self.public, &secret, ciphertext, None);
        self.assert_session_key(opened.map_err(|_| self.does_not_open())?)
    }

    /// RFC 9580 sections 5.1.3 and 5.1.5: a session key of 16 to 32 bytes, an octet for the cipher before it in
    /// version 3, and two of checksum. A sender can encrypt anything; sequoia 2.4 panics on fewer than two bytes.
    fn assert_session_key(&self, opened: SessionKey) -> Result<SessionKey, DecryptError> {
        if (18..=35).contains(&opened.len()) { Ok(opened) } else { Err(self.does_not_open()) }
    }

    /// RFC 9580 section 5.1.6: HKDF-SHA256 over both public keys and the secret, then AES-128 key unwrap.
    fn open_x25519(&self, ephemeral: &[u8; 32], own: &[u8; 32], wrapped: &[u8]) -> Result<SessionKey, DecryptError> {
        assert_wrapped(wrapped, 24..=40, "24, 32 or 40")?;
        assert_x25519(ephemeral)?;
        let secret = self.agree(ephemeral, 32)?;
        let mut input = Protected::from(vec![0; 96]);
        for (to, from) in input.iter_mut().zip(ephemeral.iter().chain(own).chain(secret.iter())) {
            *to = *from;
        }
        let mut wrapping_key = Protected::from(vec![0; 16]);
        hkdf_sha256(&input, b"OpenPGP X25519", &mut wrapping_key).map_err(|_| DecryptError::Derivation)?;
        ecdh::aes_key_unwrap(SymmetricAlgorithm::AES128, &wrapping_key, wrapped)
            .map(SessionKey::from)
            .map_err(|_| self.does_not_open())
    }

    /// The shared secret of the token's key and a public key, as the x coordinate of `length` bytes.
    fn agree(&self, ephemeral: &[u8], length: usize) -> Result<Protected, DecryptError> {
        let (handle, point) = (self.key.handle, ephemeral.to_vec());
        let value = self.shared.operate("agreeing on a key", move |session| derive(session, handle, &point, length));
        let value = value.map_err(|source| DecryptError::Device { key: self.key.uri.clone(), source })?;
        if value.len() != length {
            return Err(DecryptError::SecretLength {
                key: self.key.uri.clone(),
                expected: length,
                actual: value.len(),
            });
        }
        // Points of small order are refused above; a token that answers zero all the same gave no secret.
        if value.iter().fold(0, |seen, byte| seen | byte) == 0 {
            return Err(DecryptError::EphemeralKey);
        }
        Ok(value)
    }
}

impl Decryptor for TokenDecryptor {
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

/// Derives the secret as a session object, which never touches the token's storage.
pub(crate) fn derive(
    session: &Session,
    key: ObjectHandle,
    ephemeral: &[u8],
    length: usize,
) -> Result<Protected, cryptoki::error::Error> {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Token(false),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
        Attribute::ValueLen(length.try_into()?),
    ];
    let params = Ecdh1DeriveParams::new(EcKdf::null(), ephemeral);
    count(Operation::Derive);
    let secret = session.derive_key(&Mechanism::Ecdh1Derive(params), key, &template)?;
    take(session, secret)
}

/// Reads a session object and destroys it.
pub(crate) fn take(session: &Session, secret: ObjectHandle) -> Result<Protected, cryptoki::error::Error> {
    let value = session.get_attributes(secret, &[AttributeType::Value]);
    // Destroyed whether or not it could be read; should the token refuse, it goes with the session.
    let destroyed = session.destroy_object(secret);
    let value = value?.into_iter().find_map(|attribute| match attribute {
        Attribute::Value(bytes) => Some(Protected::from(bytes)),
        _ => None,
    });
    destroyed?;
    Ok(value.unwrap_or_else(|| Protected::from(Vec::new())))
}

impl fmt::Debug for TokenDecryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenDecryptor({})", self.key.uri)
    }
}
