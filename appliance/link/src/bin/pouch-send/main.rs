//! `pouch-send`: the sending end of the one-way link. Parses, opens, calls, reports; what can be typed is in `cli`, what is
//! done in `commands`, what is printed in `output`.

mod cli;
mod commands;
mod explain;
mod output;

use std::process::ExitCode;

use cli::{Cli, Verb};

fn main() -> ExitCode {
    pouch_cli::run(|cli: &Cli, output| match &cli.verb {
        Verb::Send(arguments) => commands::send::run(cli, arguments, output),
        Verb::Run => commands::run::run(cli, output),
        Verb::Status => commands::status::run(cli, output),
        Verb::LinkKey(arguments) => commands::link_key::run(arguments, output),
        Verb::Config(arguments) => commands::config::run(cli, arguments, output),
        Verb::Generate(generate) => generate.run::<Cli>(output),
    })
}
