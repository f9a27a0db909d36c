//! `pouch-import config`

use openpgp_pkcs11::{Token, Uri};
use pouch_cli::PinArgs;
use pouch_cli::explain::hsm;
use pouch_console::{Exit, Failure, Output};
use pouch_import::config::Config;
use pouch_import::restore;
use serde::Serialize;

use super::{Known, load, trust};
use crate::cli::{Cli, ConfigArgs, ConfigVerb};

pub(crate) fn run(cli: &Cli, arguments: &ConfigArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?;
    match &arguments.verb {
        ConfigVerb::Show(show) => show.run(&config, output),
        ConfigVerb::Check => check(&config.values, output),
    }
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    what: &'static str,
    sound: bool,
    /// What was found, or what is wrong.
    says: String,
    #[serde(skip)]
    exit: Exit,
}

impl Check {
    fn of(what: &'static str, found: Result<String, Failure>) -> Self {
        match found {
            Ok(says) => Self { what, sound: true, says, exit: Exit::Done },
            Err(failure) => {
                let hint = failure.hint.map_or_else(String::new, |hint| format!("; {hint}"));
                let says = format!("error[{}]: {}{hint}", failure.id, failure.message);
                Self { what, sound: false, says, exit: failure.exit }
            }
        }
    }
}

/// Looks at everything, also after the first thing that is wrong.
fn check(config: &Config, output: &Output) -> Result<Exit, Failure> {
    let checks = [
        Check::of("configuration", Ok("it can be read, and every key is known".to_owned())),
        Check::of(
            "trust",
            trust(config).map(|trust| {
                format!("{} certificates, {} registries", trust.certificates().len(), trust.registries().count())
            }),
        ),
        Check::of("state", state(config)),
        Check::of("key", key(config)),
        Check::of(
            "restore",
            restore::check(&config.restore, &config.restored).map_err(Failure::from).map(|()| {
                config
                    .restore
                    .run_as
                    .as_ref()
                    .map_or_else(|| "as this user".to_owned(), |user| format!("as user {user}"))
            }),
        ),
    ];
    output.rows(&checks, || {
        let word = |check: &Check| if check.sound { "ok" } else { "WRONG" };
        checks
            .iter()
            .map(|check| format!("{:<14} {:<6} {}\n", check.what, word(check), pouch_console::escape(&check.says)))
            .collect()
    })?;
    Ok(checks.iter().map(|check| check.exit).max().unwrap_or(Exit::Done))
}

fn state(config: &Config) -> Result<String, Failure> {
    let known = Known::read(config)?;
    match known.warnings.first() {
        Some(warning) => Err(Failure::new("IMPORT-STATE", Exit::Findings, warning)),
        None => Ok(format!("{} registries, {} lines of log", known.ledger.heads().len(), known.ledger.log().lines)),
    }
}

fn key(config: &Config) -> Result<String, Failure> {
    let Some(text) = &config.key else {
        return Ok("none is configured: unpack and restore will need --key".to_owned());
    };
    let uri = Uri::parse(text).map_err(hsm)?;
    PinArgs::default().login(config.quorum, &uri)?;
    let token = Token::open(&uri, config.module.as_deref()).map_err(hsm)?;
    let check = token.check(&uri, None).map_err(hsm)?;
    let public =
        check.public.map_or_else(|| "its public half shows only after login".to_owned(), |key| key.to_string());
    Ok(format!("token \"{}\", serial {}: {public}", check.token.label, check.token.serial))
}
