//! `pouch-seal list`

use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output, size, table};
use pouch_platform::Dir;
use pouch_seal::spool;
use serde::Serialize;

use super::load;
use crate::cli::Cli;

#[derive(Serialize)]
struct Row {
    pouch: String,
    as_of: String,
    sealed_at: String,
    profile: &'static str,
    entries: u64,
    bytes: u64,
    sealed_bytes: u64,
    manifest: String,
}

pub(crate) fn run(cli: &Cli, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let dir = Dir::open(&config.spool).map_err(explain::dir)?;
    let mut rows = Vec::new();
    for id in spool::list(&dir).map_err(crate::explain::spool)? {
        let (manifest, digest) = super::inspect::read(&dir.subdir(id.to_string()).map_err(explain::dir)?)?;
        rows.push(Row {
            pouch: id.to_string(),
            as_of: manifest.as_of.to_string(),
            sealed_at: manifest.sealed_at.to_string(),
            profile: manifest.profile.as_str(),
            entries: manifest.totals.entries,
            bytes: manifest.totals.bytes,
            sealed_bytes: manifest.sealed_bytes(),
            manifest: digest.to_string(),
        });
    }
    output.rows(&rows, || {
        let lines: Vec<_> = rows
            .iter()
            .map(|r| [r.pouch.clone(), r.as_of.clone(), r.entries.to_string(), size(r.bytes), size(r.sealed_bytes)])
            .collect();
        table(["pouch", "as of", "entries", "content", "sealed"], &lines)
    })?;
    Ok(Exit::Done)
}
