//! The disk under the quarantine, measured.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use pouch_platform::{Dir, DirError};

/// The file that is written and removed.
const FILE: &str = "speed-of-the-disk";
/// How much is written, in bytes.
const BYTES: u64 = 256 << 20;
/// How much at a time.
const PIECE: usize = 1 << 20;

/// The disk under the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes free.
    pub free: u64,
    /// Bytes that it makes durable in a second.
    pub speed: u64,
}

/// Why the disk was not measured.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The quarantine.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// Writing failed.
    #[error("cannot write in {path}: {source}")]
    Write {
        /// The quarantine.
        path: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Disk {
    /// Writes up to 256 MiB into the quarantine, durably, and removes them again. Never more than a quarter of what is free.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn measure(quarantine: &Path) -> Result<Self, DiskError> {
        let dir = Dir::open(quarantine)?;
        let free = dir.free_bytes()?;
        // Of one that was killed.
        if dir.exists(FILE)? {
            dir.remove_file(FILE)?;
        }
        let mut file = dir.create_new(FILE)?;
        let mut write = || {
            // No zeros: a disk that compresses would not show what it can do.
            let mut piece = vec![0; PIECE];
            blake3::Hasher::new().finalize_xof().fill(&mut piece);
            let pieces = (BYTES.min(free / 4) / PIECE as u64).max(1);
            let started = Instant::now();
            for _ in 0..pieces {
                file.write_all(&piece)?;
            }
            file.sync_data()?;
            Ok((pieces * PIECE as u64, started.elapsed()))
        };
        let written = write();
        dir.remove_file(FILE)?;
        let (bytes, took) =
            written.map_err(|source| DiskError::Write { path: quarantine.display().to_string(), source })?;
        let speed = u128::from(bytes) * 1_000_000 / took.as_micros().max(1);
        Ok(Self { free, speed: u64::try_from(speed).unwrap_or(u64::MAX) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_measured_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "of one that was killed").unwrap();
        let disk = Disk::measure(folder.path()).unwrap();
        assert!(disk.speed > 0 && disk.free > 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(matches!(Disk::measure(&folder.path().join("x")), Err(DiskError::Dir(_))));
    }
}
