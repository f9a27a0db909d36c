//! The log: what was done and which rules passed, one event a line on stderr.
//!
//! Every line is escaped, so no value can make a line of its own. In the JSON formats each line is one JSON object.

use crate::output::talk;
use crate::{Exit, Failure, Format, Output, escape, escape_json};
use std::io;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging for the process: errors with `-q`, warnings by default, what is done with `-v`, details with `-vv`, all
/// with `-vvv`. Crates that are not ours say warnings at most, unless `-vvv`.
///
/// # Errors
/// `LOG`, when logging was started before.
pub fn start(output: &Output) -> Result<(), Failure> {
    let json = output.options().format != Format::Human;
    let level = level(output.options().quiet, output.options().verbose);
    let lines = Lines { json };
    let base = tracing_subscriber::fmt::layer().with_writer(lines).with_ansi(false);
    let registry = tracing_subscriber::registry().with(targets(level));
    let started = if json { registry.with(base.json()).try_init() } else { registry.with(base).try_init() };
    started.map_err(|error| Failure::new("LOG", Exit::Software, format!("logging cannot start: {error}")))
}

fn level(quiet: bool, verbose: u8) -> LevelFilter {
    match (quiet, verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    }
}

fn targets(level: LevelFilter) -> Targets {
    let others = if level == LevelFilter::TRACE { level } else { level.min(LevelFilter::WARN) };
    Targets::new().with_default(others).with_target("pouch", level).with_target("openpgp_pkcs11", level)
}

#[derive(Clone, Copy)]
struct Lines {
    json: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { json: self.json, bytes: Vec::new() }
    }
}

/// One event. Collected until it is whole, then escaped and written at once.
struct Line {
    json: bool,
    bytes: Vec<u8>,
}

impl Line {
    fn escaped(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = if self.json { escape_json(text) } else { escape(text) };
        text + "\n"
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            talk(&self.escaped());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn an_event_is_one_line_whatever_its_values() {
        let line = |json, text: &str| Line { json, bytes: text.as_bytes().to_vec() };
        let human = line(false, "INFO passed name=a\nERROR \u{1b}[2J\n");
        assert_eq!(human.escaped(), "INFO passed name=a\\nERROR \\u{1b}[2J\n");
        let json = line(true, "{\"name\":\"\u{202e}\"}\n");
        assert_eq!(json.escaped(), "{\"name\":\"\\u202e\"}\n");
        // Nothing of these is for the terminal of the tests.
        std::mem::forget((human, json));
    }

    #[test]
    fn our_crates_speak_up_and_others_only_warn() {
        let targets = targets(level(false, 1));
        assert!(targets.would_enable("pouch_open::verify", &Level::INFO));
        assert!(targets.would_enable("openpgp_pkcs11", &Level::INFO));
        assert!(!targets.would_enable("pouch_open", &Level::DEBUG));
        assert!(!targets.would_enable("object_store", &Level::INFO));
        assert!(targets.would_enable("object_store", &Level::WARN));
    }

    #[test]
    fn quiet_wins_over_verbose() {
        assert_eq!(level(true, 3), LevelFilter::ERROR);
        assert_eq!(level(false, 9), LevelFilter::TRACE);
    }
}
