//! A command line that is wrong, told in the shape of every other error.

use std::ffi::OsString;

use clap::error::ErrorKind;
use pouch_console::{Exit, Failure, Format};

/// Whether clap's "error" is an answer that was asked for: `--help` or `--version`.
pub(crate) fn is_answer(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

/// clap's words as a failure: its first paragraph is the message, tips and usage are the hint.
pub(crate) fn failure(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::new("USAGE", Exit::Usage, "no command is given").hint("add --help to see the commands");
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let message = one_line(paragraphs.next().unwrap_or_default());
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let mut hints = Vec::new();
    for paragraph in paragraphs {
        for line in paragraph.lines().map(str::trim) {
            if let Some(tip) = line.strip_prefix("tip: ") {
                hints.push(tip.to_owned());
            }
        }
        if let Some(usage) = paragraph.trim().strip_prefix("Usage: ") {
            hints.push(format!("usage: {}", one_line(usage)));
        }
    }
    hints.push("add --help for all of it".to_owned());
    Failure::new("USAGE", Exit::Usage, message).hint(hints.join("; "))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What `--format` says on a command line that cannot be parsed otherwise.
pub(crate) fn format_of(arguments: &[OsString]) -> Format {
    let texts = arguments.iter().filter_map(|argument| argument.to_str());
    let mut wanted = Format::Human;
    let mut is_next = false;
    for text in texts.take_while(|text| *text != "--") {
        let value = if is_next { Some(text) } else { text.strip_prefix("--format=") };
        if let Some(format) = value.and_then(|value| value.parse().ok()) {
            wanted = format;
        }
        is_next = text == "--format";
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    #[command(name = "pouch-test")]
    struct Cli {
        #[command(flatten)]
        _common: crate::CommonArgs,
        #[arg(value_name = "POUCH", required = true)]
        _pouch: String,
    }

    fn message(arguments: &[&str]) -> (String, String) {
        let error = Cli::try_parse_from([&["pouch-test"], arguments].concat()).unwrap_err();
        let failure = failure(&error);
        assert_eq!((failure.id.as_str(), failure.exit), ("USAGE", Exit::Usage));
        (failure.message, failure.hint.unwrap())
    }

    #[test]
    fn what_is_wrong_and_what_would_be_right() {
        let (message, hint) = message(&["--formt", "json", "x"]);
        assert_eq!(message, "unexpected argument '--formt' found");
        assert!(hint.contains("'--format'") && hint.contains("usage: pouch-test"), "{hint}");
    }

    #[test]
    fn a_missing_argument_and_a_wrong_value() {
        assert_eq!(message(&[]).0, "the following required arguments were not provided: <POUCH>");
        assert_eq!(
            message(&["x", "--format", "xml"]).0,
            "invalid value 'xml' for '--format <FORMAT>' [possible values: human, json, jsonl]"
        );
    }

    #[test]
    fn the_format_is_found_on_a_broken_line() {
        let format = |line: &str| format_of(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(format("x --format json --nonsense"), Format::Json);
        assert_eq!(format("x --format=jsonl --nonsense"), Format::Jsonl);
        assert_eq!(format("x --format xml"), Format::Human);
        assert_eq!(format("x -- --format json"), Format::Human);
    }
}
