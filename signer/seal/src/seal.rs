//! Sealing, from the source to a pouch in the spool. The way of the data reads from the top of [`seal`].

use std::io::Write;
use std::time::SystemTime;

use jiff::Timestamp;
use pouch_capture::{CaptureError, Source};
use pouch_format::{
    Declaration, Fingerprint, Kind, MANIFEST_FILE, Manifest, ManifestError, PouchId, Profile, Recipient, Rule,
    SIGNATURE_FILE, Sha256Digest, VERSION,
};
use pouch_platform::{Action, Dir, DirError};
use sequoia_openpgp::crypto::Signer;

use crate::certificate::{CertificateError, RecipientKey};
use crate::envelope::{Envelope, EnvelopeError};
use crate::ledger::Entry;
use crate::packer::{PackError, Packed, Packer};
use crate::parts::{PartOptions, PartsError, SealedParts, seal_parts};
use crate::progress::Progress;
use crate::signature::{SignError, sign_manifest};
use crate::spool::{Spool, SpoolError};

/// All that is needed to seal one registry, besides the spool and the key that signs.
pub struct Job<'a> {
    /// Where the snapshot comes from.
    pub source: &'a Source,
    /// Whom it is for.
    pub recipients: &'a [RecipientKey],
    /// The certificate of the key that signs.
    pub signer_certificate: &'a Fingerprint,
    /// Certificates of those who have to sign too; the pouch waits for them.
    pub cosigners: &'a [Fingerprint],
    /// Which OpenPGP packets.
    pub profile: Profile,
    /// The registry's recovery point objective, in seconds; 0 for none.
    pub rpo_seconds: u64,
    /// How parts are made.
    pub options: PartOptions,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// Judges the certificates as of the moment that the manifest states, as the embassy will.
    pub judge: &'a dyn Fn(SystemTime) -> Result<(), CertificateError>,
    /// Asked before the signature is made; an error gives up.
    pub confirm: &'a dyn Fn(&Manifest, &Sha256Digest) -> Result<(), Unconfirmed>,
}

/// A pouch that is in the spool, or waits there if it has cosigners.
#[derive(Debug)]
pub struct Sealed {
    /// What it states.
    pub manifest: Manifest,
    /// SHA-256 of the manifest, for the dispatch note.
    pub digest: Sha256Digest,
    /// What the source says of itself.
    pub declaration: Declaration,
}

/// The human did not confirm what is to be signed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the signature was not confirmed: {reason}")]
pub struct Unconfirmed {
    /// What the human said, or why nobody could be asked.
    pub reason: String,
}

/// Why a registry could not be sealed. Nothing of it is in the spool.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The spool or the ledger.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The session key cannot be made.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The source.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// An entry of the snapshot.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A part.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// The snapshot does not fit the limits of a manifest.
    #[error("the snapshot cannot be stated in a manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// The clock went back.
    #[error("it is {now} by this machine's clock, and must not be before {not_before}")]
    Clock {
        /// By the clock.
        now: Timestamp,
        /// When the pouch before was sealed, or this capture began.
        not_before: Timestamp,
    },
    /// A certificate that was good when the capture began.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The human did not confirm the digest.
    #[error(transparent)]
    Unconfirmed(#[from] Unconfirmed),
    /// The signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A file of the staged pouch.
    #[error(transparent)]
    Stage(#[from] DirError),
}

impl SealError {
    /// The rule that refused, if it was one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            SealError::Capture(error) => error.rule(),
            SealError::Pack(error) => error.rule(),
            SealError::Manifest(error) => Some(error.rule()),
            _ => None,
        }
    }
}

/// Seals the spool's registry: snapshot, archive, parts, manifest, signature, spool.
///
/// `signer` is asked for exactly one signature. A crash at any moment leaves the spool as it was, or with the whole pouch.
///
/// # Errors
/// [`SealError`]; the staged files are removed.
pub fn seal(spool: &mut Spool, job: &Job<'_>, signer: &mut dyn Signer) -> Result<Sealed, SealError> {
    let sealed = stage(spool, job, signer);
    match sealed {
        Ok((sealed, entry)) => {
            if job.cosigners.is_empty() {
                spool.publish(entry)?
            } else {
                spool.put_aside(entry)?
            }
            Ok(sealed)
        }
        Err(error) => {
            // The error that stopped the work is the one to report; what is left over goes with the next run.
            let _ = spool.discard();
            Err(error)
        }
    }
}

/// Makes the whole pouch in the staging directory, durable but not yet visible.
fn stage(spool: &Spool, job: &Job<'_>, signer: &mut dyn Signer) -> Result<(Sealed, Entry), SealError> {
    let (id, previous) = spool.next()?;
    // Before hours of work, and again after them.
    let not_before = spool.last().map_or(Timestamp::UNIX_EPOCH, |entry| entry.sealed_at);
    check_clock(whole_second_now(), not_before)?;
    let dir = spool.stage()?;

    // The snapshot is at least as new as the moment before it begins.
    let as_of = whole_second_now();
    let (declaration, packed, parts) = seal_snapshot(&id, job, &dir)?;
    let manifest = state(id, previous, as_of, job, packed, parts);
    manifest.check()?;
    check_clock(manifest.sealed_at, not_before.max(as_of))?;
    (job.judge)(manifest.sealed_at.into())?;
    let bytes = manifest.to_bytes();
    let digest = Sha256Digest(openssl::sha::sha256(&bytes));

    (job.confirm)(&manifest, &digest)?;
    let signature = sign_manifest(&bytes, signer, &manifest.recipients, manifest.sealed_at.into())?;
    write_durably(&dir, MANIFEST_FILE, &bytes)?;
    write_durably(&dir, SIGNATURE_FILE, &signature)?;
    dir.sync()?;

    let entry = Entry { sequence: manifest.sequence, manifest: digest, sealed_at: manifest.sealed_at };
    Ok((Sealed { manifest, digest, declaration }, entry))
}

/// The embassy refuses a pouch that was sealed before the one before it, and everything after it.
fn check_clock(now: Timestamp, not_before: Timestamp) -> Result<(), SealError> {
    if now < not_before { Err(SealError::Clock { now, not_before }) } else { Ok(()) }
}

/// Captures the source straight into sealed parts; nothing of it touches the disk in the clear.
fn seal_snapshot(id: &PouchId, job: &Job<'_>, dir: &Dir) -> Result<(Declaration, Packed, SealedParts), SealError> {
    let keys: Vec<_> = job.recipients.iter().map(|recipient| recipient.key.clone()).collect();
    let envelope = Envelope::new(job.profile, &keys)?;
    let (captured, parts) = seal_parts(&envelope, dir, job.options, |feed| {
        let mut packer = Packer::new(feed, id, job.progress)?;
        let declaration = job.source.capture(&mut packer).map_err(unwrap_sink)?;
        let packed = packer.finish(declaration.clone())?;
        Ok::<_, SealError>((declaration, packed))
    })?;
    let (declaration, packed) = captured?;
    Ok((declaration, packed, parts))
}

/// The packer's own error comes back through the capture; it is the one to report.
fn unwrap_sink(error: CaptureError) -> SealError {
    match error {
        CaptureError::Sink(inner) => match inner.downcast::<PackError>() {
            Ok(pack) => SealError::Pack(*pack),
            Err(other) => SealError::Capture(CaptureError::Sink(other)),
        },
        other => SealError::Capture(other),
    }
}

fn state(
    id: PouchId,
    previous: Option<Sha256Digest>,
    as_of: Timestamp,
    job: &Job<'_>,
    packed: Packed,
    parts: SealedParts,
) -> Manifest {
    let recipient = |r: &RecipientKey| Recipient { certificate: r.certificate.clone(), key: r.key_fingerprint.clone() };
    Manifest {
        version: VERSION,
        registry: id.registry,
        sequence: id.sequence,
        previous,
        kind: Kind::Full,
        as_of,
        sealed_at: whole_second_now(),
        rpo_seconds: job.rpo_seconds,
        profile: job.profile,
        signers: std::iter::once(job.signer_certificate).chain(job.cosigners).cloned().collect(),
        recipients: job.recipients.iter().map(recipient).collect(),
        totals: packed.totals,
        index_blake3: packed.index_blake3,
        segments: parts.segments,
        index: parts.index,
    }
}

fn whole_second_now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn write_durably(dir: &Dir, name: &str, bytes: &[u8]) -> Result<(), DirError> {
    let fail = |source| DirError::System { action: Action::Write, path: dir.path().join(name), source };
    let mut file = dir.create_new(name)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(fail)
}
