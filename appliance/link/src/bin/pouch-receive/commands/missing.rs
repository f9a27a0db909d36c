//! `pouch-receive missing`

use jiff::Timestamp;
use pouch_console::{Exit, Failure, Output};
use pouch_link::receive::diagnose::lives;
use pouch_link::receive::latest::latest;
use pouch_link::receive::missing::missing;

use super::quarantine;
use crate::cli::{Cli, MissingArgs};
use crate::explain;
use crate::output::missing as shown;

pub(crate) fn run(cli: &Cli, arguments: &MissingArgs, output: &Output) -> Result<Exit, Failure> {
    let quarantine = quarantine(cli, &arguments.place)?;
    let report = latest(&quarantine).map_err(explain::latest)?;
    let found = missing(&report, arguments.stream.as_deref()).map_err(|error| explain::missing(&error))?;
    if !lives(&report, Timestamp::now()) {
        output.warn(format!("the receiver does not live; this is what was missing at {}", report.updated));
    }
    output.rows(&found, || found.iter().map(|one| shown::text(one, arguments.qr)).collect())?;
    if found.is_empty() {
        output.note(match report.streams.len() {
            0 => "nothing is missing".to_owned(),
            1 => "nothing is known to be missing yet: 1 stream is under way".to_owned(),
            more => format!("nothing is known to be missing yet: {more} streams are under way"),
        });
        return Ok(Exit::Done);
    }
    Ok(Exit::Findings)
}
