//! Directories: what is beneath is reached, nothing else is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use pouch_platform::{Dir, DirError, Kind, effective_uid, file_metadata, set_file_mtime};

fn scratch() -> (tempfile::TempDir, Dir) {
    let place = tempfile::tempdir().unwrap();
    let dir = Dir::open(place.path()).unwrap();
    (place, dir)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn files_and_directories_are_private_and_new() {
    let (place, dir) = scratch();
    dir.create_dir("a").unwrap().create_dir("b").unwrap();
    let mut file = dir.create_new("a/b/file").unwrap();
    file.write_all(b"content").unwrap();
    assert_eq!(mode(&place.path().join("a")), 0o700);
    assert_eq!(mode(&place.path().join("a/b/file")), 0o600);
    let mut text = String::new();
    dir.subdir("a").unwrap().open_file("b/file").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "content");
    assert_eq!(dir.create_new("a/b/file").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(dir.create_dir("a").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(dir.open_file("a/none").unwrap_err().kind(), ErrorKind::NotFound);
    dir.sync().unwrap();
    dir.sync_file_system().unwrap();
}

#[test]
fn a_setgid_directory_passes_nothing_on() {
    let (place, dir) = scratch();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o2700)).unwrap();
    dir.create_dir("sub").unwrap();
    assert_eq!(mode(&place.path().join("sub")), 0o700);
}

#[test]
fn names_are_plain_and_relative() {
    let (_place, dir) = scratch();
    dir.create_dir("a").unwrap();
    for name in ["", "/etc", "..", "../x", "a/..", "a/../a", ".", "./a", "a/./b", "a/", "a/."] {
        for result in [
            dir.subdir(name).map(drop),
            dir.create_dir(name).map(drop),
            dir.create_new(name).map(drop),
            dir.open_file(name).map(drop),
            dir.metadata(name).map(drop),
            dir.remove_file(name),
            dir.remove_tree(name),
            dir.rename("a", name),
            dir.symlink_atomic(name, "a"),
        ] {
            assert!(matches!(result, Err(DirError::Name { .. })), "{name:?}: {result:?}");
        }
    }
    assert!(dir.exists("a").unwrap());
}

#[test]
fn links_are_never_followed() {
    let (place, dir) = scratch();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "s").unwrap();
    dir.create_dir("inner").unwrap().create_new("file").unwrap();
    symlink(outside.path(), place.path().join("out")).unwrap();
    symlink("inner", place.path().join("in")).unwrap();
    symlink("inner/file", place.path().join("link")).unwrap();
    symlink("/proc/self/cwd", place.path().join("magic")).unwrap();
    for way in ["out", "in", "magic"] {
        assert!(dir.subdir(way).is_err(), "{way}");
        assert!(dir.create_dir(format!("{way}/new")).is_err(), "{way}");
        assert!(dir.create_new(format!("{way}/new")).is_err(), "{way}");
        assert!(dir.metadata(format!("{way}/secret")).is_err(), "{way}");
        assert!(dir.remove_file(format!("{way}/secret")).is_err(), "{way}");
        assert!(dir.rename("link", format!("{way}/link")).is_err(), "{way}");
    }
    assert!(dir.open_file("link").is_err());
    assert!(dir.open_file("out/secret").is_err());
    assert!(dir.open_append("link").is_err());
    assert_eq!(dir.metadata("link").unwrap().kind, Kind::Symlink);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn only_regular_files_are_opened_and_nothing_blocks() {
    let (place, dir) = scratch();
    dir.create_dir("d").unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(place.path().join("fifo")).status().unwrap();
    assert!(fifo.success());
    assert!(matches!(dir.open_file("fifo"), Err(DirError::NotAFile { kind: Kind::Fifo, .. })));
    assert!(matches!(dir.open_file("d"), Err(DirError::NotAFile { kind: Kind::Directory, .. })));
    let error = dir.open_file("fifo").unwrap_err().to_string();
    assert!(error.ends_with("fifo\" is a FIFO, not a regular file"), "{error}");
}

#[test]
fn private_means_private() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("state");
    Dir::open_private(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    for (bits, good) in [(0o700, true), (0o755, true), (0o770, false), (0o702, false), (0o777, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
        match Dir::open_private(&path) {
            Ok(_) => assert!(good, "{bits:o}"),
            Err(DirError::NotPrivate { mode, .. }) => assert!(!good && mode == bits, "{bits:o}"),
            Err(other) => panic!("{other}"),
        }
    }
    if effective_uid() == 0 {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        assert!(matches!(Dir::open_private(&path), Err(DirError::NotPrivate { owner: 65534, .. })));
    }
}

#[test]
fn metadata_says_what_is_there() {
    let (place, dir) = scratch();
    let mut file = dir.create_new("f").unwrap();
    file.write_all(&[1; 5000]).unwrap();
    set_file_mtime(&file, -12_345).unwrap();
    let told = dir.metadata("f").unwrap();
    assert_eq!(told, file_metadata(&file).unwrap());
    let known = fs::metadata(place.path().join("f")).unwrap();
    assert_eq!((told.kind, told.size, told.mtime, told.mtime_nanos, told.mode), (Kind::File, 5000, -12_345, 0, 0o600));
    assert_eq!((told.ino, told.dev, told.nlink, told.uid), (known.ino(), known.dev(), 1, effective_uid()));
    assert_eq!((told.ctime, i64::from(told.ctime_nanos)), (known.ctime(), known.ctime_nsec()));
    dir.set_mtime_of("f", 77, 5).unwrap();
    assert_eq!((dir.metadata("f").unwrap().mtime, dir.metadata("f").unwrap().mtime_nanos), (77, 5));
    dir.set_mtime(99).unwrap();
    assert_eq!(dir.own_metadata().unwrap().mtime, 99);
    assert!(dir.exists("f").unwrap() && !dir.exists("g").unwrap());
    assert!(dir.free_bytes().unwrap() > 0);
}

#[test]
fn entries_are_all_there_is_again_and_again() {
    let (place, dir) = scratch();
    for number in 0..2000 {
        dir.create_new(format!("file-{number}")).unwrap();
    }
    dir.create_dir("d").unwrap();
    symlink("d", place.path().join("l")).unwrap();
    for _ in 0..2 {
        let entries: Vec<_> = dir.entries().unwrap().map(Result::unwrap).collect();
        assert_eq!(entries.len(), 2002);
        let kind = |name: &str| entries.iter().find(|entry| entry.name == name).unwrap().kind;
        assert!(matches!(kind("d"), Some(Kind::Directory) | None));
        assert!(matches!(kind("l"), Some(Kind::Symlink) | None));
        assert!(matches!(kind("file-7"), Some(Kind::File) | None));
    }
}

#[test]
fn sixty_four_levels_are_no_trouble() {
    let (_place, dir) = scratch();
    let mut at = dir.try_clone().unwrap();
    for depth in 0..64 {
        at = at.create_dir(format!("{}{depth}", "d".repeat(200))).unwrap();
    }
    at.create_new("bottom").unwrap();
    let top = format!("{}0", "d".repeat(200));
    dir.remove_tree(&top).unwrap();
    assert!(!dir.exists(&top).unwrap());
}
