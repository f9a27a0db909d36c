//! The verdict on an archive that somebody else made.

use std::io::{self, Read};

use pouch_format::{Rule, Totals};

use crate::{Budget, Discard, Mode, WalkError, walk};

/// What the strict walker says of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It means the same to every reader.
    Accepted(Totals),
    /// A rule refuses it.
    Refused {
        /// Which rule.
        rule: Rule,
        /// Where the header or block concerned begins, in bytes.
        offset: u64,
        /// Why, escaped.
        text: String,
    },
}

/// Walks a whole archive in [`Mode::Strict`] within the limits of the format, and writes nothing.
///
/// # Errors
/// When the archive cannot be read.
pub fn lint(reader: impl Read) -> io::Result<Verdict> {
    match walk(reader, Mode::Strict, Budget::LIMITS, &mut Discard) {
        Ok(totals) => Ok(Verdict::Accepted(totals)),
        Err(WalkError::Refused(refusal)) => {
            Ok(Verdict::Refused { rule: refusal.rule(), offset: refusal.offset, text: refusal.fault.to_string() })
        }
        Err(WalkError::Read(error)) => Err(error),
        Err(WalkError::Sink(never)) => match never {},
    }
}
