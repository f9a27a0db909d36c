//! `pouch-import import`

use std::path::PathBuf;

use pouch_console::{Exit, Failure, Output};
use pouch_import::config::Config;
use pouch_open::Trust;

use super::take::{self, Taken};
use super::{Known, load, trust, vault};
use crate::cli::{Cli, ImportArgs};
use crate::output::taken::{self, Row};

pub(crate) fn run(cli: &Cli, arguments: &ImportArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let trust = trust(&config)?;
    let pouches = in_order(&arguments.pouches);
    let outcomes = if arguments.dry_run {
        dry_run(&config, &trust, &pouches, arguments, output)?
    } else {
        import(&config, &trust, &pouches, arguments)?
    };
    match <[_; 1]>::try_from(outcomes) {
        // One pouch: its refusal is the command's.
        Ok([(path, outcome)]) => taken::one(&path, &outcome?, output),
        Err(outcomes) => {
            let rows: Vec<Row> = outcomes.into_iter().map(|(path, outcome)| Row::new(&path, outcome)).collect();
            taken::many(&rows, output)
        }
    }
}

type Outcome = (PathBuf, Result<Taken, Failure>);

fn import(
    config: &Config,
    trust: &Trust,
    pouches: &[PathBuf],
    arguments: &ImportArgs,
) -> Result<Vec<Outcome>, Failure> {
    let vault = vault(config)?;
    let take = |path: &PathBuf| (path.clone(), take::import(path, &arguments.first, trust, config, &vault));
    Ok(pouches.iter().map(take).collect())
}

/// Each pouch against the state as it is now: one that follows another of the same command is still a gap.
fn dry_run(
    config: &Config,
    trust: &Trust,
    pouches: &[PathBuf],
    arguments: &ImportArgs,
    output: &Output,
) -> Result<Vec<Outcome>, Failure> {
    let known = Known::read_aloud(config, output)?;
    let look = |path: &PathBuf| (path.clone(), take::dry_run(path, &arguments.first, trust, &known.ledger));
    Ok(pouches.iter().map(look).collect())
}

/// By their names, which are registry and sequence number as home gives them. What the manifests claim would be a better
/// key, but nothing of them is parsed before it is verified.
fn in_order(pouches: &[PathBuf]) -> Vec<PathBuf> {
    let mut pouches = pouches.to_vec();
    pouches.sort_by(|a, b| (a.file_name(), a).cmp(&(b.file_name(), b)));
    pouches
}
