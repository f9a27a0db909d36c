//! All that lies beneath a directory, to be compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use openssl::sha::sha256;

/// What one name stands for: mode, and the SHA-256 of the content.
#[derive(Debug, PartialEq, Eq)]
pub enum Thing {
    Directory(u32),
    File(u32, [u8; 32]),
    /// Too large to read; only its size in bytes.
    Huge(u64),
    Link(PathBuf),
    Other(u32),
}

/// Nothing beneath `root` differs from what it was.
pub fn assert_same(root: &Path, before: &BTreeMap<PathBuf, Thing>) {
    let after = of(root);
    let changed: Vec<_> =
        before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "changed: {changed:?}");
}

/// Every name beneath `root`. Locks are left out, for they hold no fact.
pub fn of(root: &Path) -> BTreeMap<PathBuf, Thing> {
    let mut things = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if path.ends_with(".lock") || path.ends_with("state.lock") {
                continue;
            }
            let kind = metadata.file_type();
            let thing = if kind.is_dir() {
                todo.push(path.clone());
                Thing::Directory(metadata.mode())
            } else if kind.is_symlink() {
                Thing::Link(fs::read_link(&path).unwrap())
            } else if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
                Thing::Other(metadata.mode())
            } else if metadata.len() > 1 << 30 {
                Thing::Huge(metadata.len())
            } else {
                Thing::File(metadata.mode(), sha256(&fs::read(&path).unwrap()))
            };
            things.insert(path.strip_prefix(root).unwrap().to_owned(), thing);
        }
    }
    things
}
