//! Where a command's words go: data to stdout, talk to stderr, each in the format that was asked for.

use crate::{Exit, Failure, escape, escape_json, escape_lines};
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::json;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Mutex;

/// `--format`: how results are written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Text for people. Its layout may change in any release.
    #[default]
    Human,
    /// One JSON document: the result, or `{"error":{..}}`.
    Json,
    /// One JSON document a line: results as they come, `{"progress":{..}}` events between them, or `{"error":{..}}` last.
    Jsonl,
}

/// `--color`: whether talk is coloured. Data never is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set and not empty (no-color.org).
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The value of `--format` or `--color` is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is none of {}", known.join(", "))]
pub struct UnknownName {
    /// What was given.
    pub name: String,
    /// What there is.
    pub known: &'static [&'static str],
}

impl Format {
    /// What `--format` takes.
    pub const NAMES: &'static [&'static str] = &["human", "json", "jsonl"];
}

impl Color {
    /// What `--color` takes.
    pub const NAMES: &'static [&'static str] = &["auto", "always", "never"];
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "human" => Ok(Format::Human),
            "json" => Ok(Format::Json),
            "jsonl" => Ok(Format::Jsonl),
            _ => Err(UnknownName { name: name.to_string(), known: Format::NAMES }),
        }
    }
}

impl FromStr for Color {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "auto" => Ok(Color::Auto),
            "always" => Ok(Color::Always),
            "never" => Ok(Color::Never),
            _ => Err(UnknownName { name: name.to_string(), known: Color::NAMES }),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Human => "human",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
        })
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Color::Auto => "auto",
            Color::Always => "always",
            Color::Never => "never",
        })
    }
}

/// What the command line says about output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--format`.
    pub format: Format,
    /// `-q`: errors and results only.
    pub quiet: bool,
    /// How many `-v`: 1 shows what is done, 2 and more what it is done with.
    pub verbose: u8,
    /// `--color`.
    pub color: Color,
    /// `--no-input`: never ask; what would need an answer fails instead.
    pub no_input: bool,
}

/// The mouth of a command.
#[derive(Clone, Debug)]
pub struct Output {
    options: Options,
    color: bool,
}

impl Output {
    /// Whether a view that is drawn on stdout, which may be a terminal, is coloured.
    #[must_use]
    pub fn colors_view(&self, terminal: bool) -> bool {
        use_color(self.options.color, terminal, no_color())
    }

    /// An output as the command line wants it; looks at `NO_COLOR` and at whether stderr is a terminal.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let color = use_color(options.color, io::stderr().is_terminal(), no_color());
        Output { options, color }
    }

    /// What the command line said.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Writes one result to stdout: `value` as JSON, or else what `human` returns, line by line escaped.
    ///
    /// In `human`, escape single values with [`escape`] so that a line feed in one cannot make a line of its own.
    ///
    /// # Errors
    /// `OUTPUT`, when stdout does not take it or `value` cannot be JSON.
    pub fn data<T: Serialize + ?Sized>(&self, value: &T, human: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = match self.options.format {
            Format::Human => escape_lines(&human()),
            Format::Json => one_json(value, true)?,
            Format::Jsonl => one_json(value, false)?,
        };
        stdout(&text)
    }

    /// Writes many results to stdout: one JSON array in `json`, one line each in `jsonl`, else what `human` returns.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn rows<T: Serialize>(&self, values: &[T], human: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.options.format != Format::Jsonl {
            return self.data(values, human);
        }
        let lines: Result<Vec<String>, Failure> = values.iter().map(|value| one_json(value, false)).collect();
        stdout(&lines?.concat())
    }

    /// Says something on stderr, unless `-q`.
    pub fn note(&self, text: impl fmt::Display) {
        if !self.options.quiet {
            talk(&format!("{}\n", escape_lines(&text.to_string())));
        }
    }

    /// Warns on stderr, with `-q` too.
    pub fn warn(&self, text: impl fmt::Display) {
        let (on, off) = if self.color { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
        talk(&format!("{on}warning{off}: {}\n", escape(&text.to_string())));
    }

    /// Shows a failure: for people on stderr, whatever the format; for scripts also as `{"error":{..}}` on stdout, so that
    /// in the JSON formats stdout always ends with the command's outcome.
    pub fn failure(&self, failure: &Failure) {
        talk(&failure.render(self.color));
        if self.options.format != Format::Human {
            // Where stdout is closed too, the exit code and stderr still tell.
            let _ = one_json(&failure.envelope(), self.options.format == Format::Json).and_then(|text| stdout(&text));
        }
    }

    /// The end of every `main`: shows the failure if there is one, and turns the outcome into the exit code.
    #[must_use]
    pub fn finish(&self, outcome: Result<Exit, Failure>) -> ExitCode {
        match outcome {
            Ok(exit) => exit.into(),
            Err(failure) => {
                self.failure(&failure);
                failure.exit.into()
            }
        }
    }

    /// Writes an event among the results, in `jsonl` only.
    pub(crate) fn event(&self, name: &str, value: &serde_json::Value) {
        if self.options.format == Format::Jsonl {
            // An event that cannot be written is not worth stopping the work for.
            let _ = one_json(&json!({ name: value }), false).and_then(|text| stdout(&text));
        }
    }
}

fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

fn use_color(color: Color, terminal: bool, no_color: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !no_color,
    }
}

fn one_json<T: Serialize + ?Sized>(value: &T, pretty: bool) -> Result<String, Failure> {
    let json = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    let json =
        json.map_err(|error| Failure::new("OUTPUT", Exit::Software, format!("the result is no JSON: {error}")))?;
    let lines: Vec<String> = json.split('\n').map(escape_json).collect();
    Ok(lines.join("\n") + "\n")
}

fn stdout(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::new("OUTPUT", Exit::Io, format!("stdout does not take the result: {error}")))
}

/// The progress bar on the terminal, if there is one: everything else on stderr has to go around it.
pub(crate) static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Writes escaped text to stderr, above the progress bar if there is one.
pub(crate) fn talk(text: &str) {
    let write = || {
        // There is no place left to report this to.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    };
    let bar = BAR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match bar.as_ref() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_only_on_a_terminal_and_not_against_no_color() {
        assert!(use_color(Color::Auto, true, false));
        assert!(!use_color(Color::Auto, true, true));
        assert!(!use_color(Color::Auto, false, false));
        assert!(use_color(Color::Always, false, true));
        assert!(!use_color(Color::Never, true, false));
    }

    #[test]
    fn names_are_parsed_as_they_are_shown() {
        for name in Format::NAMES {
            assert_eq!(name.parse::<Format>().unwrap().to_string(), *name);
        }
        for name in Color::NAMES {
            assert_eq!(name.parse::<Color>().unwrap().to_string(), *name);
        }
        assert_eq!("xml".parse::<Format>().unwrap_err().to_string(), "\"xml\" is none of human, json, jsonl");
    }

    #[test]
    fn json_keeps_its_lines_and_escapes_the_rest() {
        assert_eq!(one_json(&json!({"a": "\u{202e}"}), true).unwrap(), "{\n  \"a\": \"\\u202e\"\n}\n");
        assert_eq!(one_json(&json!(["\n"]), false).unwrap(), "[\"\\n\"]\n");
    }
}
