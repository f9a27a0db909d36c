//! `pouch-receive`: the receiving end of the one-way link. Parses, opens, calls, reports; what can be typed is in `cli`, what
//! is done in `commands`, what is printed in `output`.

mod cli;
mod commands;
mod explain;
mod output;

use std::process::ExitCode;

use cli::{Cli, Verb};

fn main() -> ExitCode {
    pouch_cli::run(|cli: &Cli, output| match &cli.verb {
        Verb::Run(arguments) => commands::run::run(cli, arguments, output),
        Verb::Status(arguments) => commands::status::run(cli, arguments, output),
        Verb::Missing(arguments) => commands::missing::run(cli, arguments, output),
        Verb::Check(arguments) => commands::check::run(cli, arguments, output),
        Verb::Discard(arguments) => commands::discard::run(cli, arguments, output),
        Verb::Clerk(arguments) => commands::clerk::run(arguments),
        Verb::Config(arguments) => commands::config::run(cli, arguments, output),
        Verb::Generate(generate) => generate.run::<Cli>(output),
    })
}
