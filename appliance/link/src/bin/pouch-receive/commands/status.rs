//! `pouch-receive status`

use jiff::Timestamp;
use pouch_console::{Exit, Failure, Format, Output};
use pouch_link::receive::diagnose::{diagnose, lives};
use pouch_link::receive::latest::latest;
use pouch_link::receive::view::{Shape, View, screen};

use super::{quarantine, shape, watch};
use crate::cli::{Cli, StatusArgs};
use crate::explain;

pub(crate) fn run(cli: &Cli, arguments: &StatusArgs, output: &Output) -> Result<Exit, Failure> {
    let quarantine = quarantine(cli, &arguments.place)?;
    if arguments.watch {
        return watch::run(&quarantine, output);
    }
    let report = latest(&quarantine).map_err(explain::latest)?;
    let now = Timestamp::now();
    let findings = diagnose(&report, now);
    let view = View { report: &report, findings: &findings, quarantine: &quarantine, now };
    // As a result: all of it, never coloured.
    output.data(&report, || screen(&view, Shape { rows: None, color: false, ..shape(output) }))?;
    if !lives(&report, now) {
        if output.options().format != Format::Human {
            output.warn(format!("the receiver does not live; this is its report of {}", report.updated));
        }
        return Ok(Exit::Unavailable);
    }
    Ok(if findings.iter().any(|finding| finding.urgent) { Exit::Findings } else { Exit::Done })
}
