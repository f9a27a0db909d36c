//! `pouch-import recover`

use std::collections::BTreeMap;

use pouch_console::{Exit, Failure, Output};
use pouch_open::{Clock, DispatchNote, State};
use serde_json::json;

use super::{load, vault};
use crate::cli::{Cli, RecoverArgs};
use crate::explain;

pub(crate) fn run(cli: &Cli, arguments: &RecoverArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let mut notes = BTreeMap::new();
    for note in &arguments.note {
        let dispatch = DispatchNote { sequence: note.pouch.sequence, manifest: note.manifest };
        if notes.insert(note.pouch.registry.clone(), dispatch).is_some() {
            let message = format!("there are two notes of registry \"{}\"", note.pouch.registry);
            return Err(
                Failure::new("USAGE", Exit::Usage, message).hint("nothing was written; give the newest one only")
            );
        }
    }
    let [one, other] = arguments.officer.as_slice() else {
        let message = format!("{} officers are named; two must answer for this", arguments.officer.len());
        return Err(Failure::new("USAGE", Exit::Usage, message).hint("nothing was written; add --officer NAME twice"));
    };
    let vault = vault(&config)?;
    let state = State::recover(&config.state_places(), &vault, &notes, [one, other], Clock::system())
        .map_err(explain::recover)?;
    let heads: BTreeMap<_, _> =
        state.ledger().heads().iter().map(|(registry, head)| (registry.to_string(), head.sequence)).collect();
    output.data(&json!({ "recovered": heads, "officers": [one, other] }), || {
        let lines: Vec<String> =
            heads.iter().map(|(registry, sequence)| format!("{registry}: the newest pouch is {sequence}\n")).collect();
        format!("the state is made anew; who answered for it is in the log\n\n{}", lines.concat())
    })?;
    Ok(Exit::Done)
}
