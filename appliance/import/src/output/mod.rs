//! What is printed, one file a kind of result: human text here, JSON beside it.

pub(crate) mod manifest;
pub(crate) mod status;
pub(crate) mod taken;
pub(crate) mod tree;

use jiff::Timestamp;

/// A line of a list of names and values.
pub(crate) fn line(name: &str, value: impl std::fmt::Display) -> String {
    format!("{name:<11} {}\n", pouch_console::escape(&value.to_string()))
}

/// A time to the minute, for people.
pub(crate) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
