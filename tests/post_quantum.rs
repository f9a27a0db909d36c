//! Profile pqc with its keys in tokens, by the commands that an operator types: sealed, imported, unpacked, and the ways in
//! which something weaker must not pass for it.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::place::{Keys, Place};
use acceptance::process::run;
use serde_json::Value;

/// A home and an embassy with one registry of these bytes.
struct Story {
    place: Place,
    _folder: tempfile::TempDir,
}

impl Story {
    fn new(keys: Keys, content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::create(folder.path(), keys).unwrap();
        let registry = place.path("registry");
        fs::create_dir_all(registry.join("maa/tühi")).unwrap();
        fs::write(registry.join("maa/kinnistud"), content).unwrap();
        let capture = format!("source = \"directory\"\npath = \"{}\"", registry.display());
        place.add_registry("land", &capture, "").unwrap();
        Self { place, _folder: folder }
    }

    fn seal(&self, arguments: &[&str]) -> Result<Value, String> {
        json(self.place.seal()?.args(["--format", "json", "seal", "land"]).args(arguments))
    }

    fn import(&self, pouch: &str) -> Result<String, String> {
        let digest = self.place.digest(pouch)?;
        run(self.place.import()?.args(["import", "--first", &digest]).arg(self.place.spooled(pouch)))
    }

    fn unpack(&self) -> Result<Value, String> {
        json(self.place.import()?.args(["--format", "json", "unpack", "land"]))
    }

    /// Replaces a text of a configuration that must be there.
    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.place.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }
}

fn json(command: &mut Command) -> Result<Value, String> {
    let text = run(command)?;
    serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
}

/// What a command says on stderr, whether it does what it should or not.
fn said(mut command: Command, arguments: &[&str]) -> String {
    String::from_utf8(command.args(arguments).output().unwrap().stderr).unwrap()
}

fn assert_same(one: &Path, other: &Path) {
    run(Command::new("diff").arg("-r").args([one, other])).unwrap();
}

#[test]
fn it_is_sealed_imported_and_unpacked_with_all_four_halves_in_tokens() {
    let story = Story::new(Keys::Pqc, "kinnistu\n".repeat(1000).as_bytes());
    let dry = story.seal(&["--dry-run"]).unwrap();
    assert_eq!((&dry["profile"], &dry["split_key"]), (&"rfc9980".into(), &false.into()));
    let sealed = story.seal(&[]).unwrap();
    assert_eq!((&sealed["signatures"], &sealed["split_key"]), (&2.into(), &false.into()), "one by each half");
    story.import("land-000001").unwrap();
    let unpacked = story.unpack().unwrap();
    assert_same(Path::new(unpacked["path"].as_str().unwrap()), &story.place.path("registry"));
    // The next one, which follows it without a word from anybody.
    story.seal(&[]).unwrap();
    run(story.place.import().unwrap().arg("import").arg(story.place.spooled("land-000002"))).unwrap();
}

#[test]
fn keys_and_profile_go_together() {
    let story = Story::new(Keys::Pqc, b"1");
    for profile in ["rfc9580", "rfc4880"] {
        let error = story.seal(&["--profile", profile]).unwrap_err();
        assert!(error.contains("error[SEAL-CERTIFICATE]"), "{error}");
    }
    assert!(story.seal(&["--profile", "pqc", "--dry-run"]).is_ok());
    assert!(story.seal(&["--profile", "rfc9980", "--dry-run"]).is_ok(), "the name in manifests");
    let old = Story::new(Keys::Rfc9580, b"1");
    let error = old.seal(&["--profile", "pqc"]).unwrap_err();
    assert!(error.contains("error[SEAL-CERTIFICATE]") && error.contains("needs ML-"), "{error}");
    assert!(!old.place.spooled("land-000001").exists());
}

#[test]
fn a_key_in_two_tokens_works_but_never_in_silence() {
    let story = Story::new(Keys::PqcSplit, b"1");
    let warning = "split between token";
    // Both were asked for in the configuration, and both commands say so, --quiet or not.
    let told = said(story.place.seal().unwrap(), &["--quiet", "seal", "land"]);
    assert!(told.contains("warning") && told.contains(warning) && told.contains("weaker"), "{told}");
    story.import("land-000001").unwrap();
    let told = said(story.place.import().unwrap(), &["--quiet", "unpack", "land"]);
    assert!(told.contains(warning), "{told}");
    assert_eq!(story.seal(&["--dry-run"]).unwrap()["split_key"], true);

    fs::remove_dir_all(story.place.path("embassy/root/unpacked")).unwrap();
    for (file, seals) in [("home/seal.toml", true), ("embassy/import.toml", false)] {
        let attempt = || if seals { story.seal(&[]) } else { story.unpack() };
        // Not accepted in writing.
        story.edit(file, "accept_split_key = true", "accept_split_key = false");
        let error = attempt().unwrap_err();
        assert!(error.contains("error[HSM-SPLIT-KEY]") && error.contains("accept_split_key"), "{error}");
        // One URI alone names no second token, and half a key does nothing.
        story.edit(file, "key_pq", "# key_pq");
        let error = attempt().unwrap_err();
        assert!(error.contains("error[HSM-KEY-MISSING]") && error.contains("key_pq"), "{error}");
    }
}

#[test]
fn a_mebibyte_costs_some_kilobytes_more_and_no_more_than_is_written_down() {
    let mut noise = vec![0; 1 << 20];
    openssl::rand::rand_bytes(&mut noise).unwrap();
    let sizes = [Keys::Rfc9580, Keys::Pqc].map(|keys| {
        let story = Story::new(keys, &noise);
        story.seal(&[]).unwrap();
        let files = fs::read_dir(story.place.spooled("land-000001")).unwrap();
        let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        println!("{keys:?}: a pouch of 1 MiB of noise has {bytes} bytes, {} more than its content", bytes - (1 << 20));
        bytes
    });
    let more = sizes[1] - sizes[0];
    assert!((5000..6500).contains(&more), "{more} bytes more: one signature and two parts of one session key each");
}
