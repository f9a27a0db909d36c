//! Names, lines, and what a program says at its end.

use super::*;

const POUCH: &str = "land-000041-00c0ffee00c0ffee.tar";

/// A clerk whose program is these lines for `/bin/sh`.
fn clerk(script: &str) -> (tempfile::TempDir, Clerk) {
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("program");
    // Written by another process: one that we start meanwhile would inherit our open file, and it could not be run.
    let lines = format!("#!/bin/sh\n{script}\n");
    let mut written = Command::new("sh");
    written.args(["-c", "printf %s \"$1\" > \"$0\"; chmod 0700 \"$0\""]);
    assert!(written.arg(&program).arg(lines).status().unwrap().success());
    let arguments = vec!["import".into(), "--format".into(), "json".into()];
    let clerk = Clerk { program, arguments, directory: place.path().to_owned() };
    (place, clerk)
}

fn answers(clerk: &Clerk, input: &str) -> (String, io::Result<()>) {
    let mut output = Vec::new();
    let ended = serve(clerk, input.as_bytes(), &mut output);
    (String::from_utf8(output).unwrap(), ended)
}

#[test]
fn the_program_gets_the_path_and_is_heard() {
    let (place, clerk) = clerk("echo begin >&2; echo \"$# $*\" >&2; echo >&2; exit 77");
    let (said, ended) = answers(&clerk, &format!("{POUCH}\n{POUCH}\n"));
    ended.unwrap();
    let line = format!("{POUCH} 77 4 import --format json {}/{POUCH}\n", place.path().display());
    assert_eq!(said, line.repeat(2));
    let heard = parse(POUCH, line.trim_end()).unwrap();
    assert_eq!(heard.code, Some(77));
    assert!(heard.words.starts_with("4 import"));
}

#[test]
fn a_program_may_say_nothing_or_too_much_or_die() {
    let (_place, quiet) = clerk("exit 0");
    assert_eq!(answers(&quiet, &format!("{POUCH}\n")).0, format!("{POUCH} 0 \n"));
    let (_place, loud) =
        clerk("head -c 300000 /dev/zero | tr '\\0' 'y' >&2; printf '\\n\\033[31m\\001red' >&2; exit 3");
    assert_eq!(answers(&loud, &format!("{POUCH}\n")).0, format!("{POUCH} 3 [31m red\n"));
    let (_place, long) = clerk("head -c 300000 /dev/zero | tr '\\0' 'y' >&2; exit 3");
    assert_eq!(answers(&long, &format!("{POUCH}\n")).0, format!("{POUCH} 3 {}\n", "y".repeat(WORDS)));
    let (_place, dies) = clerk("kill -9 $$");
    assert_eq!(answers(&dies, &format!("{POUCH}\n")).0, format!("{POUCH} -1 \n"));
    let gone = Clerk { program: "/no/such/program".into(), ..dies };
    assert!(answers(&gone, &format!("{POUCH}\n")).0.starts_with(&format!("{POUCH} -1 No such file")));
}

#[test]
fn the_manager_s_words_do_not_go_on() {
    let mut command = Command::new("env");
    command.env_clear().env("KEPT", "1").env("NOTIFY_SOCKET", "@x").env("WATCHDOG_USEC", "1");
    let output = without_service(&mut command).output().unwrap();
    assert_eq!(output.stdout, b"KEPT=1\n");
}

#[test]
fn only_what_arrived_is_passed_on() {
    let (_place, clerk) = clerk("exit 0");
    assert!(is_arrived(POUCH) && is_arrived("a-b-c-1000000-0123456789abcdef.tar"));
    for name in [
        "",
        "x",
        "land-000041.tar",
        "land-000041-00c0ffee00c0ffee",
        "land-000041-00c0ffee00c0ffee.tar.part",
        "../land-000041-00c0ffee00c0ffee.tar",
        "/land-000041-00c0ffee00c0ffee.tar",
        "-land-000041-00c0ffee00c0ffee.tar",
        "land-000041-00C0FFEE00C0FFEE.tar",
        "land-000041-00c0ffee00c0ffe.tar",
        "land-41-00c0ffee00c0ffee.tar",
        "land 000041-00c0ffee00c0ffee.tar",
        "land;id-000041-00c0ffee00c0ffee.tar",
        "land\u{301}-000041-00c0ffee00c0ffee.tar",
        &format!("{}-000041-00c0ffee00c0ffee.tar", "a".repeat(200)),
    ] {
        let (said, ended) = answers(&clerk, &format!("{name}\n"));
        assert_eq!((said.as_str(), ended.unwrap_err().kind()), ("", io::ErrorKind::InvalidData), "{name:?}");
    }
    let (said, ended) = answers(&clerk, POUCH);
    assert_eq!((said.as_str(), ended.unwrap_err().kind()), ("", io::ErrorKind::InvalidData), "a name that is cut");
    let relative = Clerk { directory: "arrived".into(), ..clerk };
    assert_eq!(answers(&relative, "").1.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn an_answer_is_not_believed() {
    for line in ["", POUCH, &format!("{POUCH} 0"), &format!("{POUCH} 256 x"), &format!("{POUCH} -2 x"), "other.tar 0 x"]
    {
        assert_eq!(parse(POUCH, line), None, "{line:?}");
    }
    let whole = HandedOver { code: None, words: "gone".to_owned() };
    assert_eq!(parse(POUCH, &format!("{POUCH} -1 \u{1b}gone")), Some(whole));
    let mut endless = BufReader::new(io::repeat(b'x'));
    assert_eq!(read_line(&mut endless, LINE).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_clerk_that_is_gone_or_babbles_is_noticed() {
    let start = |program: &str, arguments: &[&str]| {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        Handover::start(program, &arguments)
    };
    assert!(matches!(start("/no/such/program", &[]), Err(HandoverError::Start(_))));
    let mut gone = start("true", &[]).unwrap();
    assert!(matches!(gone.pass(POUCH), Err(HandoverError::Gone(_))));
    // Says the name again, and nothing of how it ended.
    let mut parrot = start("cat", &[]).unwrap();
    assert!(matches!(parrot.pass("../../etc/passwd"), Err(HandoverError::Name { .. })));
    assert!(matches!(parrot.pass(POUCH), Err(HandoverError::Answer { line }) if line == POUCH));
}
