//! Judging a finished transcript: chain, closing line, signature, and the files that it names.

use super::SIGNATURE_FILE;
use super::event::{Ending, Event, Fact, Line, Mode};
use super::read::{Fault, Reading};
use super::signature::{self, Signed};
use openssl::sha::sha256;
use pouch_format::Sha256Digest;
use pouch_platform::{Dir, DirError};
use sequoia_openpgp::Cert;
use std::collections::{BTreeMap, BTreeSet};

/// Largest file that a ceremony makes, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Something that is wrong with a transcript or with what lies beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Evidence {
    /// It is of another plan than the one that was reviewed.
    #[error("the transcript is of plan {says}, not of plan {given}")]
    OtherPlan {
        /// In the first line.
        says: Sha256Digest,
        /// Given.
        given: Sha256Digest,
    },
    /// A step of the plan is neither done nor left out on the record.
    #[error("step {step} of the plan is not in the transcript")]
    NoStep {
        /// Its id.
        step: String,
    },
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
    /// It was given up, and what it says proves nothing of keys.
    #[error("line {line} closes the ceremony as failed ({reason}); such a transcript is not signed")]
    Failed {
        /// Where.
        line: u64,
        /// Why it was given up.
        reason: String,
    },
    /// The transcript says that another certificate signs it.
    #[error("the last line says that {says} signs the transcript; the certificate given is {given}")]
    OtherSigner {
        /// In the last line.
        says: String,
        /// Given.
        given: String,
    },
    /// The signature is of other bytes or of another key.
    #[error(
        "the signature is not of this transcript by certificate {certificate}: {reason}; where the chain holds, the last \
         line was altered, or all were written anew"
    )]
    BadSignature {
        /// Its fingerprint.
        certificate: String,
        /// What is wrong.
        reason: String,
    },
    /// A file is written down twice; a ceremony never writes one twice.
    #[error("{name} is written down twice with digests {first} and {second}")]
    Twice {
        /// Its name.
        name: String,
        /// Earlier.
        first: Sha256Digest,
        /// Later.
        second: Sha256Digest,
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
    /// The signature that holds, if a certificate was given to look for it.
    pub signed: Option<Signed>,
    /// How many files beside the transcript are what it says.
    pub files: usize,
    /// Steps that were left out.
    pub exceptions: usize,
    /// Attempts that failed.
    pub failures: usize,
    /// Whether it went on, after an interruption, with another file of the tool.
    pub other_tool: bool,
    /// Whether it went on with another binding.
    pub other_binding: bool,
}

/// What a transcript amounts to, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Whole, closed and signed by the certificate given.
    Held,
    /// Whole and closed; nobody gave a certificate to look for the signature.
    Unverified,
    /// Whole and closed, and only the signature is missing.
    Unsigned,
    /// Whole as far as it goes, and not closed.
    Interrupted,
    /// Whole, and closed as failed.
    Failed,
    /// Not what was written, or not by whom it should.
    Altered,
}

impl Verdict {
    /// What the transcript amounts to.
    pub fn state(&self) -> State {
        let only = |expected: fn(&Evidence) -> bool| self.evidence.iter().all(expected);
        match self.ending {
            Some(_) if self.evidence.is_empty() && self.signed.is_some() => State::Held,
            Some(_) if self.evidence.is_empty() => State::Unverified,
            Some(Ending::Done) if only(|evidence| matches!(evidence, Evidence::Unsigned)) => State::Unsigned,
            Some(Ending::Failed) if only(|e| matches!(e, Evidence::Unsigned | Evidence::Failed { .. })) => {
                State::Failed
            }
            None if only(Evidence::is_unfinished) && !self.reading.lines.is_empty() => State::Interrupted,
            _ => State::Altered,
        }
    }
}

impl Evidence {
    /// Whether an interruption explains it.
    fn is_unfinished(&self) -> bool {
        matches!(self, Self::Chain(fault) if fault.is_unfinished()) || *self == Self::Unsigned
    }
}

/// Judges the transcript in `dir` and the files beside it. `signer` is the certificate that must have signed it, which must
/// come from elsewhere than from the same folder to prove anything.
///
/// # Errors
/// [`DirError`]: the transcript cannot be read at all.
pub fn verify(dir: &Dir, signer: &Cert) -> Result<Verdict, DirError> {
    judge(dir, Some(signer))
}

/// The same; without `signer` whether there is a signature, but not whose.
///
/// # Errors
/// [`DirError`]: the transcript cannot be read at all.
pub fn judge(dir: &Dir, signer: Option<&Cert>) -> Result<Verdict, DirError> {
    let reading = Reading::of(dir)?;
    let mut evidence: Vec<Evidence> = reading.faults.iter().cloned().map(Evidence::Chain).collect();
    evidence.extend(failed(&reading));
    let signed = match signature::signed(dir, &reading, signer) {
        Ok(signed) => signed,
        Err(error) => {
            evidence.push(error);
            None
        }
    };
    let files = files(dir, &reading.lines, &mut evidence);
    let mode = reading.lines.first().and_then(|line| match line.event {
        Event::Begin { mode, .. } => Some(mode),
        _ => None,
    });
    let ending = reading.ending();
    let count = |wanted: fn(&Event) -> bool| reading.lines.iter().filter(|line| wanted(&line.event)).count();
    let exceptions = count(|event| matches!(event, Event::Exception { .. }));
    let failures = count(|event| matches!(event, Event::Failure { .. }));
    let (tools, bindings): (BTreeSet<_>, BTreeSet<_>) = reading.lines.iter().filter_map(went_with).unzip();
    let (other_tool, other_binding) = (tools.len() > 1, bindings.len() > 1);
    Ok(Verdict { evidence, mode, ending, signed, files, exceptions, failures, other_tool, other_binding, reading })
}

/// The digests of tool and binding, where a ceremony begins or goes on.
fn went_with(line: &Line) -> Option<(Sha256Digest, Sha256Digest)> {
    match line.event {
        Event::Begin { tool_sha256, binding_sha256, .. } | Event::Resume { tool_sha256, binding_sha256 } => {
            Some((tool_sha256, binding_sha256))
        }
        _ => None,
    }
}

fn failed(reading: &Reading) -> Option<Evidence> {
    let last = reading.lines.last()?;
    match &last.event {
        Event::Close { ending: Ending::Failed, reason, .. } => Some(Evidence::Failed {
            line: last.line,
            reason: reason.clone().unwrap_or_else(|| "no reason given".to_owned()),
        }),
        _ => None,
    }
}

/// Compares each file that the lines name, once, and says how many are right.
fn files(dir: &Dir, lines: &[Line], evidence: &mut Vec<Evidence>) -> usize {
    let mut seen: BTreeMap<&str, Sha256Digest> = BTreeMap::new();
    for (name, sha256) in lines.iter().flat_map(written) {
        if let Some(first) = seen.insert(name, sha256) {
            evidence.push(Evidence::Twice { name: name.to_owned(), first, second: sha256 });
        }
    }
    let wrong: Vec<Evidence> = seen.iter().filter_map(|(name, sha256)| file(dir, name, *sha256).err()).collect();
    let right = seen.len().saturating_sub(wrong.len());
    evidence.extend(wrong);
    right
}

fn written(line: &Line) -> Vec<(&str, Sha256Digest)> {
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
