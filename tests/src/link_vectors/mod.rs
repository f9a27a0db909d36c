//! The vectors of the one-way link: files that show what a receiver must take and what it must refuse, and by which rule.
//!
//! `appliance/link/SPEC.md` section 10 says what each header line means. [`make::all`] makes them, the same bytes every
//! time; [`read::judge`] runs one through the real readers.

mod announcements;
mod codes;
mod datagrams;
pub mod make;
pub mod read;
mod streams;

use std::fs;
use std::path::{Path, PathBuf};

use crate::vectors::{Result, Vector};

/// The folder that the project keeps.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../appliance/link/vectors")
}

/// Every vector that is kept, by name: every file without an extension.
///
/// # Errors
/// A file that is no vector.
pub fn kept() -> Result<Vec<Vector>> {
    let mut vectors = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_file() && !name.contains('.') {
            vectors.push(Vector::parse(&name, &fs::read(path)?)?);
        }
    }
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(vectors)
}
