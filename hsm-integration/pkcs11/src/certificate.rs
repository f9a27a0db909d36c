//! OpenPGP certificates whose self-signatures a token makes.
//!
//! [`Builder`] makes a certificate out of keys that may lie on several tokens, [`amend`](mod@amend) adds a subkey or
//! extends the validity, [`revoke`](mod@revoke) ends it, and [`certify`] lets one key vouch for another at a rollover.
//! Fingerprints depend on creation times, which are therefore given by the caller and live on in the certificate
//! file: the token does not keep them.

pub mod amend;
mod builder;
mod certify;
mod error;
pub mod revoke;
mod token_key;

pub use amend::{add_encryption_subkey, extend};
pub use builder::{Builder, Keys};
pub use certify::certify;
pub use error::CertificateError;
pub use revoke::{Reason, Revocation, armor_revocation, revoke, revoke_subkey};
pub use token_key::TokenKey;

use crate::{
    OpenPgpKey,
    public::{KeyVersion, PublicKey},
};
use sequoia_openpgp::{
    Cert, Packet,
    crypto::Signer,
    packet::{
        Key,
        key::{PublicParts, SubordinateRole},
        signature::SignatureBuilder,
    },
    types::{HashAlgorithm, KeyFlags, SignatureType},
};
use std::time::{Duration, SystemTime};

/// When a subkey begins and ends.
#[derive(Debug, Clone, Copy)]
struct Span {
    version: KeyVersion,
    created: SystemTime,
    validity: Option<Duration>,
}

impl Span {
    /// A signature of this kind at the beginning.
    fn signature(&self, kind: SignatureType, flags: KeyFlags) -> Result<SignatureBuilder, CertificateError> {
        Ok(signature(kind, self.created)?.set_key_flags(flags)?.set_key_validity_period(self.validity)?)
    }

    /// The encryption key on the token as an OpenPGP key, once it is known that it could open messages.
    fn encryption_key(&self, key: &TokenKey) -> Result<OpenPgpKey, CertificateError> {
        let packet = key.encryption_key(self.version, self.created)?;
        // Makes sure that the private half exists, is confined and may open messages. It is not used.
        key.decryptor(&packet)?;
        Ok(packet)
    }

    /// Binds a subkey that opens messages.
    fn bind_encryption(&self, cert: Cert, signer: &mut dyn Signer, key: OpenPgpKey) -> Result<Cert, CertificateError> {
        let flags = KeyFlags::empty().set_storage_encryption().set_transport_encryption();
        bind(cert, signer, key, self.signature(SignatureType::SubkeyBinding, flags)?)
    }

    /// Binds a subkey that signs, which says by a signature of its own that it belongs here (RFC 9580 section 5.2.1.9).
    fn bind_signing(&self, cert: Cert, signer: &mut dyn Signer, key: &TokenKey) -> Result<Cert, CertificateError> {
        let packet = key.signing_key(self.version, self.created, "a signing subkey")?;
        let mut subkey_signer = key.signer(&packet)?;
        let subkey: Key<PublicParts, SubordinateRole> = packet.clone().role_into_subordinate();
        let back = signature(SignatureType::PrimaryKeyBinding, self.created)?.sign_primary_key_binding(
            &mut subkey_signer,
            cert.primary_key().key(),
            &subkey,
        )?;
        let binding = self.signature(SignatureType::SubkeyBinding, KeyFlags::empty().set_signing())?;
        bind(cert, signer, packet, binding.set_embedded_signature(back)?)
    }
}

fn bind(
    cert: Cert,
    signer: &mut dyn Signer,
    key: OpenPgpKey,
    binding: SignatureBuilder,
) -> Result<Cert, CertificateError> {
    assert_new(&cert, &key)?;
    let key: Key<PublicParts, SubordinateRole> = key.role_into_subordinate();
    let binding = binding.sign_subkey_binding(signer, cert.primary_key().key(), &key)?;
    Ok(cert.insert_packets([Packet::from(key), Packet::from(binding)])?.0)
}

/// Refuses key material that the certificate has already, under whatever fingerprint.
fn assert_new(cert: &Cert, key: &OpenPgpKey) -> Result<(), CertificateError> {
    // The same point is another number in a key that signs than in one that agrees.
    let known = |other: OpenPgpKey| match (PublicKey::of_openpgp(&other), PublicKey::of_openpgp(key)) {
        (Some(other), Some(key)) => other == key,
        _ => other.mpis() == key.mpis(),
    };
    if cert.keys().any(|other| known(other.key().clone().role_into_unspecified())) {
        let key = PublicKey::of_openpgp(key).map_or_else(|| key.pk_algo().to_string(), |public| public.to_string());
        return Err(CertificateError::SameKey { key });
    }
    Ok(())
}

fn signature(kind: SignatureType, at: SystemTime) -> Result<SignatureBuilder, CertificateError> {
    Ok(SignatureBuilder::new(kind).set_hash_algo(HashAlgorithm::SHA512).set_signature_creation_time(at)?)
}

/// Nothing is said of a certificate before it was made.
fn assert_not_before(cert: &Cert, at: SystemTime) -> Result<(), CertificateError> {
    let created = cert.primary_key().key().creation_time();
    if at < created { Err(CertificateError::TooEarly { fingerprint: cert.fingerprint().to_hex() }) } else { Ok(()) }
}

/// The policy by which certificates are looked at here: sequoia's.
static POLICY: sequoia_openpgp::policy::StandardPolicy<'static> = sequoia_openpgp::policy::StandardPolicy::new();

fn version(cert: &Cert) -> KeyVersion {
    if cert.primary_key().key().version() == 4 { KeyVersion::V4 } else { KeyVersion::V6 }
}
