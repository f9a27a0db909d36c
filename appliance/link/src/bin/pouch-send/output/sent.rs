//! What was sent.

use pouch_console::{Exit, Failure, Output, duration, size};
use pouch_link::send::Ended;
use serde::Serialize;

use super::{line, overhead, rate};

#[derive(Serialize)]
struct Row {
    pouch: String,
    stream: String,
    bytes: u64,
    rounds: u16,
    datagrams: u64,
    wire_bits: u64,
    seconds: f64,
}

/// The summary of each pouch.
pub(crate) fn show(all: &[Ended], output: &Output) -> Result<Exit, Failure> {
    let row = |ended: &Ended| Row {
        pouch: ended.outgoing.stream().pouch.to_string(),
        stream: format!("{:016x}", ended.outgoing.id()),
        bytes: ended.outgoing.source().length(),
        rounds: ended.outgoing.plan().rounds(),
        datagrams: ended.sent.datagrams,
        wire_bits: ended.sent.bits,
        seconds: ended.took.as_secs_f64(),
    };
    let rows: Vec<Row> = all.iter().map(row).collect();
    let text = || all.iter().map(text).collect::<Vec<_>>().join("\n");
    match &rows[..] {
        [one] => output.data(one, text)?,
        rows => output.rows(rows, text)?,
    }
    Ok(Exit::Done)
}

fn text(ended: &Ended) -> String {
    let (outgoing, sent) = (&ended.outgoing, ended.sent);
    let nanos = ended.took.as_nanos().max(1);
    let wire = u64::try_from(u128::from(sent.bits) * 1_000_000_000 / nanos).unwrap_or(u64::MAX);
    let mut text = format!("{} was sent, in {}\n\n", outgoing.stream().pouch, duration(ended.took));
    text += &line("stream", format!("{:016x}", outgoing.id()));
    text += &line("bytes", size(outgoing.source().length()));
    text += &line("datagrams", format!("{} in {} rounds", sent.datagrams, outgoing.plan().rounds()));
    text += &line("rate", format!("{} on the wire", rate(wire)));
    text + &line("overhead", overhead(sent.bits, outgoing.source().length()))
}
