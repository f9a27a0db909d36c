//! `pouch-import import`

use std::path::{Path, PathBuf};

use pouch_console::{Exit, Failure, Output};
use pouch_format::{MANIFEST_FILE, Manifest, limits};
use pouch_import::config::Config;
use pouch_open::Trust;
use pouch_platform::Dir;

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

/// By registry and sequence number, as the manifests claim. Only the order depends on that; what cannot be read comes
/// last, and is refused when its turn comes.
fn in_order(pouches: &[PathBuf]) -> Vec<PathBuf> {
    let mut pouches = pouches.to_vec();
    pouches.sort_by_cached_key(|path| {
        claimed(path).map_or((true, String::new(), 0), |m| (false, m.registry.into(), m.sequence))
    });
    pouches
}

fn claimed(path: &Path) -> Option<Manifest> {
    let bytes = Dir::open(path).and_then(|dir| dir.read_bounded(MANIFEST_FILE, limits::MANIFEST_BYTES)).ok()?;
    Manifest::parse(&bytes).ok()
}
