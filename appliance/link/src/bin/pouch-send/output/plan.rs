//! The plan of a dry run.

use std::time::Duration;

use pouch_carry::model::{self, Channel};
use pouch_console::{Exit, Failure, Output, duration, size};
use pouch_link::datagram::HEAD;
use pouch_link::send::Outgoing;
use pouch_link::send::pace::Rate;
use serde::Serialize;

use super::{line, overhead};

/// What is shown if no loss is said.
const LOSSES: [f64; 5] = [0.001, 0.01, 0.02, 0.05, 0.1];

/// The links.
pub(crate) struct Wire {
    pub(crate) largest: usize,
    pub(crate) overhead: usize,
    /// Of all together.
    pub(crate) rate: u64,
}

/// What would be sent of a pouch.
#[derive(Debug, Serialize)]
pub(crate) struct Planned {
    pub(crate) pouch: String,
    pub(crate) stream: String,
    /// Bytes of the pouch's tar.
    pub(crate) bytes: u64,
    pub(crate) blocks: u32,
    pub(crate) source_symbols: u16,
    pub(crate) repair_symbols: u16,
    pub(crate) symbol_bytes: u16,
    pub(crate) interleave: u16,
    pub(crate) rounds: u16,
    /// Of all rounds, without announcements.
    pub(crate) datagrams: u64,
    pub(crate) wire_bits: u64,
    pub(crate) seconds: f64,
    /// Datagrams lost in a row that lose no block.
    pub(crate) burst: u64,
    /// Bytes of memory at the sender, about.
    pub(crate) memory: u64,
    pub(crate) expected: Vec<Expected>,
}

/// Blocks that a loss leaves to another round.
#[derive(Debug, Serialize)]
pub(crate) struct Expected {
    pub(crate) loss: f64,
    /// After the first round.
    pub(crate) lost_blocks: f64,
}

impl Planned {
    pub(crate) fn of(outgoing: &Outgoing, wire: &Wire, loss: Option<f64>) -> Self {
        let plan = outgoing.plan();
        let shape = plan.layout().shape();
        let datagrams = plan.symbols() * u64::from(plan.rounds());
        let wire_bits = datagrams * ((HEAD + usize::from(shape.symbol()) + wire.overhead) * 8) as u64;
        let time = Rate::new(wire.rate).map_or(Duration::MAX, |rate| rate.time(wire_bits));
        let model = model::Plan { source: shape.source(), repair: plan.repair(), depth: plan.depth() };
        let expected = |loss: &f64| {
            let lost = model.block_lost(Channel { loss: *loss, burst: None });
            Expected { loss: *loss, lost_blocks: f64::from(plan.blocks()) * lost }
        };
        Self {
            pouch: outgoing.stream().pouch.to_string(),
            stream: format!("{:016x}", outgoing.id()),
            bytes: plan.layout().length(),
            blocks: plan.blocks(),
            source_symbols: shape.source(),
            repair_symbols: plan.repair(),
            symbol_bytes: shape.symbol(),
            interleave: plan.depth(),
            rounds: plan.rounds(),
            datagrams,
            wire_bits,
            seconds: time.as_secs_f64(),
            burst: plan.burst(),
            memory: plan.memory(),
            expected: loss.as_ref().map_or(&LOSSES[..], std::slice::from_ref).iter().map(expected).collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("would send {}; nothing was sent\n\n", self.pouch);
        text += &line("stream", &self.stream);
        text += &line("bytes", size(self.bytes));
        text += &line("blocks", self.blocks);
        let each = format!("{} + {} repair of {} bytes", self.source_symbols, self.repair_symbols, self.symbol_bytes);
        text += &line("symbols", each);
        text += &line("interleave", format!("{} blocks", self.interleave));
        text += &line("rounds", self.rounds);
        text += &line("datagrams", self.datagrams);
        text += &line("overhead", overhead(self.wire_bits, self.bytes));
        text += &line("time", duration(Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::MAX)));
        text += &line("survives", format!("{} datagrams lost in a row", self.burst));
        text += &line("memory", format!("{} here", size(self.memory)));
        for expected in &self.expected {
            let (loss, lost) = (expected.loss * 100.0, expected.lost_blocks);
            let lost = match lost {
                ..1e-9 => "no block".to_owned(),
                ..0.01 => format!("{lost:.1e} blocks"),
                _ => format!("{lost:.2} blocks"),
            };
            text += &line("expected", format!("{loss} % lost: {lost} left to another round"));
        }
        text
    }
}

pub(crate) fn show(planned: &[Planned], output: &Output) -> Result<Exit, Failure> {
    match planned {
        [one] => output.data(one, || one.text())?,
        all => output.rows(all, || all.iter().map(Planned::text).collect::<Vec<_>>().join("\n"))?,
    }
    Ok(Exit::Done)
}
