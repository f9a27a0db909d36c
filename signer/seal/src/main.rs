//! `pouch-seal`: the home side. Parses, opens, calls, reports; what can be typed is in `cli`, what is done in `commands`.

mod cli;
mod commands;
mod explain;

use std::process::ExitCode;

use cli::{Cli, Verb};

fn main() -> ExitCode {
    pouch_cli::run(|cli: &Cli, output| match &cli.verb {
        Verb::Seal(arguments) => commands::seal::run(cli, arguments, output),
        Verb::Cosign(arguments) => commands::cosign::run(cli, arguments, output),
        Verb::List => commands::list::run(cli, output),
        Verb::Inspect(arguments) => commands::inspect::run(cli, arguments, output),
        Verb::Export(arguments) => commands::export::run(cli, arguments, output),
        Verb::Lint(arguments) => commands::lint::run(arguments, output),
        Verb::Config(arguments) => commands::config::run(cli, arguments, output),
        Verb::Generate(generate) => generate.run::<Cli>(output),
    })
}
