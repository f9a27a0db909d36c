//! Files handed to another program by a process that can no longer start one.
//!
//! Before it is confined, the process starts a clerk: itself once more, with a hidden verb that calls [`serve`]. Over a
//! pipe the clerk gets file names, runs one program on each in turn, and says over a second pipe how it ended. It does
//! nothing else, and ends when the first pipe does: with the process, however that ends, or by its wish.
//!
//! A line to the clerk is a name; a line back is the name, the exit code (-1 for none) and the program's last words, each
//! one space apart. Neither side believes the other: a line that is too long, or no such line, ends it.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Bytes that a name may have, of any kind of file.
const NAME: usize = 128;
/// Bytes of last words that are kept.
const WORDS: usize = 400;
/// Bytes of a line back: name, exit code, words, and what stands between.
const LINE: usize = NAME + WORDS + 16;
/// Bytes from the end of what a program says in which its last words are looked for.
const TAIL: usize = 4096;
/// What a service's manager told the service alone.
const SERVICE_ONLY: [&str; 4] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS"];

/// How the program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// Its exit code; none if a signal ended it, or it could not be started.
    pub code: Option<u8>,
    /// The last line that it wrote to its standard error, without control characters; may be empty, and is from outside.
    pub words: String,
}

/// Why a file could not be handed over. Where it is the clerk's fault, no further one can be.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// No name that a receiver gives to what arrived.
    #[error("{name:?} is not the name of a pouch that arrived")]
    Name {
        /// The name.
        name: String,
    },
    /// The clerk could not be started.
    #[error("cannot start the hand-over: {0}")]
    Start(#[source] io::Error),
    /// The pipe to or from the clerk broke.
    #[error("the hand-over has ended: {0}")]
    Gone(#[source] io::Error),
    /// The clerk said what it never says.
    #[error("the hand-over answered {line:?}")]
    Answer {
        /// What it said, or the beginning.
        line: String,
    },
}

/// The end of the pipes that the confined process holds.
#[derive(Debug)]
pub struct Handover {
    to: File,
    from: BufReader<File>,
}

impl Handover {
    /// Starts the clerk, which is `program` with `arguments` and calls [`serve`]. Its errors go where ours go.
    ///
    /// To be called before confinement; the clerk keeps user and privileges of this moment.
    ///
    /// # Errors
    /// [`HandoverError::Start`].
    pub fn start(program: impl AsRef<OsStr>, arguments: &[OsString]) -> Result<Self, HandoverError> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut clerk = without_service(&mut command).spawn().map_err(HandoverError::Start)?;
        let none = || HandoverError::Start(io::ErrorKind::BrokenPipe.into());
        let to = OwnedFd::from(clerk.stdin.take().ok_or_else(none)?);
        let from = OwnedFd::from(clerk.stdout.take().ok_or_else(none)?);
        // Nobody waits for the clerk: a confined process may not. Once both are gone the system forgets it.
        Ok(Self { to: to.into(), from: BufReader::new(from.into()) })
    }

    /// Has the program run on a file of the clerk's directory, and waits until it ended; that may take minutes.
    ///
    /// # Errors
    /// [`HandoverError`]. The file stays where it is, and whether the program ran on it is not known; it may be handed
    /// over once more to another clerk.
    pub fn pass(&mut self, name: &str) -> Result<HandedOver, HandoverError> {
        if !is_arrived(name) {
            return Err(HandoverError::Name { name: name.to_owned() });
        }
        self.to.write_all(format!("{name}\n").as_bytes()).map_err(HandoverError::Gone)?;
        let gone = || HandoverError::Gone(io::ErrorKind::UnexpectedEof.into());
        let line = read_line(&mut self.from, LINE).map_err(HandoverError::Gone)?.ok_or_else(gone)?;
        parse(name, &line).ok_or(HandoverError::Answer { line })
    }
}

/// Which program a clerk runs, and on files of which directory.
#[derive(Clone, Debug)]
pub struct Clerk {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// Its arguments, before the path of the file.
    pub arguments: Vec<OsString>,
    /// Where the files lie.
    pub directory: PathBuf,
}

/// What the clerk does until its input ends: for each name it runs the program and says how that ended.
///
/// No shell is involved, and the path is the one last argument, which begins with the directory and so never with `-`.
/// The program keeps the environment but for what a manager tells the service alone.
///
/// # Errors
/// `InvalidData` for a line that is no name of a pouch that arrived; and what reading and writing says.
pub fn serve(clerk: &Clerk, input: impl Read, mut output: impl Write) -> io::Result<()> {
    let absolute = clerk.program.is_absolute() && clerk.directory.is_absolute();
    if !absolute {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "program and directory must be absolute paths"));
    }
    let mut input = BufReader::new(input);
    while let Some(name) = read_line(&mut input, NAME + 1)? {
        if !is_arrived(&name) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name:?} is not the name of a pouch")));
        }
        let ended =
            run(clerk, &name).unwrap_or_else(|error| HandedOver { code: None, words: plain(&error.to_string()) });
        let code = ended.code.map_or(-1, i32::from);
        output.write_all(format!("{name} {code} {}\n", ended.words).as_bytes())?;
        output.flush()?;
    }
    Ok(())
}

fn run(clerk: &Clerk, name: &str) -> io::Result<HandedOver> {
    let mut command = Command::new(&clerk.program);
    command.args(&clerk.arguments).arg(clerk.directory.join(Path::new(name)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = without_service(&mut command).spawn()?;
    let said = child.stderr.take().map(last_line).transpose();
    let status = child.wait()?;
    Ok(HandedOver { code: status.code().and_then(|code| u8::try_from(code).ok()), words: said?.unwrap_or_default() })
}

fn without_service(command: &mut Command) -> &mut Command {
    SERVICE_ONLY.iter().fold(command, |command, name| command.env_remove(name))
}

/// The last line that is not empty, read in bounded memory to the end.
fn last_line(mut from: impl Read) -> io::Result<String> {
    let (mut tail, mut piece) = (Vec::new(), [0; TAIL]);
    loop {
        let count = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        tail.extend_from_slice(piece.get(..count).unwrap_or_default());
        tail.drain(..tail.len().saturating_sub(TAIL));
    }
    let text = String::from_utf8_lossy(&tail);
    Ok(plain(text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default()))
}

/// Without control characters, and no longer than words may be.
fn plain(line: &str) -> String {
    let plain: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = plain.trim();
    plain.get(..plain.floor_char_boundary(WORDS)).unwrap_or_default().to_owned()
}

fn parse(name: &str, line: &str) -> Option<HandedOver> {
    let (code, words) = line.strip_prefix(name)?.strip_prefix(' ')?.split_once(' ')?;
    let code = if code == "-1" { None } else { Some(code.parse().ok()?) };
    Some(HandedOver { code, words: plain(words) })
}

/// A line without its end, or none at the end of the input. `most` includes the line's end.
fn read_line(from: &mut impl BufRead, most: usize) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX);
    from.take(bound).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let whole = line.pop() == Some(b'\n');
    let text = String::from_utf8(line).ok().filter(|_| whole);
    text.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a line that is too long, cut, or no text"))
}

/// `REGISTRY-NUMBER-STREAM.tar`: what a receiver calls a pouch that arrived. No other character than `a-z`, `0-9` and
/// `-` before the one ending, so it is one component, and neither hidden nor an option.
fn is_arrived(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".tar").filter(|_| name.len() <= NAME) else { return false };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let mut parts = stem.rsplitn(3, '-');
    let (stream, number, registry) = (parts.next(), parts.next(), parts.next());
    let stream = stream.is_some_and(|hex| hex.len() == 16 && hex.chars().all(|c| c.is_ascii_hexdigit()));
    let number = number.is_some_and(|digits| digits.len() >= 6 && digits.chars().all(|c| c.is_ascii_digit()));
    let registry = registry.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    stem.chars().all(plain) && stream && number && registry
}

#[cfg(test)]
#[path = "handover_tests.rs"]
mod tests;
