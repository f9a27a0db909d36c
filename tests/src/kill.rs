//! `kill -9` at chosen system calls, and failing ones, through strace.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::process::show;

/// The system calls after which something may be half done: names change, bytes become durable, locks are taken.
pub const CALLS: [&str; 10] =
    ["renameat2", "renameat", "rename", "fsync", "fdatasync", "syncfs", "mkdirat", "unlinkat", "openat2", "ftruncate"];

/// How often `command` makes each of [`CALLS`] when nothing disturbs it.
///
/// # Errors
/// It cannot be run, or fails.
pub fn count(command: &Command) -> Result<BTreeMap<&'static str, usize>, String> {
    let mut traced = traced(command, &["-e".to_owned(), format!("trace={}", CALLS.join(","))]);
    let output = traced.stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.map_err(|e| format!("strace: {e}"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: {}\n{log}", show(command), output.status));
    }
    let calls = CALLS.iter().map(|call| {
        let starts = [format!("{call}("), format!("] {call}(")];
        let made = |line: &&str| line.starts_with(&starts[0]) || line.contains(&starts[1]);
        (*call, log.lines().filter(made).count())
    });
    Ok(calls.filter(|(_, made)| *made > 0).collect())
}

/// Runs `command` and kills it when it makes the `nth` (from 1) such call, before the call does anything.
/// Says whether it was killed.
///
/// # Errors
/// It cannot be run.
pub fn killed_at(command: &Command, call: &str, nth: usize) -> Result<bool, String> {
    let output = injected(command, call, nth, "signal=KILL")?;
    // strace ends as the command ended: by the same signal.
    Ok(output.status.code().is_none())
}

/// Runs `command` with its `nth` such call failing with `error`, e.g. `ENOSPC`.
///
/// # Errors
/// It cannot be run.
pub fn failing_at(command: &Command, call: &str, nth: usize, error: &str) -> Result<std::process::Output, String> {
    injected(command, call, nth, &format!("error={error}"))
}

/// Whether a command whose call failed by [`failing_at`] said an error; `stderr` holds what it said and strace's log. Each
/// thread counts its calls for itself: one may have failed before, and then the write of the message can fail too.
#[must_use]
pub fn said_why(stderr: &str) -> bool {
    let silenced = |line: &str| line.contains("write(2, ") && line.ends_with("(INJECTED)");
    stderr.contains("error[") || stderr.lines().any(silenced)
}

fn injected(command: &Command, call: &str, nth: usize, what: &str) -> Result<std::process::Output, String> {
    let options =
        ["-e".to_owned(), format!("trace={call}"), "-e".to_owned(), format!("inject={call}:{what}:when={nth}")];
    traced(command, &options).output().map_err(|e| format!("strace: {e}"))
}

fn traced(command: &Command, options: &[String]) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq"]).args(options).arg("--").arg(command.get_program());
    traced.args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    traced
}
