//! The writer of trees: what it writes, what it refuses, and that nothing leads it astray.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod common;

use std::{
    convert::Infallible,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use common::{Root, path, read_back};
use pouch_archive::{Budget, EntryKind, EntryReport, Sink, TreeError, TreeWriter};
use pouch_format::{Rule, Totals};
use pouch_platform::{Dir, DirError};

type Report = fn(&EntryReport<'_>) -> Result<(), Infallible>;

fn writer(root: &Root, budget: Budget) -> TreeWriter<Report> {
    TreeWriter::new(root.dir(), budget, (|_| Ok(())) as Report).unwrap()
}

fn nothing() -> Totals {
    Totals::default()
}

#[test]
fn the_root_must_be_private() {
    let root = Root::new();
    for mode in [0o755, 0o710, 0o770, 0o2700, 0o1700] {
        fs::set_permissions(root.path(), fs::Permissions::from_mode(mode)).unwrap();
        let refused = TreeWriter::new(root.dir(), Budget::LIMITS, (|_| Ok(())) as Report);
        assert!(matches!(refused, Err(TreeError::Dir(DirError::NotPrivate { .. }))), "{mode:o}");
    }
}

#[test]
fn directories_keep_their_times_in_any_order() {
    let root = Root::new();
    let mut tree = writer(&root, Budget::LIMITS);
    tree.directory(&path("a"), 10).unwrap();
    tree.directory(&path("a/deep"), 20).unwrap();
    tree.directory(&path("b"), 30).unwrap();
    // Back into directories that were left long ago.
    for (name, mtime) in [("a/deep/x", 1), ("b/y", 2), ("a/z", 3), ("a/deep/w", 4)] {
        tree.file(&path(name), 0, mtime, 0).unwrap();
        tree.end_file().unwrap();
    }
    tree.directory(&path("a/deep/er"), 50).unwrap();
    tree.end(nothing()).unwrap();
    assert_eq!(tree.commit().unwrap(), Totals { entries: 8, bytes: 0 });
    let times: Vec<_> =
        read_back(&root.path()).into_iter().map(|(path, (mtime, _))| (path.to_string(), mtime)).collect();
    let expected = [
        ("a", 10),
        ("a/deep", 20),
        ("a/deep/er", 50),
        ("a/deep/w", 4),
        ("a/deep/x", 1),
        ("a/z", 3),
        ("b", 30),
        ("b/y", 2),
    ];
    assert_eq!(times, expected.map(|(name, mtime)| (name.to_owned(), mtime)));
}

#[test]
fn reports_say_what_was_written() {
    let root = Root::new();
    let mut told = Vec::new();
    let mut tree = TreeWriter::new(root.dir(), Budget::LIMITS, |report: &EntryReport<'_>| {
        told.push((report.path.to_string(), report.mtime, report.kind));
        Ok::<_, Infallible>(())
    })
    .unwrap();
    tree.directory(&path("d"), 1).unwrap();
    tree.file(&path("d/f"), 5, 2, 1024).unwrap();
    tree.data(b"hel").unwrap();
    tree.data(b"lo").unwrap();
    tree.end_file().unwrap();
    tree.end(nothing()).unwrap();
    tree.commit().unwrap();
    let blake3 = pouch_format::Blake3Digest(*blake3::hash(b"hello").as_bytes());
    let file = EntryKind::File { size: 5, offset: 1024, blake3 };
    assert_eq!(told, [("d".to_owned(), 1, EntryKind::Directory), ("d/f".to_owned(), 2, file)]);
}

#[test]
fn an_objection_stops_the_writer() {
    let root = Root::new();
    let object = |_: &EntryReport<'_>| Err(std::io::Error::other("not in the index"));
    let mut tree = TreeWriter::new(root.dir(), Budget::LIMITS, object).unwrap();
    let error = tree.directory(&path("d"), 1).unwrap_err();
    assert_eq!(error.to_string(), "not in the index");
    assert!(matches!(tree.commit(), Err(TreeError::Unfinished { .. })));
}

#[test]
fn entries_come_in_turn_and_in_full() {
    let root = Root::new();
    let mut tree = writer(&root, Budget::LIMITS);
    assert!(matches!(tree.data(b"x"), Err(TreeError::NoFile)));
    assert!(matches!(tree.end_file(), Err(TreeError::NoFile)));
    tree.file(&path("f"), 3, 0, 0).unwrap();
    assert!(matches!(tree.file(&path("g"), 3, 0, 0), Err(TreeError::OutOfTurn { .. })));
    assert!(matches!(tree.directory(&path("d"), 0), Err(TreeError::OutOfTurn { .. })));
    assert!(matches!(tree.end(nothing()), Err(TreeError::OutOfTurn { .. })));
    tree.data(b"ab").unwrap();
    assert!(matches!(tree.data(b"cd"), Err(TreeError::OutOfTurn { written: 2, size: 3, .. })));
    assert!(matches!(tree.end_file(), Err(TreeError::OutOfTurn { written: 2, size: 3, .. })));
    assert!(matches!(tree.commit(), Err(TreeError::Unfinished { .. })));
}

#[test]
fn names_are_new_and_in_a_directory() {
    let root = Root::new();
    let mut tree = writer(&root, Budget::LIMITS);
    tree.directory(&path("d"), 0).unwrap();
    tree.file(&path("f"), 0, 0, 0).unwrap();
    tree.end_file().unwrap();
    for name in ["d", "f", "f/x", "none/x"] {
        assert!(matches!(tree.directory(&path(name), 0), Err(TreeError::Dir(_))), "{name}");
        assert!(matches!(tree.file(&path(name), 0, 0, 0), Err(TreeError::Dir(_))), "{name}");
    }
}

#[test]
fn budgets_hold_here_too() {
    let root = Root::new();
    let budget = Budget::exactly(Totals { entries: 2, bytes: 10 });
    let mut tree = writer(&root, budget);
    assert_eq!(tree.file(&path("f"), 11, 0, 0).unwrap_err().rule(), Some(Rule::ArchiveBudget));
    tree.directory(&path("d"), 0).unwrap();
    assert_eq!(tree.end(nothing()).unwrap_err().rule(), Some(Rule::ArchiveBudget));
    tree.directory(&path("e"), 0).unwrap();
    assert_eq!(tree.directory(&path("g"), 0).unwrap_err().rule(), Some(Rule::ArchiveBudget));
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
}

#[test]
fn zeros_become_holes() {
    let root = Root::new();
    let mut tree = writer(&root, Budget::LIMITS);
    let size = 256 << 20;
    tree.file(&path("zeros"), size, 0, 0).unwrap();
    let chunk = vec![0; 256 << 10];
    for _ in 0..size / (256 << 10) {
        tree.data(&chunk).unwrap();
    }
    tree.end_file().unwrap();
    tree.end(nothing()).unwrap();
    tree.commit().unwrap();
    let metadata = fs::metadata(root.path().join("zeros")).unwrap();
    assert_eq!(metadata.len(), size);
    assert!(metadata.blocks() * 512 < 1 << 20, "{} bytes on disk", metadata.blocks() * 512);
}

/// Whoever can change the destination swaps a directory for a link that leads outside, again and again.
#[test]
fn a_hundred_thousand_swaps_lead_nothing_outside() {
    const SWAPS: u64 = 100_000;
    let place = tempfile::tempdir().unwrap();
    let (root, outside) = (place.path().join("root"), place.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    let (swaps, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut written = 0u64;
    std::thread::scope(|scope| {
        let (root, outside, swaps, done) = (&root, &outside, &swaps, &done);
        scope.spawn(move || {
            let (inner, aside) = (root.join("d/inner"), root.join("d/aside"));
            while !done.load(Ordering::Relaxed) {
                let moved = fs::rename(&inner, &aside).is_ok();
                if symlink(outside, &inner).is_ok() {
                    swaps.fetch_add(1, Ordering::Relaxed);
                    let _ = fs::remove_file(&inner);
                }
                if moved {
                    let _ = fs::rename(&aside, &inner);
                }
            }
        });
        while swaps.load(Ordering::Relaxed) < SWAPS {
            let _ = fs::remove_dir_all(root);
            let mut tree =
                TreeWriter::new(Dir::open_private(root).unwrap(), Budget::LIMITS, (|_| Ok(())) as Report).unwrap();
            let _ = tree.directory(&path("d"), 0);
            let _ = tree.directory(&path("d/inner"), 0);
            for number in 0..200 {
                // Leaves the directory and enters it again each time.
                let _ = tree.directory(&path(&format!("other-{number}")), 0);
                let file = tree.file(&path(&format!("d/inner/{number}")), 4, 0, 0);
                if file.and_then(|()| tree.data(b"evil")).and_then(|()| tree.end_file()).is_ok() {
                    written += 1;
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "something escaped");
    assert_eq!(fs::metadata(&outside).unwrap().mode() & 0o7777, 0o777 & !current_umask());
    assert!(written > 0, "some writes got through in the right place");
}

fn current_umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    u32::from_str_radix(line.trim(), 8).unwrap()
}
