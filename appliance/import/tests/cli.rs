//! The command as an operator uses it: a pouch from a real home, taken in, looked at, opened, restored - or refused with
//! rule, values, state and next step.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::place::{Keys, Place};
use acceptance::process::run;
use assert_cmd::assert::OutputAssertExt as _;
use serde_json::Value;

/// A home with a registry that is a directory, and an embassy that trusts it.
struct Stage {
    folder: tempfile::TempDir,
    place: Place,
}

/// What a command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

impl Stage {
    fn new(keys: Keys) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::create(folder.path(), keys).unwrap();
        let source = folder.path().join("source");
        fs::create_dir_all(source.join("maps")).unwrap();
        fs::write(source.join("parcels.csv"), "1;õue\n").unwrap();
        let capture = format!("source = \"directory\"\npath = \"{}\"", source.display());
        place.add_registry("land", &capture, "rpo = \"24h\"").unwrap();
        Self { folder, place }
    }

    /// Seals what the registry holds now; gives the folder of the pouch.
    fn seal(&self, content: &str, pouch: &str) -> PathBuf {
        fs::write(self.folder.path().join("source/parcels.csv"), content).unwrap();
        run(self.place.seal().unwrap().args(["seal", "land"])).unwrap();
        self.place.spooled(pouch)
    }

    fn run<I: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Said {
        said(self.place.import().unwrap().args(arguments))
    }

    fn import_first(&self) -> PathBuf {
        let pouch = self.seal("1;õue\n", "land-000001");
        let digest = self.place.digest("land-000001").unwrap();
        let said = self.run(["import".as_ref(), "--first".as_ref(), digest.as_ref(), pouch.as_os_str()]);
        assert_eq!(said.code, 0, "{}", said.err);
        pouch
    }

    fn root(&self) -> PathBuf {
        self.place.path("embassy/root")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.root().join("log/log.jsonl")).unwrap()
    }
}

fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

fn alone(arguments: &[&str]) -> Said {
    said(Command::new(env!("CARGO_BIN_EXE_pouch-import")).env_clear().args(arguments))
}

#[test]
fn a_pouch_is_taken_in_opened_and_restored() {
    let stage = Stage::new(Keys::Rfc9580);
    let pouch = stage.seal("1;õue\n", "land-000001");
    let path = pouch.to_str().unwrap();

    let inspect = stage.run(["inspect", path]);
    assert!(inspect.code == 0 && inspect.out.starts_with("UNVERIFIED"), "{}", inspect.err);
    let verify = stage.run(["verify", path, "--format", "json"]);
    assert_eq!((verify.code, &verify.json()["verified"]), (0, &Value::from(true)), "{}", verify.err);
    assert!(!stage.root().exists(), "neither changes anything");

    // The first needs the note; a dry run changes nothing.
    let refused = stage.run(["import", path]);
    assert_eq!(refused.code, 77);
    assert!(refused.err.starts_with("error[IMPORT-FIRST]: "), "{}", refused.err);
    fs::remove_dir_all(stage.root()).unwrap();
    let digest = stage.place.digest("land-000001").unwrap();
    let dry = stage.run(["import", "--dry-run", "--first", &digest, path, "--format", "json"]);
    assert_eq!((dry.code, &dry.json()["outcome"]), (0, &Value::from("would be kept")), "{}", dry.err);
    assert!(!stage.root().exists());
    let words = dry.json()["manifest_sha256"].as_str().unwrap().parse::<pouch_format::Sha256Digest>().unwrap().words();
    let kept = stage.run(["import", "--first", &words, path, "--format", "json"]);
    assert_eq!((kept.code, &kept.json()["outcome"]), (0, &Value::from("kept")), "{}", kept.err);
    assert_eq!(kept.json()["words"], Value::from(words));

    let status = stage.run(["status", "--format", "json"]);
    assert_eq!(status.code, 0, "{}{}", status.out, status.err);
    assert_eq!(status.json()["registries"][0]["sequence"], 1);

    let dry = stage.run(["unpack", "land", "--dry-run"]);
    assert!(dry.code == 0 && !stage.root().join("unpacked").exists(), "{}", dry.err);
    let unpacked = stage.run(["unpack", "land", "--format", "json"]);
    assert_eq!(unpacked.code, 0, "{}", unpacked.err);
    let tree = PathBuf::from(unpacked.json()["path"].as_str().unwrap());
    assert_eq!(fs::read_to_string(tree.join("parcels.csv")).unwrap(), "1;õue\n");
    assert!(tree.join("maps").is_dir());
    assert_eq!(fs::canonicalize(stage.root().join("unpacked/land/current")).unwrap(), fs::canonicalize(&tree).unwrap());
    let again = stage.run(["unpack", "land-000001", "--format", "json"]);
    assert_eq!((again.code, &again.json()["already"]), (0, &Value::from(true)));

    let restored = stage.run(["restore", "land", "--format", "json"]);
    assert_eq!((restored.code, &restored.json()["recipe"]), (0, &Value::from("directory")), "{}", restored.err);
    let ready = PathBuf::from(restored.json()["ready"].as_str().unwrap());
    assert!(ready.starts_with(stage.root().join("restored/land")) && ready.join("parcels.csv").is_file());
    // An operator works in it now: it is not touched again.
    fs::write(ready.join("new"), "").unwrap();
    let again = stage.run(["restore", "land", "--format", "json"]);
    assert_eq!(again.json(), restored.json());
    assert!(again.code == 0 && ready.join("new").exists());
    let log = stage.log();
    for event in ["\"kept\"", "\"verb\":\"unpack\"", "\"verb\":\"restore\""] {
        assert!(log.contains(event), "{event} in {log}");
    }
}

#[test]
fn the_sequence_is_kept_and_every_refusal_names_its_rule() {
    let stage = Stage::new(Keys::Rfc9580);
    let first = stage.import_first();
    let second = stage.seal("2\n", "land-000002");
    let third = stage.seal("3\n", "land-000003");

    // The same again: harmless, but not done.
    let replay = stage.run(["import".as_ref(), first.as_os_str()]);
    assert_eq!(replay.code, 3);
    assert!(
        replay.err.starts_with("error[IMPORT-REPLAY]: pouch 1 of registry \"land\" is already here"),
        "{}",
        replay.err
    );
    let gap = stage.run(["import".as_ref(), third.as_os_str()]);
    assert_eq!(gap.code, 77);
    assert!(gap.err.contains("error[IMPORT-GAP]") && gap.err.contains("hint: nothing was written; import pouch 2"));

    // Several, in the wrong order, with one that is no pouch.
    let nothing = stage.folder.path().join("nothing\x1b[2J");
    let several = [
        "import".as_ref(),
        "--format".as_ref(),
        "json".as_ref(),
        nothing.as_os_str(),
        third.as_os_str(),
        second.as_os_str(),
    ];
    let several = stage.run(several);
    let rows = several.json();
    let outcome = |n: usize| rows[n]["outcome"].as_str().unwrap();
    assert_eq!((outcome(0), outcome(1), outcome(2)), ("kept", "kept", "not kept"), "{rows}");
    assert_eq!((rows[0]["pouch"].as_str(), several.code), (Some("land-000002"), 66));
    assert!(!several.out.contains('\x1b') && !several.err.contains('\x1b'));

    let old = stage.run(["import".as_ref(), second.as_os_str()]);
    assert!(old.code == 77 && old.err.contains("error[IMPORT-SEQ]"), "{}", old.err);
    // An older one that is kept can still be opened.
    let unpacked = stage.run(["unpack", "land-000002"]);
    assert_eq!(unpacked.code, 0, "{}", unpacked.err);
    let never = stage.run(["unpack", "land-000009"]);
    assert!(never.code == 66 && never.err.contains("land-000009 was never admitted here"), "{}", never.err);
    assert!(stage.log().contains("\"rule\":\"IMPORT-GAP\""));
}

#[test]
fn a_changed_pouch_is_refused_and_names_are_escaped() {
    let stage = Stage::new(Keys::Rfc9580);
    let pouch = stage.seal("1\n", "land-000001");
    let extra = pouch.join("evil\x1b]0;x\x07\u{202e}");
    fs::write(&extra, "").unwrap();
    for format in ["human", "json"] {
        let said = stage.run(["verify".as_ref(), "--format".as_ref(), format.as_ref(), pouch.as_os_str()]);
        assert!(said.code == 77 && said.err.starts_with("error[POUCH-PARTS]"), "{}", said.err);
        let all = said.out.clone() + &said.err;
        assert!(!all.contains(['\x1b', '\x07', '\u{202e}']), "{all:?}");
        if format == "json" {
            assert_eq!(said.json()["error"]["id"], "POUCH-PARTS");
        }
    }
    fs::remove_file(extra).unwrap();
    let manifest = fs::read(pouch.join("manifest.json")).unwrap();
    fs::write(pouch.join("manifest.json"), [&manifest[..], b" "].concat()).unwrap();
    let said = stage.run(["verify".as_ref(), pouch.as_os_str()]);
    assert!(said.code == 77 && said.err.starts_with("error[SIGN-INVALID]"), "{}", said.err);
    assert!(said.err.contains("hint: nothing was written; do not trust this pouch"));
    let said = stage.run(["inspect".as_ref(), pouch.as_os_str()]);
    assert!(said.code == 65 && said.err.starts_with("error[MANIFEST-"), "{}", said.err);
}

#[test]
fn staleness_and_a_lost_copy_are_findings_and_two_lost_copies_need_two_officers() {
    let stage = Stage::new(Keys::Rfc9580);
    let unused = stage.run(["status", "--format", "json"]);
    assert!(unused.code == 3 && !stage.root().exists(), "{}", unused.err);
    assert_eq!(unused.json()["registries"][0]["findings"][0], "no pouch was admitted yet");
    stage.import_first();

    fs::remove_file(stage.root().join("state-b/state-b.json")).unwrap();
    let lost = stage.run(["status"]);
    assert!(lost.code == 3 && lost.out.contains("state-b.json of the state is lost"), "{}{}", lost.out, lost.err);
    fs::remove_file(stage.root().join("state-a/state-a.json")).unwrap();
    let both = stage.run(["status"]);
    assert!(both.code == 77 && both.err.starts_with("error[IMPORT-STATE]"), "{}", both.err);
    assert!(both.err.contains("pouch-import recover --note"));

    let note = format!("land-000001={}", stage.place.digest("land-000001").unwrap());
    let one = stage.run(["recover", "--note", &note, "--officer", "A. Mets"]);
    assert_eq!(one.code, 64, "{}", one.err);
    let two = stage.run(["recover", "--note", &note, "--officer", "A. Mets", "--officer", "B. Tamm"]);
    assert_eq!(two.code, 0, "{}", two.err);
    assert_eq!(stage.run(["status"]).code, 0);
    assert!(stage.log().contains("B. Tamm"));
}

#[test]
fn a_command_restores_and_its_failure_is_the_registrys() {
    let stage = Stage::new(Keys::Rfc9580);
    fs::create_dir(stage.folder.path().join("dump")).unwrap();
    fs::write(stage.folder.path().join("dump/rows"), "7\n").unwrap();
    let argv = format!(
        "argv = [\"tar\", \"--format=posix\", \"--pax-option=delete=atime,delete=ctime\", \"-cC\", \"{}\", \"rows\"]",
        stage.folder.path().join("dump").display()
    );
    stage.place.add_registry("business", &format!("source = \"command\"\n{argv}"), "").unwrap();
    run(stage.place.seal().unwrap().args(["seal", "business"])).unwrap();
    let digest = stage.place.digest("business-000001").unwrap();
    let pouch = stage.place.spooled("business-000001");
    assert_eq!(stage.run(["import".as_ref(), "--first".as_ref(), digest.as_ref(), pouch.as_os_str()]).code, 0);

    let unset = stage.run(["restore", "business"]);
    assert!(unset.code == 78 && unset.err.starts_with("error[RESTORE-NO-COMMAND]"), "{}", unset.err);
    assert!(!stage.root().join("restored/business/current").exists());

    let script = stage.folder.path().join("load");
    fs::write(&script, "#!/bin/sh\necho \"loading $2\"\ncat \"$2/rows\"\ntest ! -e \"$2/fail\"\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let config = stage.place.path("embassy/import.toml");
    let mut text = fs::read_to_string(&config).unwrap();
    text += &format!("\n[registry.business]\ncommand = [\"{}\", \"--from\"]\n", script.display());
    fs::write(&config, text).unwrap();
    let restored = stage.run(["restore", "business", "--format", "json"]);
    assert_eq!((restored.code, &restored.json()["recipe"]), (0, &Value::from("command")), "{}", restored.err);
    let log = fs::read_to_string(restored.json()["log"].as_str().unwrap()).unwrap();
    assert!(log.contains("loading ") && log.ends_with("7\n"), "{log}");

    // The report of a tree that is gone does not speak for the next one, which fails.
    fs::remove_dir_all(fs::canonicalize(stage.root().join("restored/business/current")).unwrap()).unwrap();
    fs::write(&script, "#!/bin/sh\nexit 1\n").unwrap();
    for _ in 0..2 {
        let failed = stage.run(["restore", "business", "--format", "json"]);
        assert!(failed.code != 0 && !failed.out.contains("\"recipe\""), "{} {}", failed.code, failed.out);
    }
}

#[test]
fn stock_tools_open_a_pouch_with_the_exported_key() {
    let stage = Stage::new(Keys::Rfc4880);
    let pouch = stage.import_first();
    let asked = stage.run(["session-key", "land-000001"]);
    assert!(asked.code == 64 && asked.err.starts_with("error[CONFIRM]"), "{}", asked.err);
    let of_vault = stage.run(["session-key", "land-000001", "--yes-export", "--officer", "A. Mets"]);
    let of_folder = stage.run(["session-key".as_ref(), pouch.as_os_str(), "--yes-export".as_ref()]);
    assert_eq!((of_vault.code, of_folder.code), (0, 0), "{}{}", of_vault.err, of_folder.err);
    assert_eq!(of_vault.out, of_folder.out);
    let key = of_vault.out.trim();
    let log = stage.log();
    assert!(log.contains("session-key-exported") && log.contains("A. Mets") && !log.contains(&key[2..]));

    let home = stage.folder.path().display();
    for decrypt in [
        format!("sq decrypt --session-key {key} segment-000000.pgp"),
        format!("gpg --batch --homedir {home} --override-session-key {key} --decrypt segment-000000.pgp"),
    ] {
        let script = format!("set -o pipefail; {decrypt} | zstd -d | tar xO parcels.csv");
        let opened = said(Command::new("bash").args(["-c", &script]).current_dir(&pouch));
        assert_eq!((opened.code, opened.out.as_str()), (0, "1;õue\n"), "{decrypt}: {}", opened.err);
    }
}

#[test]
fn a_wrong_command_line_configuration_or_path_is_told_apart() {
    let usage = alone(&["import"]);
    assert!(usage.code == 64 && usage.err.starts_with("error[USAGE]"), "{}", usage.err);
    assert_eq!(alone(&["unpack", "Land"]).code, 64);
    assert_eq!(alone(&["status", "--format", "xml"]).code, 64);
    let usage = alone(&["--format=json", "nonsense"]);
    assert_eq!((usage.code, &usage.json()["error"]["exit"]), (64, &Value::from(64)));
    assert_eq!(alone(&[]).code, 64);

    let help = alone(&["--help"]);
    assert!(help.code == 0 && help.out.contains("session-key") && !help.out.contains("completions"));
    assert_eq!(alone(&["--version"]).out, format!("pouch-import {}\n", env!("CARGO_PKG_VERSION")));

    let config = alone(&["status", "--config", "/nonexistent/import.toml"]);
    assert!(config.code == 78 && config.err.starts_with("error[CONFIG-READ]"), "{}", config.err);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("import.toml");
    fs::write(&file, "root = \"x\"\nvaults = 1\n").unwrap();
    let config = alone(&["status", "--config", file.to_str().unwrap()]);
    assert!(config.code == 78 && config.err.contains("did you mean \"vault\"?"), "{}", config.err);
    fs::write(&file, "root = \"x\"\n").unwrap();
    let trust = alone(&["verify", "/nonexistent", "--config", file.to_str().unwrap()]);
    assert!(trust.code == 78 && trust.err.starts_with("error[TRUST]"), "{}", trust.err);
    let input = alone(&["inspect", "/nonexistent"]);
    assert!(input.code == 66 && input.err.contains("/nonexistent"), "{}", input.err);
}

#[test]
fn the_configuration_is_shown_and_checked() {
    let stage = Stage::new(Keys::Rfc9580);
    let shown = stage.run(["config", "show", "--origin"]);
    assert!(shown.out.contains("root = \"root\"  # "), "{}", shown.out);
    assert!(shown.out.contains("restore.role = \"postgres\"  # default"), "{}", shown.out);
    let check = stage.run(["config", "check", "--format", "json"]);
    assert_eq!(check.code, 0, "{}{}", check.out, check.err);
    assert!(check.json().as_array().unwrap().iter().all(|row| row["sound"] == true));
    assert!(!stage.root().exists(), "looking creates nothing");
    fs::write(stage.place.path("embassy/trust.toml"), "nonsense").unwrap();
    let check = stage.run(["config", "check"]);
    assert!(check.code == 78 && check.out.contains("WRONG  error[TRUST]"), "{}", check.out);
}

#[test]
fn packagers_get_completions_and_man_pages() {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_pouch-import")).arg("man").arg(folder.path()).assert().success();
    for page in ["pouch-import.1", "pouch-import-restore.1", "pouch-import-config-show.1"] {
        let text = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
    assert!(!Path::new(&folder.path().join("pouch-import-man.1")).exists());
    let bash = alone(&["completions", "bash"]);
    assert!(bash.code == 0 && bash.out.contains("session-key"));
}
