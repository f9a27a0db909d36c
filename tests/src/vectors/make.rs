//! All vectors, made anew.

use std::fs;

use super::keys::Keys;
use super::{Folder, Result, Vector, archive, index, manifest, part, pouch, signature};

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
    ];
    Ok(vectors.concat())
}

/// Writes every vector and key to a folder; what was made before goes, other files stay.
///
/// # Errors
/// A library refuses, a name is there twice, or the disk fails.
pub fn write(folder: &Folder) -> Result<usize> {
    let keys = Keys::make()?;
    let vectors = all(&keys)?;
    let private = folder.path().join("keys");
    fs::create_dir_all(&private)?;
    for entry in fs::read_dir(folder.path())?.chain(fs::read_dir(&private)?) {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_file() && (!name.contains('.') || path.starts_with(&private)) {
            fs::remove_file(path)?;
        }
    }
    for (name, bytes) in keys.files()? {
        fs::write(private.join(name), bytes)?;
    }
    for vector in &vectors {
        let mut file = fs::File::create_new(folder.path().join(&vector.name))
            .map_err(|error| sequoia_openpgp::anyhow::anyhow!("{}: {error}", vector.name))?;
        std::io::Write::write_all(&mut file, &vector.encode())?;
    }
    Ok(vectors.len())
}
