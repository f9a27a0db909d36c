//! Changes of a certificate that leave its fingerprint: another encryption subkey, a longer validity.

use super::{CertificateError, POLICY, Span, TokenKey, assert_new, assert_not_before, version};
use crate::holder::KeySigner;
use sequoia_openpgp::{
    Cert, Fingerprint, Packet,
    packet::{Signature, signature::SignatureBuilder},
    types::{HashAlgorithm, RevocationStatus, SignatureType},
};
use std::time::{Duration, SystemTime};

/// The certificate with one more subkey that opens messages. Those that it has stay as they are: senders take all that
/// are valid, until they expire or are revoked.
///
/// # Errors
/// [`CertificateError`]: the certificate is revoked or has this key already, a key is not acceptable, or the token did not
/// sign.
pub fn add_encryption_subkey(
    primary: &TokenKey,
    cert: &Cert,
    subkey: &TokenKey,
    created: SystemTime,
    validity: Option<Duration>,
) -> Result<Cert, CertificateError> {
    assert_not_before(cert, created)?;
    assert_not_revoked(cert, created)?;
    let span = Span { version: version(cert), created, validity };
    let key = span.encryption_key(subkey)?;
    assert_new(cert, &key)?;
    span.bind_encryption(cert.clone(), &mut primary.signer_of(cert)?, key)
}

/// The certificate with new self-signatures, made at `at`, by which primary key, user ids and the subkeys named end at
/// `expires`. What else they say stays. Revocations made at birth that are not hard are void afterwards
/// ([`Reason::is_hard`](super::Reason::is_hard)): make them anew.
///
/// # Errors
/// [`CertificateError`]: the certificate is revoked, has no such subkey, would end before it begins, or the token did not
/// sign.
pub fn extend(
    primary: &TokenKey,
    cert: &Cert,
    subkeys: &[Fingerprint],
    at: SystemTime,
    expires: SystemTime,
) -> Result<Cert, CertificateError> {
    assert_not_before(cert, at)?;
    assert_not_revoked(cert, at)?;
    let key = cert.primary_key().key();
    let mut new = Renewal { signer: primary.signer_of(cert)?, at, expires, packets: Vec::new() };
    if let Some(direct) = latest(cert.primary_key().self_signatures(), SignatureType::DirectKey, at) {
        let builder = new.builder(direct, key.creation_time(), &cert.fingerprint())?;
        let signature = builder.sign_direct_key(&mut new.signer, key)?;
        new.packets.push(signature.into());
    }
    for bound in cert.userids().with_policy(&POLICY, at).revoked(false) {
        let builder = new.builder(bound.binding_signature(), key.creation_time(), &cert.fingerprint())?;
        let signature = builder.sign_userid_binding(&mut new.signer, key, bound.userid())?;
        new.packets.extend([Packet::from(bound.userid().clone()), signature.into()]);
    }
    for wanted in subkeys {
        let missing =
            || CertificateError::NoSubkey { fingerprint: cert.fingerprint().to_hex(), subkey: wanted.to_hex() };
        let mut bound = cert.keys().subkeys().with_policy(&POLICY, at).revoked(false);
        let bound = bound.find(|bound| bound.key().fingerprint() == *wanted).ok_or_else(missing)?;
        let builder = new.builder(bound.binding_signature(), bound.key().creation_time(), wanted)?;
        // The back-signature of a subkey that signs is inside the binding and stays.
        let signature = builder.sign_subkey_binding(&mut new.signer, key, bound.key())?;
        new.packets.extend([Packet::from(bound.key().clone()), signature.into()]);
    }
    Ok(cert.clone().insert_packets(new.packets)?.0)
}

/// New self-signatures.
struct Renewal {
    signer: KeySigner,
    at: SystemTime,
    expires: SystemTime,
    packets: Vec<Packet>,
}

impl Renewal {
    /// What `old` says, at another time and with another end.
    fn builder(
        &self,
        old: &Signature,
        created: SystemTime,
        key: &Fingerprint,
    ) -> Result<SignatureBuilder, CertificateError> {
        let ends_early = || CertificateError::EndsBeforeItBegins { fingerprint: key.to_hex() };
        if self.expires <= self.at {
            return Err(ends_early());
        }
        let validity = self.expires.duration_since(created).map_err(|_| ends_early())?;
        Ok(SignatureBuilder::from(old.clone())
            .set_hash_algo(HashAlgorithm::SHA512)
            .set_signature_creation_time(self.at)?
            .set_key_validity_period(validity)?)
    }
}

/// The newest signature of this kind that is not of the future.
fn latest<'a>(
    signatures: impl Iterator<Item = &'a Signature>,
    kind: SignatureType,
    at: SystemTime,
) -> Option<&'a Signature> {
    let time = |signature: &&Signature| signature.signature_creation_time();
    signatures.filter(|signature| signature.typ() == kind && time(signature) <= Some(at)).max_by_key(time)
}

/// A revoked certificate stays so: a newer self-signature would make it valid again where the revocation is not hard.
pub(super) fn assert_not_revoked(cert: &Cert, at: SystemTime) -> Result<(), CertificateError> {
    match cert.revocation_status(&POLICY, at) {
        RevocationStatus::Revoked(_) => Err(CertificateError::Revoked { fingerprint: cert.fingerprint().to_hex() }),
        RevocationStatus::CouldBe(_) | RevocationStatus::NotAsFarAsWeKnow => Ok(()),
    }
}
