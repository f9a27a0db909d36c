//! A pouch in transit: one tar, read where it lies, of which every byte is right or nothing is taken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::World;
use pouch_archive::transit::{Extent, Layout};
use pouch_format::MANIFEST_FILE;
use pouch_open::{Source, check, spool};

/// The tar of the files in a folder.
fn tar_of(folder: &Path, pouch: &str) -> Vec<u8> {
    let files = fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())
    });
    let layout = Layout::new(&pouch.parse().unwrap(), files.collect::<Vec<_>>()).unwrap();
    let mut tar = vec![0xEE; usize::try_from(layout.length()).unwrap()];
    let read = |of: Extent, _, to: &mut [u8]| {
        to.copy_from_slice(&fs::read(folder.join(of.place.to_string()))?);
        Ok::<(), std::io::Error>(())
    };
    assert_eq!(layout.fill(0, &mut tar, read).unwrap(), tar.len());
    tar
}

/// An embassy, the first pouch for it as a folder, and as a tar.
fn world() -> (World, PathBuf, Vec<u8>) {
    let world = World::new();
    let folder = world.source("folder", &world.draft(1, None));
    let tar = tar_of(&folder, "land-000001");
    (world, folder, tar)
}

fn written(world: &World, bytes: &[u8]) -> PathBuf {
    let file = world.path("land-000001.tar");
    fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn a_tar_is_taken_in_like_its_folder() {
    let (world, folder, tar) = world();
    let file = written(&world, &tar);
    let (of_tar, of_folder) = (world.check(&file).unwrap(), world.check(&folder).unwrap());
    assert_eq!((of_tar.digest(), of_tar.manifest()), (of_folder.digest(), of_folder.manifest()));
    let passed = |checked: &pouch_open::Checked| checked.passed().iter().map(|rule| rule.id()).collect::<Vec<_>>();
    let beyond: Vec<_> = passed(&of_tar).into_iter().filter(|rule| !passed(&of_folder).contains(rule)).collect();
    assert_eq!(beyond, ["POUCH-TRANSIT"]);

    let kept = world.import(&file, Some(of_tar.digest())).unwrap();
    let id = kept.checked().id();
    assert_eq!(world.vault().manifest_bytes(&id).unwrap(), fs::read(folder.join(MANIFEST_FILE)).unwrap());
    for part in of_tar.manifest().parts() {
        assert_eq!(world.vault().read_part(&id, part).unwrap(), fs::read(folder.join(&part.name)).unwrap());
    }
}

#[test]
fn the_next_one_may_come_either_way() {
    let world = World::new();
    let first = world.import_first(1);
    let draft = world.draft(2, Some(first));
    let folder = world.source("second", &draft);
    let file = world.path("some name.tar");
    fs::write(&file, tar_of(&folder, "land-000002")).unwrap();
    world.import(&file, None).unwrap();
    world.import_next(3, Some(draft.digest()), false);
}

#[test]
fn every_byte_counts() {
    let (world, _, tar) = world();
    let trust = world.trust();
    let rule = |bytes: &[u8]| {
        let file = written(&world, bytes);
        let spooled = match Source::open(&file).and_then(spool) {
            Ok(spooled) => spooled,
            Err(error) => return error.rule().map(|rule| rule.id()),
        };
        check(spooled, &trust).err().and_then(|error| error.rule()).map(|rule| rule.id())
    };
    assert_eq!(rule(&tar), None);
    let mut seen = std::collections::BTreeSet::new();
    for at in 0..tar.len() {
        let mut changed = tar.clone();
        changed[at] ^= 1 << (at % 8);
        seen.insert(rule(&changed).unwrap_or_else(|| panic!("byte {at} of {} makes no difference", tar.len())));
    }
    assert!(
        seen.contains("POUCH-TRANSIT") && seen.contains("SEGMENT-DIGEST") && seen.contains("SIGN-INVALID"),
        "{seen:?}"
    );
    for length in 0..tar.len() {
        assert_eq!(rule(&tar[..length]), Some("POUCH-TRANSIT"), "cut after {length} bytes");
    }
    for more in [&[0][..], &[1; 600], &[0; 512], &[0; 10_240], &tar] {
        assert_eq!(rule(&[&tar, more].concat()), Some("POUCH-TRANSIT"), "{} bytes more", more.len());
    }
}

#[test]
fn nothing_is_kept_of_what_is_refused() {
    let (world, folder, tar) = world();
    for at in (0..tar.len()).step_by(331) {
        let mut changed = tar.clone();
        changed[at] ^= 0x10;
        let file = written(&world, &changed);
        let rule = world.check(&file).map(|_| ()).unwrap_err().rule();
        world.refuses(&file, rule);
        let cut = written(&world, &tar[..at]);
        world.refuses(&cut, "POUCH-TRANSIT");
    }
    let renamed = written(&world, &tar_of(&folder, "land-000002"));
    let refusal = world.refuses(&renamed, "POUCH-TRANSIT");
    assert_eq!(refusal.to_string(), "the tar is called land-000002, its manifest is that of land-000001");
    fs::remove_file(folder.join("segment-000001.pgp")).unwrap();
    world.refuses(&written(&world, &tar_of(&folder, "land-000001")), "POUCH-PARTS");
    fs::write(folder.join("segment-000001.pgp"), [2]).unwrap();
    fs::write(folder.join("segment-000002.pgp"), [2]).unwrap();
    world.refuses(&written(&world, &tar_of(&folder, "land-000001")), "POUCH-PARTS");
}

/// What other tools make of the same folder differs in owners, times, padding: it is refused, and says where.
#[test]
fn tars_of_other_tools_are_refused() {
    let (world, folder, _) = world();
    fs::rename(&folder, world.path("land-000001")).unwrap();
    for format in ["ustar", "gnu", "posix", "v7"] {
        let file = world.path("other.tar");
        let mut tar = Command::new("tar");
        tar.args(["--format", format, "-cf"]).arg(&file).arg("-C").arg(world.root.path());
        assert!(tar.arg("land-000001").status().unwrap().success());
        let refusal = world.refuses(&file, "POUCH-TRANSIT");
        assert!(
            refusal.to_string().starts_with("the file is not taken as a pouch in transit: at byte 0: "),
            "{refusal}"
        );
    }
}

#[test]
fn only_a_regular_file_is_a_tar() {
    let (world, _, tar) = world();
    let file = written(&world, &tar);
    let link = world.path("link.tar");
    symlink(&file, &link).unwrap();
    world.refuses(&link, "none");
    world.refuses(Path::new("/dev/zero"), "none");
    let fifo = world.path("fifo.tar");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    world.refuses(&fifo, "none");
    world.refuses(&world.path("nothing.tar"), "none");
    let sparse = world.path("sparse.tar");
    fs::File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
    world.refuses(&sparse, "POUCH-TRANSIT");
}

/// Whatever becomes of the name after it was opened: what was opened is what is read.
#[test]
fn a_name_that_is_taken_over_changes_nothing() {
    let (world, _, tar) = world();
    let file = written(&world, &tar);
    let source = Source::open(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, "another").unwrap();
    let spooled = spool(source.clone()).unwrap();
    let checked = check(spooled, &world.trust()).unwrap();
    let part = &checked.manifest().segments[0];
    assert_eq!(source.part(part).unwrap(), vec![1; 3000]);
}
