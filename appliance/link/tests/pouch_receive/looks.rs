//! What it shows of a report: in every state, for people, scripts and terminals.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use pouch_link::receive::report::{Alarm, Arrived, Import, Report, State};

use crate::{BINARY, STREAM, age, incomplete, said, with};

#[test]
fn status_ends_with_what_it_found() {
    let quiet = with(&Report::default());
    let at = |folder: &tempfile::TempDir| folder.path().to_str().unwrap().to_owned();
    assert_eq!(said(&["status", "--quarantine", &at(&quiet)]).code, 0);
    age(quiet.path(), 60);
    let stopped = said(&["status", "--quarantine", &at(&quiet)]);
    assert_eq!(stopped.code, 69);
    assert!(stopped.out.contains("STOPPED") && stopped.out.contains("ALARM LINK-STOPPED"), "{}", stopped.out);
    let stopped = said(&["status", "--format", "json", "--quarantine", &at(&quiet)]);
    assert_eq!((stopped.code, stopped.json()["streams"].as_array().unwrap().len()), (69, 0));
    assert!(stopped.err.starts_with("warning: the receiver does not live"), "{}", stopped.err);

    let alarm = Alarm { id: "LINK-SILENCE".into(), text: "nothing heard".into(), ..Alarm::default() };
    let import = |code| Arrived { import: Some(Import { code, said: "no".into() }), ..Arrived::default() };
    let state = |state| Report {
        streams: vec![pouch_link::receive::report::Progress { state, ..incomplete() }],
        ..Report::default()
    };
    for (report, code, says) in [
        (Report { alarms: vec![alarm], ..Report::default() }, 3, "ALARM LINK-SILENCE: nothing heard"),
        (state(State::Incomplete), 3, "lacks 2 of 8 blocks"),
        (state(State::NoSpace), 3, "NO SPACE"),
        (state(State::Receiving), 0, "receiving, round 1 of 1"),
        (state(State::Verifying), 0, "verifying"),
        (Report { arrived: vec![import(77)], ..Report::default() }, 3, "ALARM LINK-IMPORT"),
        (Report { arrived: vec![import(3)], ..Report::default() }, 0, "advice LINK-IMPORT"),
    ] {
        let folder = with(&report);
        let status = said(&["status", "--quarantine", &at(&folder)]);
        assert_eq!(status.code, code, "{}{}", status.out, status.err);
        assert!(status.out.contains(says), "{says}: {}", status.out);
    }
}

#[test]
fn status_in_json_is_the_report_as_it_is() {
    let folder = with(&Report { streams: vec![incomplete()], ..Report::default() });
    let status = said(&["status", "--format", "json", "--quarantine", folder.path().to_str().unwrap()]);
    let written: Report = serde_json::from_slice(&std::fs::read(folder.path().join("status.json")).unwrap()).unwrap();
    assert_eq!((status.code, serde_json::from_str::<Report>(&status.out).unwrap()), (3, written));
    // The fields that the help promises.
    let (all, help) = (status.json(), said(&["status", "--help"]).out);
    for field in all.as_object().unwrap().keys().chain(all["streams"][0].as_object().unwrap().keys()) {
        assert!(help.contains(field.as_str()), "{field}");
    }
}

#[test]
fn hostile_texts_are_shown_as_text() {
    let evil = "\u{1b}]0;owned\u{7}\r\n\u{202e}".to_owned();
    let mut stream = incomplete();
    (stream.pouch, stream.missing) = (evil.clone(), Some(evil.clone()));
    let alarms = vec![Alarm { id: evil.clone(), text: evil, ..Alarm::default() }];
    let folder = with(&Report { streams: vec![stream], alarms, ..Report::default() });
    let path = folder.path().to_str().unwrap();
    for arguments in [&["status"][..], &["status", "--format", "json"], &["missing"], &["missing", "--format", "jsonl"]]
    {
        let shown = said(&[arguments, &["--quarantine", path]].concat());
        assert!(!shown.out.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{}", shown.out);
        assert!(!shown.err.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{}", shown.err);
    }
}

#[test]
fn what_is_missing_can_be_typed_read_out_and_photographed() {
    let folder = with(&Report { streams: vec![incomplete()], ..Report::default() });
    let path = folder.path().to_str().unwrap();
    let shown = said(&["missing", "--quarantine", path]);
    assert_eq!(shown.code, 3, "{}", shown.err);
    for says in [
        "land-000041, stream 00112233aabbccdd: 2 of 8 blocks are missing, at most 2.0 MB of 8.0 MB (25.00%)",
        "  7KA2-90QF-1\n",
        "  90QF  nine zero Quebec Foxtrot\n",
        "  pouch-send send land-000041 --only 7KA2-90QF-1\n",
        "▄▄▄▄▄▄▄",
    ] {
        assert!(shown.out.contains(says), "{says}: {}", shown.out);
    }
    assert!(!said(&["missing", "--qr", "none", "--quarantine", path]).out.contains('█'));
    let json = said(&["missing", STREAM, "--format", "json", "--quarantine", path]).json();
    assert_eq!((&json[0]["code"], &json[0]["blocks"]), (&"7KA2-90QF-1".into(), &2.into()));
    let unknown = said(&["missing", "land-000042", "--quarantine", path]);
    assert_eq!(unknown.code, 66);
    assert!(unknown.err.contains("error[LINK-STREAM]") && unknown.err.contains(STREAM), "{}", unknown.err);
    let nothing = with(&Report::default());
    let nothing = said(&["missing", "--quarantine", nothing.path().to_str().unwrap()]);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""));
}

/// The first lines of a command that goes on, and then its end.
fn lines(command: &mut Command, count: usize) -> Vec<String> {
    let mut child = command.env_remove("NO_COLOR").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(count).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

#[test]
fn a_watch_without_a_terminal_is_lines() {
    let folder = with(&Report { streams: vec![incomplete()], ..Report::default() });
    let watch = |more: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(["status", "--watch", "--quarantine"]).arg(folder.path()).args(more);
        command
    };
    let shown = lines(&mut watch(&[]), 4);
    assert!(shown[0].contains("ALARM LINK-INCOMPLETE") && shown[1].contains("land-000041"), "{shown:?}");
    assert!(shown.iter().all(|line| !line.contains('\u{1b}')));
    for line in lines(&mut watch(&["--format", "jsonl"]), 2) {
        serde_json::from_str::<Report>(&line).unwrap();
    }
    let one = said(&["status", "--watch", "--format", "json", "--quarantine", folder.path().to_str().unwrap()]);
    assert!(one.code == 64 && one.err.contains("--format jsonl"), "{}", one.err);
}

#[test]
fn a_watch_on_a_terminal_is_a_screen_of_its_size() {
    let folder = with(&Report { streams: vec![incomplete()], ..Report::default() });
    let shown = |more: &str| {
        let line = format!(
            "stty cols 60 rows 20; exec {BINARY} status --watch --quarantine {} {more}",
            folder.path().display()
        );
        lines(Command::new("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()), 12)
    };
    let colored = shown("");
    assert!(colored[0].starts_with("\u{1b}[H\u{1b}[1mpouch-receive"), "{colored:?}");
    assert!(colored.iter().any(|line| line.contains("\u{1b}[1;31mALARM")), "{colored:?}");
    let plain = shown("--color never");
    for line in &plain {
        let text = line.trim_end_matches('\r').replace("\u{1b}[H", "").replace("\u{1b}[K", "");
        assert!(text.chars().count() <= 60 && !text.contains('\u{1b}'), "{text:?}");
    }
}
