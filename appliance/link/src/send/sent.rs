//! What was sent, remembered durably, so that a restart sends nothing again.

use jiff::Timestamp;
use pouch_format::Sha256Digest;
use pouch_platform::{Dir, DirError};
use serde::{Deserialize, Serialize};

/// The file in the state directory.
const FILE: &str = "sent.json";
/// Most pouches that are remembered; the oldest are forgotten, which have long left the spool.
const MOST: usize = 4096;
/// Largest file, in bytes.
const BYTES: u64 = 4 << 20;

/// A pouch that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The pouch.
    pub pouch: String,
    /// SHA-256 of its manifest.
    pub manifest: Sha256Digest,
    /// Its stream, 16 hexadecimal digits.
    pub stream: String,
    /// When it was sent.
    pub at: Timestamp,
}

/// Why the memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SentError {
    /// It cannot be read or written.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// It is damaged. It is never taken for an empty one: that would send everything again.
    #[error("{FILE} is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
}

/// All that was sent.
#[derive(Debug)]
pub struct SentLog {
    dir: Dir,
    entries: Vec<Entry>,
}

impl SentLog {
    /// Reads what was sent; nothing, if there is no file.
    ///
    /// # Errors
    /// [`SentError`].
    pub fn open(dir: Dir) -> Result<Self, SentError> {
        let entries = if dir.exists(FILE)? {
            let bytes = dir.read_bounded(FILE, BYTES)?;
            serde_json::from_slice(&bytes).map_err(|error| SentError::Damaged { reason: error.to_string() })?
        } else {
            Vec::new()
        };
        Ok(Self { dir, entries })
    }

    /// Whether this pouch was sent.
    #[must_use]
    pub fn has(&self, pouch: &str) -> bool {
        self.entries.iter().any(|entry| entry.pouch == pouch)
    }

    /// What was sent last, newest last, at most so many.
    #[must_use]
    pub fn latest(&self, most: usize) -> &[Entry] {
        self.entries.get(self.entries.len().saturating_sub(most)..).unwrap_or_default()
    }

    /// Remembers a pouch, durably.
    ///
    /// # Errors
    /// [`SentError`]; it is remembered until the process ends all the same.
    pub fn push(&mut self, entry: Entry) -> Result<(), SentError> {
        self.entries.retain(|known| known.pouch != entry.pouch);
        self.entries.push(entry);
        let old = self.entries.len().saturating_sub(MOST);
        self.entries.drain(..old);
        let bytes =
            serde_json::to_vec(&self.entries).map_err(|error| SentError::Damaged { reason: error.to_string() })?;
        Ok(self.dir.replace_file(FILE, &bytes)?)
    }
}
