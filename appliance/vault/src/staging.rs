//! Where parts are copied before they are published.

use std::fs::File;

use pouch_platform::{Dir, Lock};

use crate::VaultError;

/// The directory that everything incoming passes through.
pub(crate) const INCOMING: &str = ".incoming";
/// The lock on it.
pub(crate) const LOCK: &str = ".lock";
/// The one staging directory; one is enough, because the lock lets in one import at a time.
const NAME: &str = "pouch";

/// A private directory that becomes a pouch of the vault when it is published, and vanishes when it is dropped.
///
/// Whoever holds it holds the vault's lock.
#[derive(Debug)]
pub struct Staging {
    incoming: Dir,
    dir: Dir,
    /// Whether the directory is still where it was created.
    here: bool,
    _lock: Lock,
}

impl Staging {
    pub(crate) fn begin(root: &Dir) -> Result<Self, VaultError> {
        let lock = Lock::acquire(root, LOCK)?;
        let incoming = root.subdir(INCOMING)?;
        remove_leftovers(&incoming)?;
        let dir = incoming.create_dir(NAME)?;
        Ok(Self { incoming, dir, here: true, _lock: lock })
    }

    /// The directory to copy into.
    #[must_use]
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// A new file of the pouch (mode 0600). Whoever writes it calls `sync_all` on it before the pouch is published.
    ///
    /// # Errors
    /// [`VaultError::Dir`], also if the name is taken.
    pub fn create(&self, name: &str) -> Result<File, VaultError> {
        Ok(self.dir.create_new(name)?)
    }

    /// Moves the directory away, durably: it is a pouch now.
    pub(crate) fn move_to(mut self, parent: &Dir, name: &str) -> Result<(), VaultError> {
        self.dir.sync()?;
        // The name may be taken durably although the call fails at the fsync after it; the error tells.
        self.incoming.move_noreplace(NAME, parent, name)?;
        self.here = false;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.here
            && let Err(error) = self.incoming.remove_tree(NAME)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "an incoming directory is left behind; the next import removes it");
        }
    }
}

/// Removes what killed imports left behind, and says how many there were. The caller holds the lock.
pub(crate) fn remove_leftovers(incoming: &Dir) -> Result<usize, VaultError> {
    let names = incoming.entries()?.map(|entry| entry.map(|entry| entry.name)).collect::<Result<Vec<_>, _>>()?;
    for name in &names {
        incoming.remove_tree(name)?;
    }
    Ok(names.len())
}
