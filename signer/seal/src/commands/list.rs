//! `pouch-seal list`

use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output, size, table};
use pouch_format::Fingerprint;
use pouch_platform::Dir;
use pouch_seal::spool;
use serde::Serialize;

use super::inspect::Found;
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
    /// Who has not signed yet; `null` for a pouch that is ready to be carried.
    waiting_for: Option<Vec<Fingerprint>>,
}

pub(crate) fn run(cli: &Cli, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let dir = Dir::open(&config.spool).map_err(explain::dir)?;
    let ready = spool::list(&dir).map_err(crate::explain::spool)?;
    let aside = spool::list_waiting(&dir).map_err(crate::explain::spool)?;
    let mut rows = Vec::new();
    for (id, waits) in ready.iter().map(|id| (id, false)).chain(aside.iter().map(|id| (id, true))) {
        let folder = if waits { spool::waiting_name(id) } else { id.to_string() };
        let found = Found::read(&dir.subdir(folder).map_err(explain::dir)?)?;
        let waiting_for = if waits { Some(found.waits_for(&config)?) } else { None };
        rows.push((id.clone(), row(&found, waiting_for)));
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    output.rows(&rows, || {
        let lines: Vec<_> = rows
            .iter()
            .map(|r| {
                // Enough of a fingerprint to know the officer by; all of it is shown by `inspect`.
                let short = |signer: &Fingerprint| signer.as_str().chars().take(16).collect::<String>();
                let waits: Vec<_> = r.waiting_for.iter().flatten().map(short).collect();
                [
                    r.pouch.clone(),
                    r.as_of.clone(),
                    r.entries.to_string(),
                    size(r.bytes),
                    size(r.sealed_bytes),
                    waits.join(" "),
                ]
            })
            .collect();
        table(["pouch", "as of", "entries", "content", "sealed", "waits for"], &lines)
    })?;
    Ok(Exit::Done)
}

fn row(found: &Found, waiting_for: Option<Vec<Fingerprint>>) -> Row {
    let manifest = &found.manifest;
    Row {
        pouch: manifest.id().to_string(),
        as_of: manifest.as_of.to_string(),
        sealed_at: manifest.sealed_at.to_string(),
        profile: manifest.profile.as_str(),
        entries: manifest.totals.entries,
        bytes: manifest.totals.bytes,
        sealed_bytes: manifest.sealed_bytes(),
        manifest: found.digest.to_string(),
        waiting_for,
    }
}
