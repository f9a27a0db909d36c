//! What was sent, remembered durably, so that a restart sends nothing again.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pouch_format::Sha256Digest;
use pouch_platform::{Dir, DirError};
use serde::{Deserialize, Serialize};

/// The file in the state directory.
const FILE: &str = "sent.json";
/// Most pouches that are remembered though they have left the spool.
const MOST: usize = 4096;
/// Largest file, in bytes: of some 250,000 pouches.
const BYTES: u64 = 64 << 20;

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
    names: BTreeSet<String>,
    /// Whether the file lacks something.
    unsaved: bool,
}

impl SentLog {
    /// Reads what was sent; nothing, if there is no file.
    ///
    /// # Errors
    /// [`SentError`].
    pub fn open(dir: Dir) -> Result<Self, SentError> {
        let entries: Vec<Entry> = if dir.exists(FILE)? {
            let bytes = dir.read_bounded(FILE, BYTES)?;
            serde_json::from_slice(&bytes).map_err(|error| SentError::Damaged { reason: error.to_string() })?
        } else {
            Vec::new()
        };
        let names = entries.iter().map(|entry| entry.pouch.clone()).collect();
        Ok(Self { dir, entries, names, unsaved: false })
    }

    /// Whether this pouch was sent.
    #[must_use]
    pub fn has(&self, pouch: &str) -> bool {
        self.names.contains(pouch)
    }

    /// What was sent last, newest last, at most so many.
    #[must_use]
    pub fn latest(&self, most: usize) -> &[Entry] {
        self.entries.get(self.entries.len().saturating_sub(most)..).unwrap_or_default()
    }

    /// Remembers a pouch, until the process ends; [`SentLog::save`] makes it durable.
    pub fn push(&mut self, entry: Entry) {
        if !self.names.insert(entry.pouch.clone()) {
            self.entries.retain(|known| known.pouch != entry.pouch);
        }
        self.entries.push(entry);
        self.unsaved = true;
    }

    /// Forgets the oldest beyond [`MOST`] that are not `there` any more. One that is still in the spool is never forgotten:
    /// it would be sent again.
    pub fn forget(&mut self, there: impl Fn(&str) -> bool) {
        let mut old = self.entries.len().saturating_sub(MOST);
        let names = &mut self.names;
        self.entries.retain(|entry| {
            let goes = old > 0 && !there(&entry.pouch);
            if goes {
                old -= 1;
                names.remove(&entry.pouch);
            }
            !goes
        });
    }

    /// Writes down what is not, if anything is not.
    ///
    /// # Errors
    /// [`SentError`]; nothing is forgotten, and it can be tried again.
    pub fn save(&mut self) -> Result<(), SentError> {
        if self.unsaved {
            let bytes =
                serde_json::to_vec(&self.entries).map_err(|error| SentError::Damaged { reason: error.to_string() })?;
            self.dir.replace_file(FILE, &bytes)?;
            self.unsaved = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_in_the_spool_is_never_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SentLog::open(Dir::open_private(folder.path()).unwrap()).unwrap();
        let mut log = open();
        for number in 0..MOST + 10 {
            let (pouch, stream) = (format!("land-{number:06}"), format!("{number:016x}"));
            log.push(Entry { pouch, manifest: Sha256Digest([7; 32]), stream, at: Timestamp::UNIX_EPOCH });
        }
        log.forget(|pouch| pouch == "land-000001");
        log.save().unwrap();
        let log = open();
        assert_eq!(log.entries.len(), MOST);
        assert!(log.has("land-000001") && !log.has("land-000000") && !log.has("land-000010") && log.has("land-000011"));
    }
}
