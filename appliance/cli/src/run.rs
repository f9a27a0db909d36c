//! From `main` to the exit code.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use pouch_console::{Exit, Failure, Options, Output, log};

use crate::{CommonArgs, usage};

/// A command line that has the flags every binary has.
pub trait CommandLine: clap::Parser {
    /// The common flags.
    fn common(&self) -> &CommonArgs;
}

/// Where the program broke, if it did.
static BROKEN: Mutex<Option<String>> = Mutex::new(None);

/// Hardens the process, parses the command line, starts the log, runs `body` and turns its outcome into the exit code.
///
/// A wrong command line is exit 64 in the shape of every other error; `--help` and `--version` are exit 0. A panic is
/// exit 70 and tells its place, never its values.
pub fn run<C: CommandLine>(body: impl FnOnce(&C, &Output) -> Result<Exit, Failure>) -> ExitCode {
    // The default hook would print the values of a panic, which may be secret.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        BROKEN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(place);
    }));
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (cli, output) = match C::try_parse_from(&arguments) {
        Ok(cli) => {
            let output = Output::new(cli.common().options());
            (cli, output)
        }
        Err(error) if usage::is_answer(&error) => return answer(&error),
        Err(error) => {
            let options = Options { format: usage::format_of(&arguments), ..Options::default() };
            return Output::new(options).finish(Err(usage::failure(&error)));
        }
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        harden()?;
        log::start(&output)?;
        body(&cli, &output)
    }));
    output.finish(outcome.unwrap_or_else(|_| Err(broken())))
}

fn harden() -> Result<(), Failure> {
    pouch_platform::harden_process().map_err(|error| {
        Failure::new("PROCESS-HARDEN", Exit::Unavailable, error).hint("nothing was done; no secret was touched")
    })
}

/// Help and version, on stdout. A closed stdout is no reason to fail.
fn answer(error: &clap::Error) -> ExitCode {
    match error.print() {
        Ok(()) => Exit::Done.into(),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done.into(),
        Err(_) => Exit::Io.into(),
    }
}

fn broken() -> Failure {
    let place = BROKEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    let place = place.unwrap_or_else(|| "an unknown place".to_owned());
    Failure::new("BUG", Exit::Software, format!("this program broke at {place}"))
        .fact("version", env!("CARGO_PKG_VERSION"))
        .hint("report it; what the command was about to change is as a power cut would leave it, and running it again is safe")
}
