//! `pouch-receive run`: a stream from the wire into the quarantine, and all that is refused before.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pouch_link::tag::LinkKey;

use crate::wire::{Wire, port};
use crate::{BINARY, Said, said};

const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Where a receiver works: in a folder that its user may pass through. As root it becomes `nobody`.
struct Place {
    folder: tempfile::TempDir,
    port: u16,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, port: port() }
    }

    fn quarantine(&self) -> PathBuf {
        self.folder.path().join("q")
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.env_clear().args(["run", "--listen", &format!("udp:127.0.0.1:{}", self.port), "--quarantine"]);
        command.arg(self.quarantine()).args(more);
        if root() {
            command.args(["--user", "nobody"]);
        }
        command
    }

    /// A receiver that is ready.
    fn start(&self, more: &[&str]) -> Running {
        let mut child = self.command(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut talk = BufReader::new(child.stderr.take().unwrap());
        let mut err = String::new();
        while !err.ends_with("receiving\n") {
            assert!(talk.read_line(&mut err).unwrap() > 0, "it ended: {err}");
        }
        Running { child, talk, err }
    }

    fn key(&self, digits: &str, mode: u32) -> PathBuf {
        let file = self.folder.path().join("link.key");
        fs::write(&file, digits).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file
    }
}

fn root() -> bool {
    pouch_platform::effective_uid() == 0
}

struct Running {
    child: Child,
    talk: BufReader<std::process::ChildStderr>,
    err: String,
}

impl Running {
    fn end(mut self) -> Said {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.talk.read_to_string(&mut self.err).unwrap();
        Said { code: self.child.wait().unwrap().code().unwrap_or(-1), out, err: self.err }
    }

    fn terminate(self) -> Said {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.end()
    }
}

fn arrived(quarantine: &Path) -> Vec<PathBuf> {
    fs::read_dir(quarantine.join("arrived")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_stream_arrives_and_once_is_over() {
    let place = Place::new();
    let running = place.start(&["--once", "--timeout", "20s", "--format", "json"]);
    let wire = Wire::new(place.port, None);
    wire.send(|_| true);
    let said = running.end();
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let json = said.json();
    assert_eq!((&json["pouch"], &json["length"]), (&"land-000041".into(), &100_000.into()));
    let file = place.quarantine().join("arrived").join(json["file"].as_str().unwrap());
    assert!(fs::read(file).unwrap() == wire.bytes);
    assert!(said.err.contains("there is no link key"), "{}", said.err);
}

#[test]
fn what_is_missing_is_kept_and_another_round_completes_it() {
    let place = Place::new();
    let wire = Wire::new(place.port, None);
    let running = place.start(&["--once", "--timeout", "3s"]);
    wire.send(|block| block != 2);
    let said_first = running.end();
    assert!(said_first.code == 3 && said_first.err.contains("error[LINK-INCOMPLETE]"), "{}", said_first.err);
    let quarantine = place.quarantine();
    let status = said(&["status", "--format", "json", "--quarantine", quarantine.to_str().unwrap()]).json();
    let stream = &status["streams"][0];
    assert_eq!(
        (&stream["state"], &stream["blocks"], &stream["complete"]),
        (&"incomplete".into(), &7.into(), &6.into())
    );
    let running = place.start(&["--once", "--timeout", "20s"]);
    wire.send(|block| block == 2);
    let said = running.end();
    assert!(said.code == 0 && said.out.starts_with("land-000041 has arrived, 100.0 kB: arrived/land-"), "{}", said.err);
    assert!(fs::read(&arrived(&quarantine)[0]).unwrap() == wire.bytes);
}

#[test]
fn under_a_link_key_only_its_datagrams_count() {
    let place = Place::new();
    let key = place.key(DIGITS, 0o600);
    let bytes: Vec<u8> = (0..32).collect();
    let key_of_home = LinkKey::new(bytes.try_into().unwrap());
    let running = place.start(&["--once", "--timeout", "20s", "--link-key", key.to_str().unwrap()]);
    Wire::new(place.port, None).send(|_| true);
    Wire::new(place.port, Some(LinkKey::new([9; 32]))).send(|_| true);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let status = said(&["status", "--format", "json", "--quarantine", place.quarantine().to_str().unwrap()]).json();
    assert!(status["datagrams"]["forged"].as_u64().unwrap() > 100 && status["streams"].as_array().unwrap().is_empty());
    Wire::new(place.port, Some(key_of_home)).send(|_| true);
    assert_eq!(running.end().code, 0);
}

#[test]
fn what_has_arrived_is_handed_over() {
    let place = Place::new();
    let program = place.folder.path().join("import");
    let log = place.folder.path().join("log");
    fs::write(&program, format!("#!/bin/sh\necho \"$@\" >>{}\necho kept it >&2\nexit 3\n", log.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let config = place.folder.path().join("receive.toml");
    let text = format!("[import]\nprogram = \"{}\"\narguments = [\"--config\", \"x y\"]\n", program.display());
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let running =
        place.start(&["--once", "--timeout", "20s", "--then", "import", "--config", config, "--format", "json"]);
    Wire::new(place.port, None).send(|_| true);
    let said = running.end();
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!((&said.json()["import"]["code"], &said.json()["import"]["said"]), (&3.into(), &"kept it".into()));
    let file = arrived(&place.quarantine()).remove(0);
    assert_eq!(fs::read_to_string(log).unwrap(), format!("--config x y import {}\n", file.display()));
}

#[test]
fn a_signal_ends_it_with_all_written_down() {
    let place = Place::new();
    let running = place.start(&[]);
    Wire::new(place.port, None).send(|block| block < 3);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let taken = said(&["discard", "0011223344556677", "--quarantine", place.quarantine().to_str().unwrap()]);
    assert_eq!(taken.code, 75, "{}", taken.err);
    let second = said_of(place.command(&[]));
    assert!(second.code == 69 && second.err.contains("error[LINK-LANE]"), "{}", second.err);
    let said_last = running.terminate();
    assert_eq!(said_last.code, 0, "{}", said_last.err);
    let status = said(&["status", "--format", "json", "--quarantine", place.quarantine().to_str().unwrap()]).json();
    assert_eq!(status["streams"][0]["complete"], 3);
}

#[test]
fn an_announcement_is_durable_before_records_are() {
    let place = Place::new();
    let trace = place.folder.path().join("trace");
    let plain = place.command(&["--once", "--timeout", "2s"]);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-y", "-e", "trace=fsync,fdatasync", "-o"]).arg(&trace);
    traced.arg(plain.get_program()).args(plain.get_args());
    let (port, wait) = (place.port, std::time::Duration::from_millis(800));
    let wire = std::thread::spawn(move || {
        std::thread::sleep(wait);
        Wire::new(port, None).send(|block| block < 3);
    });
    let said = said_of(traced);
    wire.join().unwrap();
    assert_eq!(said.code, 3, "{}", said.err);
    let calls = fs::read_to_string(trace).unwrap();
    let at = |what: &str| calls.find(what).unwrap_or_else(|| panic!("no {what} in {calls}"));
    assert!(at("/announcement>") < at("/stream.tar.part>") && at("/stream.tar.part>") < at("/blocks>"), "{calls}");
}

#[test]
fn as_many_streams_and_lanes_as_may_be_are_no_more_files_than_may_be() {
    let place = Place::new();
    let lanes: Vec<String> = (1..16).map(|_| format!("udp:127.0.0.1:{}", port())).collect();
    let mut more = vec!["--streams", "64"];
    more.extend(lanes.iter().flat_map(|lane| ["--listen", lane]));
    let running = place.start(&more);
    for length in 1..=64 {
        Wire { port: place.port, bytes: vec![7; 1000 * length], key: None }.send(|_| false);
    }
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let quarantine = place.quarantine();
    let status = said(&["status", "--format", "json", "--quarantine", quarantine.to_str().unwrap()]).json();
    let ids: Vec<_> = status["alarms"].as_array().unwrap().iter().map(|alarm| alarm["id"].to_string()).collect();
    assert_eq!(status["streams"].as_array().unwrap().len(), 64, "{ids:?}");
    assert!(!ids.iter().any(|id| id.contains("LINK-STATUS") || id.contains("LINK-SPACE")), "{ids:?}");
    assert_eq!(running.terminate().code, 0);
}

#[test]
fn a_folder_of_another_user_is_noticed_before_anything_is_received() {
    if !root() {
        // What is another's cannot be made by anybody else.
        return;
    }
    let place = Place::new();
    assert_eq!(place.start(&[]).terminate().code, 0);
    chown(place.quarantine().join("arrived"), Some(12345), None).unwrap();
    let refused = said_of(place.command(&[]));
    assert!(refused.code != 0 && refused.err.contains("arrived/.trial"), "{}", refused.err);
}

fn said_of(mut command: Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn nothing_is_opened_with_a_wrong_key_or_setting() {
    let place = Place::new();
    for (digits, mode, says) in [
        (DIGITS, 0o644, "mode 0644; it must have owner"),
        (DIGITS, 0o640, "mode 0640; it must have owner"),
        (&DIGITS[1..], 0o600, "does not hold 64 hexadecimal digits"),
    ] {
        let key = place.key(digits, mode);
        let refused = said_of(place.command(&["--link-key", key.to_str().unwrap()]));
        assert!(refused.code == 78 && refused.err.contains(says), "{}", refused.err);
        assert!(refused.err.starts_with("error[LINK-KEY]") && !refused.err.contains("0102"), "{}", refused.err);
    }
    if root() {
        let key = place.key(DIGITS, 0o600);
        chown(&key, Some(12345), None).unwrap();
        assert_eq!(said_of(place.command(&["--link-key", key.to_str().unwrap()])).code, 78);
        let refused = said(&["run", "--listen", "udp:127.0.0.1:4100", "--user", "no-such-user"]);
        assert!(refused.code == 78 && refused.err.contains("error[CONFIG-USER]"), "{}", refused.err);
        let new = place.folder.path().join("new");
        let refused = said(&["run", "--listen", "udp:127.0.0.1:4100", "--quarantine", new.to_str().unwrap()]);
        assert!(refused.err.contains("name a user to become") && !new.exists(), "{}", refused.err);
    }
    let config = place.folder.path().join("receive.toml");
    fs::write(&config, "[import]\nprogram = \"/no/such/program\"\n").unwrap();
    let refused = said_of(place.command(&["--then", "import", "--config", config.to_str().unwrap()]));
    assert!(refused.code == 78 && refused.err.contains("/no/such/program is no program"), "{}", refused.err);
    for (more, code, says) in [
        (&["--share", "0"][..], 78, "limits.share is 0; it must be from 1 to 100"),
        (&["--silence", "0s"], 78, "silence in seconds"),
        (&["--timeout", "1s"], 64, "--once"),
        (&["--then", "burn"], 64, "\"import\""),
        (&["--listen", "ether:no-such-card"], 69, "error[LINK-LANE]"),
    ] {
        let refused = said_of(place.command(more));
        assert!(refused.code == code && refused.err.contains(says), "{more:?}: {}", refused.err);
    }
    let bare = said(&["run"]);
    assert!(bare.code == 78 && bare.err.contains("no lane is configured"), "{}", bare.err);
    let nowhere = said(&["run", "--listen", "udp:127.0.0.1:4100", "--quarantine", "/nowhere/q", "--user", "nobody"]);
    assert!(nowhere.code == 66 && nowhere.err.contains("create its parent"), "{}", nowhere.err);
}
