//! The log of what happened: JSON lines, each with the SHA-256 of the line before, the last one's kept in the state.
//!
//! So a line that is edited, dropped, moved or cut off at the end is noticed. Damage never stops the embassy from
//! taking in pouches: the chain goes on from the end that the state knows, and the damage stays visible for ever.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};

use jiff::Timestamp;
use openssl::sha::sha256;
use pouch_format::Sha256Digest;
use pouch_platform::Dir;
use serde::{Deserialize, Serialize};

use super::StateError;
use super::event::Event;
use super::ledger::LogHead;

/// The file.
pub(crate) const LOG_FILE: &str = "log.jsonl";
/// Longest line, in bytes.
const LINE_BYTES: u64 = 1 << 20;
/// Most faults that are reported.
const FAULTS: usize = 16;

/// Something wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// A line that does not follow the one before it.
    #[error("line {line} of the log does not follow the line before it")]
    Broken {
        /// Place in the file, from 1.
        line: u64,
    },
    /// The line at which the state knows the log to end is not there, or is another.
    #[error("the log does not hold line {line} as the state knows it")]
    HeadMissing {
        /// The line's number, from 1.
        line: u64,
    },
    /// The log cannot be read.
    #[error("the log cannot be read: {reason}")]
    Unreadable {
        /// What the system says.
        reason: String,
    },
}

/// What links a line to the one before.
#[derive(Deserialize)]
struct Link {
    line: u64,
    previous: Sha256Digest,
}

#[derive(Serialize)]
struct Line<'a> {
    line: u64,
    at: Timestamp,
    previous: Sha256Digest,
    #[serde(flatten)]
    event: &'a Event,
}

/// The log, and where it goes on.
#[derive(Debug)]
pub(crate) struct Log {
    dir: Dir,
    end: LogHead,
    /// Where a rest begins that was cut off in writing, in bytes; the next line overwrites it.
    rest: Option<u64>,
}

impl Log {
    /// Whether there is a log at all.
    pub(crate) fn exists(dir: &Dir) -> Result<bool, StateError> {
        Ok(dir.exists(LOG_FILE)?)
    }

    /// Reads the whole log and compares it with what the state knows of it.
    pub(crate) fn check(dir: Dir, head: LogHead) -> (Self, Vec<LogFault>) {
        let mut walk = Walk::over(&dir, head);
        if walk.end.is_none() {
            walk.fault(LogFault::HeadMissing { line: head.lines });
        }
        // A rest without newline was cut off in writing a line that the state never knew; anything else stays.
        let rest = (walk.torn && walk.end.is_some()).then_some(walk.whole);
        (Self { dir, end: walk.end.unwrap_or(head), rest }, walk.faults)
    }

    /// Reads the whole log and takes its end as it stands, for nothing else knows it.
    pub(crate) fn adopt(dir: Dir) -> (Self, Vec<LogFault>) {
        let last = Walk::over(&dir, LogHead::EMPTY).last;
        Self::check(dir, last)
    }

    /// The end: what the state knows, and whole lines that follow it.
    pub(crate) fn end(&self) -> LogHead {
        self.end
    }

    /// Appends one line, durably, and returns the new end.
    pub(crate) fn append(&mut self, event: &Event, at: Timestamp) -> Result<LogHead, StateError> {
        let line = self.end.lines.saturating_add(1);
        let mut bytes =
            serde_json::to_vec(&Line { line, at, previous: self.end.sha256, event }).map_err(StateError::Encode)?;
        let sha256 = Sha256Digest(sha256(&bytes));
        bytes.push(b'\n');
        let created = !Self::exists(&self.dir)?;
        let mut file = self.dir.open_or_create(LOG_FILE)?;
        self.write(&mut file, &bytes)
            .map_err(|source| StateError::Write { path: self.dir.path().join(LOG_FILE), source })?;
        if created {
            self.dir.sync()?;
        }
        self.rest = None;
        self.end = LogHead { lines: line, sha256 };
        Ok(self.end)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
        if let Some(rest) = self.rest {
            file.set_len(rest)?;
        }
        if file.seek(SeekFrom::End(0))? > 0 {
            // Damage may have taken the last newline; a line of its own keeps it from taking this one too.
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        file.write_all(bytes)?;
        file.sync_all()
    }
}

/// Highest number of a line: JSON numbers are exact so far.
const MOST_LINES: u64 = 1 << 53;

/// One pass over the lines.
struct Walk {
    /// What the state knows.
    head: LogHead,
    /// The end that follows from `head`, once that line was seen.
    end: Option<LogHead>,
    last: LogHead,
    whole: u64,
    torn: bool,
    /// Lines so far.
    at: u64,
    faults: Vec<LogFault>,
}

impl Walk {
    fn over(dir: &Dir, head: LogHead) -> Self {
        let end = (head == LogHead::EMPTY).then_some(head);
        let mut walk = Walk { head, end, last: LogHead::EMPTY, whole: 0, torn: false, at: 0, faults: Vec::new() };
        match dir.open_file(LOG_FILE) {
            Ok(file) => walk.all(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => walk.fault(LogFault::Unreadable { reason: error.to_string() }),
        }
        walk
    }

    fn all(&mut self, file: File) {
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut file).take(LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) if line.ends_with(b"\n") => self.line(&line),
                // Cut off in writing, unless it holds what the state knows; that shows in the end.
                Ok(read) if (read as u64) < LINE_BYTES => {
                    self.torn = true;
                    return;
                }
                Ok(_) => {
                    return self.fault(LogFault::Unreadable { reason: format!("line {} is too long", self.at + 1) });
                }
                Err(error) => return self.fault(LogFault::Unreadable { reason: error.to_string() }),
            }
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        self.at += 1;
        self.whole += bytes.len() as u64;
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let link = serde_json::from_slice::<Link>(text).ok();
        // No log comes to more lines; a number beyond is not believed, for the next ones would follow from it.
        let link = link.filter(|link| link.line <= MOST_LINES);
        let number = link.as_ref().map_or(self.last.lines.saturating_add(1), |link| link.line);
        let here = LogHead { lines: number, sha256: Sha256Digest(sha256(text)) };
        let follows = |before: LogHead| {
            link.as_ref()
                .is_some_and(|link| before.lines.checked_add(1) == Some(link.line) && link.previous == before.sha256)
        };
        if !follows(self.last) {
            self.fault(LogFault::Broken { line: self.at });
        }
        if here == self.head || self.end.is_some_and(follows) {
            self.end = Some(here);
        }
        self.last = here;
    }

    fn fault(&mut self, fault: LogFault) {
        if self.faults.len() < FAULTS {
            self.faults.push(fault);
        }
    }
}
