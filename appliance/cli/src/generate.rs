//! Completions and man pages, made from the same description as the parser.

use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use pouch_console::{Exit, Failure, Output};

use crate::CommandLine;

/// Hidden commands of every binary, for those who package it.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Generate {
    /// Write shell completions to stdout.
    #[command(hide = true)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write a man page for each command into a directory.
    #[command(hide = true)]
    Man {
        /// The directory; it must exist.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

impl Generate {
    /// Does it for the command line `C`.
    ///
    /// # Errors
    /// `OUTPUT` when stdout or the directory does not take it.
    pub fn run<C: CommandLine>(&self, output: &Output) -> Result<Exit, Failure> {
        let mut command = C::command();
        command.build();
        match self {
            Generate::Completions { shell } => {
                let name = command.get_name().to_owned();
                let mut script = Vec::new();
                clap_complete::generate(*shell, &mut command, name, &mut script);
                std::io::Write::write_all(&mut std::io::stdout().lock(), &script).map_err(|e| failed("stdout", &e))?;
            }
            Generate::Man { dir } => man(&command, dir, output)?,
        }
        Ok(Exit::Done)
    }
}

/// One page for the command and one for each below, `pouch-import-verify.1` and so on.
fn man(command: &Command, dir: &Path, output: &Output) -> Result<(), Failure> {
    // Set by `Command::build`: the names of all commands above, joined.
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = dir.join(format!("{name}.1"));
    let mut text = Vec::new();
    let rendered = clap_mangen::Man::new(command.clone()).render(&mut text);
    rendered.and_then(|()| std::fs::write(&path, &text)).map_err(|e| failed(path.display(), &e))?;
    output.note(format!("wrote {}", path.display()));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        man(below, dir, output)?;
    }
    Ok(())
}

fn failed(place: impl std::fmt::Display, error: &std::io::Error) -> Failure {
    Failure::new("OUTPUT", Exit::CannotCreate, format!("{place} does not take it: {error}"))
        .hint("name a directory that exists and can be written")
}
