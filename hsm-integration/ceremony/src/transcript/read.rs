//! Reading a transcript: every line, and every place where the chain does not hold.

use super::event::{Ending, Event, Line};
use super::{FILE, NOTHING};
use openssl::sha::sha256;
use pouch_console::{Exit, Explain, Failure};
use pouch_format::Sha256Digest;
use pouch_platform::{Dir, DirError};

/// Largest transcript, in bytes.
const MAX_BYTES: u64 = 16 << 20;
/// Most lines that are read: a long ceremony has a few hundred.
const MAX_LINES: u64 = 1 << 16;
/// Most faults that are told apart.
const MAX_FAULTS: usize = 100;

/// A transcript that was read.
#[derive(Debug)]
pub struct Reading {
    /// The lines that can be understood, in the order of the file.
    pub lines: Vec<Line>,
    /// All bytes of the file.
    pub bytes: Vec<u8>,
    /// Bytes up to the end of the last whole line.
    pub whole_bytes: u64,
    /// SHA-256 of the last whole line.
    pub end: Sha256Digest,
    /// Where the chain does not hold.
    pub faults: Vec<Fault>,
}

/// A place where the transcript is not as it was written. Lines are counted from 1, as they stand in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a line of a transcript.
    #[error("line {line} cannot be read: {reason}")]
    Malformed {
        /// Where.
        line: u64,
        /// What the JSON reader says.
        reason: String,
    },
    /// The digest of the line before is another.
    #[error(
        "line {line} does not follow the line before it: one of the two was altered, or lines are missing, added or moved"
    )]
    Broken {
        /// Where.
        line: u64,
    },
    /// The number is another.
    #[error("line {line} says that it is line {says}: lines are missing, added or moved")]
    Number {
        /// Where.
        line: u64,
        /// What it says.
        says: u64,
    },
    /// The last line has no line feed.
    #[error("line {line} was cut off")]
    Cut {
        /// Where.
        line: u64,
    },
    /// The first line begins no ceremony.
    #[error("the first line does not say which ceremony began")]
    NoBeginning,
    /// The last line closes no ceremony.
    #[error("the ceremony was not closed: lines are cut off at the end, or it is not over")]
    NoEnd,
    /// A ceremony begins in the middle.
    #[error("line {line} begins a ceremony, and is not the first")]
    BeginsAgain {
        /// Where.
        line: u64,
    },
    /// Something follows the closing line.
    #[error("line {line} comes after the line that closed the ceremony")]
    AfterEnd {
        /// Where.
        line: u64,
    },
    /// A step was done, failed or asked for something, and had not begun.
    #[error("line {line} is about step {step}, and that step had not begun there")]
    Order {
        /// Where.
        line: u64,
        /// The step.
        step: String,
    },
    /// More lines than any ceremony has.
    #[error("from line {line} on nothing was read: no ceremony has so many lines")]
    TooLong {
        /// Where.
        line: u64,
    },
    /// What is wrong beyond the first [`MAX_FAULTS`].
    #[error("{count} more places are wrong")]
    More {
        /// How many.
        count: usize,
    },
}

impl Fault {
    /// Whether an interruption explains it: nothing was altered.
    pub fn is_unfinished(&self) -> bool {
        matches!(self, Self::Cut { .. } | Self::NoEnd)
    }
}

/// A transcript that cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// The chain.
    #[error("{}: {fault}", path.display())]
    Fault {
        /// The file.
        path: std::path::PathBuf,
        /// The first fault.
        fault: Fault,
    },
}

impl Explain for ReadError {
    fn explain(&self) -> Failure {
        let failure = |id, exit| Failure::new(id, exit, self);
        match self {
            Self::Dir(error) => failure("DISK", Exit::from(&std::io::Error::from(error.kind()))),
            Self::Fault { .. } => failure("CEREMONY-TRANSCRIPT", Exit::Refused).hint(
                "nothing was done; keep the folder as evidence, find out who changed it, and begin in a new folder",
            ),
        }
    }
}

impl Reading {
    /// Reads the transcript of a ceremony's folder.
    ///
    /// # Errors
    /// [`DirError`]; what is wrong inside is in `faults`.
    pub fn of(dir: &Dir) -> Result<Self, DirError> {
        Ok(Self::from_bytes(dir.read_bounded(FILE, MAX_BYTES)?))
    }

    /// Reads a transcript that can be gone on with: whole, but for a last line that was cut off in writing, and not closed.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn unfinished(dir: &Dir) -> Result<Self, ReadError> {
        let mut reading = Self::of(dir)?;
        // Not even the first line became whole: nothing was begun.
        let begun = |fault: &Fault| !(reading.whole_bytes == 0 && *fault == Fault::NoBeginning);
        if let Some(fault) = reading.faults.iter().find(|fault| !fault.is_unfinished() && begun(fault)) {
            return Err(ReadError::Fault { path: dir.path().join(FILE), fault: fault.clone() });
        }
        reading.faults.clear();
        Ok(reading)
    }

    /// Whether the last line closed the ceremony.
    pub fn is_closed(&self) -> bool {
        self.ending().is_some()
    }

    /// How the ceremony ended, if its last line says so.
    pub fn ending(&self) -> Option<Ending> {
        match self.lines.last()?.event {
            Event::Close { ending, .. } => Some(ending),
            _ => None,
        }
    }

    /// Reads the bytes of a transcript.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let mut walk = Walk::default();
        let mut whole = 0usize;
        for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            if number > MAX_LINES {
                walk.fault(Fault::TooLong { line: number });
                break;
            }
            match line.strip_suffix(b"\n") {
                Some(text) => {
                    walk.line(number, text);
                    whole = whole.saturating_add(line.len());
                }
                None => walk.fault(Fault::Cut { line: number }),
            }
        }
        walk.close();
        let whole_bytes = u64::try_from(whole).unwrap_or(u64::MAX);
        Self { lines: walk.lines, whole_bytes, end: walk.end, faults: walk.faults, bytes }
    }
}

struct Walk {
    lines: Vec<Line>,
    faults: Vec<Fault>,
    end: Sha256Digest,
    /// Set by the line that closes.
    closed: bool,
    /// The step that began and did not end yet.
    current: Option<String>,
}

impl Default for Walk {
    fn default() -> Self {
        Self { lines: Vec::new(), faults: Vec::new(), end: NOTHING, closed: false, current: None }
    }
}

impl Walk {
    fn fault(&mut self, fault: Fault) {
        let told = self.faults.len();
        match self.faults.last_mut() {
            Some(Fault::More { count }) => *count = count.saturating_add(1),
            _ => self.faults.push(if told < MAX_FAULTS { fault } else { Fault::More { count: 1 } }),
        }
    }

    fn line(&mut self, number: u64, bytes: &[u8]) {
        let previous = std::mem::replace(&mut self.end, Sha256Digest(sha256(bytes)));
        if self.closed {
            self.fault(Fault::AfterEnd { line: number });
        }
        let line: Line = match serde_json::from_slice(bytes) {
            Ok(line) => line,
            Err(error) => return self.fault(Fault::Malformed { line: number, reason: error.to_string() }),
        };
        if line.previous != previous {
            self.fault(Fault::Broken { line: number });
        }
        if line.line != number {
            self.fault(Fault::Number { line: number, says: line.line });
        }
        self.order(number, &line.event);
        self.lines.push(line);
    }

    /// A chain that holds can still have been written by somebody who did not hold a ceremony.
    fn order(&mut self, number: u64, event: &Event) {
        let step = match event {
            Event::Begin { .. } if number != 1 => return self.fault(Fault::BeginsAgain { line: number }),
            Event::Begin { .. } | Event::Resume { .. } => return,
            Event::Close { .. } => return self.closed = true,
            Event::Step { step, .. } => return self.current = Some(step.clone()),
            Event::Done { step, .. }
            | Event::Exception { step, .. }
            | Event::Answer { step, .. }
            | Event::Failure { step, .. } => step,
        };
        if self.current.as_ref() != Some(step) {
            self.fault(Fault::Order { line: number, step: step.clone() });
        }
        if matches!(event, Event::Done { .. } | Event::Exception { .. }) {
            self.current = None;
        }
    }

    fn close(&mut self) {
        if !matches!(self.lines.first(), Some(Line { line: 1, event: Event::Begin { .. }, .. })) {
            self.fault(Fault::NoBeginning);
        }
        if !self.closed {
            self.fault(Fault::NoEnd);
        }
    }
}
