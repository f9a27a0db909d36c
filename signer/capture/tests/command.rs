//! Commands: whose tar is captured, and what is said of those that fail.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Memory, Nothing, source};
use pouch_capture::{CaptureError, CommandError, Declaration, Source};
use pouch_format::Rule;

fn command(argv: &[&str]) -> Source {
    source(&format!("source = \"command\"\nargv = {argv:?}\n"))
}

fn shell(script: &str) -> Source {
    command(&["/bin/sh", "-c", script])
}

/// A tree to be packed by `tar`.
fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("land")).unwrap();
    fs::write(root.path().join("land/õigus.csv"), "1;2\n").unwrap();
    fs::write(root.path().join("land/big"), vec![9; 3 << 20]).unwrap();
    fs::write(root.path().join("land/empty"), "").unwrap();
    root
}

fn tar(root: &Path, more: &str) -> String {
    format!("tar --format=ustar --sort=name -C '{}' -c land {more}", root.display())
}

fn refused(source: &Source) -> CommandError {
    match source.capture(&mut Nothing).unwrap_err() {
        CaptureError::Command(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tar_is_captured() {
    let root = tree();
    for format in ["ustar", "posix", "gnu"] {
        let mut memory = Memory::default();
        let script = tar(root.path(), "").replace("ustar", format);
        let captured = shell(&script).capture(&mut memory);
        if format == "gnu" {
            // Its magic is not that of POSIX.
            assert_eq!(captured.unwrap_err().rule(), Some(Rule::ArchiveHeader));
            continue;
        }
        let captured = captured.map_err(|error| format!("{format}: {error}"));
        if format == "posix" {
            // atime and ctime of its own accord.
            let error = captured.unwrap_err();
            assert!(error.contains("only path, size and mtime are allowed"), "{error}");
            continue;
        }
        let Declaration::Command { program } = captured.unwrap() else { panic!() };
        assert_eq!(program.as_str(), "/bin/sh");
        assert_eq!(memory.order, ["land", "land/big", "land/empty", "land/õigus.csv"]);
        assert_eq!(memory.text("land/õigus.csv"), "1;2\n");
        assert_eq!(memory.entries["land/big"].as_ref().unwrap().len(), 3 << 20);
    }
    let plain = "--pax-option=delete=atime,delete=ctime";
    shell(&tar(root.path(), plain).replace("ustar", "posix")).capture(&mut Nothing).unwrap();
}

#[test]
fn a_command_that_fails_is_an_error_with_its_last_words() {
    let root = tree();
    let talk =
        "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo \"line $n\" >&2; done; printf 'bad \\033[31m\\n' >&2; exit 3";
    for before in ["", "; "] {
        // Before any tar, and after a whole one.
        let script =
            if before.is_empty() { talk.to_owned() } else { format!("{}{before}{talk}", tar(root.path(), "")) };
        let error = refused(&shell(&script));
        let CommandError::Failed { status, talk, .. } = &error else { panic!("{error:?}") };
        assert_eq!(status.code(), Some(3));
        assert_eq!((talk.len(), talk[0].as_str(), talk[9].as_str()), (10, "line 4", "bad \\u{1b}[31m"));
        let text = error.to_string();
        assert!(text.starts_with("/bin/sh ended with exit status: 3\n  line 4\n  line 5\n"), "{text}");
    }
}

#[test]
fn much_talk_is_no_hindrance() {
    let root = tree();
    let script = format!("yes talk | head -c 4000000 >&2; {}", tar(root.path(), ""));
    shell(&script).capture(&mut Nothing).unwrap();
    let error = refused(&shell("head -c 100000 /dev/zero >&2; exit 1"));
    assert!(error.to_string().len() < 1000, "{}", error.to_string().len());
}

#[test]
fn a_tar_that_is_refused_names_rule_and_place() {
    let root = tree();
    std::os::unix::fs::symlink("/etc/passwd", root.path().join("land/link")).unwrap();
    let error = refused(&shell(&tar(root.path(), "")));
    assert_eq!(error.rule(), Some(Rule::ArchiveType));
    assert!(error.to_string().contains("the tar is refused at byte"), "{error}");
    assert!(error.hint().unwrap().contains("delete=ctime"));

    for (script, rule) in [
        ("true", Rule::ArchiveTruncated),
        ("head -c 1024 /dev/zero; echo more", Rule::ArchivePadding),
        ("yes | head -c 4096", Rule::ArchiveNumber),
    ] {
        let error = refused(&shell(script));
        assert_eq!(error.rule(), Some(rule), "{script}: {error}");
    }
}

#[test]
fn it_is_stopped_when_the_capture_fails() {
    let root = tree();
    let pid = root.path().join("pid");
    // Its tar is bad at once, and it would go on for ever.
    let script = format!("echo $$ > '{}'; yes | head -c 4096; sleep 1000", pid.display());
    let began = Instant::now();
    let error = refused(&shell(&script));
    assert_eq!(error.rule(), Some(Rule::ArchiveNumber), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
    let pid = fs::read_to_string(pid).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "{pid} is still there");
}

#[test]
fn programs_are_looked_up() {
    assert_eq!(command(&["tar", "c"]).check().unwrap().source, "command tar");
    assert_eq!(command(&["/bin/sh"]).check().unwrap().entries, None);
    for argv in [&["no-such-program"][..], &["/bin/no-such-program"], &["/etc/passwd"], &["/etc"]] {
        let error = command(argv).check().unwrap_err();
        assert!(matches!(error, CaptureError::Command(CommandError::Start { .. })), "{argv:?}: {error:?}");
        assert!(command(argv).capture(&mut Nothing).is_err());
    }
    for argv in [&[][..], &[""]] {
        assert!(matches!(command(argv).check(), Err(CaptureError::Command(CommandError::Empty))));
        assert!(matches!(refused(&command(argv)), CommandError::Empty));
    }
}
