//! What a person and a script see, the same for every binary: exit codes, errors, escaping, output formats, progress,
//! logging, prompts and configuration files.
//!
//! Data goes to stdout, talk (notes, warnings, progress, errors, log) to stderr. Nothing here parses a command line,
//! touches a key or knows what a pouch is. No text from outside reaches a terminal or a log unescaped.
//!
//! A binary is: parse arguments, [`Output::new`], [`log::start`], [`config::load`], run, [`Output::finish`]. Start reading at
//! [`Output`] and [`Failure`].

pub mod config;
mod escape;
mod exit;
mod failure;
pub mod log;
mod output;
mod progress;
mod prompt;
pub mod qr;
mod text;

pub use escape::{escape, escape_json, escape_lines};
pub use exit::Exit;
pub use failure::{Explain, Failure};
pub use output::{Color, Format, Options, Output, UnknownName};
pub use progress::Progress;
pub use prompt::confirm;
pub use text::{duration, size, table, words};
