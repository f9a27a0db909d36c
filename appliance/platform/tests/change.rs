//! Renames, links, replaced files, whole trees, locks.
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
    io::ErrorKind,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use pouch_platform::{Dir, DirError, Lock, LockError, effective_uid};

fn scratch() -> (tempfile::TempDir, Dir) {
    let place = tempfile::tempdir().unwrap();
    let dir = Dir::open(place.path()).unwrap();
    (place, dir)
}

#[test]
fn renames() {
    let (place, dir) = scratch();
    dir.create_dir("a").unwrap().create_new("x").unwrap();
    dir.create_dir("b").unwrap();
    dir.rename_noreplace("a/x", "b/y").unwrap();
    dir.create_new("a/x").unwrap();
    assert_eq!(dir.rename_noreplace("a/x", "b/y").unwrap_err().kind(), ErrorKind::AlreadyExists);
    fs::write(place.path().join("a/x"), "new").unwrap();
    dir.rename("a/x", "b/y").unwrap();
    assert_eq!(fs::read(place.path().join("b/y")).unwrap(), b"new");
    let other = dir.subdir("a").unwrap();
    dir.move_noreplace("b/y", &other, "z").unwrap();
    assert!(other.exists("z").unwrap());
    assert_eq!(dir.rename("none", "z").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_link_switches_at_once() {
    let (_place, dir) = scratch();
    dir.create_dir("one").unwrap().create_new("here").unwrap();
    dir.create_dir("two").unwrap().create_new("here").unwrap();
    dir.symlink_atomic("current", "one").unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let path = dir.path().join("current/here");
        let done = &done;
        let reader = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                fs::metadata(&path).expect("the link leads somewhere at every moment");
            }
        });
        for round in 0..200 {
            dir.symlink_atomic("current", if round % 2 == 0 { "two" } else { "one" }).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(dir.read_link("current").unwrap(), "one");
    assert_eq!(dir.entries().unwrap().count(), 3);
}

#[test]
fn a_file_is_replaced_whole_and_leftovers_do_no_harm() {
    let (place, dir) = scratch();
    fs::write(place.path().join(".state.new"), "left by a crash").unwrap();
    dir.replace_file("state", b"1").unwrap();
    dir.replace_file("state", b"2").unwrap();
    assert_eq!(dir.read_bounded("state", 1).unwrap(), b"2");
    assert_eq!(dir.entries().unwrap().count(), 1);
    dir.replace_file("state", b"longer").unwrap();
    assert_eq!(dir.read_bounded("state", 5).unwrap_err().kind(), ErrorKind::FileTooLarge);
}

fn some_tree(at: &Path, outside: &Path) {
    fs::create_dir_all(at.join("tree/a/b/c")).unwrap();
    for number in 0..50 {
        fs::write(at.join(format!("tree/a/{number}")), "x").unwrap();
    }
    symlink(outside, at.join("tree/a/out")).unwrap();
    symlink(outside.join("keep"), at.join("tree/a/b/out")).unwrap();
    fs::hard_link(outside.join("keep"), at.join("tree/hard")).unwrap();
}

#[test]
fn a_tree_is_removed_and_nothing_else() {
    let (place, dir) = scratch();
    let outside = place.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("keep"), "kept").unwrap();
    some_tree(place.path(), &outside);
    dir.remove_tree("tree").unwrap();
    assert!(!dir.exists("tree").unwrap());
    assert_eq!(fs::read(outside.join("keep")).unwrap(), b"kept");
    // A link and a file are trees of one.
    symlink(&outside, place.path().join("link")).unwrap();
    dir.remove_tree("link").unwrap();
    dir.remove_tree("outside/keep").unwrap();
    assert_eq!(dir.remove_tree("tree").unwrap_err().kind(), ErrorKind::NotFound);
    assert!(dir.exists("outside").unwrap());
}

#[test]
fn a_tree_too_deep_is_an_error_not_a_crash() {
    let (_place, dir) = scratch();
    let mut at = dir.try_clone().unwrap();
    for _ in 0..300 {
        at = at.create_dir("d").unwrap();
    }
    assert!(matches!(dir.remove_tree("d"), Err(DirError::TooDeep { limit: 256, .. })));
    assert!(matches!(dir.chown_tree(effective_uid(), 0), Err(DirError::TooDeep { .. })));
}

#[test]
fn removal_goes_nowhere_else_while_directories_become_links() {
    let (place, dir) = scratch();
    let outside = tempfile::tempdir().unwrap();
    for number in 0..100 {
        fs::write(outside.path().join(format!("{number}")), "kept").unwrap();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (done, place, outside) = (&done, place.path(), outside.path());
        scope.spawn(move || {
            let (inner, aside) = (place.join("tree/inner"), place.join("aside"));
            while !done.load(Ordering::Relaxed) {
                let _ = fs::rename(&inner, &aside);
                let _ = symlink(outside, &inner);
                let _ = fs::remove_file(&inner);
                let _ = fs::rename(&aside, &inner);
            }
        });
        for _ in 0..100 {
            for number in 0..100 {
                let _ = fs::create_dir_all(place.join("tree/inner"));
                let _ = fs::write(place.join(format!("tree/inner/{number}")), "x");
            }
            let _ = dir.remove_tree("tree");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(fs::read_dir(outside.path()).unwrap().count() >= 100, "nothing outside was removed");
    for number in 0..100 {
        assert!(outside.path().join(format!("{number}")).exists());
    }
}

#[test]
fn a_tree_is_handed_over_without_what_links_lead_to() {
    let (place, dir) = scratch();
    let outside = place.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("keep"), "kept").unwrap();
    some_tree(place.path(), &outside);
    fs::remove_file(place.path().join("tree/hard")).unwrap();
    let (uid, gid) = if effective_uid() == 0 {
        (65534, 65534)
    } else {
        (effective_uid(), fs::metadata(place.path()).unwrap().gid())
    };
    dir.subdir("tree").unwrap().chown_tree(uid, gid).unwrap();
    for name in ["tree", "tree/a", "tree/a/7", "tree/a/out", "tree/a/b", "tree/a/b/c"] {
        let metadata = fs::symlink_metadata(place.path().join(name)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (uid, gid), "{name}");
    }
    assert_eq!(fs::metadata(outside.join("keep")).unwrap().uid(), effective_uid());
    assert_eq!(fs::metadata(&outside).unwrap().uid(), effective_uid());
}

#[test]
fn a_lock_is_held_once_and_names_its_holder() {
    let (_place, dir) = scratch();
    let lock = Lock::acquire(&dir, "lock").unwrap();
    let Err(LockError::Held { holder, .. }) = Lock::acquire(&dir, "lock") else { panic!("taken twice") };
    assert_eq!(holder, Some(std::process::id()));
    let error = Lock::acquire(&dir, "lock").unwrap_err().to_string();
    assert!(error.ends_with(&format!("is locked by process {}", std::process::id())), "{error}");
    drop(lock);
    drop(Lock::acquire(&dir, "lock").unwrap());
}

#[test]
fn a_lock_goes_with_its_process() {
    let (place, dir) = scratch();
    let path = place.path().join("lock");
    fs::write(&path, "").unwrap();
    let mut other = Command::new("flock").arg("--no-fork").arg(&path).args(["sleep", "60"]).spawn().unwrap();
    let mut tries = 0;
    while Lock::acquire(&dir, "lock").is_ok() {
        tries += 1;
        assert!(tries < 1000, "flock does not take the lock");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let Err(LockError::Held { holder: None, .. }) = Lock::acquire(&dir, "lock") else { panic!("not held") };
    other.kill().unwrap();
    other.wait().unwrap();
    drop(Lock::acquire(&dir, "lock").unwrap());
}
