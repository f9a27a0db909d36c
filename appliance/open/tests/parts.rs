//! The sealed parts: exactly those named, exactly as stated, copied once and hashed as they are copied.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;

use common::World;
use pouch_format::{MANIFEST_FILE, SIGNATURE_FILE};

fn pouch() -> (World, std::path::PathBuf) {
    let world = World::new();
    let source = world.source("pouch", &world.draft(1, None));
    (world, source)
}

/// A sound pouch, spoilt by `spoil`, is refused by `rule`.
fn spoilt(rule: &str, words: &str, spoil: impl FnOnce(&Path)) {
    let (world, source) = pouch();
    spoil(&source);
    let refusal = world.refuses(&source, rule);
    assert!(refusal.to_string().contains(words), "{refusal}");
}

const PART: &str = "segment-000000.pgp";
const LAST: &str = "index-000000.pgp";

#[test]
fn sizes_are_exact() {
    let resize = |file: &'static str, size: usize| {
        move |source: &Path| {
            let mut bytes = fs::read(source.join(file)).unwrap();
            bytes.resize(size, 1);
            fs::write(source.join(file), bytes).unwrap();
        }
    };
    spoilt("SEGMENT-SIZE", "has more than 3000 bytes, the manifest states 3000", resize(PART, 3001));
    spoilt("SEGMENT-SIZE", "has 2999 bytes, the manifest states 3000", resize(PART, 2999));
    spoilt("SEGMENT-SIZE", "has 0 bytes", resize(PART, 0));
    spoilt("SEGMENT-SIZE", "has more than 500 bytes", resize(LAST, 5_000_000));
}

#[test]
fn a_huge_part_is_not_read_to_its_end() {
    // A file of 1 TiB of nothing: reading it all would take minutes.
    spoilt("SEGMENT-SIZE", "has more than 3000 bytes", |source| {
        fs::File::options().write(true).open(source.join(PART)).unwrap().set_len(1 << 40).unwrap();
    });
}

#[test]
fn every_byte_counts() {
    let (world, source) = pouch();
    for file in [PART, "segment-000001.pgp", LAST] {
        let good = fs::read(source.join(file)).unwrap();
        for at in (0..good.len()).step_by(97) {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            fs::write(source.join(file), bytes).unwrap();
            assert_eq!(world.check(&source).map(|_| ()).unwrap_err().rule(), "SEGMENT-DIGEST");
        }
        fs::write(source.join(file), good).unwrap();
    }
    assert!(world.check(&source).is_ok());
    spoilt("SEGMENT-DIGEST", "the manifest states", |source| {
        fs::write(source.join("segment-000001.pgp"), [3]).unwrap()
    });
    // Two parts of one size, swapped.
    let world = World::new();
    let mut draft = world.draft(1, None);
    draft.parts[1] = vec![9; 3000];
    draft.fit_parts(1);
    let source = world.source("swapped", &draft);
    fs::rename(source.join(PART), source.join("x")).unwrap();
    fs::rename(source.join("segment-000001.pgp"), source.join(PART)).unwrap();
    fs::rename(source.join("x"), source.join("segment-000001.pgp")).unwrap();
    world.refuses(&source, "SEGMENT-DIGEST");
}

#[test]
fn the_source_holds_the_named_files_and_nothing_else() {
    for file in [PART, LAST] {
        spoilt("POUCH-PARTS", file, |source| fs::remove_file(source.join(file)).unwrap());
    }
    for file in [MANIFEST_FILE, SIGNATURE_FILE] {
        spoilt("POUCH-PARTS", file, |source| fs::remove_file(source.join(file)).unwrap());
    }
    for extra in ["segment-000002.pgp", ".hidden", "autorun.inf", "lost+found", "\u{1b}[2J"] {
        spoilt("POUCH-PARTS", "does not name", |source| fs::write(source.join(extra), "").unwrap());
        spoilt("POUCH-PARTS", "does not name", |source| fs::create_dir(source.join(extra)).unwrap());
    }
    let not_text = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\xfe");
    spoilt("POUCH-PARTS", "does not name", |source| fs::write(source.join::<&std::ffi::OsStr>(not_text), "").unwrap());
}

#[test]
fn messages_escape_what_comes_from_outside() {
    let (world, source) = pouch();
    fs::write(source.join("\u{1b}[2J\n"), "").unwrap();
    let text = world.check(&source).map(|_| ()).unwrap_err().to_string();
    assert_eq!(text, "the source holds \"\\u{1b}[2J\\u{a}\", which the manifest does not name");
}

#[test]
fn only_regular_files_are_parts() {
    for file in [PART, LAST, MANIFEST_FILE, SIGNATURE_FILE] {
        // A link to the very file.
        spoilt("POUCH-PARTS", file, |source| {
            fs::rename(source.join(file), source.with_file_name("elsewhere")).unwrap();
            symlink("../elsewhere", source.join(file)).unwrap();
        });
        spoilt("POUCH-PARTS", file, |source| {
            fs::remove_file(source.join(file)).unwrap();
            fs::create_dir(source.join(file)).unwrap();
        });
        // Nobody writes into the FIFO, so opening it carelessly would wait for ever.
        spoilt("POUCH-PARTS", file, |source| {
            fs::remove_file(source.join(file)).unwrap();
            let made = std::process::Command::new("mkfifo").arg(source.join(file)).status().unwrap();
            assert!(made.success());
            assert!(fs::symlink_metadata(source.join(file)).unwrap().file_type().is_fifo());
        });
        spoilt("POUCH-PARTS", file, |source| {
            fs::remove_file(source.join(file)).unwrap();
            drop(std::os::unix::net::UnixListener::bind(source.join(file)).unwrap());
        });
    }
}

#[test]
fn what_was_hashed_is_what_is_kept() {
    let (world, source) = pouch();
    let draft = world.draft(1, None);
    let vault = world.vault();
    let verified = pouch_open::verify(
        pouch_open::Source::open(&source).and_then(pouch_open::spool).unwrap(),
        &world.trust(),
        &vault,
    )
    .unwrap();
    // The medium shows another face once it was read.
    for file in [PART, LAST, MANIFEST_FILE, SIGNATURE_FILE] {
        fs::write(source.join(file), "another face").unwrap();
    }
    let mut state = world.state();
    let admitted = pouch_open::admit(verified, &state, Some(draft.digest()), common::clock()).unwrap();
    let kept = pouch_open::keep(admitted, &vault, &mut state).unwrap();
    let id = kept.checked().id();
    assert_eq!(vault.manifest_bytes(&id).unwrap(), draft.manifest.to_bytes());
    for (part, bytes) in draft.manifest.parts().zip(&draft.parts) {
        assert_eq!(vault.read_part(&id, part).unwrap(), *bytes);
    }
}

#[test]
fn memory_does_not_grow_with_the_parts() {
    // 64 parts of 4 MiB; each worker has one buffer of 1 MiB.
    let world = World::new();
    let mut draft = world.draft(1, None);
    draft.parts = vec![vec![5; 4 << 20]; 64];
    draft.fit_parts(1);
    let source = world.source("large", &draft);
    draft.parts.clear();
    let peak = || -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    // The peak so far, which the draft itself made; it must not rise by more than the buffers.
    let before = peak();
    assert!(world.import(&source, Some(draft.digest())).is_ok());
    assert!(peak() - before < 64 << 10, "{} KiB more", peak() - before);
}
