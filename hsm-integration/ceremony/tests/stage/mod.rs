//! A rehearsed ceremony, and the command.

#![cfg(test)]
#![allow(dead_code, reason = "each test uses a part")]

use pouch_platform::Dir;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The plan of a key that signs, in one token.
pub(crate) fn plan() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ceremonies/home-signing-key/plan.toml")
}

/// `pouch-ceremony`, without a terminal.
pub(crate) fn tool() -> Command {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_pouch-ceremony"));
    tool.args(["--color", "never"]).stdin(std::process::Stdio::null());
    tool
}

/// Rehearses `plan` in `folder`, with nobody at the terminal.
pub(crate) fn rehearse(plan: &Path, folder: &Path) -> Command {
    let mut tool = tool();
    tool.arg("rehearse").arg(plan).arg("--output").arg(folder).arg("--unattended");
    tool
}

/// Runs it and demands that it ends well.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    output
}

/// Everything that a command said.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// A rehearsal in a folder of its own.
pub(crate) fn rehearsed(plan: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(&mut rehearse(plan, &folder.path().join("ceremony")));
    folder
}

/// The files of a ceremony, without its throw-away tokens, as another folder.
pub(crate) fn copied(from: &Path) -> (tempfile::TempDir, Dir) {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let dir = Dir::open(folder.path()).unwrap();
    (folder, dir)
}

/// `inventory` by a URI of SoftHSM that reads `config`, as JSON.
pub(crate) fn inventory(config: &Path, uri: &str) -> Command {
    let mut tool = tool();
    tool.env("SOFTHSM2_CONF", config).args(["--format", "json", "inventory", uri]);
    tool
}
