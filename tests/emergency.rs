//! A pouch opens with stock tools alone: with GnuPG, sq, rPGP and OpenPGP.js, with the secret key and with the session key.
//!
//! The commands are those of SPEC.md section 2, each line of them.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::process::{command, run};
use acceptance::software::Software;
use pouch_format::{Manifest, Profile};
use pouch_seal::PartOptions;

const SPECIFICATION: &str = include_str!("../signer/format/SPEC.md");
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools");
const OPENPGP_JS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/openpgp.cjs");

/// The lines of the block of SPEC.md that is marked with `name`.
fn lines(name: &str) -> Vec<&'static str> {
    let mark = format!("<!-- emergency {name} -->\n```sh\n");
    let (_, rest) = SPECIFICATION.split_once(&mark).unwrap_or_else(|| panic!("no block {name} in SPEC.md"));
    let lines: Vec<_> = rest.split_once("```").unwrap().0.lines().collect();
    assert!(lines.len() >= 3, "only {} lines in block {name}", lines.len());
    lines
}

/// A folder with a pouch and what an emergency finds beside it.
struct Emergency {
    folder: tempfile::TempDir,
    manifest: Manifest,
    session_key: String,
}

impl Emergency {
    fn new(profile: Profile) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |below: &str| folder.path().join(below);
        write_tree(&at("tree"));
        let software = Software::create(folder.path(), profile).unwrap();
        let options = PartOptions { part_bytes: 100_000, workers: 2, ..PartOptions::default() };
        let manifest = software.seal("land", &at("tree"), options).unwrap().unwrap().manifest;
        assert!(manifest.segments.len() >= 3, "{} segments", manifest.segments.len());
        let session_key = software.pouch_key(&manifest).unwrap().export();

        // As it travels: one tar, which stock tar unpacks.
        let id = manifest.id();
        let spooled = pouch_platform::Dir::open(software.pouch(&manifest)).unwrap();
        let mut tar = fs::File::create(at("pouch.tar")).unwrap();
        pouch_seal::export::Export::of(spooled, &id).unwrap().write(&mut tar).unwrap();
        run(command("tar", "TERM").arg("xf").arg(at("pouch.tar")).current_dir(folder.path())).unwrap();
        fs::rename(at(&id.to_string()), at("pouch")).unwrap();
        fs::copy(at("home.pgp"), at("pouch/home.pgp")).unwrap();
        software.write_secret_key(&at("pouch/embassy.key")).unwrap();
        fs::copy(OPENPGP_JS, at("pouch/openpgp.cjs")).unwrap();
        fs::create_dir(at("gnupg")).unwrap();
        fs::set_permissions(at("gnupg"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        Self { folder, manifest, session_key }
    }

    fn pouch(&self) -> PathBuf {
        self.folder.path().join("pouch")
    }

    /// `program` in the folder of the pouch, with nothing of the user's keyrings.
    fn tool(&self, program: &str) -> Command {
        let mut tool = command(program, "TERM");
        let path = format!("{}:{TOOLS}/bin", std::env::var("PATH").unwrap());
        tool.current_dir(self.pouch()).env("PATH", path).env("KEY", &self.session_key);
        tool.env("HOME", self.folder.path()).env("GNUPGHOME", self.folder.path().join("gnupg"));
        tool.env("NODE_PATH", format!("{TOOLS}/node_modules"));
        tool
    }

    fn line(&self, line: &str) -> Result<String, String> {
        run(self.tool("bash").args(["-euo", "pipefail", "-c", line]))
    }

    /// Runs every line of a block. One that opens must give back the tree; one that only looks must see that a bit flipped.
    fn all_lines(&self, name: &str) {
        for line in lines(name) {
            self.line(line).unwrap_or_else(|error| panic!("{error}"));
            if line.contains("registry") {
                let registry = self.pouch().join("registry");
                assert_same(&registry, &self.folder.path().join("tree"));
                fs::remove_dir_all(registry).unwrap();
            } else {
                let file = if line.contains("sha256") { "segment-000001.pgp" } else { "manifest.json" };
                self.with_a_bit_flipped(file, || assert!(self.line(line).is_err(), "sees no flipped bit: {line}"));
            }
        }
    }

    fn with_a_bit_flipped(&self, file: &str, look: impl FnOnce()) {
        let file = self.pouch().join(file);
        let bytes = fs::read(&file).unwrap();
        let mut flipped = bytes.clone();
        // Near the end: a session key that is given by hand makes what stands in front meaningless.
        flipped[bytes.len() - 8] ^= 1;
        fs::write(&file, flipped).unwrap();
        look();
        fs::write(&file, bytes).unwrap();
    }
}

impl Drop for Emergency {
    fn drop(&mut self) {
        // gpg leaves an agent behind; where gpg never ran there is none, which is as well.
        let _ = run(self.tool("gpgconf").args(["--kill", "all"]));
    }
}

/// Empty folders and files, a long name, and enough bytes that do not compress for some segments.
fn write_tree(root: &Path) {
    let mut noise = vec![0; 300_000];
    openssl::rand::rand_bytes(&mut noise).unwrap();
    fs::create_dir_all(root.join("empty")).unwrap();
    fs::create_dir_all(root.join("kadaster/õigused")).unwrap();
    fs::write(root.join("kadaster/noise"), noise).unwrap();
    fs::write(root.join("kadaster/õigused").join("x".repeat(200)), "deed\n".repeat(40_000)).unwrap();
    fs::write(root.join("kadaster/nothing"), "").unwrap();
}

/// Fails unless both folders hold the same names and bytes.
fn assert_same(one: &Path, other: &Path) {
    run(command("diff", "TERM").arg("-r").args([one, other])).unwrap();
}

#[test]
fn gnupg_and_sq_open_a_pouch_of_profile_rfc4880() {
    Emergency::new(Profile::Rfc4880).all_lines("rfc4880");
}

#[test]
fn rpgp_and_openpgp_js_open_a_pouch_of_profile_rfc9580() {
    let emergency = Emergency::new(Profile::Rfc9580);
    emergency.all_lines("rfc9580");
    let version = emergency.line("sq version 2>&1 || sq --version 2>&1").unwrap();
    let version = version.split_whitespace().nth(1).unwrap_or_default();
    let number: Vec<u32> = version.split('.').map_while(|number| number.parse().ok()).collect();
    if number >= vec![1, 2] {
        emergency.all_lines("rfc9580 sq");
    } else {
        println!("sq {version} on the path does not know RFC 9580, so its lines are not run; the others were");
    }
}

#[test]
fn rpgp_opens_a_pouch_of_profile_rfc9980() {
    Emergency::new(Profile::Rfc9980).all_lines("rfc9980");
}

#[test]
fn stock_tools_refuse_a_segment_that_does_not_authenticate() {
    for profile in [Profile::Rfc9980, Profile::Rfc9580, Profile::Rfc4880] {
        let emergency = Emergency::new(profile);
        for line in lines(profile.as_str()).into_iter().filter(|line| line.contains("registry")) {
            let last = emergency.manifest.segments.last().unwrap();
            emergency.with_a_bit_flipped(&last.name, || {
                assert!(emergency.line(line).is_err(), "opens what does not authenticate: {line}");
            });
            fs::remove_dir_all(emergency.pouch().join("registry")).unwrap();
        }
    }
}
