//! A pouch goes out as one tar: stock tools list and unpack it, the embassy takes it as it takes the folder, and nothing
//! of one that was tampered with is kept.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::place::{Keys, Place};
use acceptance::process::run;

const POUCH: &str = "land-000001";

/// A home with one sealed pouch of several parts, and its tar.
fn place(folder: &Path) -> Place {
    let place = Place::create(folder, Keys::Rfc9580).unwrap();
    let source = folder.join("registry");
    fs::create_dir_all(source.join("deeds/old")).unwrap();
    let mut noise = vec![0; 2_500_000];
    openssl::rand::rand_bytes(&mut noise).unwrap();
    fs::write(source.join("deeds/two"), noise).unwrap();
    let capture = format!("source = \"directory\"\npath = \"{}\"", source.display());
    place.add_registry("land", &capture, "part_size = 1").unwrap();
    run(place.seal().unwrap().args(["--quiet", "seal", "land"])).unwrap();
    run(place.seal().unwrap().args(["export", POUCH, "--output"]).arg(folder.join("pouch.tar"))).unwrap();
    place
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

/// Programs that unpack a tar in the folder where they run.
fn stock_tools() -> Vec<(&'static str, Vec<&'static str>, Vec<&'static str>)> {
    let python = "import sys, tarfile; t = tarfile.open(sys.argv[1]); ";
    let list = Box::leak(format!("{python}print('\\n'.join(t.getnames()))").into_boxed_str());
    let extract = Box::leak(format!("{python}t.extractall('.')").into_boxed_str());
    let mut tools = vec![("tar", vec!["tf"], vec!["xf"]), ("python3", vec!["-c", list], vec!["-c", extract])];
    if run(Command::new("bsdtar").arg("--version")).is_ok() {
        tools.push(("bsdtar", vec!["tf"], vec!["xf"]));
    }
    tools
}

#[test]
fn stock_tools_list_and_unpack_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let tar = folder.path().join("pouch.tar");
    let spooled = files(&place.spooled(POUCH));
    assert!(spooled.len() >= 6, "{} files", spooled.len());
    for (tool, list, extract) in stock_tools() {
        let target = folder.path().join(tool);
        fs::create_dir(&target).unwrap();
        let listed = run(Command::new(tool).args(list).arg(&tar)).unwrap();
        let mut names: Vec<&str> = listed.lines().collect();
        assert_eq!(names.first(), Some(&"land-000001/manifest.json"), "{tool}");
        names.sort_unstable();
        let expected: Vec<String> = spooled.iter().map(|(name, _)| format!("{POUCH}/{name}")).collect();
        assert_eq!(names, expected, "{tool}");
        run(Command::new(tool).args(extract).arg(&tar).current_dir(&target)).unwrap();
        assert!(files(&target.join(POUCH)) == spooled, "{tool} unpacks something else");
    }
    // A stream is the same bytes.
    let stream = place.seal().unwrap().args(["export", POUCH, "-o", "-"]).output().unwrap();
    assert!(stream.status.success() && stream.stdout == fs::read(&tar).unwrap());
    // And a file is never written over.
    let again = run(place.seal().unwrap().args(["export", POUCH, "--output"]).arg(&tar)).unwrap_err();
    assert!(again.contains("EXPORT-FILE"), "{again}");
}

#[test]
fn the_embassy_takes_it_and_unpacks_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let tar = folder.path().join("pouch.tar");
    let digest = place.digest(POUCH).unwrap();
    let (inspect, verify) = (&["inspect"][..], &["verify"][..]);
    for verb in [inspect, verify, &["import", "--dry-run", "--first", &digest], &["import", "--first", &digest]] {
        run(place.import().unwrap().args(verb).arg(&tar)).unwrap();
    }
    let vault = place.path("embassy/root/vault/land");
    let kept: Vec<_> = fs::read_dir(&vault).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1);
    assert!(files(&kept[0]) == files(&place.spooled(POUCH)), "the vault holds something else");
    run(place.import().unwrap().args(["--quiet", "unpack", "land"])).unwrap();
    let tree = place.path("embassy/root/unpacked/land/current");
    assert!(fs::read(tree.join("deeds/two")).unwrap() == fs::read(folder.path().join("registry/deeds/two")).unwrap());
    let key = ["session-key", "--yes-export"];
    let of = |pouch: &Path| run(place.import().unwrap().args(key).arg(pouch)).unwrap();
    assert_eq!(of(&tar), of(&place.spooled(POUCH)));
}

#[test]
fn a_spoilt_one_is_refused_by_name_and_goes_to_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let tar = folder.path().join("pouch.tar");
    let bytes = fs::read(&tar).unwrap();
    let digest = place.digest(POUCH).unwrap();
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        ("POUCH-TRANSIT", flipped(140)),
        ("POUCH-TRANSIT", flipped(bytes.len() - 1)),
        ("POUCH-TRANSIT", bytes[..bytes.len() - 512].to_vec()),
        ("POUCH-TRANSIT", [&bytes[..], &bytes].concat()),
        ("SIGN-INVALID", flipped(512 + 20)),
        ("SEGMENT-DIGEST", flipped(bytes.len() / 2)),
    ];
    for (rule, spoilt) in cases {
        fs::write(&tar, spoilt).unwrap();
        let said = place.import().unwrap().args(["import", "--first", &digest]).arg(&tar).output().unwrap();
        let text = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(77), "{text}");
        assert!(text.starts_with(&format!("error[{rule}]: ")), "{text}");
        let log = fs::read_to_string(place.path("embassy/root/log/log.jsonl")).unwrap();
        assert!(log.lines().last().unwrap().contains(rule), "{log}");
        let vault = place.path("embassy/root/vault");
        assert!(!vault.join("land").exists() && files(&vault.join(".incoming")).is_empty(), "{rule}");
    }
}

#[test]
fn what_was_changed_in_the_spool_is_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let part = place.spooled(POUCH).join("segment-000001.pgp");
    let mut bytes = fs::read(&part).unwrap();
    bytes[1000] ^= 1;
    fs::write(&part, bytes).unwrap();
    let target = folder.path().join("out");
    fs::create_dir(&target).unwrap();
    let error = run(place.seal().unwrap().args(["export", POUCH, "-o"]).arg(target.join("x.tar"))).unwrap_err();
    assert!(error.contains("EXPORT-POUCH") && error.contains("segment-000001.pgp"), "{error}");
    assert!(files(&target).is_empty(), "something is left");
}
