//! OpenPGP certificates whose self-signatures a token makes.
//!
//! Two shapes: a certificate with one key that certifies and signs, and one whose primary key only certifies
//! and whose subkey opens messages. Fingerprints depend on the creation time, which is therefore given by the
//! caller and lives on in the certificate file: the token does not keep it.

use crate::{
    OpenPgpKey,
    error::{Explain, Explanation, Kind},
    key::KeyError,
    public::{KeyVersion, PublicKey},
    session::LoggedIn,
    signer::{SignError, TokenSigner},
    uri::Uri,
};
use sequoia_openpgp::{
    Cert, Packet,
    packet::{
        Key, UserID,
        key::{PrimaryRole, PublicParts, SubordinateRole},
        signature::SignatureBuilder,
    },
    types::{
        AEADAlgorithm, CompressionAlgorithm, Features, HashAlgorithm, KeyFlags, SignatureType, SymmetricAlgorithm,
    },
};
use std::time::{Duration, SystemTime};

/// Longest user id in bytes.
const MAX_USER_ID: usize = 255;

/// Why there is no certificate.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CertificateError {
    /// The user id is empty, too long, or has control characters.
    #[error("user id has {actual} bytes; it must have 1 to {} and no control characters", MAX_USER_ID)]
    UserId {
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
    #[error("primary key and subkey are the same key {public}")]
    SameKey {
        /// The key.
        public: PublicKey,
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
            Self::Purpose { .. } => (
                "CERT-PURPOSE",
                Kind::Usage,
                "sign with RSA, P-256, P-384 or Ed25519, encrypt to RSA, P-256, P-384 or X25519, between 1970 and 2106",
            ),
            Self::SameKey { .. } => ("CERT-SAME-KEY", Kind::Refused, "make a second key for encryption"),
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

/// What a certificate says, besides its keys.
#[derive(Debug, Clone)]
pub struct Builder {
    version: KeyVersion,
    user_id: String,
    created: SystemTime,
    validity: Option<Duration>,
}

impl Builder {
    /// A certificate for `user_id`, created at `created` (whole seconds), valid for ever.
    ///
    /// # Errors
    /// [`CertificateError::UserId`]
    pub fn new(version: KeyVersion, user_id: &str, created: SystemTime) -> Result<Self, CertificateError> {
        if user_id.is_empty() || user_id.len() > MAX_USER_ID || user_id.chars().any(char::is_control) {
            return Err(CertificateError::UserId { actual: user_id.len() });
        }
        Ok(Self { version, user_id: user_id.to_owned(), created, validity: None })
    }

    /// Ends the validity of all keys this long after the creation time.
    #[must_use]
    pub fn validity(self, validity: Duration) -> Self {
        Self { validity: Some(validity), ..self }
    }

    /// One key that certifies and signs.
    ///
    /// # Errors
    /// [`CertificateError`]: the key is not acceptable or the token did not sign.
    pub fn signing(&self, token: &LoggedIn, primary: &Uri) -> Result<Cert, CertificateError> {
        let (key, mut signer) = self.primary(token, primary)?;
        self.skeleton(key, &mut signer, KeyFlags::empty().set_certification().set_signing())
    }

    /// A primary key that certifies only, and a subkey that opens messages, which may be on another token.
    ///
    /// # Errors
    /// [`CertificateError`]: a key is not acceptable or the token did not sign.
    pub fn encryption(
        &self,
        primary_token: &LoggedIn,
        primary: &Uri,
        subkey_token: &LoggedIn,
        subkey: &Uri,
    ) -> Result<Cert, CertificateError> {
        let (key, mut signer) = self.primary(primary_token, primary)?;
        let public = subkey_token.public_key(subkey)?;
        if PublicKey::of_openpgp(&key).as_ref() == Some(&public) {
            return Err(CertificateError::SameKey { public });
        }
        let subkey_packet = public.to_encryption_key(self.version, self.created);
        let subkey_packet =
            subkey_packet.ok_or(CertificateError::Purpose { public, purpose: "the encryption subkey" })?;
        // Makes sure that the private half exists, is confined and may open messages. It is not used.
        subkey_token.decryptor(subkey, &subkey_packet)?;
        let cert = self.skeleton(key, &mut signer, KeyFlags::empty().set_certification())?;
        self.bind_subkey(cert, subkey_packet, &mut signer)
    }

    fn primary(&self, token: &LoggedIn, uri: &Uri) -> Result<(OpenPgpKey, TokenSigner), CertificateError> {
        let public = token.public_key(uri)?;
        let key = public.to_signing_key(self.version, self.created);
        let key = key.ok_or(CertificateError::Purpose { public, purpose: "the primary key" })?;
        let signer = token.signer(uri, &key)?;
        Ok((key, signer))
    }

    /// Primary key, direct-key signature, user id and its binding.
    fn skeleton(&self, key: OpenPgpKey, signer: &mut TokenSigner, flags: KeyFlags) -> Result<Cert, CertificateError> {
        let key: Key<PublicParts, PrimaryRole> = key.role_into_primary();
        let direct = self
            .preferences(self.signature(SignatureType::DirectKey, flags.clone())?)?
            .sign_direct_key(signer, &key)?;
        let cert = Cert::from_packets([Packet::from(key.clone()), Packet::from(direct)].into_iter())?;

        let user_id = UserID::from(self.user_id.as_str());
        let binding = self.signature(SignatureType::PositiveCertification, flags)?.set_primary_userid(true)?;
        let binding = self.preferences(binding)?.sign_userid_binding(signer, &key, &user_id)?;
        Ok(cert.insert_packets([Packet::from(user_id), Packet::from(binding)])?.0)
    }

    fn bind_subkey(&self, cert: Cert, key: OpenPgpKey, signer: &mut TokenSigner) -> Result<Cert, CertificateError> {
        let key: Key<PublicParts, SubordinateRole> = key.role_into_subordinate();
        let flags = KeyFlags::empty().set_storage_encryption().set_transport_encryption();
        let binding = self.signature(SignatureType::SubkeyBinding, flags)?;
        let binding = binding.sign_subkey_binding(signer, cert.primary_key().key(), &key)?;
        Ok(cert.insert_packets([Packet::from(key), Packet::from(binding)])?.0)
    }

    fn signature(&self, kind: SignatureType, flags: KeyFlags) -> Result<SignatureBuilder, CertificateError> {
        Ok(SignatureBuilder::new(kind)
            .set_hash_algo(HashAlgorithm::SHA512)
            .set_signature_creation_time(self.created)?
            .set_key_flags(flags)?
            .set_key_validity_period(self.validity)?)
    }

    /// What senders may use. No compression: GnuPG would compress by default, and lengths would tell of the content.
    /// Readers of v4 certificates, GnuPG 2.2 first, know no AEAD.
    fn preferences(&self, builder: SignatureBuilder) -> Result<SignatureBuilder, CertificateError> {
        let builder = builder
            .set_preferred_symmetric_algorithms(vec![SymmetricAlgorithm::AES256])?
            .set_preferred_hash_algorithms(vec![HashAlgorithm::SHA512, HashAlgorithm::SHA256])?
            .set_preferred_compression_algorithms(vec![CompressionAlgorithm::Uncompressed])?;
        Ok(match self.version {
            KeyVersion::V4 => builder.set_features(Features::empty().set_seipdv1())?,
            KeyVersion::V6 => builder
                .set_features(Features::empty().set_seipdv2())?
                .set_preferred_aead_ciphersuites(vec![(SymmetricAlgorithm::AES256, AEADAlgorithm::OCB)])?,
        })
    }
}
