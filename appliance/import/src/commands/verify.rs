//! `pouch-import verify`

use pouch_console::{Exit, Failure, Output};
use pouch_open::{Source, check, spool};
use serde_json::json;

use super::{load, trust};
use crate::cli::{Cli, VerifyArgs};
use crate::explain;
use crate::output::manifest;

pub(crate) fn run(cli: &Cli, arguments: &VerifyArgs, output: &Output) -> Result<Exit, Failure> {
    let trust = trust(&load(cli)?.values)?;
    let path = &arguments.pouch;
    let spooled = Source::open(path).and_then(spool).map_err(|error| explain::spool(error, path))?;
    let checked = check(spooled, &trust).map_err(|error| explain::verify(error, path))?;
    let passed: Vec<&str> = checked.passed().iter().map(|rule| rule.id()).collect();
    output.data(
        &json!({
            "verified": true, "manifest_sha256": checked.digest(), "signed_by": checked.signers(), "passed": passed,
            "manifest": checked.manifest(),
        }),
        || {
            format!(
                "verified: {} rules passed; whether it is the next of its registry is for import to say\n\n{}",
                passed.len(),
                manifest::text(checked.manifest(), &checked.digest())
            )
        },
    )?;
    Ok(Exit::Done)
}
