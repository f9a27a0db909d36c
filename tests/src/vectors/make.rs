//! All vectors, made anew.

use std::collections::BTreeSet;
use std::fs;

use sequoia_openpgp::anyhow::{Context as _, ensure};

use super::keys::Keys;
use super::{Folder, Result, Vector, archive, index, manifest, part, pouch, pqc, signature, transit};

/// Every vector, with these keys.
///
/// # Errors
/// A library refuses.
pub fn all(keys: &Keys) -> Result<Vec<Vector>> {
    let vectors = [
        manifest::vectors(keys)?,
        signature::vectors(keys)?,
        archive::vectors()?,
        part::vectors(keys)?,
        index::vectors()?,
        pouch::vectors(keys)?,
        pqc::vectors(keys)?,
        transit::vectors(keys)?,
    ];
    Ok(vectors.concat())
}

/// Adds the vectors and keys that the folder lacks, and removes vectors that are no longer made. What is there stays as
/// it is, for others read it too; to make a vector anew, remove it first.
///
/// # Errors
/// A library refuses, a name is there twice, or the disk fails.
pub fn write(folder: &Folder) -> Result<usize> {
    let mut keys = Keys::make()?;
    keys.keep(folder)?;
    let made = all(&keys)?;
    let names: BTreeSet<&str> = made.iter().map(|vector| vector.name.as_str()).collect();
    ensure!(names.len() == made.len(), "two vectors of one name");
    fs::create_dir_all(folder.path().join("keys"))?;
    for vector in folder.vectors()? {
        if !names.contains(vector.name.as_str()) {
            fs::remove_file(folder.path().join(&vector.name))?;
        }
    }
    let vectors = made.iter().map(|vector| (folder.path().join(&vector.name), vector.encode()));
    let keys = keys.files()?.into_iter().map(|(name, bytes)| (folder.key_file(name), bytes));
    let mut added = 0;
    for (file, bytes) in vectors.chain(keys) {
        if !file.exists() {
            fs::write(&file, bytes).with_context(|| file.display().to_string())?;
            added += 1;
        }
    }
    Ok(added)
}
