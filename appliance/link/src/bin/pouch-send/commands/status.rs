//! `pouch-send status`

use jiff::{SignedDuration, Timestamp};
use pouch_cli::explain::dir;
use pouch_console::{Exit, Failure, Output};
use pouch_link::send::STATUS;
use pouch_link::send::report::Report;
use pouch_platform::Dir;

use super::load;
use crate::cli::Cli;

/// Largest report, in bytes.
const BYTES: u64 = 8 << 20;
/// A report that is older is not of a service that lives.
const OLD: SignedDuration = SignedDuration::from_secs(5);

pub(crate) fn run(cli: &Cli, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let state = Dir::open(&config.state).map_err(dir)?;
    let bytes = state.read_bounded(STATUS, BYTES).map_err(dir)?;
    let report: Report = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new("LINK-STATUS", Exit::Data, format!("{STATUS} is no report of a sender: {error}"))
            .hint("is it of another version? start the service again")
    })?;
    let old = Timestamp::now().duration_since(report.updated) > OLD;
    crate::output::status::show(&report, old, output)
}
