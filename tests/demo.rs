//! The demo, small: it tells the whole story, and leaves nothing running however it ends.

#![cfg(test)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::process::run;

/// Of both registries together, in 10^6 bytes.
const SMALL: &str = "4";

/// Processes whose command line names `folder`.
fn processes(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let numbers = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let lines = numbers.filter_map(|path| fs::read(path.join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(&folder)).collect()
}

fn wait_for_none(folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !processes(folder).is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(processes(folder), [""; 0]);
}

#[test]
fn it_tells_the_whole_story_and_leaves_nothing_running() {
    let folder = tempfile::Builder::new().prefix("pouch-demo-test-").tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let demo = folder.path().join("demo");
    let told = run(Command::new(env!("CARGO_BIN_EXE_demo")).arg(&demo).arg(SMALL)).unwrap();
    assert!(told.lines().all(|line| line.starts_with("DEMO")), "{told}");
    assert!(told.contains("8 tables have the same rows and content"), "{told}");
    assert!(told.contains("refused by rule IMPORT-REPLAY"), "{told}");
    assert_eq!(processes(folder.path()), [""; 0]);
}

#[test]
fn it_tells_the_same_story_with_post_quantum_keys() {
    let folder = tempfile::Builder::new().prefix("pouch-demo-test-").tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    let told = run(demo.args(["--profile", "pqc"]).arg(folder.path().join("demo")).arg(SMALL)).unwrap();
    assert!(told.contains("of profile pqc; signed transcript"), "{told}");
    assert!(told.contains("8 tables have the same rows and content"), "{told}");
}

/// Starts the demo, interrupts it `later` than it said `word`, and waits until everything is gone.
fn interrupt(word: &str, later: Duration) {
    let folder = tempfile::Builder::new().prefix("pouch-demo-test-").tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    let mut process = demo.arg(folder.path().join("demo")).arg(SMALL).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains(word)), "the demo ended before it said {word}");
    thread::sleep(later);
    assert!(!processes(folder.path()).is_empty());
    run(Command::new("kill").args(["-INT", &process.id().to_string()])).unwrap();
    assert!(!process.wait().unwrap().success());
    wait_for_none(folder.path());
}

#[test]
fn interrupted_while_it_seals_it_leaves_nothing_running() {
    // Two servers are running then.
    interrupt("sealed as land-000001", Duration::ZERO);
}

#[test]
fn interrupted_while_it_restores_it_leaves_nothing_running() {
    // A server of pouch-import is running then, or is about to.
    interrupt("IMPORT-REPLAY", Duration::from_millis(700));
}
