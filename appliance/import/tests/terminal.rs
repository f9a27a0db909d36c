//! What is typed at a terminal: exactly `Yes`, and the PIN, which is not shown.

#![cfg(test)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use acceptance::place::{Keys, Place};
use acceptance::process::run;

/// A command at a terminal of its own, which `script` of util-linux gives it.
struct Terminal {
    child: Child,
    seen: String,
}

impl Terminal {
    fn start(place: &Place, arguments: &str) -> Self {
        let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_pouch-import"));
        let child = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("SOFTHSM2_CONF", place.path("embassy/token/softhsm2.conf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, seen: String::new() }
    }

    /// Waits for a prompt, then types a line.
    fn answer(&mut self, prompt: &str, line: &str) {
        let mut byte = [0];
        while !self.seen.ends_with(prompt) {
            let read = self.child.stdout.as_mut().unwrap().read(&mut byte).unwrap();
            assert_eq!(read, 1, "no {prompt:?} in {:?}", self.seen);
            self.seen.push(char::from(byte[0]));
        }
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
        self.seen.extend(rest.iter().map(|byte| char::from(*byte)));
        (self.child.wait().unwrap().code().unwrap(), self.seen)
    }
}

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
    let arguments = format!(
        "--color never --config {} session-key {} --key '{uri}'",
        place.path("embassy/import.toml").display(),
        pouch.display()
    );

    let mut other = Terminal::start(&place, &arguments);
    other.answer("Type Yes to go on: ", "yes");
    let (code, seen) = other.end();
    assert!(code == 64 && seen.contains("error[CONFIRM]: the answer was \"yes\", not \"Yes\""), "{seen}");

    let pin = fs::read_to_string(place.path("embassy/token/embassy.pin")).unwrap().trim().to_owned();
    let mut terminal = Terminal::start(&place, &arguments);
    terminal.answer("Type Yes to go on: ", "Yes");
    terminal.answer("): ", &pin);
    let (code, seen) = terminal.end();
    assert!(code == 0 && seen.contains("\n9:"), "{seen}");
    assert!(seen.contains("PIN of token \"embassy\" (serial "), "{seen}");
    assert!(!seen.contains(&pin), "the PIN was shown");
    let log = fs::read_to_string(place.path("embassy/root/log/log.jsonl")).unwrap();
    assert!(log.contains("session-key-exported") && log.contains("user id "));
}
