//! The transcript: JSON lines, each with the SHA-256 of the line before, durable before the next step begins.
//!
//! It holds what was shown, asked, answered, made and refused, and no secret. Its last line says how the ceremony ended; then
//! the new key signs the whole file. It is also what an interrupted ceremony is resumed from.

mod against;
mod event;
mod read;
mod render;
mod signature;
mod verify;

pub use against::against;
pub use event::{Ending, Event, Fact, Line, Mode};
pub use read::{Fault, Reading};
pub use render::render;
pub(crate) use render::{fact, sentence};
pub use signature::Signed;
pub use verify::{Evidence, State, Verdict, judge, verify};

use jiff::Timestamp;
use openssl::sha::sha256;
use pouch_console::{Exit, Failure};
use pouch_format::Sha256Digest;
use pouch_platform::{Dir, DirError};
use std::fs::File;
use std::io::Write as _;

/// The file.
pub const FILE: &str = "transcript.jsonl";
/// Its detached OpenPGP signature.
pub const SIGNATURE_FILE: &str = "transcript.jsonl.sig";

/// What stands before the first line.
const NOTHING: Sha256Digest = Sha256Digest([0; 32]);

/// A transcript that is being written.
#[derive(Debug)]
pub struct Transcript {
    dir: Dir,
    file: File,
    lines: u64,
    end: Sha256Digest,
    /// Bytes of the whole lines.
    length: u64,
}

/// Id of the failure after which nothing may be done any more, because it could not be taken down.
pub(crate) const UNWRITTEN: &str = "CEREMONY-RECORD";

impl Transcript {
    /// Begins a transcript in `dir`, which must have none.
    ///
    /// # Errors
    /// There is one, or the disk.
    pub fn create(dir: Dir) -> Result<Self, Failure> {
        let file = dir.create_new(FILE).map_err(pouch_cli::explain::dir)?;
        dir.sync().map_err(pouch_cli::explain::dir)?;
        Ok(Self { dir, file, lines: 0, end: NOTHING, length: 0 })
    }

    /// Goes on with a transcript that was read and found whole.
    ///
    /// # Errors
    /// The disk.
    pub fn resume(dir: Dir, reading: &Reading) -> Result<Self, Failure> {
        let failed = |source| write_failed(&dir, source);
        let file = dir.open_append(FILE).map_err(pouch_cli::explain::dir)?;
        // A last line that was cut off in writing says nothing that was done.
        file.set_len(reading.whole_bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        let lines = u64::try_from(reading.lines.len()).unwrap_or(u64::MAX);
        Ok(Self { dir, file, lines, end: reading.end, length: reading.whole_bytes })
    }

    /// Appends one line, durably.
    ///
    /// # Errors
    /// The disk. Then the ceremony must stop: what is not on the record was not done.
    pub fn append(&mut self, event: &Event, at: Timestamp) -> Result<(), Failure> {
        let line = Line { line: self.lines.saturating_add(1), at, previous: self.end, event: event.clone() };
        let bytes = serde_json::to_vec(&line).map_err(|error| {
            Failure::new("CEREMONY-TRANSCRIPT", Exit::Software, format!("line {} is no JSON: {error}", line.line))
        })?;
        let end = Sha256Digest(sha256(&bytes));
        let bytes = [&bytes, b"\n".as_slice()].concat();
        if let Err(source) = self.file.write_all(&bytes).and_then(|()| self.file.sync_data()) {
            // Half a line at most is left, which a resumed ceremony cuts off; better none.
            drop(self.file.set_len(self.length));
            return Err(write_failed(&self.dir, source));
        }
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        (self.lines, self.end) = (line.line, end);
        Ok(())
    }

    /// SHA-256 of the last line: who notes it down can tell that no line was added or cut off later.
    pub fn end(&self) -> Sha256Digest {
        self.end
    }

    /// Lines so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The folder, where everything that the ceremony makes comes to lie.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }
}

fn write_failed(dir: &Dir, source: std::io::Error) -> Failure {
    let path = dir.path().join(FILE);
    let failure = pouch_cli::explain::dir(DirError::System { action: pouch_platform::Action::Write, path, source });
    let hint =
        "nothing goes on that cannot be taken down; see to the disk, and run the same command: it goes on from there";
    Failure { id: UNWRITTEN.to_owned(), ..failure }.hint(hint)
}
