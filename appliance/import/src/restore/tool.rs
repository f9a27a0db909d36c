//! Programs of the machine, run so that none outlives this process.
//!
//! Each runs through `setpriv` of util-linux, which changes the user where that is wanted, forbids new privileges and
//! asks the kernel for SIGINT should this process die, whatever it dies of. PostgreSQL takes SIGINT as an order to
//! shut down; everything else just ends. No shell is involved, and nothing of the environment is passed on.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::{RestoreError, ToolStep};

/// Most bytes of a program's answer that are read.
const ANSWER_BYTES: u64 = 64 << 20;
/// Bytes of a log's end that go into an error.
const TAIL_BYTES: u64 = 2048;

/// The user who runs the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunAs {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// How programs are run, and where they write what they say.
#[derive(Debug)]
pub(crate) struct Tools {
    /// Where the programs are, unless they are named by a whole path.
    pub(crate) bin: PathBuf,
    pub(crate) user: Option<RunAs>,
    pub(crate) log: ToolLog,
}

/// Where programs are looked for that are not named by a whole path.
const PATH: &str = "/usr/bin:/bin";

/// Checks that programs can be run at all.
pub(crate) fn check() -> Result<(), RestoreError> {
    if PATH.split(':').any(|folder| Path::new(folder).join("setpriv").is_file()) {
        return Ok(());
    }
    Err(RestoreError::NoProgram { program: "setpriv".into() })
}

/// The log of all programs of one restore.
#[derive(Debug)]
pub(crate) struct ToolLog {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
}

impl ToolLog {
    /// A line of our own between those of the programs.
    pub(crate) fn line(&self, text: &str) -> Result<(), RestoreError> {
        writeln!(&self.file, "pouch-import: {text}").map_err(|e| self.failed("write", e))
    }

    fn handle(&self) -> Result<Stdio, RestoreError> {
        self.file.try_clone().map(Stdio::from).map_err(|e| self.failed("open", e))
    }

    /// Bytes written so far.
    pub(crate) fn said_len(&self) -> Result<u64, RestoreError> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(|e| self.failed("read", e))
    }

    /// What was said since `start`, as one line; only the end if that is long.
    pub(crate) fn said_since(&self, start: u64) -> String {
        let tail = || -> std::io::Result<String> {
            let mut file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(start.max(end.saturating_sub(TAIL_BYTES))))?;
            let mut bytes = Vec::new();
            file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = tail().unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { "it said nothing".to_owned() } else { lines.join("; ") }
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> RestoreError {
        RestoreError::File { action, path: self.path.clone(), source }
    }
}

impl Tools {
    /// The program's path, if it is there.
    pub(crate) fn find(&self, program: &str) -> Result<PathBuf, RestoreError> {
        let path = self.bin.join(program);
        if path.is_file() { Ok(path) } else { Err(RestoreError::NoProgram { program: path }) }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT", "--no-new-privs"]);
        if let Some(user) = &self.user {
            command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid)).arg("--clear-groups");
        }
        command.arg("--").arg(program);
        command.env_clear().env("PATH", PATH).env("LC_ALL", "C").env("PGCLIENTENCODING", "UTF8");
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// Runs a program to its end; what it says goes to the log.
    pub(crate) fn run<A: AsRef<OsStr>>(
        &self,
        step: ToolStep,
        program: &str,
        arguments: &[A],
    ) -> Result<(), RestoreError> {
        let path = self.find(program)?;
        let start = self.log.said_len()?;
        let mut command = self.command(&path);
        command.args(arguments).stdout(self.log.handle()?).stderr(self.log.handle()?);
        let status = command.status().map_err(|source| cannot_run(path, source))?;
        self.judge(step, program, status, start)
    }

    /// Starts a program and leaves it running; what it says goes to the log.
    pub(crate) fn start<A: AsRef<OsStr>>(&self, program: &str, arguments: &[A]) -> Result<Child, RestoreError> {
        let path = self.find(program)?;
        let mut command = self.command(&path);
        command.args(arguments).stdout(self.log.handle()?).stderr(self.log.handle()?);
        command.spawn().map_err(|source| cannot_run(path, source))
    }

    /// Runs a program with `input` and returns what it writes to stdout; the rest goes to the log.
    pub(crate) fn ask<A: AsRef<OsStr>>(
        &self,
        step: ToolStep,
        program: &str,
        arguments: &[A],
        input: &str,
    ) -> Result<Vec<u8>, RestoreError> {
        let path = self.find(program)?;
        let start = self.log.said_len()?;
        let mut command = self.command(&path);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(self.log.handle()?);
        let failed = |source| cannot_run(path.clone(), source);
        let mut child = command.spawn().map_err(failed)?;
        let answer = converse(&mut child, input);
        if answer.is_err() {
            // It may be waiting for us to read on; whether it is gone already does not matter.
            let _ = child.kill();
        }
        let status = child.wait().map_err(failed)?;
        self.judge(step, program, status, start)?;
        let answer = answer.map_err(failed)?;
        if answer.len() as u64 > ANSWER_BYTES {
            return Err(RestoreError::Answer {
                tool: program.to_owned(),
                said: format!("more than {ANSWER_BYTES} bytes"),
            });
        }
        Ok(answer)
    }

    fn judge(&self, step: ToolStep, program: &str, status: ExitStatus, start: u64) -> Result<(), RestoreError> {
        if status.success() {
            return Ok(());
        }
        let tool = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        Err(RestoreError::Tool { step, tool, status: status.to_string(), said: self.log.said_since(start) })
    }
}

/// The program itself was looked up before, so what is not found is what runs it.
fn cannot_run(program: PathBuf, source: std::io::Error) -> RestoreError {
    if source.kind() == std::io::ErrorKind::NotFound {
        return RestoreError::NoProgram { program: PathBuf::from("setpriv") };
    }
    RestoreError::Run { program, source }
}

/// Gives `input`, which must be smaller than a pipe holds, and reads the answer.
fn converse(child: &mut Child, input: &str) -> std::io::Result<Vec<u8>> {
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()) {
            // It ended without reading: its status tells why.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(ANSWER_BYTES + 1).read_to_end(&mut answer)?;
    }
    Ok(answer)
}
