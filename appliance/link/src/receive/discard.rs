//! Giving up a stream that is not complete.

use std::io;
use std::path::Path;

use pouch_platform::{Dir, DirError, Lock, LockError};

use super::quarantine::{LOCK, STREAMS};

/// Why a stream was not given up. Nothing of it was removed, unless the error is of the disk.
#[derive(Debug, thiserror::Error)]
pub enum DiscardError {
    /// There is no such stream.
    #[error("there is no unfinished stream {wanted}")]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A receiver is at work, or the lock cannot be looked at.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The disk.
    #[error(transparent)]
    Dir(#[from] DirError),
}

/// A quarantine without a receiver, for as long as this is kept.
#[derive(Debug)]
pub struct Still {
    streams: Dir,
    _lock: Lock,
}

impl Still {
    /// Keeps receivers from the quarantine.
    ///
    /// # Errors
    /// [`DiscardError::Lock`] if one is at work.
    pub fn of(quarantine: &Path) -> Result<Self, DiscardError> {
        let root = Dir::open(quarantine)?;
        let lock = Lock::acquire(&root, LOCK)?;
        Ok(Self { streams: root.subdir(STREAMS)?, _lock: lock })
    }

    /// Bytes on disk of an unfinished stream.
    ///
    /// # Errors
    /// [`DiscardError::Unknown`], [`DiscardError::Dir`].
    pub fn bytes(&self, stream: &str) -> Result<u64, DiscardError> {
        let known = self.known()?;
        if !known.iter().any(|name| name == stream) {
            return Err(DiscardError::Unknown { wanted: stream.to_owned(), known });
        }
        let dir = self.streams.subdir(stream)?;
        let mut bytes = 0_u64;
        for entry in dir.entries()? {
            bytes = bytes.saturating_add(dir.metadata(entry?.name)?.size);
        }
        Ok(bytes)
    }

    fn known(&self) -> Result<Vec<String>, DirError> {
        let mut names = Vec::new();
        for entry in self.streams.entries()? {
            names.extend(entry?.name.into_string().ok().filter(|name| is_stream(name)));
        }
        names.sort();
        Ok(names)
    }

    /// Removes all that has come of an unfinished stream, durably.
    ///
    /// # Errors
    /// [`DiscardError::Dir`]; part of it may be gone then.
    pub fn discard(&self, stream: &str) -> Result<(), DiscardError> {
        self.streams.remove_tree(stream)?;
        Ok(self.streams.sync()?)
    }
}

/// Whether a text is the name of a stream: 16 hexadecimal digits, small letters.
#[must_use]
pub fn is_stream(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl DiscardError {
    /// Whether the quarantine is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Dir(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_only_while_no_receiver_is_at_work() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Still::of(folder.path()).unwrap_err().is_not_found());
        let stream = folder.path().join("streams/00112233aabbccdd");
        std::fs::create_dir_all(&stream).unwrap();
        std::fs::write(stream.join("stream.tar.part"), [0; 1000]).unwrap();
        let root = Dir::open(folder.path()).unwrap();
        let receiver = Lock::acquire(&root, LOCK).unwrap();
        assert!(matches!(Still::of(folder.path()), Err(DiscardError::Lock(LockError::Held { .. }))));
        drop(receiver);
        let still = Still::of(folder.path()).unwrap();
        assert!(Lock::acquire(&root, LOCK).is_err());
        assert_eq!(still.bytes("00112233aabbccdd").unwrap(), 1000);
        for wrong in ["00112233aabbccde", "..", "", "."] {
            let error = still.bytes(wrong).unwrap_err();
            assert!(matches!(error, DiscardError::Unknown { known, .. } if known == ["00112233aabbccdd"]));
        }
        still.discard("00112233aabbccdd").unwrap();
        assert!(!stream.exists());
    }
}
