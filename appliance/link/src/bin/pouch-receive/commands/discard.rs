//! `pouch-receive discard`

use std::path::Path;

use pouch_console::{Exit, Failure, Output, confirm, size};
use pouch_link::receive::discard::{Still, is_stream};
use pouch_link::receive::latest::latest;
use serde::Serialize;

use super::quarantine;
use crate::cli::{Cli, DiscardArgs};
use crate::explain;

/// What was given up.
#[derive(Serialize)]
struct Discarded {
    stream: String,
    bytes: u64,
}

pub(crate) fn run(cli: &Cli, arguments: &DiscardArgs, output: &Output) -> Result<Exit, Failure> {
    let quarantine = quarantine(cli, &arguments.place)?;
    let still = Still::of(&quarantine).map_err(|error| explain::discard(error, &quarantine))?;
    let stream = named(&arguments.stream, &quarantine)?;
    let bytes = still.bytes(&stream).map_err(|error| explain::discard(error, &quarantine))?;
    if !arguments.yes_discard {
        confirm(
            output,
            &format!("remove stream {stream}, {} on disk? It must be sent again from its start.", size(bytes)),
        )?;
    }
    still.discard(&stream).map_err(|error| explain::discard(error, &quarantine))?;
    let discarded = Discarded { stream, bytes };
    output.data(&discarded, || format!("removed stream {}, {}\n", discarded.stream, size(bytes)))?;
    output.note("start the receiver again: systemctl start pouch-receive");
    Ok(Exit::Done)
}

/// The stream that is meant: by its own name, or as the last report names its pouch.
fn named(name: &str, quarantine: &Path) -> Result<String, Failure> {
    if is_stream(name) {
        return Ok(name.to_owned());
    }
    let report = latest(quarantine).map_err(explain::latest)?;
    let mut of_pouch = report.streams.iter().filter(|stream| stream.pouch == name && is_stream(&stream.stream));
    match (of_pouch.next(), of_pouch.next()) {
        (Some(stream), None) => Ok(stream.stream.clone()),
        (found, _) => {
            let known = report.streams.iter().map(|stream| format!("{} of {}", stream.stream, stream.pouch)).collect();
            Err(explain::stream(name, if found.is_some() { "two streams" } else { "no stream" }, known))
        }
    }
}
