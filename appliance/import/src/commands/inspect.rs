//! `pouch-import inspect`

use pouch_console::{Exit, Failure, Output};
use pouch_format::{Manifest, Sha256Digest};
use pouch_open::Source;
use serde_json::json;

use crate::cli::InspectArgs;
use crate::explain;
use crate::output::manifest;

pub(crate) fn run(arguments: &InspectArgs, output: &Output) -> Result<Exit, Failure> {
    let path = &arguments.pouch;
    let bytes = Source::open(path).and_then(|source| source.manifest()).map_err(|error| explain::spool(error, path))?;
    let claimed = Manifest::parse(&bytes).map_err(|error| {
        Failure::new(error.rule(), Exit::Data, &error)
            .fact("source", arguments.pouch.display())
            .hint("nothing was written; this is no pouch, or a damaged one")
    })?;
    let digest = Sha256Digest(openssl::sha::sha256(&bytes));
    output.data(&json!({ "verified": false, "manifest_sha256": digest, "manifest": claimed }), || {
        let heading = "UNVERIFIED: whoever made the files claims this.";
        format!("{heading}\n\n{}", manifest::text(&claimed, &digest))
    })?;
    output.note(format!("\nto verify it: {}", crate::suggest::verify(&arguments.pouch)));
    Ok(Exit::Done)
}
