//! Folders that are not this ceremony's, certificates that are not its keys', and people who are not there: refused before
//! anything is made or destroyed.

#![cfg(test)]

mod stage;

use pouch_ceremony::transcript::FILE;
use stage::{plan, rehearse, rehearsed, said, tool};
use std::fs;

#[test]
fn without_people_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("ceremony");
    let mut command = tool();
    command.args(["--no-input", "rehearse"]).arg(plan()).arg("--output").arg(&output);
    let refused = command.output().unwrap();
    assert_eq!(refused.status.code(), Some(64), "{}", said(&refused));
    assert!(!output.exists());
}

#[test]
fn no_stage_is_set_in_the_folder_of_a_ceremony_that_counts() {
    let rehearsal = rehearsed(&plan());
    let begin = fs::read_to_string(rehearsal.path().join("ceremony").join(FILE)).unwrap();
    let begin = begin.lines().next().unwrap().replace("\"mode\":\"rehearsal\"", "\"mode\":\"run\"");

    let real = pouch_platform::Dir::open_private(rehearsal.path().join("real")).unwrap();
    real.replace_file(FILE, format!("{begin}\n").as_bytes()).unwrap();
    real.replace_file("home.pin", b"a PIN that counts").unwrap();
    let refused = rehearse(&plan(), real.path()).output().unwrap();
    assert_eq!(refused.status.code(), Some(77), "{}", said(&refused));
    assert!(said(&refused).contains("CEREMONY-OTHER"), "{}", said(&refused));
    let mut left: Vec<_> = fs::read_dir(real.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["home.pin", FILE]);
}

/// The old key is destroyed at the end of this ceremony.
const RETIREMENT: &str = include_str!("../../ceremonies/retirement/plan.toml");

#[test]
fn a_key_that_is_not_that_of_the_certificate_is_not_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, output) = (folder.path().join("plan.toml"), folder.path().join("ceremony"));
    let (before, after) = RETIREMENT.split_once("[revoke.home-2026]").unwrap();
    let (_, after) = after.split_once("[trust]").unwrap();
    fs::write(&plan, format!("{before}[trust]{after}")).unwrap();

    // The stage is set, and nobody is at the terminal.
    let mut command = tool();
    command.arg("rehearse").arg(&plan).arg("--output").arg(&output).args(["--private-terminal", "/nowhere"]);
    let staged = command.output().unwrap();
    assert_eq!(staged.status.code(), Some(69), "{}", said(&staged));
    // Somebody brings another certificate by that name.
    fs::copy(output.join("embassy.demo.pgp"), output.join("home-2026.demo.pgp")).unwrap();

    let held = rehearse(&plan, &output).output().unwrap();
    assert_eq!(held.status.code(), Some(69), "{}", said(&held));
    assert!(said(&held).contains("does not have key sealing-2026"), "{}", said(&held));
    let transcript = fs::read_to_string(output.join(FILE)).unwrap();
    assert!(transcript.contains("retire.sealing-2026") && !transcript.contains("\"destroyed\""), "{transcript}");
}

#[test]
fn a_token_is_erased_by_a_quorum_of_its_old_custodians() {
    let folder = tempfile::tempdir().unwrap();
    let (file, output) = (folder.path().join("plan.toml"), folder.path().join("ceremony"));
    let text = fs::read_to_string(plan()).unwrap();
    let used = text.replacen("state = \"empty\"", "state = \"used\"\npresent_so_pin = \"quorum\"", 1);
    assert_ne!(text, used);
    fs::write(&file, used).unwrap();
    let held = rehearse(&file, &output).output().unwrap();
    assert!(held.status.success(), "{}", said(&held));
    assert!(said(&held).contains("The present security officer PIN of token home is held by custodians; 2 of them"));
}
