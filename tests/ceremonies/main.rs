//! The example ceremonies, held by nobody on throw-away tokens: the record reads as expected, proves itself, and what was made
//! works in OpenPGP programs that are not ours.
//!
//! `POUCH_BLESS=1` writes what was read as what is expected.

#![cfg(test)]

mod guide;
mod openpgp;
mod plain;
mod script;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use acceptance::process::{binary, command, run};
use acceptance::terminal::Terminal;
use pouch_format::RegistryName;
use pouch_open::Trust;
use sequoia_openpgp::Cert;
use sequoia_openpgp::parse::Parse as _;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../hsm-integration/ceremonies");
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools");

/// A rehearsal that was held.
struct Held {
    name: String,
    /// The ceremony's folder, among the examples.
    example: PathBuf,
    /// Its record.
    folder: PathBuf,
}

/// Every example, rehearsed once for all tests.
static HELD: LazyLock<Vec<Held>> = LazyLock::new(|| {
    let stage = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ceremonies");
    if stage.exists() {
        fs::remove_dir_all(&stage).unwrap();
    }
    fs::create_dir_all(&stage).unwrap();
    examples().into_iter().map(|example| hold(example, &stage)).collect()
});

/// The folders that hold a plan.
fn examples() -> Vec<PathBuf> {
    let folders = fs::read_dir(EXAMPLES).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 8, "{folders:?}");
    folders
}

fn hold(example: PathBuf, stage: &Path) -> Held {
    let name = example.file_name().unwrap().to_str().unwrap().to_owned();
    let folder = stage.join(&name);
    run(ceremony().arg("rehearse").arg(example.join("plan.toml")).arg("--output").arg(&folder).arg("--unattended"))
        .unwrap();
    Held { name, example, folder }
}

impl Held {
    fn get(name: &str) -> &'static Self {
        HELD.iter().find(|held| held.name == name).unwrap_or_else(|| panic!("no example {name}"))
    }

    fn plan(&self) -> String {
        fs::read_to_string(self.example.join("plan.toml")).unwrap()
    }

    fn is_v4(&self) -> bool {
        self.plan().contains("\nprofile = \"rfc4880\"\n")
    }

    /// The certificate whose key signed the record.
    fn signer(&self) -> PathBuf {
        let plan = self.plan();
        let signer = plan.lines().find_map(|line| line.strip_prefix("signed_by = \"")?.strip_suffix('"')).unwrap();
        self.folder.join(format!("{signer}.pgp"))
    }

    fn verify(&self) -> Output {
        let mut verify = ceremony();
        verify.arg("verify-transcript").arg(&self.folder).arg("--certificate").arg(self.signer()).arg("--show");
        verify.output().unwrap()
    }

    /// Files of the record whose names end so.
    fn files(&self, end: &str) -> Vec<PathBuf> {
        let paths = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.filter(|path| path.to_str().unwrap().ends_with(end)).collect();
        paths.sort();
        paths
    }
}

fn ceremony() -> Command {
    let mut command = command(binary("pouch-ceremony").unwrap(), "TERM");
    command.args(["--color", "never"]);
    command
}

fn cert(path: &Path) -> Cert {
    Cert::from_file(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_folder_is_complete_and_its_binding_fits() {
    for example in examples() {
        for file in ["plan.toml", "binding.example.toml", "ceremony.sh", "expected.txt"] {
            assert!(example.join(file).is_file(), "{} has no {file}", example.display());
        }
        let (plan, binding) = (example.join("plan.toml"), example.join("binding.example.toml"));
        run(ceremony().arg("check").arg(plan).arg("--binding").arg(binding)).unwrap();
    }
}

#[test]
fn every_record_reads_as_expected() {
    let mut other = Vec::new();
    for held in HELD.iter() {
        let output = held.verify();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3), "{}: {text}", held.name);
        let read = plain::plain(&text);
        let file = held.example.join("expected.txt");
        if std::env::var_os("POUCH_BLESS").is_some() {
            fs::write(&file, &read).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap();
        assert!(expected.ends_with("\nfinding: it is a rehearsal: its keys protect nothing\n"), "{expected}");
        if read != expected {
            fs::write(held.folder.join("read.txt"), &read).unwrap();
            let diff = run(command("diff", "TERM").arg("-u").arg(&file).arg(held.folder.join("read.txt")));
            other.push(diff.unwrap_err());
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
}

/// A rehearsal that is broken off with the stage set, so that a paper can be exchanged.
#[test]
fn a_custodian_with_words_of_another_day_is_found() {
    let held = Held::get("yearly-rehearsal");
    let stage = tempfile::tempdir().unwrap();
    let rehearse = format!(
        "{} rehearse {} --output {}",
        binary("pouch-ceremony").unwrap().display(),
        held.example.join("plan.toml").display(),
        stage.path().join("record").display()
    );
    let mut terminal = Terminal::start(&rehearse, Path::new("")).unwrap();
    terminal.wait_for("Name of the administrator: ").unwrap();
    terminal.press("\u{3}").unwrap();
    terminal.end().unwrap();
    // Two custodians are enough for all else, so nobody would miss the third.
    let paper = "papers/custodian-3.user-PIN-of-token-backup.txt";
    fs::copy(held.folder.join(paper), stage.path().join("record").join(paper)).unwrap();
    let output = command("sh", "TERM").args(["-c", &format!("exec {rehearse} --unattended")]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("error[CEREMONY-QUORUM]: the shares give no PIN: "), "{said}");
    assert!(said.contains("the ceremony was closed as failed at step 8, token.backup.papers"), "{said}");
}

#[test]
fn a_record_that_was_changed_is_refused() {
    let held = Held::get("home-signing-key");
    let copy = tempfile::tempdir().unwrap();
    let changed = Held { name: String::new(), example: held.example.clone(), folder: copy.path().join("record") };
    run(command("cp", "TERM").arg("-r").args([&held.folder, &changed.folder])).unwrap();
    assert_eq!(changed.verify().status.code(), Some(3));
    for (file, from, to) in [
        ("transcript.jsonl", "DEMO witness 1", "DEMO witness 9"),
        ("home.pgp", "-----BEGIN", "\n-----BEGIN"),
        ("home.revocation-compromised.asc", "-----BEGIN", "\n-----BEGIN"),
    ] {
        let path = changed.folder.join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        assert_eq!(changed.verify().status.code(), Some(77), "{file}");
        fs::write(&path, text).unwrap();
    }
    assert_eq!(changed.verify().status.code(), Some(3));
}

#[test]
fn every_trust_file_is_taken_by_the_embassy() {
    let mut policies = BTreeMap::new();
    for held in HELD.iter().filter(|held| held.plan().contains("\n[trust]\n")) {
        let trust =
            Trust::load(&held.folder.join("trust.toml")).unwrap_or_else(|error| panic!("{}: {error}", held.name));
        assert_eq!(trust.embassy().len(), 1, "{}", held.name);
        for (registry, policy) in trust.registries() {
            policies.insert(format!("{} {registry}", held.name), (policy.threshold(), policy.signers().len()));
        }
    }
    let policy = |name: &str| policies.get(name).copied();
    assert_eq!(policy("trust-exchange land"), Some((1, 1)));
    assert_eq!(policy("trust-exchange population"), Some((2, 3)));
    assert_eq!(policy("rollover land"), Some((1, 2)));
    assert_eq!(policy("revocation-after-compromise land"), Some((1, 1)));
    assert_eq!(policy("retirement land"), Some((1, 1)));
    assert_eq!(policies.len(), 6, "{policies:?}");
}

#[test]
fn after_a_compromise_the_embassy_trusts_the_new_certificate_alone() {
    let held = Held::get("revocation-after-compromise");
    let trust = Trust::load(&held.folder.join("trust.toml")).unwrap();
    let land: RegistryName = "land".parse().unwrap();
    let signers: Vec<_> = trust.registry(&land).unwrap().signers().iter().map(ToString::to_string).collect();
    assert_eq!(signers, [cert(&held.folder.join("home-2027.pgp")).fingerprint().to_hex()]);
}

#[test]
fn a_retired_key_is_gone_from_the_token_and_no_other_is() {
    let destroyed = |held: &Held| {
        let transcript = fs::read_to_string(held.folder.join("transcript.jsonl")).unwrap();
        transcript.lines().filter(|line| line.contains("\"step\":\"retire.") && line.contains("\"done\"")).count()
    };
    for held in HELD.iter() {
        assert_eq!(destroyed(held), usize::from(held.name == "retirement"), "{}", held.name);
    }
    let objects = |held: &Held| {
        let out = run(command("pkcs11-tool", "TERM")
            .env("SOFTHSM2_CONF", held.folder.join("tokens/softhsm2.conf"))
            .args(["--module", script::SOFTHSM, "--list-objects", "--token-label", "home-2026"]))
        .unwrap();
        out.lines().filter(|line| line.contains("sealing-2026")).count()
    };
    assert_eq!(objects(Held::get("retirement")), 0);
    assert_ne!(objects(Held::get("rollover")), 0);
}
