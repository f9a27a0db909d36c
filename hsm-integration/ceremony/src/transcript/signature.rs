//! The detached signature over a transcript.

use super::SIGNATURE_FILE;
use super::event::{Ending, Event, Line};
use super::read::Reading;
use super::verify::Evidence;
use jiff::Timestamp;
use pouch_format::Fingerprint;
use pouch_platform::Dir;
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::parse::{Dearmor, PacketParserBuilder, Parse as _};
use sequoia_openpgp::policy::{HashAlgoSecurity, Policy as _, StandardPolicy};
use sequoia_openpgp::types::{RevocationStatus, SignatureType};
use sequoia_openpgp::{Cert, Packet, PacketPile};

/// Largest signature file, in bytes.
const MAX_SIGNATURE: u64 = 1 << 16;

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Whose key made it.
    pub certificate: Fingerprint,
    /// When, by what it says itself.
    pub at: Timestamp,
}

/// The signature in `dir` over the bytes that were read, by `signer`. Without `signer` whether there is a file.
pub(super) fn signed(dir: &Dir, reading: &Reading, signer: Option<&Cert>) -> Result<Option<Signed>, Evidence> {
    let bytes = match dir.read_bounded(SIGNATURE_FILE, MAX_SIGNATURE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Evidence::Unsigned),
        Err(error) => return Err(none(&error.to_string())),
    };
    let signature = parse(&bytes)?;
    let Some(signer) = signer else { return Ok(None) };
    let certificate = said_signer(reading, signer)?;
    let at = by(&signature, &reading.bytes, signer)?;
    Ok(Some(Signed { certificate, at }))
}

fn none(reason: &str) -> Evidence {
    Evidence::NoSignature { reason: reason.to_owned() }
}

/// One signature packet, not armored, and nothing else.
fn parse(bytes: &[u8]) -> Result<Signature, Evidence> {
    let pile = PacketParserBuilder::from_bytes(bytes).and_then(|builder| {
        let parser = builder.dearmor(Dearmor::Disabled).buffer_unread_content().build()?;
        PacketPile::try_from(parser)
    });
    let mut packets = pile.map_err(|error| none(&error.to_string()))?.into_children();
    let (Some(Packet::Signature(signature)), None) = (packets.next(), packets.next()) else {
        return Err(none("it holds other packets, or several"));
    };
    if signature.typ() != SignatureType::Binary {
        return Err(none("it is of another type than over a file"));
    }
    Ok(signature)
}

/// The certificate that the last line announces must be the one given.
fn said_signer(reading: &Reading, signer: &Cert) -> Result<Fingerprint, Evidence> {
    let given = signer.fingerprint().to_hex();
    let other = |says: String| Evidence::OtherSigner { says, given: given.clone() };
    let says = match reading.lines.last() {
        Some(Line { event: Event::Close { ending: Ending::Done, signed_by, .. }, .. }) => {
            signed_by.clone().ok_or_else(|| other("nobody".to_owned()))?
        }
        _ => return Err(none("there is nothing to be signed: the ceremony was not closed as done")),
    };
    if says.to_string() == given { Ok(says) } else { Err(other(says.to_string())) }
}

/// Whether a key of `signer` that could sign at that time made the signature over `bytes`. Gives the time.
fn by(signature: &Signature, bytes: &[u8], signer: &Cert) -> Result<Timestamp, Evidence> {
    let certificate = signer.fingerprint().to_hex();
    let bad = |reason: &str| Evidence::BadSignature { certificate: certificate.clone(), reason: reason.to_owned() };
    let wrong = |reason: &str| Evidence::Signer { certificate: certificate.clone(), reason: reason.to_owned() };
    let made = signature.signature_creation_time().ok_or_else(|| bad("it does not say when it was made"))?;
    let at = Timestamp::try_from(made).map_err(|error| bad(&error.to_string()))?;
    let policy = StandardPolicy::new();
    let valid = signer.with_policy(&policy, made).map_err(|error| wrong(&error.to_string()))?;
    valid.alive().map_err(|error| wrong(&error.to_string()))?;
    if let RevocationStatus::Revoked(_) = valid.revocation_status() {
        return Err(wrong("it is revoked"));
    }
    let issuers = signature.get_issuers();
    let mut keys = valid.keys().alive().revoked(false).for_signing();
    let key = keys.find(|key| issuers.iter().any(|issuer| issuer.aliases(key.key().key_handle())));
    let key = key.ok_or_else(|| bad("none of its signing keys made it"))?;
    signature.verify_message(key.key(), bytes).map_err(|error| bad(&error.to_string()))?;
    let accepted = policy.signature(signature, HashAlgoSecurity::CollisionResistance);
    accepted.map_err(|error| bad(&error.to_string()))?;
    Ok(at)
}
