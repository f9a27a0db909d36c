//! `kill -9` and a failing disk while importing and unpacking: the vault never shows half a pouch, `current` never
//! leads to half a tree, and the next run comes to the same end.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::kill::{count, failing_at, killed_at, said_why};
use acceptance::place::{Keys, Place};
use acceptance::process::run;
use pouch_format::{Manifest, Sha256Digest};

/// A home with two pouches of `land`; the embassy has the first.
fn place(folder: &Path) -> Place {
    let place = Place::create(folder, Keys::Rfc9580).unwrap();
    let source = folder.join("registry");
    fs::create_dir_all(source.join("deeds/old")).unwrap();
    let capture = format!("source = \"directory\"\npath = \"{}\"", source.display());
    place.add_registry("land", &capture, "part_size = 1").unwrap();
    for text in ["first", "second"] {
        fs::write(source.join("deeds/one"), text).unwrap();
        fs::write(source.join("deeds/two"), vec![7; 2 << 20]).unwrap();
        run(place.seal().unwrap().args(["--quiet", "seal", "land"])).unwrap();
    }
    let digest = place.digest("land-000001").unwrap();
    run(place.import().unwrap().arg("import").arg(place.spooled("land-000001")).args(["--first", &digest])).unwrap();
    place
}

/// Puts a folder of the embassy back to what it was.
struct Before {
    root: std::path::PathBuf,
    copy: std::path::PathBuf,
}

impl Before {
    fn keep(place: &Place, folder: &str) -> Self {
        let before =
            Self { root: place.path(folder), copy: place.path(&format!("before-{}", folder.replace('/', "-"))) };
        run(Command::new("cp").arg("-a").arg(&before.root).arg(&before.copy)).unwrap();
        before
    }

    fn restore(&self) {
        fs::remove_dir_all(&self.root).unwrap();
        run(Command::new("cp").arg("-a").arg(&self.copy).arg(&self.root)).unwrap();
    }
}

/// Every pouch that shows in the vault is whole. Gives their number.
fn check_vault(place: &Place) -> usize {
    let land = place.path("embassy/root/vault/land");
    let mut found = 0;
    for entry in fs::read_dir(&land).unwrap() {
        let pouch = entry.unwrap().path();
        let manifest = Manifest::parse(&fs::read(pouch.join("manifest.json")).unwrap()).unwrap();
        for part in manifest.parts() {
            let sealed = fs::read(pouch.join(&part.name)).unwrap();
            assert_eq!(Sha256Digest(openssl::sha::sha256(&sealed)), part.sha256, "{}", part.name);
        }
        found += 1;
    }
    found
}

/// What `status` says of the newest pouch.
fn newest(place: &Place) -> usize {
    let output = place.import().unwrap().args(["--format", "json", "status"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let value: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    value["registries"][0]["sequence"].as_u64().unwrap().try_into().unwrap()
}

/// Calls to disturb, with each ordinal; of the many plain openings only some.
fn ordinals(command: &Command) -> Vec<(&'static str, usize)> {
    let calls = count(command).unwrap();
    let chosen = |call: &str, nth: usize| call != "openat2" || nth % 4 == 1;
    let all = calls.into_iter().flat_map(|(call, made)| (1..=made).map(move |nth| (call, nth)));
    all.filter(|(call, nth)| chosen(call, *nth)).collect()
}

#[test]
fn an_import_killed_anywhere_converges() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let before = Before::keep(&place, "embassy/root");
    let import = || {
        let mut command = place.import().unwrap();
        command.args(["--quiet", "import"]).arg(place.spooled("land-000002"));
        command
    };
    let ordinals = ordinals(&import());
    assert_eq!((check_vault(&place), newest(&place)), (2, 2));
    let mut kills = 0;
    for (call, nth) in ordinals {
        before.restore();
        kills += usize::from(killed_at(&import(), call, nth).unwrap());
        let (kept, known) = (check_vault(&place), newest(&place));
        assert!(kept >= known, "{call} {nth}: {kept} kept, {known} known");
        let again = import().output().unwrap();
        assert!(matches!(again.status.code(), Some(0 | 3)), "{call} {nth}: {}", String::from_utf8_lossy(&again.stderr));
        assert_eq!((check_vault(&place), newest(&place)), (2, 2), "{call} {nth}");
        assert_eq!(fs::read_dir(place.path("embassy/root/vault/.incoming")).unwrap().count(), 0, "{call} {nth}");
    }
    assert!(kills >= 10, "only {kills} kills");
}

#[test]
fn an_unpacking_killed_anywhere_converges() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let before = Before::keep(&place, "embassy/root");
    let unpack = || {
        let mut command = place.import().unwrap();
        command.args(["--quiet", "unpack", "land-000001"]);
        command
    };
    let ordinals = ordinals(&unpack());
    let current = place.path("embassy/root/unpacked/land/current");
    let whole = || {
        assert_eq!(fs::read(current.join("deeds/one")).unwrap(), b"first");
        assert_eq!(fs::read(current.join("deeds/two")).unwrap(), vec![7; 2 << 20]);
        assert!(current.join("deeds/old").is_dir());
    };
    whole();
    let mut kills = 0;
    for (call, nth) in ordinals {
        before.restore();
        kills += usize::from(killed_at(&unpack(), call, nth).unwrap());
        if current.exists() {
            whole();
        }
        run(&mut unpack()).unwrap_or_else(|e| panic!("{call} {nth}: {e}"));
        whole();
    }
    assert!(kills >= 10, "only {kills} kills");
}

#[test]
fn a_failing_disk_keeps_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let before = Before::keep(&place, "embassy/root");
    let token = Before::keep(&place, "embassy/token");
    let mut felt = 0;
    for (call, error) in [
        ("write", "ENOSPC"),
        ("pwrite64", "ENOSPC"),
        ("fsync", "EIO"),
        ("renameat2", "EIO"),
        ("mkdirat", "ENOSPC"),
        ("syncfs", "EIO"),
    ] {
        for nth in 1..8 {
            for verb in ["import", "unpack"] {
                before.restore();
                let mut command = place.import().unwrap();
                match verb {
                    "import" => command.arg("import").arg(place.spooled("land-000002")),
                    _ => command.args(["unpack", "land"]),
                };
                let output = failing_at(&command, call, nth, error).unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                let current = place.path("embassy/root/unpacked/land/current");
                if output.status.success() {
                    continue;
                }
                felt += 1;
                // A stdout that is full may be all that failed, after the work.
                assert!(said_why(&said), "{verb} {call} {nth}: {said}");
                check_vault(&place);
                if current.exists() {
                    assert_eq!(fs::read(current.join("deeds/one")).unwrap(), b"first", "{verb} {call} {nth}");
                }
                // SoftHSM writes its own files in place, and the failing call may have been one of its own.
                token.restore();
                let again = command.output().unwrap();
                let said = String::from_utf8_lossy(&again.stderr);
                assert!(matches!(again.status.code(), Some(0 | 3)), "{verb} {call} {nth}: {said}");
            }
        }
    }
    assert!(felt >= 8, "only {felt} failures were felt");
}
