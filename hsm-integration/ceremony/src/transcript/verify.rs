//! Judging a finished transcript: chain, closing line, signature, and the files that it names.

use super::SIGNATURE_FILE;
use super::event::{Ending, Event, Fact, Line, Mode};
use super::read::{Fault, Reading};
use openssl::sha::sha256;
use pouch_format::{Fingerprint, Sha256Digest};
use pouch_platform::{Dir, DirError};
use sequoia_openpgp::Cert;
use sequoia_openpgp::Packet;
use sequoia_openpgp::PacketPile;
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::{RevocationStatus, SignatureType};

/// Largest signature file, in bytes.
const MAX_SIGNATURE: u64 = 1 << 16;
/// Largest file that a ceremony makes, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Something that is wrong with a transcript or with what lies beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Evidence {
    /// The chain.
    #[error(transparent)]
    Chain(Fault),
    /// No signature.
    #[error("there is no signature {SIGNATURE_FILE}")]
    Unsigned,
    /// The signature file is something else.
    #[error("{SIGNATURE_FILE} is not one signature: {reason}")]
    NoSignature {
        /// What is wrong.
        reason: String,
    },
    /// The certificate cannot sign.
    #[error("certificate {certificate} cannot have signed: {reason}")]
    Signer {
        /// Its fingerprint.
        certificate: String,
        /// What is wrong.
        reason: String,
    },
    /// The transcript says that another certificate signs it.
    #[error("the transcript says that {says} signs it; the certificate given is {given}")]
    OtherSigner {
        /// In the last line.
        says: String,
        /// Given.
        given: String,
    },
    /// The signature is of other bytes or of another key.
    #[error("the signature is not of this transcript by certificate {certificate}: {reason}")]
    BadSignature {
        /// Its fingerprint.
        certificate: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that the ceremony made is not what it was.
    #[error("{name} has digest {actual}; the transcript says {expected}")]
    File {
        /// Its name.
        name: String,
        /// Now.
        actual: Sha256Digest,
        /// By the transcript.
        expected: Sha256Digest,
    },
    /// A file that the ceremony made is not there.
    #[error("{name} cannot be read: {reason}")]
    Missing {
        /// Its name.
        name: String,
        /// What the system says.
        reason: String,
    },
}

/// What is to be said of a transcript.
#[derive(Debug)]
pub struct Verdict {
    /// What was read.
    pub reading: Reading,
    /// Everything that is wrong; empty for a whole and signed transcript.
    pub evidence: Vec<Evidence>,
    /// Whether it counts.
    pub mode: Option<Mode>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Steps that were left out.
    pub exceptions: usize,
    /// Attempts that failed.
    pub failures: usize,
}

/// Judges the transcript in `dir` and the files beside it. `signer` is the certificate that must have signed it, which must
/// come from elsewhere than from the same folder to prove anything.
///
/// # Errors
/// [`DirError`]: the transcript cannot be read at all.
pub fn verify(dir: &Dir, signer: &Cert) -> Result<Verdict, DirError> {
    let reading = Reading::of(dir)?;
    let mut evidence: Vec<Evidence> = reading.faults.iter().cloned().map(Evidence::Chain).collect();
    evidence.extend(signature(dir, &reading, signer).err());
    evidence.extend(reading.lines.iter().flat_map(files).filter_map(|(name, sha256)| file(dir, name, sha256).err()));
    let mode = reading.lines.first().and_then(|line| match line.event {
        Event::Begin { mode, .. } => Some(mode),
        _ => None,
    });
    let ending = reading.ending();
    let count = |wanted: fn(&Event) -> bool| reading.lines.iter().filter(|line| wanted(&line.event)).count();
    let exceptions = count(|event| matches!(event, Event::Exception { .. }));
    let failures = count(|event| matches!(event, Event::Failure { .. }));
    Ok(Verdict { evidence, mode, ending, exceptions, failures, reading })
}

fn files(line: &Line) -> Vec<(&str, Sha256Digest)> {
    let Event::Done { facts, .. } = &line.event else { return Vec::new() };
    let file = |fact| match fact {
        &Fact::File { ref name, sha256 } => Some((name.as_str(), sha256)),
        _ => None,
    };
    facts.iter().filter_map(file).collect()
}

fn file(dir: &Dir, name: &str, expected: Sha256Digest) -> Result<(), Evidence> {
    let missing = |error: DirError| Evidence::Missing { name: name.to_owned(), reason: error.to_string() };
    let actual = Sha256Digest(sha256(&dir.read_bounded(name, MAX_FILE).map_err(missing)?));
    if actual == expected { Ok(()) } else { Err(Evidence::File { name: name.to_owned(), actual, expected }) }
}

fn signature(dir: &Dir, reading: &Reading, signer: &Cert) -> Result<(), Evidence> {
    let certificate = signer.fingerprint().to_hex();
    if let Some(Line { event: Event::Close { signed_by: Some(says), .. }, .. }) = reading.lines.last() {
        let given: Option<Fingerprint> = certificate.parse().ok();
        if given.as_ref() != Some(says) {
            return Err(Evidence::OtherSigner { says: says.to_string(), given: certificate });
        }
    }
    let bytes = match dir.read_bounded(SIGNATURE_FILE, MAX_SIGNATURE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Evidence::Unsigned),
        Err(error) => return Err(Evidence::NoSignature { reason: error.to_string() }),
    };
    let none = |reason: &str| Evidence::NoSignature { reason: reason.to_owned() };
    let pile = PacketPile::from_bytes(&bytes).map_err(|error| none(&error.to_string()))?;
    let mut packets = pile.into_children();
    let (Some(Packet::Signature(signature)), None) = (packets.next(), packets.next()) else {
        return Err(none("it holds other packets, or several"));
    };
    if signature.typ() != SignatureType::Binary {
        return Err(none("it is of another type than over a file"));
    }
    let bad = |reason: String| Evidence::BadSignature { certificate: certificate.clone(), reason };
    let Some(made) = signature.signature_creation_time() else {
        return Err(bad("it does not say when it was made".to_owned()));
    };
    let wrong = |reason: String| Evidence::Signer { certificate: certificate.clone(), reason };
    let policy = StandardPolicy::new();
    let valid = signer.with_policy(&policy, made).map_err(|error| wrong(error.to_string()))?;
    valid.alive().map_err(|error| wrong(error.to_string()))?;
    if let RevocationStatus::Revoked(_) = valid.revocation_status() {
        return Err(wrong("it is revoked".to_owned()));
    }
    let issuers = signature.get_issuers();
    let mut keys = valid.keys().alive().revoked(false).for_signing();
    let key = keys.find(|key| issuers.iter().any(|issuer| issuer.aliases(key.key().key_handle())));
    let key = key.ok_or_else(|| bad("none of its signing keys made it".to_owned()))?;
    signature.verify_message(key.key(), &reading.bytes).map_err(|error| bad(error.to_string()))?;
    policy_accepts(&policy, &signature).map_err(bad)
}

fn policy_accepts(policy: &StandardPolicy<'_>, signature: &sequoia_openpgp::packet::Signature) -> Result<(), String> {
    use sequoia_openpgp::policy::{HashAlgoSecurity, Policy as _};
    policy.signature(signature, HashAlgoSecurity::CollisionResistance).map_err(|error| error.to_string())
}
