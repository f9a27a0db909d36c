//! The report that a receiver wrote last, as others read it.

use std::io;
use std::path::{Path, PathBuf};

use pouch_platform::{Dir, DirError};

use super::report::Report;

/// The file in the quarantine.
pub const FILE: &str = "status.json";
/// Most bytes of it.
pub(crate) const MOST: u64 = 4 << 20;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LatestError {
    /// No receiver has written one.
    #[error("no receiver has run on {}", quarantine.display())]
    None {
        /// The quarantine.
        quarantine: PathBuf,
    },
    /// It cannot be read.
    #[error(transparent)]
    Dir(DirError),
    /// It is none.
    #[error("{} is no report of a receiver: {reason}", file.display())]
    Form {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The latest report in a quarantine.
///
/// # Errors
/// [`LatestError`].
pub fn latest(quarantine: &Path) -> Result<Report, LatestError> {
    let read = Dir::open(quarantine).and_then(|dir| dir.read_bounded(FILE, MOST));
    let bytes = read.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => LatestError::None { quarantine: quarantine.to_owned() },
        _ => LatestError::Dir(error),
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| LatestError::Form { file: quarantine.join(FILE), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(latest(&folder.path().join("x")), Err(LatestError::None { .. })));
        assert!(matches!(latest(folder.path()), Err(LatestError::None { .. })));
        let file = folder.path().join(FILE);
        std::fs::write(&file, serde_json::to_vec(&Report::default()).unwrap()).unwrap();
        assert_eq!(latest(folder.path()).unwrap(), Report::default());
        for bad in ["", "{}", "[]", &"[".repeat(100_000)] {
            std::fs::write(&file, bad).unwrap();
            assert!(matches!(latest(folder.path()), Err(LatestError::Form { .. })), "{bad:.20}");
        }
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
        assert!(matches!(latest(folder.path()), Err(LatestError::Dir(_))));
    }
}
