//! Folders that are not this ceremony's, and people who are not there: refused before anything is made.

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
