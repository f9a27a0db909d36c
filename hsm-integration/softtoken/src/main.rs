//! Makes throw-away tokens, keys and certificates. DEMO only.

mod cli;
mod commands;

use cli::{Cli, Verb};
use pouch_softtoken::inside;
use std::process::ExitCode;

fn main() -> ExitCode {
    pouch_cli::run(|cli: &Cli, output| {
        if let Some(directory) = &cli.dir {
            inside::start_with_config(directory, matches!(cli.verb, Verb::Create { .. }))?;
        }
        match &cli.verb {
            Verb::Create { label, pin_file, kryoptic } => {
                commands::create(cli.dir.as_deref(), (label, kryoptic.as_deref()), pin_file.as_deref(), output)
            }
            Verb::Generate(key) => commands::generate(key, output),
            Verb::Certify(cert) => commands::certify(cert, output),
            Verb::List { uri } => commands::list(uri, output),
            Verb::Make(make) => make.run::<Cli>(output),
        }
    })
}
