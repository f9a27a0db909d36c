//! What is typed at a terminal: exactly `Yes`, and the PIN, which is not shown.

#![cfg(test)]

use std::fs;

use acceptance::place::{Keys, Place};
use acceptance::process::run;
use acceptance::terminal::Terminal;

#[test]
fn a_session_key_needs_yes_and_the_pin() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::create(folder.path(), Keys::Rfc9580).unwrap();
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    place.add_registry("land", &format!("source = \"directory\"\npath = \"{}\"", source.display()), "").unwrap();
    run(place.seal().unwrap().args(["seal", "land"])).unwrap();
    let pouch = place.spooled("land-000001");

    // The same key, named without the file that holds the PIN.
    let config = fs::read_to_string(place.path("embassy/import.toml")).unwrap();
    let uri = config.lines().find_map(|line| line.strip_prefix("key = \"")?.strip_suffix('"')).unwrap();
    let (path, query) = uri.split_once('?').unwrap();
    let kept: Vec<&str> = query.split('&').filter(|attribute| !attribute.starts_with("pin-source")).collect();
    let uri = format!("{path}?{}", kept.join("&"));
    let line = format!(
        "{} --color never --config {} session-key {} --key '{uri}'",
        env!("CARGO_BIN_EXE_pouch-import"),
        place.path("embassy/import.toml").display(),
        pouch.display()
    );

    let softhsm = place.path("embassy/token/softhsm2.conf");
    let mut other = Terminal::start(&line, &softhsm).unwrap();
    other.answer("Type Yes to go on: ", "yes").unwrap();
    let (code, seen) = other.end().unwrap();
    assert!(code == 64 && seen.contains("error[CONFIRM]: the answer was \"yes\", not \"Yes\""), "{seen}");

    let pin = fs::read_to_string(place.path("embassy/token/embassy.pin")).unwrap().trim().to_owned();
    let mut terminal = Terminal::start(&line, &softhsm).unwrap();
    terminal.answer("Type Yes to go on: ", "Yes").unwrap();
    terminal.answer("): ", &pin).unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert!(code == 0 && seen.contains("\n9:"), "{seen}");
    assert!(seen.contains("PIN of token \"embassy\" (serial "), "{seen}");
    assert!(!seen.contains(&pin), "the PIN was shown");
    let log = fs::read_to_string(place.path("embassy/root/log/log.jsonl")).unwrap();
    assert!(log.contains("session-key-exported") && log.contains("user id "));
}
