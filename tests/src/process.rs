//! Running other programs, so that none outlives us and a failure says which command said what.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A command that is told to end (by the signal, e.g. `TERM`) should this program die before it.
#[must_use]
pub fn command(program: impl AsRef<OsStr>, signal: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal, "--"]).arg(program).stdin(Stdio::null());
    command
}

/// Runs `command` to its end and gives back its standard output.
///
/// # Errors
/// It cannot be started, or ends badly: then the message holds its last words.
pub fn run(command: &mut Command) -> Result<String, String> {
    let shown = show(command);
    let output = command.output().map_err(|error| format!("cannot run {shown}: {error}"))?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(out);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{shown}: {}\n{}{}", output.status, out.trim_end(), said.trim_end()))
}

/// The command as one would type it, without the guard around it.
#[must_use]
pub fn show(command: &Command) -> String {
    let mut words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if let Some(guard) = words.iter().position(|word| word == "--") {
        words.drain(..=guard);
    }
    words.join(" ")
}

/// A binary of this workspace, built beside the running program or one folder above it, where tests lie.
///
/// # Errors
/// It is not there: the message says how to build it.
pub fn binary(name: &str) -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let folders = program.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("{name} is not built; run: cargo build --release --workspace --bins"))
}

/// Whether this process is root.
#[must_use]
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_which_command_said_what() {
        let error = run(command("sh", "TERM").args(["-c", "echo so >&2; exit 3"])).unwrap_err();
        assert!(error.starts_with("sh -c echo so >&2; exit 3: exit status: 3\nso"), "{error}");
        assert!(run(command("printf", "TERM").arg("x")).is_ok_and(|out| out == "x"));
    }

    #[test]
    fn a_child_ends_with_its_parent() {
        // The inner shell starts a guarded sleeper, tells its number, and dies; the sleeper must be gone soon.
        let script = "setpriv --pdeathsig KILL -- sleep 300 >/dev/null & echo $!; sleep 0.2; kill -9 $$";
        let output = command("sh", "TERM").args(["-c", script]).output().unwrap();
        let number = String::from_utf8(output.stdout).unwrap();
        let gone = || {
            std::fs::read_to_string(format!("/proc/{}/stat", number.trim()))
                .map_or(true, |stat| stat.contains(") Z ") || stat.contains(") X "))
        };
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !gone() && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(gone(), "process {number} is still there");
    }
}
