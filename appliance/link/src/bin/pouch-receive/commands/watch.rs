//! `pouch-receive status --watch`: the screen again and again, or lines where there is no screen.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pouch_console::{Exit, Failure, Format, Output};
use pouch_link::receive::diagnose::diagnose;
use pouch_link::receive::latest::{LatestError, latest};
use pouch_link::receive::report::Report;
use pouch_link::receive::view::{View, plain, screen};

use super::shape;
use crate::explain;

/// How often it is renewed.
const EVERY: Duration = Duration::from_secs(1);

/// Goes on until a signal ends the process. Nothing of the terminal is changed that would have to be put back.
pub(crate) fn run(quarantine: &Path, output: &Output) -> Result<Exit, Failure> {
    let format = output.options().format;
    if format == Format::Json {
        return Err(Failure::new("USAGE", Exit::Usage, "--watch never ends, and json is one document")
            .hint("nothing was done; use --format jsonl: one report a line"));
    }
    let drawn = format == Format::Human && io::stdout().is_terminal();
    let mut next = Instant::now();
    loop {
        let now = Timestamp::now();
        let text = match (latest(quarantine), drawn) {
            (Ok(report), true) => screen_of(&report, quarantine, now, output),
            (Ok(report), false) if format == Format::Jsonl => {
                output.data(&report, String::new)?;
                String::new()
            }
            (Ok(report), false) => lines(&report, now),
            // It may be about to start.
            (Err(error @ LatestError::None { .. }), _) => explain::latest(error).render(false),
            (Err(error), _) => return Err(explain::latest(error)),
        };
        if !show(&text, drawn)? {
            return Ok(Exit::Done);
        }
        next += EVERY;
        sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn screen_of(report: &Report, quarantine: &Path, now: Timestamp, output: &Output) -> String {
    let findings = diagnose(report, now);
    screen(&View { report, findings: &findings, quarantine, now }, shape(output))
}

/// What is going on, for a log: one line a stream, and one for each thing that is urgent.
fn lines(report: &Report, now: Timestamp) -> String {
    let time = now.strftime("%H:%M:%S");
    let mut text = String::new();
    for finding in diagnose(report, now).iter().filter(|finding| finding.urgent) {
        text.push_str(&format!("{time} ALARM {}: {}\n", finding.id, pouch_console::escape(&finding.what)));
    }
    for stream in &report.streams {
        text.push_str(&format!("{time} {}\n", plain(stream, now)));
    }
    if text.is_empty() {
        text.push_str(&format!("{time} no stream is under way, {} datagrams\n", report.datagrams.received));
    }
    text
}

/// Writes it; false if nobody reads any more.
fn show(text: &str, drawn: bool) -> Result<bool, Failure> {
    let text = if drawn {
        // Over what was there, line by line, so that nothing flickers.
        format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n"))
    } else {
        text.to_owned()
    };
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new("OUTPUT", Exit::Io, format!("stdout does not take it: {error}"))),
    }
}
