//! The hand that signs: one private key of a token, or the two halves of a composite key.

use super::CertificateError;
use crate::{
    OpenPgpKey,
    composite::{Composite, CompositePlace, CompositePublic},
    holder::{KeyDecryptor, KeySigner},
    key::KeyError,
    public::{KeyVersion, PublicKey},
    session::LoggedIn,
    uri::Uri,
};
use sequoia_openpgp::Cert;
use std::time::SystemTime;

/// A private key on a token whose user is logged in. Made by [`LoggedIn::key`], or of a [`CompositePlace`].
#[derive(Debug, Clone)]
pub struct TokenKey(Place);

#[derive(Debug, Clone)]
enum Place {
    Single(LoggedIn, Uri),
    Composite(CompositePlace),
}

impl LoggedIn {
    /// The private key that `uri` names. Nothing is looked at yet.
    pub fn key(&self, uri: &Uri) -> TokenKey {
        TokenKey(Place::Single(self.clone(), uri.clone()))
    }
}

impl From<CompositePlace> for TokenKey {
    fn from(place: CompositePlace) -> Self {
        Self(Place::Composite(place))
    }
}

impl TokenKey {
    /// The key as a key of a certificate that signs, so as it is on the token.
    pub(super) fn signing_key(
        &self,
        version: KeyVersion,
        created: SystemTime,
        purpose: &'static str,
    ) -> Result<OpenPgpKey, CertificateError> {
        match &self.0 {
            Place::Single(token, uri) => {
                let public = token.public_key(uri)?;
                let key = public.to_signing_key(version, created);
                key.ok_or(CertificateError::Purpose { public, purpose })
            }
            Place::Composite(place) => composite(place, Composite::MlDsa65Ed25519, version, created),
        }
    }

    /// The key as a key of a certificate that opens messages.
    pub(super) fn encryption_key(
        &self,
        version: KeyVersion,
        created: SystemTime,
    ) -> Result<OpenPgpKey, CertificateError> {
        match &self.0 {
            Place::Single(token, uri) => {
                let public = token.public_key(uri)?;
                let key = public.to_encryption_key(version, created);
                key.ok_or(CertificateError::Purpose { public, purpose: "an encryption subkey" })
            }
            Place::Composite(place) => composite(place, Composite::MlKem768X25519, version, created),
        }
    }

    /// Binds the private key to the certificate key that it must belong to.
    ///
    /// # Errors
    /// [`KeyError`] as for [`LoggedIn::signer`] and [`CompositePlace::signer`].
    pub fn signer(&self, certificate_key: &OpenPgpKey) -> Result<KeySigner, KeyError> {
        Ok(match &self.0 {
            Place::Single(token, uri) => KeySigner::Single(Box::new(token.signer(uri, certificate_key)?)),
            Place::Composite(place) => KeySigner::Composite(Box::new(place.signer(certificate_key)?)),
        })
    }

    /// Binds the private key to the certificate key that it must belong to.
    ///
    /// # Errors
    /// [`KeyError`] as for [`LoggedIn::decryptor`] and [`CompositePlace::decryptor`].
    pub fn decryptor(&self, certificate_key: &OpenPgpKey) -> Result<KeyDecryptor, KeyError> {
        Ok(match &self.0 {
            Place::Single(token, uri) => KeyDecryptor::Single(Box::new(token.decryptor(uri, certificate_key)?)),
            Place::Composite(place) => KeyDecryptor::Composite(Box::new(place.decryptor(certificate_key)?)),
        })
    }

    /// The key of `cert` that this key is, if it is one of its keys.
    ///
    /// # Errors
    /// [`KeyError`]: not found, two found, or the token keeps no public half.
    pub fn in_certificate(&self, cert: &Cert) -> Result<Option<OpenPgpKey>, KeyError> {
        for key in cert.keys().map(|key| key.key().clone().role_into_unspecified()) {
            let same = match (&self.0, Composite::of_openpgp(&key)) {
                (Place::Single(token, uri), None) => PublicKey::of_openpgp(&key) == Some(token.public_key(uri)?),
                (Place::Composite(place), Some(composite)) => {
                    // A place of halves that sign has none that open, and the other way.
                    place.public(composite).ok().is_some_and(|public| CompositePublic::of_openpgp(&key) == Some(public))
                }
                _ => false,
            };
            if same {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// Signs for the primary key of `cert`, which must be this key.
    pub(super) fn signer_of(&self, cert: &Cert) -> Result<KeySigner, KeyError> {
        self.signer(&cert.primary_key().key().clone().role_into_unspecified())
    }
}

/// Composite keys are of version 6 only (RFC 9980).
fn composite(
    place: &CompositePlace,
    composite: Composite,
    version: KeyVersion,
    created: SystemTime,
) -> Result<OpenPgpKey, CertificateError> {
    let key = match version {
        KeyVersion::V4 => None,
        KeyVersion::V6 => place.public(composite)?.to_openpgp(created),
    };
    key.ok_or(CertificateError::CompositeVersion { composite })
}
