//! The last line, and the signature over all of them.

use super::accept::load;
use super::certificate::token_key;
use super::proof::{in_certificate, no_signer, signing_keys};
use crate::ceremony::{Ceremony, missing, now};
use crate::dialog::spoken;
use crate::people::Role;
use crate::plan::Name;
use crate::transcript::{Ending, Event, FILE, Reading, SIGNATURE_FILE};
use openpgp_pkcs11::KeySigner;
use pouch_cli::explain;
use pouch_console::{Exit, Failure};
use sequoia_openpgp::Packet;
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};
use std::time::SystemTime;

/// Id of the failure after which only the signature is missing.
pub(crate) const UNSIGNED: &str = "CEREMONY-UNSIGNED";
/// Largest transcript that is signed, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Closes the ceremony. The signer is at hand before the last line is written, so that a wrong PIN does not leave a closed
/// transcript without signature.
pub(crate) fn close(ceremony: &mut Ceremony<'_>) -> Result<(), Failure> {
    let name = ceremony.plan().transcript.signed_by.clone();
    let lines = ceremony.transcript.lines();
    let question = format!("The transcript of {lines} lines is closed and signed with {name}.");
    ceremony.confirm(Role::Administrator, &question)?;
    let signer = signer(ceremony, &name)?;
    let signed_by = ceremony.made.certificate(&name).cloned();
    ceremony.write(&Event::Close { ending: Ending::Done, reason: None, signed_by })?;
    ceremony.closed = true;
    sign(ceremony, signer)
}

/// Signs a transcript that was closed, and whose signature an interruption prevented.
pub(crate) fn sign_closed(ceremony: &mut Ceremony<'_>) -> Result<(), Failure> {
    let name = ceremony.plan().transcript.signed_by.clone();
    ceremony.dialog.say("\nThe transcript is closed, and its signature is missing; it is made now.\n")?;
    let signer = signer(ceremony, &name)?;
    sign(ceremony, signer)
}

fn sign(ceremony: &mut Ceremony<'_>, mut signer: KeySigner) -> Result<(), Failure> {
    let bytes = written(ceremony)?;
    let made: SystemTime = now().into();
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_hash_algo(HashAlgorithm::SHA512)
        .set_signature_creation_time(made)
        .and_then(|builder| builder.sign_message(&mut signer, &bytes))
        .and_then(|signature| Packet::from(signature).to_vec())
        .map_err(|error| unsigned(&error))?;
    ceremony.transcript.dir().replace_file(SIGNATURE_FILE, &signature).map_err(explain::dir)?;
    let end = ceremony.transcript.end();
    ceremony.dialog.say(&format!(
        "\nThe ceremony is closed. Note this down on paper: the last line of the transcript has the digest\n{end}\n{}",
        spoken(&end.words())
    ))
}

/// The bytes that are signed: those that this ceremony wrote, or went on with after the people had compared them. Each line holds
/// the digest of the one before, so the last one stands for all.
fn written(ceremony: &Ceremony<'_>) -> Result<Vec<u8>, Failure> {
    let bytes = ceremony.transcript.dir().read_bounded(FILE, MAX_BYTES).map_err(explain::dir)?;
    let reading = Reading::from_bytes(bytes);
    if reading.faults.is_empty() && reading.end == ceremony.transcript.end() {
        return Ok(reading.bytes);
    }
    let message = format!("{FILE} is not what this ceremony wrote: somebody else changes it");
    Err(Failure::new("CEREMONY-TRANSCRIPT", Exit::Refused, message)
        .fact("last line there", reading.end)
        .fact("written", ceremony.transcript.end())
        .hint("it was not signed; keep the folder as evidence, and find out who has it open"))
}

fn unsigned(error: &sequoia_openpgp::anyhow::Error) -> Failure {
    Failure::new(UNSIGNED, Exit::TryAgain, format!("the transcript is closed, but not signed: {error}"))
        .hint("nothing is lost; look at the token, and run the same command: it makes the signature")
}

fn signer(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<KeySigner, Failure> {
    let uses = ceremony.plan().uses(name).ok_or_else(|| missing("certificate", name))?;
    let key = uses.signing.or(uses.primary).ok_or_else(|| missing("certificate", name))?;
    let held = token_key(ceremony, &key)?;
    let cert = load(ceremony, name)?;
    let public = in_certificate(&cert, &held, &key)?;
    if !signing_keys(&cert).contains(&public.fingerprint()) {
        return Err(no_signer(&cert));
    }
    held.signer(&public).map_err(explain::hsm)
}
