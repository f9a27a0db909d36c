//! The tar that a command writes to its standard output.

use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, Command as Process, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pouch_format::{Declaration, Rule, Text};

use crate::tar::{TarError, Unpack, unpack};
use crate::text::printable;
use crate::{CaptureError, Command, SnapshotSink, SourceReport};

/// How much of the end of a command's talk is kept, in bytes.
const TALK_BYTES: usize = 16 << 10;
/// How many lines of it an error repeats.
const TALK_LINES: usize = 10;
/// And how much of each line, in bytes.
const LINE_BYTES: usize = 300;
/// How long a command that seems to have failed may take to end, or its talk.
const MOMENT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);
/// How long a command may take to end after its tar.
const END: Duration = Duration::from_secs(10 * 60);

/// Why a command's tar could not be captured. `talk` holds the last lines that it wrote to standard error, escaped.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Nothing to run.
    #[error("argv is empty; it must name a program")]
    Empty,
    /// It cannot be started.
    #[error("cannot run {program}: {source}")]
    Start {
        /// The program, escaped.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Its name is too long to declare.
    #[error("the program's name has {found} bytes, and 4096 are allowed")]
    LongName {
        /// Bytes it has.
        found: usize,
    },
    /// It wrote a whole tar and then did not end; it was stopped.
    #[error("{program} wrote its tar, and has not ended {seconds} s later")]
    NoEnd {
        /// The program, escaped.
        program: String,
        /// How long it had.
        seconds: u64,
    },
    /// It failed.
    #[error("{program} ended with {status}{}", Talk(.talk))]
    Failed {
        /// The program, escaped.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last words.
        talk: Vec<String>,
    },
    /// What it wrote is no tar that can be accepted; it was stopped.
    #[error("the output of {program}: {source}{}", Talk(.talk))]
    Tar {
        /// The program, escaped.
        program: String,
        /// What is wrong with it, and where.
        #[source]
        source: TarError,
        /// Its last words.
        talk: Vec<String>,
    },
}

/// A command's last words, a line each.
struct Talk<'e>(&'e [String]);

impl std::fmt::Display for Talk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl CommandError {
    /// The rule that refused, if it was one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::Tar { source, .. } => source.rule(),
            _ => None,
        }
    }

    /// What to do about it, as one sentence, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tar { source: TarError::Refused(_), .. } => Some(
                "write a plain tar of files and directories, e.g. tar --format=posix --pax-option=delete=atime,delete=ctime"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl Command {
    /// Looks the program up; it is not run.
    pub(crate) fn check(&self) -> Result<SourceReport, CaptureError> {
        let program = self.program()?;
        let found = if program.contains('/') {
            is_program(program.as_ref())
        } else {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|directory| is_program(&directory.join(program)))
        };
        if !found {
            let source = io::ErrorKind::NotFound.into();
            return Err(CommandError::Start { program: shown(program), source }.into());
        }
        Ok(SourceReport { source: format!("command {}", shown(program)), entries: None, bytes: None })
    }

    pub(crate) fn capture(&self, sink: &mut dyn SnapshotSink) -> Result<Declaration, CaptureError> {
        let name = self.program()?;
        let found = name.len();
        let declared = Text::try_from(name.to_owned()).map_err(|_| CommandError::LongName { found })?;
        let (program, mut running) = (shown(name), Running::start(&self.argv)?);
        let unpacked = match running.child.stdout.take() {
            Some(output) => unpack(output, None, sink),
            None => Err(Unpack::Tar(TarError::Read(io::ErrorKind::BrokenPipe.into()))),
        };
        match unpacked {
            // The pipe is closed on our side now, so whatever it still wants to write ends it.
            Ok(()) => {
                let (status, talk) = running.end(&program)?;
                if status.success() {
                    Ok(Declaration::Command { program: declared })
                } else {
                    Err(CommandError::Failed { program, status, talk }.into())
                }
            }
            Err(Unpack::Sink(error)) => Err(CaptureError::Sink(error)),
            Err(Unpack::Tar(source)) => Err(running.blame(program, source).into()),
        }
    }

    fn program(&self) -> Result<&str, CommandError> {
        self.argv.first().map(String::as_str).filter(|program| !program.is_empty()).ok_or(CommandError::Empty)
    }
}

fn shown(program: &str) -> String {
    pouch_format::escaped(program.as_bytes())
}

fn is_program(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// A command at work; killed when it is dropped, so that it never outlives a failed capture.
struct Running {
    child: Child,
    talk: Arc<Mutex<Vec<u8>>>,
    listener: Option<JoinHandle<()>>,
}

impl Running {
    fn start(argv: &[String]) -> Result<Self, CommandError> {
        let (program, arguments) = argv.split_first().ok_or(CommandError::Empty)?;
        let spawned = Process::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|source| CommandError::Start { program: shown(program), source })?;
        // A thread of its own: a command that fills its standard error must not stand still.
        let talk = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&talk);
        let listener = child.stderr.take().map(|stderr| std::thread::spawn(move || listen(stderr, &heard)));
        Ok(Self { child, talk, listener })
    }

    /// Waits for its end, which must come once its tar is complete.
    fn end(mut self, program: &str) -> Result<(ExitStatus, Vec<String>), CommandError> {
        let program = || program.to_owned();
        let ended = self.ended(END).map_err(|source| CommandError::Start { program: program(), source })?;
        let status = ended.ok_or_else(|| CommandError::NoEnd { program: program(), seconds: END.as_secs() })?;
        Ok((status, self.last_words()))
    }

    /// How it ended, if it ends in time.
    fn ended(&mut self, time: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + time;
        loop {
            match self.child.try_wait()? {
                None if Instant::now() < deadline => std::thread::sleep(PAUSE),
                ended => return Ok(ended),
            }
        }
    }

    /// Who is to blame for a bad tar: the command, if it had already failed by itself, else what it wrote.
    fn blame(mut self, program: String, source: TarError) -> CommandError {
        // A command that fails closes its output a moment before it has ended.
        let ended = if truncated(&source) { self.ended(MOMENT) } else { self.child.try_wait() }.ok().flatten();
        let _ = self.child.kill();
        let talk = self.last_words();
        match ended {
            Some(status) if !status.success() && !by_our_pipe(status) => CommandError::Failed { program, status, talk },
            _ => CommandError::Tar { program, source, talk },
        }
    }

    /// The last lines of its talk. What the command itself started may hold the pipe open longer, so this waits only for
    /// a moment.
    fn last_words(&self) -> Vec<String> {
        let deadline = Instant::now() + MOMENT;
        while self.listener.as_ref().is_some_and(|thread| !thread.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
        let bytes = self.talk.lock().map(|talk| talk.clone()).unwrap_or_default();
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        let from = lines.len().saturating_sub(TALK_LINES);
        lines.iter().skip(from).map(|line| printable(line, LINE_BYTES)).collect()
    }
}

/// Whether it ended because nobody read its output any more: SIGPIPE, or what a shell makes of it.
fn by_our_pipe(status: ExitStatus) -> bool {
    const SIGPIPE: i32 = 13;
    status.signal() == Some(SIGPIPE) || status.code() == Some(128 + SIGPIPE)
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the tar just ended too early, as that of a command that failed does.
fn truncated(error: &TarError) -> bool {
    matches!(error, TarError::Refused(refusal) if refusal.rule() == Rule::ArchiveTruncated)
}

/// Reads to the end and keeps the last [`TALK_BYTES`].
fn listen(mut stderr: ChildStderr, talk: &Mutex<Vec<u8>>) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut chunk) {
        let Ok(mut talk) = talk.lock() else { return };
        talk.extend_from_slice(chunk.get(..length).unwrap_or_default());
        let surplus = talk.len().saturating_sub(TALK_BYTES);
        talk.drain(..surplus);
    }
}
