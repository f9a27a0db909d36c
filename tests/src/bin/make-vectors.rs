//! Makes those vectors of the format and throw-away keys that a folder lacks, in software; or those of the one-way link; or
//! the seeds of the fuzz targets from the vectors that are kept.

use std::path::Path;
use std::process::ExitCode;

use acceptance::link_vectors;
use acceptance::vectors::{Folder, make, seeds};

#[expect(clippy::print_stderr, reason = "a program talks to the one who runs it")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let made = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [folder] if !folder.starts_with("--") => make::write(&Folder::at(folder.into())),
        ["--link", folder] => link_vectors::make::write(Path::new(folder)),
        ["--seeds", folder] => seeds::write(&Folder::kept(), Path::new(folder)),
        _ => {
            eprintln!(
                "usage: make-vectors FOLDER\n       make-vectors --link FOLDER\n       make-vectors --seeds FOLDER"
            );
            return ExitCode::from(64);
        }
    };
    match made {
        Ok(count) => {
            eprintln!("{count} files made");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(70)
        }
    }
}
