//! The receiving engine, fed from memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod crash;
mod death;
mod engine;
mod hostile;
mod loss;
mod player;

use std::path::Path;

use pouch_carry::Shape;

/// Small blocks, so that many of them are quick.
pub(crate) fn small() -> Shape {
    Shape::new(64, 64).unwrap()
}

/// A quarantine of its own.
pub(crate) fn quarantine() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    directory
}

/// The names in a directory.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
