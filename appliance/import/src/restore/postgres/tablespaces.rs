//! Tablespaces: at home anywhere on the machine, here beside the data directory.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use pouch_format::Tablespace;
use pouch_platform::{Dir, Kind};

use super::RestoreError;

/// The file that tells a starting server where its tablespaces are (PostgreSQL source, `xlogrecovery.c`).
pub(super) const MAP: &str = "data/tablespace_map";

/// Links `data/pg_tblspc/<oid>` to `tablespaces/<oid>` of the same tree; `path` is where the tree is for good.
pub(super) fn link(tree: &Dir, path: &Path, tablespaces: &[Tablespace]) -> Result<(), RestoreError> {
    for tablespace in tablespaces {
        let home = home(tablespace);
        if !matches!(tree.metadata(&home), Ok(metadata) if metadata.kind == Kind::Directory) {
            return Err(RestoreError::Lacks { path: home });
        }
        let link = Path::new("data/pg_tblspc").join(tablespace.oid.to_string());
        match tree.metadata(&link) {
            // Of an attempt before this one.
            Ok(metadata) if metadata.kind == Kind::Symlink => {}
            Ok(_) => return Err(RestoreError::Taken { path: link }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        tree.symlink_atomic(&link, path.join(&home))?;
    }
    Ok(())
}

/// Writes the new places into the map, which the server follows when it starts.
pub(super) fn map(tree: &Dir, path: &Path, tablespaces: &[Tablespace]) -> Result<(), RestoreError> {
    if tablespaces.is_empty() {
        // A map without a tablespace would send the server to places of home's.
        return match tree.remove_file(MAP) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        };
    }
    let mut text = Vec::new();
    for tablespace in tablespaces {
        text.extend_from_slice(format!("{} ", tablespace.oid).as_bytes());
        for byte in path.join(home(tablespace)).as_os_str().as_bytes() {
            if matches!(byte, b'\n' | b'\r' | b'\\') {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text.push(b'\n');
    }
    Ok(tree.replace_file(MAP, &text)?)
}

fn home(tablespace: &Tablespace) -> PathBuf {
    Path::new("tablespaces").join(tablespace.oid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(names: &[&str]) -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let dir = Dir::open(folder.path()).unwrap();
        (folder, dir)
    }

    fn tablespace(oid: u32) -> Tablespace {
        Tablespace { oid, location: "/home/of/it".to_owned().try_into().unwrap() }
    }

    #[test]
    fn a_tablespace_is_linked_and_mapped_twice_over() {
        let (folder, dir) = tree(&["data/pg_tblspc", "tablespaces/16384"]);
        for _ in 0..2 {
            link(&dir, Path::new("/new/a b\\c"), &[tablespace(16_384)]).unwrap();
            map(&dir, Path::new("/new/a b\\c"), &[tablespace(16_384)]).unwrap();
        }
        let target = std::fs::read_link(folder.path().join("data/pg_tblspc/16384")).unwrap();
        assert_eq!(target, Path::new("/new/a b\\c/tablespaces/16384"));
        let text = std::fs::read_to_string(folder.path().join(MAP)).unwrap();
        assert_eq!(text, "16384 /new/a b\\\\c/tablespaces/16384\n");
    }

    #[test]
    fn a_map_of_home_is_not_followed() {
        let (folder, dir) = tree(&["data/pg_tblspc"]);
        std::fs::write(folder.path().join(MAP), "16384 /etc\n").unwrap();
        map(&dir, folder.path(), &[]).unwrap();
        assert!(!folder.path().join(MAP).exists());
        map(&dir, folder.path(), &[]).unwrap();
    }

    #[test]
    fn what_is_missing_or_in_the_way_is_named() {
        let (_folder, dir) = tree(&["data/pg_tblspc/7", "tablespaces/7"]);
        let missing = link(&dir, Path::new("/new"), &[tablespace(8)]).unwrap_err();
        assert!(matches!(missing, RestoreError::Lacks { path } if path.ends_with("tablespaces/8")));
        let taken = link(&dir, Path::new("/new"), &[tablespace(7)]).unwrap_err();
        assert!(matches!(taken, RestoreError::Taken { path } if path.ends_with("pg_tblspc/7")));
    }
}
