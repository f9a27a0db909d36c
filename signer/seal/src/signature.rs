//! A signature of a pouch: detached, binary, over the exact bytes of the manifest.
//!
//! SPEC.md section 3.2.

use std::time::SystemTime;

use pouch_format::{Recipient, limits};
use sequoia_openpgp::crypto::Signer;
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};
use sequoia_openpgp::{Fingerprint, Packet};

/// Why a manifest could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The token or the library refuses.
    #[error("signing the manifest: {source:#}")]
    Sign {
        /// What it says; downcast it to the error of the signer.
        source: sequoia_openpgp::anyhow::Error,
    },
    /// The signature that came back does not verify in software: it must not leave.
    #[error("the signature that came back from the token does not verify: {reason}")]
    Wrong {
        /// What the library says.
        reason: String,
    },
}

/// Signs `manifest` for `recipients`, as of `at`, and verifies the result in software before it is returned.
///
/// # Errors
/// [`SignError`].
pub fn sign_manifest(
    manifest: &[u8],
    signer: &mut dyn Signer,
    recipients: &[Recipient],
    at: SystemTime,
) -> Result<Vec<u8>, SignError> {
    let refused = |source| SignError::Sign { source };
    let intended: Vec<Fingerprint> = recipients
        .iter()
        .map(|recipient| Fingerprint::from_hex(recipient.certificate.as_str()))
        .collect::<Result<_, _>>()
        .map_err(refused)?;
    let key = signer.public().clone();
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_hash_algo(HashAlgorithm::SHA512)
        .set_signature_creation_time(at)
        .and_then(|builder| builder.set_intended_recipients(intended))
        .and_then(|builder| builder.sign_message(signer, manifest))
        .map_err(refused)?;
    signature.verify_message(&key, manifest).map_err(|e| SignError::Wrong { reason: format!("{e:#}") })?;
    let packet = Packet::from(signature).to_vec().map_err(refused)?;
    debug_assert!((packet.len() as u64) < limits::SIGNATURE_FILE_BYTES);
    Ok(packet)
}
