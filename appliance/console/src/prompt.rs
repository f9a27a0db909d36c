//! Asking a person for the one answer that cannot be given by accident.

use crate::output::BAR;
use crate::{Exit, Failure, Output, escape_lines};
use pouch_platform::forget_typed;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read as _, Write};
use std::sync::PoisonError;

/// The only answer that confirms.
const YES: &str = "Yes";

/// Longest answer that is read, in bytes.
const ANSWER: u64 = 64;

/// Shows `question` on the terminal and goes on only when the person types exactly `Yes`.
///
/// Asks the controlling terminal, never stdin, which may be a stream of data.
///
/// # Errors
/// `CONFIRM`: `--no-input` was given, there is no terminal, or the answer was another one. Nothing is done then.
pub fn confirm(output: &Output, question: &str) -> Result<(), Failure> {
    if output.options().no_input {
        return Err(refused("this needs a person's answer, and --no-input was given"));
    }
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let mut terminal = terminal.map_err(|error| refused(&format!("there is no terminal to ask on: {error}")))?;
    let reader = terminal.try_clone().map_err(|error| refused(&format!("the terminal cannot be read: {error}")))?;
    // Lines that were typed before the question are no answer to it.
    forget_typed(&terminal).map_err(|error| refused(&format!("the terminal cannot be read: {error}")))?;
    let ask = || ask(&mut BufReader::new(reader), &mut terminal, question);
    // A bar that goes on would wipe the question.
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(ask),
        None => ask(),
    }
}

fn ask(reader: &mut impl BufRead, writer: &mut impl Write, question: &str) -> Result<(), Failure> {
    let asked = write!(writer, "{}\nType {YES} to go on: ", escape_lines(question)).and_then(|()| writer.flush());
    asked.map_err(|error| refused(&format!("the terminal cannot be written: {error}")))?;
    let mut answer = String::new();
    let read = reader.take(ANSWER).read_line(&mut answer);
    read.map_err(|error| refused(&format!("the answer cannot be read: {error}")))?;
    let answer = answer.strip_suffix('\n').unwrap_or(&answer);
    if answer == YES {
        return Ok(());
    }
    Err(refused(&format!("the answer was \"{answer}\", not \"{YES}\"")))
}

fn refused(message: &str) -> Failure {
    Failure::new("CONFIRM", Exit::Usage, message).hint("nothing was done")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(typed: &[u8]) -> (Result<(), Failure>, String) {
        let mut shown = Vec::new();
        let result = ask(&mut &*typed, &mut shown, "seal land-000041?\x1b[2J");
        (result, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn exactly_yes_goes_on() {
        let (result, shown) = answer(b"Yes\n");
        assert_eq!(result, Ok(()));
        assert_eq!(shown, "seal land-000041?\\u{1b}[2J\nType Yes to go on: ");
    }

    #[test]
    fn anything_else_does_not() {
        for typed in [&b"yes\n"[..], b"Yes \n", b" Yes\n", b"y\n", b"\n", b"", b"Yes!", b"\xff\n"] {
            let failure = answer(typed).0.unwrap_err();
            assert_eq!((failure.id.as_str(), failure.exit), ("CONFIRM", Exit::Usage));
        }
        assert!(answer(&[b'Y'; 1000]).0.unwrap_err().message.len() < 100);
    }
}
