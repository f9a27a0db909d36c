//! New certificates.

use super::{CertificateError, Span, TokenKey, assert_new, error::MAX_TEXT};
use crate::{OpenPgpKey, holder::KeySigner, public::KeyVersion, session::LoggedIn, uri::Uri};
use sequoia_openpgp::{
    Cert, Packet,
    crypto::Signer,
    packet::{
        Key, UserID,
        key::{PrimaryRole, PublicParts},
        signature::SignatureBuilder,
    },
    types::{
        AEADAlgorithm, CompressionAlgorithm, Features, HashAlgorithm, KeyFlags, SignatureType, SymmetricAlgorithm,
    },
};
use std::time::{Duration, SystemTime};

/// The keys of a certificate, each on a token of its own or several on one.
#[derive(Debug, Clone)]
pub struct Keys {
    primary: TokenKey,
    primary_signs: bool,
    signing: Option<TokenKey>,
    encryption: Vec<TokenKey>,
}

impl Keys {
    /// A primary key that certifies and signs.
    pub fn certifying_and_signing(primary: TokenKey) -> Self {
        Self { primary, primary_signs: true, signing: None, encryption: Vec::new() }
    }

    /// A primary key that certifies only.
    pub fn certifying(primary: TokenKey) -> Self {
        Self { primary, primary_signs: false, signing: None, encryption: Vec::new() }
    }

    /// Adds the subkey that signs. It makes the back-signature in its token.
    #[must_use]
    pub fn with_signing(self, subkey: TokenKey) -> Self {
        Self { signing: Some(subkey), ..self }
    }

    /// Adds a subkey that opens messages; called again, one more.
    #[must_use]
    pub fn with_encryption(mut self, subkey: TokenKey) -> Self {
        self.encryption.push(subkey);
        self
    }
}

/// What a certificate says, besides its keys.
#[derive(Debug, Clone)]
pub struct Builder {
    span: Span,
    user_id: String,
}

impl Builder {
    /// A certificate for `user_id`, created at `created` (whole seconds), valid for ever.
    ///
    /// # Errors
    /// [`CertificateError::UserId`]
    pub fn new(version: KeyVersion, user_id: &str, created: SystemTime) -> Result<Self, CertificateError> {
        if user_id.is_empty() || user_id.len() > MAX_TEXT || user_id.chars().any(char::is_control) {
            return Err(CertificateError::UserId { actual: user_id.len() });
        }
        Ok(Self { span: Span { version, created, validity: None }, user_id: user_id.to_owned() })
    }

    /// Ends the validity of all keys this long after the creation time.
    #[must_use]
    pub fn validity(self, validity: Duration) -> Self {
        Self { span: Span { validity: Some(validity), ..self.span }, ..self }
    }

    /// A certificate of these keys.
    ///
    /// All keys are looked at before the first signature is made.
    ///
    /// # Errors
    /// [`CertificateError`]: a key is not acceptable or given twice, or a token did not sign.
    pub fn build(&self, keys: &Keys) -> Result<Cert, CertificateError> {
        let (key, mut signer) = self.primary(&keys.primary)?;
        let encryption: Vec<_> =
            keys.encryption.iter().map(|key| self.span.encryption_key(key)).collect::<Result<_, _>>()?;
        let bare = Cert::from_packets([Packet::from(key.clone().role_into_primary())].into_iter())?;
        encryption.iter().try_for_each(|subkey| assert_new(&bare, subkey))?;

        let certifies = KeyFlags::empty().set_certification();
        let flags = if keys.primary_signs { certifies.set_signing() } else { certifies };
        let mut cert = self.skeleton(key, &mut signer, flags)?;
        if let Some(subkey) = &keys.signing {
            cert = self.span.bind_signing(cert, &mut signer, subkey)?;
        }
        for subkey in encryption {
            cert = self.span.bind_encryption(cert, &mut signer, subkey)?;
        }
        Ok(cert)
    }

    /// One key that certifies and signs.
    ///
    /// # Errors
    /// As for [`Builder::build`].
    pub fn signing(&self, token: &LoggedIn, primary: &Uri) -> Result<Cert, CertificateError> {
        self.build(&Keys::certifying_and_signing(token.key(primary)))
    }

    /// A primary key that certifies only, and a subkey that opens messages, which may be on another token.
    ///
    /// # Errors
    /// As for [`Builder::build`].
    pub fn encryption(
        &self,
        primary_token: &LoggedIn,
        primary: &Uri,
        subkey_token: &LoggedIn,
        subkey: &Uri,
    ) -> Result<Cert, CertificateError> {
        self.build(&Keys::certifying(primary_token.key(primary)).with_encryption(subkey_token.key(subkey)))
    }

    fn primary(&self, primary: &TokenKey) -> Result<(OpenPgpKey, KeySigner), CertificateError> {
        let key = primary.signing_key(self.span.version, self.span.created, "the primary key")?;
        let signer = primary.signer(&key)?;
        Ok((key, signer))
    }

    /// Primary key, direct-key signature, user id and its binding.
    fn skeleton(&self, key: OpenPgpKey, signer: &mut dyn Signer, flags: KeyFlags) -> Result<Cert, CertificateError> {
        let key: Key<PublicParts, PrimaryRole> = key.role_into_primary();
        let direct = self
            .preferences(self.span.signature(SignatureType::DirectKey, flags.clone())?)?
            .sign_direct_key(signer, &key)?;
        let cert = Cert::from_packets([Packet::from(key.clone()), Packet::from(direct)].into_iter())?;

        let user_id = UserID::from(self.user_id.as_str());
        let binding = self.span.signature(SignatureType::PositiveCertification, flags)?.set_primary_userid(true)?;
        let binding = self.preferences(binding)?.sign_userid_binding(signer, &key, &user_id)?;
        Ok(cert.insert_packets([Packet::from(user_id), Packet::from(binding)])?.0)
    }

    /// What senders may use. No compression: GnuPG would compress by default, and lengths would tell of the content.
    /// Readers of v4 certificates, GnuPG 2.2 first, know no AEAD.
    fn preferences(&self, builder: SignatureBuilder) -> Result<SignatureBuilder, CertificateError> {
        let builder = builder
            .set_preferred_symmetric_algorithms(vec![SymmetricAlgorithm::AES256])?
            .set_preferred_hash_algorithms(vec![HashAlgorithm::SHA512, HashAlgorithm::SHA256])?
            .set_preferred_compression_algorithms(vec![CompressionAlgorithm::Uncompressed])?;
        Ok(match self.span.version {
            KeyVersion::V4 => builder.set_features(Features::empty().set_seipdv1())?,
            KeyVersion::V6 => builder
                .set_features(Features::empty().set_seipdv2())?
                .set_preferred_aead_ciphersuites(vec![(SymmetricAlgorithm::AES256, AEADAlgorithm::OCB)])?,
        })
    }
}
