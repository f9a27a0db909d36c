//! The trusted path of the reader, from files that a courier brought to a pouch in the vault.
//!
//! ```text
//! Source --spool--> Spooled --verify--> Verified --admit--> Admitted --keep--> Kept --receipt--> Receipt
//!                      \----check----> Checked   (the same checks; nothing is written)
//! ```
//!
//! Each stage is a type that only the function before it makes, and the next takes it by value: a check that is left
//! out does not compile. Above each block stands the rule that it is, as SPEC.md sections 2, 3 and 8 have it.
//!
//! ```
//! use pouch_open::{Clock, Kept, Source, State, Trust, admit, keep, spool, verify};
//! fn import(
//!     source: Source,
//!     trust: &Trust,
//!     vault: &pouch_vault::Vault,
//!     state: &mut State,
//! ) -> Result<Kept, Box<dyn std::error::Error>> {
//!     let verified = verify(spool(source)?, trust, vault)?;
//!     let admitted = admit(verified, state, None, Clock::system())?;
//!     Ok(keep(admitted, vault, state)?)
//! }
//! ```
//! ```compile_fail
//! let forged = pouch_open::Verified { checked: todo!(), staging: todo!() };
//! ```
//! ```compile_fail
//! fn skip(spooled: pouch_open::Spooled, state: &pouch_open::State) {
//!     let _ = pouch_open::admit(spooled, state, None, pouch_open::Clock::system());
//! }
//! ```
//! ```compile_fail
//! fn skip(checked: pouch_open::Checked, state: &pouch_open::State) {
//!     let _ = pouch_open::admit(checked, state, None, pouch_open::Clock::system());
//! }
//! ```
//! ```compile_fail
//! fn skip(verified: pouch_open::Verified, vault: &pouch_vault::Vault, state: &mut pouch_open::State) {
//!     let _ = pouch_open::keep(verified, vault, state);
//! }
//! ```

use jiff::Timestamp;
use openssl::sha::sha256;
use pouch_format::{Fingerprint, MANIFEST_FILE, Manifest, PouchId, Rule, SIGNATURE_FILE, Sha256Digest, limits};
use pouch_vault::{Published, Staging, Vault};
use serde::Serialize;

use crate::state::{Event, Head, Ledger, State, ids};
use crate::{
    AdmitError, BUILD_FLOOR, Clock, KeepError, Source, SpoolError, Trust, VerifyError, parts, signature, signers,
};

/// A source whose two small files are in memory. Nothing of them is known to be true.
#[derive(Debug)]
pub struct Spooled {
    source: Source,
    manifest: Vec<u8>,
    signatures: Vec<u8>,
}

/// Reads the manifest and its signatures, once.
///
/// # Errors
/// [`SpoolError`] if they are not there, are not regular files, or are larger than any of their kind.
pub fn spool(source: Source) -> Result<Spooled, SpoolError> {
    let manifest = source.manifest()?;
    let signatures = source.signatures()?;
    Ok(Spooled { source, manifest, signatures })
}

/// What is known of a pouch that passed every rule that needs no state.
#[derive(Debug)]
pub struct Checked {
    manifest: Manifest,
    digest: Sha256Digest,
    signers: Vec<Fingerprint>,
    passed: Vec<Rule>,
}

/// A pouch that passed every rule that needs no state, and its copy: what was hashed is what lies there.
#[derive(Debug)]
pub struct Verified {
    checked: Checked,
    staging: Staging,
}

/// Verifies a pouch, and copies it into the vault's incoming directory on the way.
///
/// # Errors
/// [`VerifyError`], by the first rule that refuses; the copy is removed then.
pub fn verify(spooled: Spooled, trust: &Trust, vault: &Vault) -> Result<Verified, VerifyError> {
    let checked = verify_statement(&spooled, trust)?;
    let staging = vault.incoming()?;
    let needed = checked.manifest.sealed_bytes().saturating_add(limits::MANIFEST_BYTES);
    let free = vault.free_bytes()?;
    if needed > free {
        return Err(VerifyError::Space { needed, free });
    }
    parts::write_small(&staging, MANIFEST_FILE, &spooled.manifest)?;
    parts::write_small(&staging, SIGNATURE_FILE, &spooled.signatures)?;
    let checked = verify_parts(&spooled, checked, Some(&staging))?;
    Ok(Verified { checked, staging })
}

/// Verifies a pouch where it lies, and writes nothing.
///
/// # Errors
/// [`VerifyError`], by the first rule that refuses.
pub fn check(spooled: Spooled, trust: &Trust) -> Result<Checked, VerifyError> {
    let checked = verify_statement(&spooled, trust)?;
    verify_parts(&spooled, checked, None)
}

/// Everything about the signed statement.
fn verify_statement(spooled: &Spooled, trust: &Trust) -> Result<Checked, VerifyError> {
    let mut passed = Vec::new();
    // SIGN-GRAMMAR: a signature file holds binary detached signature packets and nothing else.
    let signatures = signature::parse(&spooled.signatures)?;
    pass(&mut passed, Rule::SignGrammar);
    // SIGN-WEAK, SIGN-INVALID: each by a pinned key of sufficient strength, over the exact bytes.
    let good = signers::check_signatures(signatures, &spooled.manifest, trust)?;
    pass(&mut passed, Rule::SignWeak);
    pass(&mut passed, Rule::SignInvalid);

    // MANIFEST-*: only now are the bytes parsed.
    let manifest = Manifest::parse(&spooled.manifest)?;
    MANIFEST_RULES.iter().for_each(|rule| pass(&mut passed, *rule));

    // IMPORT-REGISTRY: the registry is one that the trust file names.
    let policy = trust
        .registry(&manifest.registry)
        .ok_or_else(|| VerifyError::Registry { registry: manifest.registry.clone() })?;
    pass(&mut passed, Rule::ImportRegistry);
    // IMPORT-PROFILE: no weaker than the trust file demands, and with keys of that strength.
    signers::check_profile(&good, &manifest, policy, trust)?;
    pass(&mut passed, Rule::ImportProfile);
    // SIGN-UNKNOWN, SIGN-KEY, SIGN-THRESHOLD: by enough of those who may, with keys that were good then.
    let signed = signers::check_right(&good, &manifest, policy)?;
    pass(&mut passed, Rule::SignUnknown);
    pass(&mut passed, Rule::SignKey);
    pass(&mut passed, Rule::SignThreshold);
    // SIGN-RECIPIENT: the signature and the manifest are intended for this embassy.
    signers::check_recipient(&good, &manifest, trust)?;
    pass(&mut passed, Rule::SignRecipient);

    let digest = Sha256Digest(sha256(&spooled.manifest));
    Ok(Checked { manifest, digest, signers: signed.into_iter().collect(), passed })
}

/// Everything about the sealed parts, of which nothing but size and digest is looked at.
fn verify_parts(spooled: &Spooled, mut checked: Checked, staging: Option<&Staging>) -> Result<Checked, VerifyError> {
    // POUCH-TRANSIT: a tar is byte for byte the one that its parts have.
    if parts::check_transit(&spooled.source, &checked.manifest)? {
        pass(&mut checked.passed, Rule::PouchTransit);
    }
    // POUCH-PARTS: a pouch holds exactly the parts that its manifest names.
    parts::check_names(&spooled.source, &checked.manifest)?;
    pass(&mut checked.passed, Rule::PouchParts);
    // SEGMENT-SIZE, SEGMENT-DIGEST: exactly the size and the SHA-256 that the manifest states.
    parts::check_parts(&spooled.source, &checked.manifest, staging)?;
    pass(&mut checked.passed, Rule::SegmentSize);
    pass(&mut checked.passed, Rule::SegmentDigest);
    Ok(checked)
}

/// A verified pouch that is the next of its registry.
#[derive(Debug)]
pub struct Admitted {
    verified: Verified,
    after: Option<Head>,
    clock: Clock,
}

/// Admits a verified pouch, if it is the next of its registry. `first` is the digest from the dispatch note of the first
/// pouch; for any other it is not looked at. The clock decides nothing.
///
/// # Errors
/// [`AdmitError`], by the first rule that refuses; the copy is removed then.
pub fn admit(
    verified: Verified,
    state: &State,
    first: Option<Sha256Digest>,
    clock: Clock,
) -> Result<Admitted, AdmitError> {
    let mut verified = verified;
    let after = state.ledger().head(&verified.checked.manifest.registry).cloned();
    judge(&verified.checked, state.ledger(), first)?;
    ADMIT_RULES.iter().for_each(|rule| pass(&mut verified.checked.passed, *rule));
    Ok(Admitted { verified, after, clock })
}

/// Whether a pouch would be admitted. Changes nothing.
///
/// # Errors
/// [`AdmitError`], by the first rule that refuses.
pub fn judge(pouch: &Checked, ledger: &Ledger, first: Option<Sha256Digest>) -> Result<(), AdmitError> {
    let Manifest { registry, sequence, previous, sealed_at, .. } = &pouch.manifest;
    let (registry, sequence, found) = (registry.clone(), *sequence, pouch.digest);
    match ledger.head(&registry) {
        // IMPORT-FIRST: the first pouch of a registry is admitted with the digest from the dispatch note.
        None => match first {
            None => return Err(AdmitError::First { registry, sequence, manifest: found }),
            Some(noted) if noted != found => return Err(AdmitError::FirstDigest { registry, found, noted }),
            Some(_) => {}
        },
        Some(head) => {
            let (newest, kept) = (head.sequence, head.manifest);
            // IMPORT-REPLAY, IMPORT-FORK: a number stands for one manifest, which is admitted once.
            if sequence == newest && found == kept {
                return Err(AdmitError::Replay { registry, sequence, since: head.kept_at });
            }
            if sequence == newest {
                return Err(AdmitError::Fork { registry, sequence, found, kept });
            }
            // IMPORT-SEQ: a pouch is newer than the newest one admitted.
            if sequence < newest {
                return Err(AdmitError::NotNewer { registry, sequence, newest });
            }
            // IMPORT-GAP: and follows it without a gap.
            if sequence - newest > 1 {
                return Err(AdmitError::Gap { registry, sequence, newest });
            }
            // IMPORT-FORK: its predecessor is the one admitted.
            if *previous != Some(kept) {
                return Err(AdmitError::OtherPast { registry, sequence, previous: *previous, kept });
            }
        }
    }
    // IMPORT-TIME: the time of sealing never goes back along a sequence, nor before this software was built.
    let (sealed_at, build) = (*sealed_at, (BUILD_FLOOR, "this software"));
    let last = ledger.head(&registry).map(|head| (head.sealed_at, "the pouch before it"));
    for (floor, what) in last.into_iter().chain([build]) {
        if sealed_at < floor {
            return Err(AdmitError::Time { registry, sequence, sealed_at, floor, what });
        }
    }
    Ok(())
}

/// A pouch in the vault, of which the state knows.
#[derive(Debug)]
pub struct Kept {
    checked: Checked,
    kept_at: Timestamp,
}

/// Publishes an admitted pouch in the vault, then remembers it.
///
/// Killed at any point and run again with the same pouch, it comes to the same end.
///
/// # Errors
/// [`KeepError`] if vault or state fail.
pub fn keep(admitted: Admitted, vault: &Vault, state: &mut State) -> Result<Kept, KeepError> {
    let Admitted { verified: Verified { checked, staging }, after, clock } = admitted;
    let Manifest { registry, sequence, as_of, sealed_at, rpo_seconds, .. } = &checked.manifest;
    let id = checked.manifest.id();
    if state.ledger().head(registry) != after.as_ref() {
        return Err(KeepError::Stale { id });
    }
    // In this order: a state, the pouch, the state that knows it. A pouch without a state would look like a lost one.
    state.begin()?;
    let published = vault.publish(staging, &id)?;
    let event = Event::Kept {
        pouch: id.to_string(),
        manifest: checked.digest,
        as_of: *as_of,
        sealed_at: *sealed_at,
        signers: checked.signers.clone(),
        passed: ids(&checked.passed),
        resumed: published == Published::AlreadyThere,
    };
    let head = Head {
        sequence: *sequence,
        manifest: checked.digest,
        as_of: *as_of,
        sealed_at: *sealed_at,
        rpo_seconds: *rpo_seconds,
        kept_at: clock.now(),
    };
    state.advance(registry, head, &event, clock)?;
    Ok(Kept { checked, kept_at: clock.now() })
}

/// What the embassy tells home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The pouch, e.g. `land-000041`.
    pub pouch: String,
    /// SHA-256 of its manifest, as 64 hexadecimal digits.
    pub manifest: Sha256Digest,
    /// The same as 32 words, to be read out.
    pub words: String,
    /// The time whose state it shows.
    pub as_of: Timestamp,
    /// When it was kept, by the local clock.
    pub kept_at: Timestamp,
}

/// The receipt of a pouch that was kept.
#[must_use]
pub fn receipt(kept: &Kept) -> Receipt {
    Receipt {
        pouch: kept.checked.manifest.id().to_string(),
        manifest: kept.checked.digest,
        words: kept.checked.digest.words(),
        as_of: kept.checked.manifest.as_of,
        kept_at: kept.kept_at,
    }
}

impl Checked {
    /// The manifest, which passed every `MANIFEST-*` rule.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the manifest.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Which pouch it is.
    #[must_use]
    pub fn id(&self) -> PouchId {
        self.manifest.id()
    }

    /// The certificates that signed it, sorted.
    #[must_use]
    pub fn signers(&self) -> &[Fingerprint] {
        &self.signers
    }

    /// Every rule that was checked and passed, in order.
    #[must_use]
    pub fn passed(&self) -> &[Rule] {
        &self.passed
    }
}

impl Verified {
    /// What is known of it.
    #[must_use]
    pub fn checked(&self) -> &Checked {
        &self.checked
    }
}

impl Admitted {
    /// What is known of it.
    #[must_use]
    pub fn checked(&self) -> &Checked {
        &self.verified.checked
    }
}

impl Kept {
    /// What is known of it.
    #[must_use]
    pub fn checked(&self) -> &Checked {
        &self.checked
    }
}

const MANIFEST_RULES: [Rule; 6] = [
    Rule::ManifestSize,
    Rule::ManifestVersion,
    Rule::ManifestSyntax,
    Rule::ManifestRange,
    Rule::ManifestChain,
    Rule::ManifestCanonical,
];

const ADMIT_RULES: [Rule; 6] =
    [Rule::ImportFirst, Rule::ImportReplay, Rule::ImportSeq, Rule::ImportGap, Rule::ImportFork, Rule::ImportTime];

fn pass(passed: &mut Vec<Rule>, rule: Rule) {
    tracing::info!(rule = rule.id(), "passed");
    passed.push(rule);
}
