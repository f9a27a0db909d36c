//! Directories: what is captured, what is refused, and how fast.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use common::{Hooked, Memory, Nothing, source};
use pouch_capture::{CaptureError, Declaration, DirectoryError, Fault, Offender, Source};
use pouch_format::Rule;

fn directory(path: &Path) -> Source {
    source(&format!("source = \"directory\"\npath = '''{}'''\n", path.display()))
}

/// Why the directory cannot be captured; `check` must find the same.
fn offenders(path: &Path) -> (Vec<Offender>, bool) {
    let found = |error: CaptureError| match error {
        CaptureError::Directory(DirectoryError::Offenders { offenders, more }) => (offenders, more),
        other => panic!("{other:?}"),
    };
    let capture = found(directory(path).capture(&mut Memory::default()).unwrap_err());
    let check = found(directory(path).check().unwrap_err());
    assert_eq!(format!("{capture:?}"), format!("{check:?}"));
    capture
}

#[test]
fn everything_in_order_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for name in ["b", "b/empty", "a", "a/deep", "a/deep/er"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("z"), "last").unwrap();
    fs::write(at("a.txt"), "").unwrap();
    fs::write(at("a/õ"), "two bytes").unwrap();
    fs::write(at("a/deep/er/x"), vec![7; 700_000]).unwrap();
    fs::hard_link(at("z"), at("b/hard")).unwrap();
    fs::set_permissions(at("z"), fs::Permissions::from_mode(0o4751)).unwrap();
    File::open(at("z")).unwrap().set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(77, 999)).unwrap();

    let mut memory = Memory::default();
    assert_eq!(directory(root.path()).capture(&mut memory).unwrap(), Declaration::Directory {});
    assert_eq!(
        memory.order,
        ["a", "a/deep", "a/deep/er", "a/deep/er/x", "a/õ", "a.txt", "b", "b/empty", "b/hard", "z"]
    );
    assert_eq!((memory.text("z"), memory.text("b/hard"), memory.text("a.txt")), ("last", "last", ""));
    assert_eq!(memory.entries["a/deep/er/x"].as_ref().unwrap(), &vec![7; 700_000]);
    assert_eq!((memory.metas["z"].mtime, memory.metas["z"].mode), (77, 0o751));

    let report = directory(root.path()).check().unwrap();
    assert_eq!((report.entries, report.bytes), (Some(10), Some(700_000 + 9 + 4 + 4)));
    assert!(report.source.starts_with("directory /"));
}

#[test]
fn every_sort_of_thing_is_named() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    symlink("/etc/passwd", at("sub/link")).unwrap();
    symlink("/etc", at("dirlink")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    let mut expected = vec![
        ("dangling", "a symbolic link"),
        ("dirlink", "a symbolic link"),
        ("fifo", "a FIFO"),
        ("socket", "a socket"),
        ("sub/link", "a symbolic link"),
    ];
    // Only root can make a device.
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        assert!(Command::new("mknod").arg(at("zero")).args(["c", "1", "5"]).status().unwrap().success());
        expected.push(("zero", "a character device"));
    }
    fs::write(at("good"), "good").unwrap();

    let (offenders, more) = offenders(root.path());
    assert!(!more);
    let found: Vec<(String, String)> =
        offenders.iter().map(|offender| (offender.path.clone(), offender.fault.to_string())).collect();
    let expected: Vec<(String, String)> =
        expected.into_iter().map(|(path, what)| (path.to_owned(), format!("is {what}"))).collect();
    assert_eq!(found, expected);
    assert!(offenders.iter().all(|offender| offender.fault.rule() == Some(Rule::SourceType)));
    drop(socket);
}

#[test]
fn every_bad_name_is_named() {
    let root = tempfile::tempdir().unwrap();
    let names: [&[u8]; 5] = [b"a\xff", b"b\nb", b"c\\c", "e\u{301}".as_bytes(), "f\u{202e}".as_bytes()];
    for name in names {
        fs::create_dir(root.path().join(OsStr::from_bytes(name))).unwrap();
        fs::write(root.path().join(OsStr::from_bytes(name)).join("inside"), "").unwrap();
    }
    fs::write(root.path().join("Readme"), "").unwrap();
    fs::write(root.path().join("README"), "").unwrap();
    let (offenders, _) = offenders(root.path());
    let paths: Vec<&str> = offenders.iter().map(|offender| offender.path.as_str()).collect();
    assert_eq!(paths, ["Readme", "a\\xff", "b\\u{a}b", "c\\\\c", "e\u{301}", "f\\u{202e}"]);
    assert!(matches!(offenders[0].fault, Fault::Conflict(_)));
    assert!(offenders.iter().all(|offender| offender.fault.rule() == Some(Rule::SourceName)));
    let error = directory(root.path()).check().unwrap_err();
    assert_eq!(error.rule(), Some(Rule::SourceName));
    let text = error.to_string();
    assert!(text.starts_with("the source holds 6 entries that cannot be captured\n  \"Readme\": "), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn twenty_offenders_are_named_and_no_more() {
    let root = tempfile::tempdir().unwrap();
    for n in 0..20 {
        symlink("x", root.path().join(format!("{n:02}"))).unwrap();
    }
    let (found, more) = offenders(root.path());
    assert_eq!((found.len(), more), (20, false));
    symlink("x", root.path().join("20")).unwrap();
    let (found, more) = offenders(root.path());
    assert_eq!((found.len(), more), (20, true));
    assert!(directory(root.path()).check().unwrap_err().to_string().contains("at least 20 entries"));
}

#[test]
fn a_tree_too_deep_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let deep = |levels: usize| root.path().join(vec!["d"; levels].join("/"));
    fs::create_dir_all(deep(64)).unwrap();
    assert_eq!(directory(root.path()).check().unwrap().entries, Some(64));
    fs::create_dir_all(deep(300)).unwrap();
    let (offenders, _) = offenders(root.path());
    assert!(matches!(&offenders[..], [Offender { fault: Fault::Name(_), .. }]), "{offenders:?}");
}

#[test]
fn what_cannot_be_opened() {
    let error = directory(Path::new("/nowhere")).check().unwrap_err();
    assert!(matches!(error, CaptureError::Directory(DirectoryError::Root(_))), "{error:?}");
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(directory(&file).check(), Err(CaptureError::Directory(DirectoryError::Root(_)))));
}

/// Captures three files of 1 MiB while `change` is called once in the midst of the second.
fn captured_while(change: impl Fn(&Path)) -> CaptureError {
    let root = tempfile::tempdir().unwrap();
    for name in ["1", "2", "3"] {
        fs::write(root.path().join(name), vec![1; 1 << 20]).unwrap();
    }
    // The clock of the file system is coarse: let it move on from the making of the files.
    std::thread::sleep(std::time::Duration::from_millis(20));
    let mut memory = Memory::default();
    let mut calls = 0;
    let result = directory(root.path()).capture(&mut Hooked {
        inner: &mut memory,
        data: &mut || {
            calls += 1;
            if calls == 6 {
                change(root.path());
            }
        },
    });
    result.unwrap_err()
}

#[test]
fn a_file_that_changes_is_an_error() {
    let append = |path: &Path| File::options().append(true).open(path.join("2")).unwrap().write_all(b"x").unwrap();
    let truncate = |path: &Path| File::options().write(true).open(path.join("2")).unwrap().set_len(300_000).unwrap();
    let overwrite = |path: &Path| {
        let file = File::options().write(true).open(path.join("2")).unwrap();
        let mtime = file.metadata().unwrap().modified().unwrap();
        std::os::unix::fs::FileExt::write_at(&file, b"x", 0).unwrap();
        // Hiding it does not help: ctime cannot be set.
        file.set_modified(mtime).unwrap();
    };
    let changes: [&dyn Fn(&Path); 3] = [&append, &truncate, &overwrite];
    for change in changes {
        let error = captured_while(change);
        assert!(
            matches!(&error, CaptureError::Directory(DirectoryError::Changed { path, .. }) if path == "2"),
            "{error:?}"
        );
        assert_eq!(error.rule(), Some(Rule::SourceChanged));
        assert_eq!(error.to_string(), "regular file \"2\" changed while it was read");
    }
}

#[test]
fn a_directory_that_changes_is_an_error() {
    let error = captured_while(|path| fs::write(path.join("4"), "new").unwrap());
    assert_eq!(error.to_string(), "directory \"\" changed while it was read");
    let error = captured_while(|path| fs::remove_file(path.join("3")).unwrap());
    assert_eq!(error.to_string(), "regular file \"3\" changed while it was read");
    let swap = |path: &Path| {
        fs::remove_file(path.join("3")).unwrap();
        symlink("/etc/passwd", path.join("3")).unwrap();
    };
    let error = captured_while(swap);
    assert!(matches!(error, CaptureError::Directory(DirectoryError::Offenders { .. })), "{error:?}");
}

#[test]
fn many_small_files_are_quick() {
    // In memory, if there is such a place: it is the walk that is measured, not how fast a disk makes files.
    let memory = Path::new("/dev/shm");
    let root = tempfile::tempdir_in(if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }).unwrap();
    for folder in 0..200 {
        let folder = root.path().join(format!("{folder:03}"));
        fs::create_dir(&folder).unwrap();
        for file in 0..1000 {
            fs::write(folder.join(format!("{file:04}.json")), b"{}").unwrap();
        }
    }
    let began = Instant::now();
    let report = directory(root.path()).check().unwrap();
    let checked = began.elapsed();
    assert_eq!((report.entries, report.bytes), (Some(200_200), Some(400_000)));
    let began = Instant::now();
    directory(root.path()).capture(&mut Nothing).unwrap();
    let captured = began.elapsed();
    println!("200,000 files: check {checked:?}, capture {captured:?}");
    // About 2 s on two cores; ten times that is wrong on any machine.
    assert!(captured.as_secs() < 20 && checked.as_secs() < 20, "check {checked:?}, capture {captured:?}");
}
