//! `pouch-import session-key`

use std::path::Path;

use pouch_console::{Exit, Failure, Output, confirm};
use pouch_format::{Manifest, PouchId, Sha256Digest};
use pouch_open::{Event, Source, Trust, check, spool};
use pouch_platform::effective_uid;
use serde_json::json;

use super::opener::{self, Opener};
use super::{Known, load, record, trust, vault};
use crate::cli::{Cli, SessionKeyArgs, Target};
use crate::explain;

/// A pouch whose statement is proven, and the bytes that carry its session key.
struct Found {
    id: PouchId,
    digest: Sha256Digest,
    manifest: Manifest,
    first: Vec<u8>,
}

pub(crate) fn run(cli: &Cli, arguments: &SessionKeyArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let trust = trust(&config)?;
    let found = match arguments.pouch.parse::<PouchId>() {
        Ok(id) if !Path::new(&arguments.pouch).exists() => in_vault(id, &Known::read_aloud(&config, output)?)?,
        _ => outside(Path::new(&arguments.pouch), &trust)?,
    };
    let opener = Opener::new(&config, &trust, &found.manifest, &arguments.token)?;
    if !arguments.yes_export {
        confirm(output, &question(&found))?;
    }
    let decryptor = opener.log_in(output)?;
    let part = opener::first_part(&found.manifest)?;
    let key = opener::session_key(&found.manifest, part, &found.first, decryptor)?;
    // Before the key is out: an export that is not in the log must not be.
    let officers = match arguments.officer.as_slice() {
        [] => vec![format!("user id {}", effective_uid())],
        named => named.to_vec(),
    };
    record(&config, &vault(&config)?, &Event::session_key_exported(&found.id, found.digest, &officers))?;
    let key = key.export();
    output
        .data(&json!({ "pouch": found.id.to_string(), "manifest_sha256": found.digest, "session_key": key }), || {
            format!("{key}\n")
        })?;
    output.note("whoever holds this text can read this pouch; the export is in the log");
    Ok(Exit::Done)
}

fn in_vault(id: PouchId, known: &Known) -> Result<Found, Failure> {
    let (id, reopened) = opener::find(&Target::Pouch(id), known)?;
    let manifest = reopened.manifest().clone();
    let first = known.vault.read_part(&id, opener::first_part(&manifest)?).map_err(explain::vault)?;
    Ok(Found { id, digest: reopened.digest(), manifest, first })
}

fn outside(path: &Path, trust: &Trust) -> Result<Found, Failure> {
    let source = Source::open(path).map_err(|error| explain::spool(error, path))?;
    let spooled = spool(source.clone()).map_err(|error| explain::spool(error, path))?;
    let checked = check(spooled, trust).map_err(|error| explain::verify(error, path))?;
    let manifest = checked.manifest().clone();
    let part = opener::first_part(&manifest)?;
    // Size and digest are compared again when the key is taken from it.
    let first = source.part(part).map_err(|error| explain::verify(error, path))?;
    Ok(Found { id: checked.id(), digest: checked.digest(), manifest, first })
}

fn question(found: &Found) -> String {
    format!(
        "The session key of {} (as of {}, digest {}) is about to leave the token.\nWhoever holds it can read this pouch, for \
         ever. The act goes to the log.",
        found.id, found.manifest.as_of, found.digest
    )
}
