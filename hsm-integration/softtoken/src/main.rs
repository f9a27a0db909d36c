//! Makes throw-away tokens, keys and certificates. DEMO only.

mod cli;
mod commands;

use cli::{Cli, Verb};
use pouch_console::{Exit, Failure};
use pouch_softtoken::{CONFIG_VARIABLE, config_file, inside};
use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

fn main() -> ExitCode {
    pouch_cli::run(|cli: &Cli, output| {
        if let Some(directory) = &cli.dir {
            start_with_config(directory, matches!(cli.verb, Verb::Create { .. }))?;
        }
        match &cli.verb {
            Verb::Create { label, pin_file } => {
                commands::create(cli.dir.as_deref(), label, pin_file.as_deref(), output)
            }
            Verb::Generate(key) => commands::generate(key, output),
            Verb::Certify(cert) => commands::certify(cert, output),
            Verb::List { uri } => commands::list(uri, output),
            Verb::Make(make) => make.run::<Cli>(output),
        }
    })
}

/// SoftHSM reads the variable of this very process, which cannot safely change its own environment: it starts
/// itself again, once.
fn start_with_config(directory: &Path, make: bool) -> Result<(), Failure> {
    let config = if make { inside::prepare(directory)? } else { config_file(&absolute(directory)?) };
    if std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from).as_ref() == Some(&config) {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(|error| broken(&error))?;
    let error = Command::new(program).args(std::env::args_os().skip(1)).env(CONFIG_VARIABLE, config).exec();
    Err(broken(&error))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| broken(&error))
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::new("SOFTTOKEN-START", Exit::Unavailable, format!("this program cannot start itself again: {error}"))
}
