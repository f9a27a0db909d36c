//! The one moment at which a pouch becomes part of the vault.

use std::io::Read;

use bytes::Bytes;
use object_store::{ObjectStore, PutMode, PutPayload};
use pouch_format::{MANIFEST_FILE, PouchId, limits};
use pouch_platform::Dir;

use crate::{
    Staging, Vault, VaultError,
    vault::{Home, block_on, object, registry_path, sequence_name},
};

/// What publishing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The pouch is in the vault now.
    New,
    /// The pouch, by the bytes of its manifest, was in the vault before; nothing was changed.
    AlreadyThere,
}

impl Vault {
    /// Makes a staged pouch one of the vault's, all at once.
    ///
    /// The staged directory holds exactly the files of the pouch, each of them synced.
    ///
    /// # Errors
    /// [`VaultError::Conflict`] if another pouch has that number; [`VaultError`] if the store fails. Then the pouch is
    /// either wholly there or not listed, and publishing it again settles that.
    pub fn publish(&self, staged: Staging, id: &PouchId) -> Result<Published, VaultError> {
        if self.has(id)? {
            // Equal manifests name equal parts by digest.
            let same = self.manifest_bytes(id)? == read_staged(staged.dir(), MANIFEST_FILE, limits::MANIFEST_BYTES)?;
            if !same {
                return Err(VaultError::Conflict { id: id.clone() });
            }
            if let Home::Directory(root) = self.home() {
                settle(root, id)?;
            }
            return Ok(Published::AlreadyThere);
        }
        match self.home() {
            Home::Directory(root) => rename(root, staged, id)?,
            Home::Store => put_all(self.store(), staged.dir(), id)?,
        }
        Ok(Published::New)
    }
}

/// One rename of the whole directory.
fn rename(root: &Dir, staged: Staging, id: &PouchId) -> Result<(), VaultError> {
    let registry = id.registry.as_str();
    let parent = match root.create_dir(registry) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => root.subdir(registry)?,
        created => created?,
    };
    // Also if it existed: it may have been created by an import that was killed before this.
    root.sync()?;
    staged.move_to(&parent, &sequence_name(id.sequence))
}

/// A rename that was seen may not be durable yet: an import that was killed, or whose disk failed, may have made it.
fn settle(root: &Dir, id: &PouchId) -> Result<(), VaultError> {
    let registry = root.subdir(id.registry.as_str())?;
    registry.subdir(sequence_name(id.sequence))?.sync()?;
    registry.sync()?;
    Ok(root.sync()?)
}

/// The parts first, the manifest last.
fn put_all(store: &dyn ObjectStore, staged: &Dir, id: &PouchId) -> Result<(), VaultError> {
    const LARGEST: u64 = limits::PART_CONTENT_BYTES + limits::PART_OVERHEAD_BYTES;
    for entry in staged.entries()? {
        let name = entry?.name.to_string_lossy().into_owned();
        if name != MANIFEST_FILE {
            put(store, id, &name, read_staged(staged, &name, LARGEST)?, PutMode::Overwrite)?;
        }
    }
    let manifest = read_staged(staged, MANIFEST_FILE, limits::MANIFEST_BYTES)?;
    put(store, id, MANIFEST_FILE, manifest, PutMode::Create)
}

fn put(store: &dyn ObjectStore, id: &PouchId, name: &str, bytes: Vec<u8>, mode: PutMode) -> Result<(), VaultError> {
    let payload = PutPayload::from_bytes(Bytes::from(bytes));
    let path = registry_path(&id.registry).join(sequence_name(id.sequence)).join(name);
    match block_on(store.put_opts(&path, payload, mode.into())) {
        Ok(_) => Ok(()),
        Err(object_store::Error::AlreadyExists { .. }) => Err(VaultError::Conflict { id: id.clone() }),
        Err(source) => Err(VaultError::Store { action: "put", object: object(id, name), source }),
    }
}

fn read_staged(staged: &Dir, name: &str, limit: u64) -> Result<Vec<u8>, VaultError> {
    let mut bytes = Vec::new();
    staged
        .open_file(name)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| VaultError::Staged { file: name.to_owned(), source })?;
    let found = bytes.len() as u64;
    if found > limit {
        return Err(VaultError::Size { object: name.to_owned(), found, stated: limit });
    }
    Ok(bytes)
}
