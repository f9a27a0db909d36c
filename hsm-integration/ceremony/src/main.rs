//! Holds key ceremonies.

mod cli;
mod commands;
mod terminal;

use cli::{Cli, Verb};
use std::process::ExitCode;

fn main() -> ExitCode {
    pouch_cli::run(|cli: &Cli, output| match &cli.verb {
        Verb::Check(args) => commands::check::run(args, output),
        Verb::Rehearse(args) => commands::hold::rehearse(args, output),
        Verb::Run(args) => commands::hold::run(args, output),
        Verb::VerifyTranscript(args) => commands::verify::run(args, output),
        Verb::Report(args) => commands::report::run(args, output),
        Verb::Inventory(args) => commands::inventory::run(args, output),
        Verb::Generate(generate) => generate.run::<Cli>(output),
    })
}
