//! What was looked at, and what to change.

use pouch_console::escape;
use pouch_link::receive::check::{Check, Verdict};

pub(crate) fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let word = match check.verdict {
            Verdict::Good => "ok",
            Verdict::Unknown => "?",
            Verdict::Change => "CHANGE",
        };
        text += &format!("{:<width$}  {word:<6}  {}\n", escape(&check.what), escape(&check.says));
        let indent = width + 10;
        for (name, line) in [("now:      ", &check.now), ("for good: ", &check.for_good), ("", &check.advice)] {
            if let Some(line) = line {
                text += &format!("{:indent$}{name}{}\n", "", escape(line));
            }
        }
    }
    text
}
