//! What `run` does to the process and to its end. The test is its own command: it starts itself with `CHILD` set.

#![cfg(test)]

use std::process::{Command, ExitCode, Output};

use pouch_cli::{CommandLine, CommonArgs};
use pouch_console::{Exit, Failure};

const CHILD: &str = "POUCH_CLI_TEST_CHILD";

#[derive(clap::Parser)]
#[command(name = "pouch-test", version)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    what: String,
}

impl CommandLine for Cli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        return pouch_cli::run(|cli: &Cli, output| child(cli, output));
    }
    for test in [a_panic_tells_its_place_and_no_value, outcomes_become_exit_codes, the_process_is_hardened] {
        test();
    }
    ExitCode::SUCCESS
}

fn child(cli: &Cli, output: &pouch_console::Output) -> Result<Exit, Failure> {
    match cli.what.as_str() {
        "panic" => panic!("the PIN is 1234"),
        "limits" => {
            let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
            output.data(&limits, || limits.clone())?;
            Ok(Exit::Findings)
        }
        other => Err(Failure::new("TEST", Exit::TryAgain, other)),
    }
}

fn run(arguments: &[&str]) -> (Output, String, String) {
    let output = Command::new(std::env::current_exe().unwrap()).env(CHILD, "1").args(arguments).output().unwrap();
    let (out, err) = (output.stdout.clone(), output.stderr.clone());
    (output, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn a_panic_tells_its_place_and_no_value() {
    let (output, out, err) = run(&["panic"]);
    assert_eq!(output.status.code(), Some(70));
    assert!(err.starts_with("error[BUG]: this program broke at ") && err.contains("process.rs:"), "{err}");
    assert!(!(out + &err).contains("1234"));
}

fn outcomes_become_exit_codes() {
    let (output, _, err) = run(&["x\x1by"]);
    assert_eq!((output.status.code(), err.as_str()), (Some(75), "error[TEST]: x\\u{1b}y\n"));
    let (output, out, err) = run(&["--format", "json", "--nonsense"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(err.starts_with("error[USAGE]: unexpected argument '--nonsense' found\nhint: "), "{err}");
    let envelope: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(envelope["error"]["id"], "USAGE");
    let (output, out, _) = run(&["--help"]);
    assert!(output.status.success() && out.contains("--no-input"), "{out}");
    let (output, out, _) = run(&["--version"]);
    assert!(output.status.success() && out.starts_with("pouch-test "), "{out}");
}

fn the_process_is_hardened() {
    let (output, out, _) = run(&["limits"]);
    assert_eq!(output.status.code(), Some(3));
    let core = out.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}
