//! A private directory for the scratch server's socket and configuration.
//!
//! It lies in the system's directory for temporary files, because a socket's path must be short. Its name is made from the
//! registry's folder, so that the next restore finds and removes what a killed one left.

use std::fs::{DirBuilder, remove_dir_all};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::{RestoreError, Tools};

/// Longest socket path (`sun_path` of unix(7)), in bytes with its end.
const SOCKET_BYTES: usize = 108;

/// The directory, the user's who runs the server. Removed when dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) path: PathBuf,
}

impl Scratch {
    /// Creates it for the data directory `<registry>/<version>/data`. The caller holds the registry's lock, and hands it
    /// over once everything is written: whoever owns it could put links in our way.
    pub(super) fn create(data: &Path) -> Result<Self, RestoreError> {
        let registry = data.ancestors().nth(2).unwrap_or(data);
        let metadata = std::fs::metadata(registry).map_err(failed("look at", registry))?;
        let path = std::env::temp_dir().join(format!("pouch-{:x}-{:x}", metadata.dev(), metadata.ino()));
        if path.join(".s.PGSQL.5432.lock").as_os_str().len() >= SOCKET_BYTES {
            let reason = "too long for a socket; set TMPDIR to a shorter path";
            return Err(failed("use", &path)(Error::new(ErrorKind::InvalidFilename, reason)));
        }
        match remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("remove", &path)(error)),
            _ => {}
        }
        // Fails if somebody else was faster: then it is not ours.
        DirBuilder::new().mode(0o700).create(&path).map_err(failed("create", &path))?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove_dir_all(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot be removed; the next restore does");
        }
    }
}

/// Gives a file or directory to the user who runs the server.
pub(super) fn hand_over(path: &Path, tools: &Tools) -> Result<(), RestoreError> {
    let Some(user) = &tools.user else { return Ok(()) };
    std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).map_err(failed("hand over", path))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::File { action, path, source }
}
