//! One process at a time.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::{Dir, DirError};

/// An exclusive lock, held until dropped; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("{path:?} is locked by process {}", holder.map_or_else(|| "(unknown)".to_owned(), |pid| pid.to_string()))]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// The process that wrote its number there, if one did.
        holder: Option<u32>,
    },
    /// The lock's file cannot be opened.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// The lock's file cannot be locked or written.
    #[error("cannot lock {path:?}: {source}")]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock on the file `name`, which is created if need be and never removed; does not wait.
    ///
    /// # Errors
    /// [`LockError::Held`] names the process that has it.
    pub fn acquire(dir: &Dir, name: impl AsRef<Path>) -> Result<Self, LockError> {
        let name = name.as_ref();
        let path = || dir.path().join(name);
        let file = dir.open_or_create(name)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { path: path(), holder: holder(file) }),
            Err(TryLockError::Error(source)) => return Err(LockError::Io { path: path(), source }),
        }
        let mut lock = Self { file };
        match lock.sign() {
            // It is locked all the same, and whoever is to cope with a full disk must be able to start on one.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(lock),
            signed => signed.map(|()| lock).map_err(|source| LockError::Io { path: path(), source }),
        }
    }

    fn sign(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{}", std::process::id())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only so that nobody reads an old number; the lock itself goes with the descriptor.
        let _ = self.file.set_len(0);
    }
}

fn holder(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
