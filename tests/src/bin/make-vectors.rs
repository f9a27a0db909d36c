//! Makes the vectors of the format and their throw-away keys anew, in software.
//!
//! Keys, salts and session keys are random, so every run makes other bytes that mean the same.

use std::process::ExitCode;

use acceptance::vectors::{Folder, make};

#[expect(clippy::print_stderr, reason = "a program talks to the one who runs it")]
fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: make-vectors FOLDER");
        return ExitCode::from(64);
    };
    match make::write(&Folder::at(folder.into())) {
        Ok(count) => {
            eprintln!("{count} vectors");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(70)
        }
    }
}
