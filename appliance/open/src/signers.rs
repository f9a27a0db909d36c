//! Who signed: first with what key, over which bytes; then, once the manifest can be read, with what right.
//!
//! SPEC.md section 3.2. OpenPGP's own rules about keys are applied as of the time of sealing, and tightened where they
//! leave more than one answer. The local clock is never asked.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use pouch_format::{Fingerprint, Manifest, Profile};
use sequoia_openpgp::Cert;
use sequoia_openpgp::crypto::hash::Hash;
use sequoia_openpgp::crypto::mpi::PublicKey;
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};
use sequoia_openpgp::packet::{Key, Signature};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::{Curve, HashAlgorithm, PublicKeyAlgorithm, RevocationType};

use crate::signature::RawSignature;
use crate::trust::Period;
use crate::{RegistryPolicy, Trust, VerifyError};

/// How far the time in a signature and the time of sealing may lie apart: the writer puts the same in both, and a
/// token or a second signer may take a moment. Beyond it a stock tool would judge the key at another time than we do.
pub const SIGNATURE_SLACK: SignedDuration = SignedDuration::from_secs(60);

const HASH_FLOOR: &str = "SHA-256, SHA-384 or SHA-512";
const KEY_FLOOR: &str = "RSA of 3072 bits, NIST P-256, NIST P-384, Ed25519 or ML-DSA-65+Ed25519";

/// A signature that verifies over the manifest's bytes by a key of a pinned certificate.
pub(crate) struct GoodSignature<'t> {
    signer: Fingerprint,
    cert: &'t Cert,
    key: Fingerprint,
    period: Period,
    made: u32,
    intended: Vec<Fingerprint>,
}

/// Checks every signature over the exact bytes of the manifest, before those are parsed.
pub(crate) fn check_signatures<'t>(
    signatures: Vec<RawSignature<'_>>,
    manifest: &[u8],
    trust: &'t Trust,
) -> Result<Vec<GoodSignature<'t>>, VerifyError> {
    let mut signed = BTreeSet::new();
    let mut good = Vec::new();
    for raw in signatures {
        // SIGN-UNKNOWN
        let unknown = || VerifyError::UnknownSigner { key: raw.key.to_string() };
        let (signer, cert) = trust.holder(&raw.key).ok_or_else(unknown)?;
        if !signed.insert(signer.clone()) {
            return Err(VerifyError::SignedTwice { signer: signer.clone() });
        }
        let key = cert.keys().find(|key| key.key().fingerprint().to_hex() == raw.key.as_str()).ok_or_else(unknown)?;
        // SIGN-WEAK
        check_strength(&raw, key.key().role_as_unspecified())?;
        check_strength(&raw, cert.primary_key().key().role_as_unspecified())?;
        // SIGN-INVALID
        check_bytes(&raw, key.key().role_as_unspecified(), manifest)
            .map_err(|error| VerifyError::Invalid { key: raw.key.to_string(), detail: error.to_string() })?;
        let (signer, period) = (signer.clone(), trust.period(signer));
        good.push(GoodSignature { signer, cert, key: raw.key, period, made: raw.made, intended: raw.intended });
    }
    Ok(good)
}

/// SIGN-INVALID: the signature is by this key over these bytes.
fn check_bytes(
    raw: &RawSignature<'_>,
    key: &Key<PublicParts, UnspecifiedRole>,
    manifest: &[u8],
) -> sequoia_openpgp::Result<()> {
    let signature = Signature::from_bytes(raw.body)?;
    let mut hash = signature.hash_algo().context()?.for_signature(signature.version());
    if let Some(salt) = signature.salt() {
        hash.update(salt);
    }
    hash.update(manifest);
    signature.hash(&mut hash)?;
    let digest = hash.into_digest()?;
    // The two bytes in front are not signed, but nothing in the file may be changed unnoticed.
    if !digest.starts_with(signature.digest_prefix()) {
        return Err(sequoia_openpgp::anyhow::anyhow!("it announces another digest"));
    }
    signature.verify_digest(key, digest)
}

/// SIGN-WEAK: hash and key are above the floor.
fn check_strength(raw: &RawSignature<'_>, key: &Key<PublicParts, UnspecifiedRole>) -> Result<(), VerifyError> {
    let weak = |found, floor| VerifyError::Weak { key: raw.key.to_string(), found, floor };
    let hash = HashAlgorithm::from(raw.hash_algorithm);
    if !HASHES.contains(&hash) {
        return Err(weak(hash.to_string(), HASH_FLOOR));
    }
    let found = match key.mpis() {
        PublicKey::RSA { n, .. } if n.bits() >= 3072 => return Ok(()),
        PublicKey::RSA { n, .. } => format!("RSA of {} bits", n.bits()),
        PublicKey::ECDSA { curve: Curve::NistP256 | Curve::NistP384, .. }
        | PublicKey::EdDSA { curve: Curve::Ed25519, .. }
        | PublicKey::Ed25519 { .. }
        | PublicKey::MLDSA65_Ed25519 { .. } => return Ok(()),
        PublicKey::ECDSA { curve, .. } | PublicKey::EdDSA { curve, .. } => format!("curve {curve}"),
        _ => key.pk_algo().to_string(),
    };
    Err(weak(found, KEY_FLOOR))
}

const HASHES: [HashAlgorithm; 3] = [HashAlgorithm::SHA256, HashAlgorithm::SHA384, HashAlgorithm::SHA512];

/// IMPORT-PROFILE: the profile is no weaker than the trust file demands, and the keys are of it.
///
/// In profile `rfc9980` everything is post-quantum: the keys that sign, the primary keys that vouch for them, and our own
/// to which it is sealed. Of the other recipients the parts tell (OPENPGP-PKESK). A post-quantum signature on a pouch of
/// another profile is one that is better than it must be; to be sealed to such a key is not of another profile.
pub(crate) fn check_profile(
    good: &[GoodSignature<'_>],
    manifest: &Manifest,
    policy: &RegistryPolicy,
    trust: &Trust,
) -> Result<(), VerifyError> {
    const SIGNS: PublicKeyAlgorithm = PublicKeyAlgorithm::MLDSA65_Ed25519;
    const OPENS: PublicKeyAlgorithm = PublicKeyAlgorithm::MLKEM768_X25519;
    let profile = manifest.profile;
    if profile < policy.profile() {
        let (registry, found, demanded) = (manifest.registry.clone(), profile, policy.profile());
        return Err(VerifyError::Profile { registry, found, demanded });
    }
    let other = |key: &Fingerprint, found: PublicKeyAlgorithm| {
        Err(VerifyError::KeyProfile { key: key.to_string(), found: found.to_string(), profile })
    };
    for signature in good.iter().filter(|_| profile == Profile::Rfc9980) {
        let primary = signature.cert.primary_key().key().pk_algo();
        let signing = algorithm(signature.cert, &signature.key);
        if let Some(found) = signing.into_iter().chain([primary]).find(|found| *found != SIGNS) {
            return other(&signature.key, found);
        }
    }
    for recipient in &manifest.recipients {
        let found = trust.embassy().get(&recipient.certificate).and_then(|cert| algorithm(cert, &recipient.key));
        match found {
            Some(found) if (found == OPENS) != (profile == Profile::Rfc9980) => return other(&recipient.key, found),
            _ => {}
        }
    }
    Ok(())
}

/// The algorithm of a key, if the certificate has it.
fn algorithm(cert: &Cert, key: &Fingerprint) -> Option<PublicKeyAlgorithm> {
    let found = cert.keys().find(|found| found.key().fingerprint().to_hex() == key.as_str())?;
    Some(found.key().pk_algo())
}

/// Checks that those who signed had the right to, for this manifest; returns them.
pub(crate) fn check_right(
    good: &[GoodSignature<'_>],
    manifest: &Manifest,
    policy: &RegistryPolicy,
) -> Result<BTreeSet<Fingerprint>, VerifyError> {
    let registry = &manifest.registry;
    for signature in good {
        // SIGN-UNKNOWN
        let other = |by| VerifyError::OtherSigner { signer: signature.signer.clone(), registry: registry.clone(), by };
        if !policy.signers().contains(&signature.signer) {
            return Err(other("the trust file"));
        }
        if !manifest.signers.contains(&signature.signer) {
            return Err(other("the manifest"));
        }
        // SIGN-INVALID
        check_time(signature, manifest.sealed_at)?;
        // SIGN-KEY
        let flaw = |flaw| VerifyError::Key { key: signature.key.to_string(), at: manifest.sealed_at, flaw };
        signature.period.excludes(manifest.sealed_at).map_or(Ok(()), |why| Err(flaw(why)))?;
        check_key(signature, manifest.sealed_at).map_err(flaw)?;
    }
    // SIGN-THRESHOLD
    let signed: BTreeSet<_> = good.iter().map(|signature| signature.signer.clone()).collect();
    if let Some(signer) = manifest.signers.iter().find(|signer| !signed.contains(signer)) {
        return Err(VerifyError::Unsigned { signer: signer.clone() });
    }
    if signed.len() < policy.threshold() {
        return Err(VerifyError::Threshold {
            registry: registry.clone(),
            signed: signed.len(),
            threshold: policy.threshold(),
        });
    }
    Ok(signed)
}

fn check_time(signature: &GoodSignature<'_>, sealed_at: Timestamp) -> Result<(), VerifyError> {
    let made = Timestamp::from_second(signature.made.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    if made.duration_since(sealed_at).abs() <= SIGNATURE_SLACK {
        Ok(())
    } else {
        Err(VerifyError::SignatureTime { key: signature.key.to_string(), made, sealed_at })
    }
}

/// SIGN-KEY: at the time of sealing the key was bound, alive, for signing, and not revoked.
fn check_key(signature: &GoodSignature<'_>, sealed_at: Timestamp) -> Result<(), String> {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(sealed_at.as_second()).unwrap_or(0));
    // Judged as of sealing, or the verdict would depend on the local clock; and what OpenPGP still accepted at some
    // time in the past is not accepted here for having been made then.
    let mut policy = StandardPolicy::at(at);
    policy.reject_all_hashes();
    HASHES.into_iter().for_each(|hash| policy.accept_hash(hash));

    let primary = signature.cert.primary_key();
    check_revocations(primary.self_revocations(), primary.other_revocations(), at)?;
    let cert = signature.cert.with_policy(&policy, at).map_err(|e| format!("its certificate is not valid: {e}"))?;
    cert.alive().map_err(|e| format!("its certificate is not alive: {e}"))?;

    let is_it = |key: sequoia_openpgp::Fingerprint| key.to_hex() == signature.key.as_str();
    let bare =
        signature.cert.keys().find(|key| is_it(key.key().fingerprint())).ok_or("it is not in its certificate")?;
    check_revocations(bare.self_revocations(), bare.other_revocations(), at)?;
    // A signing subkey without back-signature has no valid binding either.
    let key = cert.keys().find(|key| is_it(key.key().fingerprint())).ok_or("it is not bound to its certificate")?;
    key.alive().map_err(|e| format!("it is not alive: {e}"))?;
    if key.for_signing() { Ok(()) } else { Err("it is not a signing key".to_owned()) }
}

/// A hard revocation counts at any time, a soft one from its own time on; a newer binding does not lift it, and neither
/// the hash nor the expiry of a revocation weakens it.
fn check_revocations<'a>(
    by_holder: impl Iterator<Item = &'a Signature>,
    mut by_others: impl Iterator<Item = &'a Signature>,
    at: SystemTime,
) -> Result<(), String> {
    for revocation in by_holder {
        let hard = revocation
            .reason_for_revocation()
            .is_none_or(|(reason, _)| reason.revocation_type() == RevocationType::Hard);
        let made = revocation.signature_creation_time().unwrap_or(SystemTime::UNIX_EPOCH);
        if hard {
            return Err("it is revoked for a reason that counts at any time".to_owned());
        }
        if made <= at {
            return Err("it was revoked before".to_owned());
        }
    }
    // Whether a third party may revoke cannot be told here; a pinned certificate carries no such revocation for fun.
    if by_others.next().is_some() { Err("somebody else revoked it".to_owned()) } else { Ok(()) }
}

/// SIGN-RECIPIENT: manifest and signatures are for one of this embassy's certificates.
pub(crate) fn check_recipient(
    good: &[GoodSignature<'_>],
    manifest: &Manifest,
    trust: &Trust,
) -> Result<(), VerifyError> {
    let ours = trust.embassy();
    for signature in good {
        if !signature.intended.is_empty() && !signature.intended.iter().any(|intended| ours.contains_key(intended)) {
            return Err(VerifyError::Recipient { what: format!("the signature by key {}", signature.key) });
        }
    }
    let mut addressed = false;
    for recipient in &manifest.recipients {
        let Some(cert) = ours.get(&recipient.certificate) else { continue };
        addressed = true;
        if algorithm(cert, &recipient.key).is_none() {
            return Err(VerifyError::RecipientKey {
                certificate: recipient.certificate.clone(),
                key: recipient.key.clone(),
            });
        }
    }
    if addressed { Ok(()) } else { Err(VerifyError::Recipient { what: "the manifest".to_owned() }) }
}
