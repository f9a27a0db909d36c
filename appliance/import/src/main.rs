//! `pouch-import`: the embassy side. Parses, opens, calls, reports; what can be typed is in `cli`, what is done in
//! `commands`, what is printed in `output`.

mod cli;
mod commands;
mod explain;
mod output;
mod suggest;

use std::process::ExitCode;

use cli::{Cli, Verb};

fn main() -> ExitCode {
    pouch_cli::run(|cli: &Cli, output| match &cli.verb {
        Verb::Inspect(arguments) => commands::inspect::run(arguments, output),
        Verb::Verify(arguments) => commands::verify::run(cli, arguments, output),
        Verb::Import(arguments) => commands::import::run(cli, arguments, output),
        Verb::Status(arguments) => commands::status::run(cli, arguments, output),
        Verb::Unpack(arguments) => commands::unpack::run(cli, arguments, output),
        Verb::Restore(arguments) => commands::restore::run(cli, arguments, output),
        Verb::SessionKey(arguments) => commands::session_key::run(cli, arguments, output),
        Verb::Recover(arguments) => commands::recover::run(cli, arguments, output),
        Verb::Config(arguments) => commands::config::run(cli, arguments, output),
        Verb::Generate(generate) => generate.run::<Cli>(output),
    })
}
