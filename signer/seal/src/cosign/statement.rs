//! What is signed, and whether a signature of it is one that the embassy will take.

use jiff::SignedDuration;
use pouch_format::{Fingerprint, Manifest, ManifestError, Sha256Digest, limits};
use sequoia_openpgp::anyhow::anyhow;
use sequoia_openpgp::crypto::Signer;
use sequoia_openpgp::crypto::hash::Hash as _;
use sequoia_openpgp::packet::signature::subpacket::SubpacketTag;
use sequoia_openpgp::packet::{Packet, Signature};
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};
use sequoia_openpgp::{Fingerprint as KeyFingerprint, KeyID, PacketPile};

use super::CosignError;
use crate::certificate::{PublicKey, SignerCertificate};
use crate::signature::{SignError, sign_manifest};

/// How far the time in a signature may lie from the time of sealing: the embassy refuses more (`SIGN-INVALID`).
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// A manifest that is to be signed, and its exact bytes.
#[derive(Debug)]
pub struct Statement {
    bytes: Vec<u8>,
    manifest: Manifest,
    digest: Sha256Digest,
}

impl Statement {
    /// Reads the bytes of a manifest.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(bytes: Vec<u8>) -> Result<Self, ManifestError> {
        let manifest = Manifest::parse(&bytes)?;
        let digest = Sha256Digest(openssl::sha::sha256(&bytes));
        Ok(Self { bytes, manifest, digest })
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it states.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its SHA-256.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Whether it names `signer` as one who is to sign.
    ///
    /// # Errors
    /// [`CosignError::Unannounced`].
    pub fn check_announced(&self, signer: &Fingerprint) -> Result<(), CosignError> {
        if self.manifest.signers.contains(signer) {
            return Ok(());
        }
        Err(CosignError::Unannounced { pouch: self.manifest.id(), signer: signer.clone() })
    }

    /// One signature, made as of the time of sealing and verified in software.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, signer: &mut dyn Signer) -> Result<Vec<u8>, SignError> {
        let at = self.manifest.sealed_at.into();
        sign_manifest(&self.bytes, signer, &self.manifest.recipients, at)
    }

    /// Who signed by this signature file, if all its signatures are good and by those whom the manifest names, none twice.
    ///
    /// # Errors
    /// [`CosignError`].
    pub fn check_file(&self, file: &[u8], officers: &[SignerCertificate]) -> Result<Vec<Fingerprint>, CosignError> {
        let mut signed = Vec::new();
        for signature in &read(file)? {
            let signer = self.check(signature, officers)?;
            if signed.contains(&signer) {
                return Err(CosignError::Twice { pouch: self.manifest.id(), signer });
            }
            signed.push(signer);
        }
        Ok(signed)
    }

    /// At least as strict as the embassy, which would otherwise refuse a pouch that counts as sealed.
    fn check(&self, signature: &Signature, officers: &[SignerCertificate]) -> Result<Fingerprint, CosignError> {
        let refuse = |flaw: String| Err(CosignError::Signature { flaw });
        if let Err(flaw) = check_form(signature) {
            return refuse(flaw);
        }
        let made = signature.signature_creation_time().and_then(|made| jiff::Timestamp::try_from(made).ok());
        let sealed_at = self.manifest.sealed_at;
        match made {
            Some(made) if made.duration_since(sealed_at).abs() <= SLACK => {}
            Some(made) => return refuse(format!("it says that it was made at {made}, not at {sealed_at} as it must")),
            None => return refuse("it does not say when it was made".to_owned()),
        }
        let intended: Vec<String> = signature.intended_recipients().map(KeyFingerprint::to_hex).collect();
        let named = |r: &pouch_format::Recipient| intended.iter().any(|name| name == r.certificate.as_str());
        if !intended.is_empty() && !self.manifest.recipients.iter().all(named) {
            return refuse("it is meant for others than the recipients of the manifest".to_owned());
        }
        let Some(issuer) = signature.issuer_fingerprints().next() else {
            return refuse("it does not say by which key it is".to_owned());
        };
        let holder = officers.iter().find(|officer| officer.key.fingerprint() == *issuer);
        let holder = holder.ok_or_else(|| CosignError::UnknownKey { key: issuer.to_hex() })?;
        self.check_announced(&holder.certificate)?;
        match verify(signature, &holder.key, &self.bytes) {
            Ok(()) => Ok(holder.certificate.clone()),
            Err(error) => refuse(format!("it is not over this manifest, or damaged: {error:#}")),
        }
    }
}

/// What the embassy's grammar allows in a signature, as far as our own form does not see to it.
fn check_form(signature: &Signature) -> Result<(), String> {
    if signature.typ() != SignatureType::Binary {
        return Err(format!("it is of type {}, not over binary data", signature.typ()));
    }
    let hash = signature.hash_algo();
    if !matches!(hash, HashAlgorithm::SHA256 | HashAlgorithm::SHA384 | HashAlgorithm::SHA512) {
        return Err(format!("it is made with {hash}, not with SHA-256, SHA-384 or SHA-512"));
    }
    let mut once = Vec::new();
    for subpacket in signature.hashed_area().iter() {
        match subpacket.tag() {
            tag @ (SubpacketTag::SignatureCreationTime | SubpacketTag::IssuerFingerprint | SubpacketTag::Issuer) => {
                if once.contains(&tag) {
                    return Err(format!("it says the same twice: {tag}"));
                }
                once.push(tag);
            }
            SubpacketTag::IntendedRecipient => {}
            SubpacketTag::SignatureExpirationTime => return Err("it expires".to_owned()),
            tag if subpacket.critical() => return Err(format!("it says something critical that is not known: {tag}")),
            _ => {}
        }
    }
    let ids: Vec<_> = signature.issuers().collect();
    if signature.issuer_fingerprints().any(|key| ids.iter().any(|id| **id != KeyID::from(key))) {
        return Err("it names two keys".to_owned());
    }
    Ok(())
}

/// As the embassy verifies: also the two bytes of the digest that stand in front, which nobody signs.
fn verify(signature: &Signature, key: &PublicKey, bytes: &[u8]) -> sequoia_openpgp::Result<()> {
    if signature.version() != key.version() {
        return Err(anyhow!("a key of version {} made it, in version {}", key.version(), signature.version()));
    }
    let mut hash = signature.hash_algo().context()?.for_signature(signature.version());
    if let Some(salt) = signature.salt() {
        hash.update(salt);
    }
    hash.update(bytes);
    signature.hash(&mut hash)?;
    let digest = hash.into_digest()?;
    if !digest.starts_with(signature.digest_prefix()) {
        return Err(anyhow!("it announces another digest"));
    }
    signature.verify_digest(key, digest)
}

/// The signatures of a file, bare of what is not signed. Strictly binary signature packets and nothing else.
pub(super) fn read(file: &[u8]) -> Result<Vec<Signature>, CosignError> {
    let refuse = |flaw: &str| CosignError::Signature { flaw: flaw.to_owned() };
    if file.len() as u64 > limits::SIGNATURE_FILE_BYTES {
        return Err(refuse("it has more than 64 KiB"));
    }
    if file.first().is_none_or(|first| first & 0x80 == 0) {
        return Err(refuse("it is empty, armored, or no OpenPGP"));
    }
    let pile = PacketPile::from_bytes(file).map_err(|error| refuse(&format!("{error:#}")))?;
    let mut signatures = Vec::new();
    for packet in pile.into_children() {
        let Packet::Signature(mut signature) = packet else {
            return Err(refuse("it holds something else than signatures, or was cut off"));
        };
        signature.unhashed_area_mut().clear();
        signatures.push(signature);
    }
    if signatures.is_empty() || signatures.len() > limits::SIGNATURES {
        return Err(refuse("it has not from 1 to 16 signatures"));
    }
    Ok(signatures)
}
