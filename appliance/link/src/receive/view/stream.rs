//! One stream: how far it is, how fast, what was lost where.

use std::time::Duration;

use jiff::Timestamp;
use pouch_console::{duration, escape, size};

use super::line::{Line, Shape, Tone, wrap};
use crate::receive::diagnose::{share, since};
use crate::receive::report::{Progress, State};

/// Cells of a bar.
const CELLS: usize = 64;
/// Columns that a bar's name, brackets and percentage take.
const BESIDE: usize = 16;
/// How many losses a cell shows, from none to as many as the worst has.
const LEVELS: [char; 5] = ['.', ':', '+', '*', '#'];

/// What a stream is doing, in a word and its tone.
const fn state(state: State) -> (&'static str, Tone) {
    match state {
        State::Receiving => ("receiving", Tone::Good),
        State::Incomplete => ("INCOMPLETE", Tone::Alarm),
        State::NoSpace => ("NO SPACE", Tone::Alarm),
        State::Verifying => ("verifying", Tone::Good),
    }
}

pub(super) fn lines(stream: &Progress, now: Timestamp, shape: Shape) -> Vec<Line> {
    let (word, tone) = state(stream.state);
    let title = format!(
        "{}  {word}, round {} of {}  stream {}",
        escape(&stream.pouch),
        stream.round,
        stream.rounds,
        escape(&stream.stream)
    );
    let mut lines = vec![
        Line::new(tone, title),
        Line::new(Tone::Plain, format!("  done  [{}] {}%", done(stream, shape), percent(stream))),
        Line::new(Tone::Plain, format!("  lost  [{}]", losses(stream, shape))),
    ];
    lines.extend(wrap(Tone::Plain, &format!("  {}", pace(stream, now)), shape));
    lines.extend(wrap(Tone::Plain, &format!("  {}", lost(stream)), shape));
    lines
}

/// The same in one line, for a log.
#[must_use]
pub fn plain(stream: &Progress, now: Timestamp) -> String {
    let (word, _) = state(stream.state);
    format!(
        "{} {} {word}: {}%, {}; {}",
        escape(&stream.pouch),
        escape(&stream.stream),
        percent(stream),
        pace(stream, now),
        lost(stream)
    )
}

fn pace(stream: &Progress, now: Timestamp) -> String {
    let bytes = u128::from(stream.length) * u128::from(stream.complete) / u128::from(stream.blocks.max(1));
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let blocks = format!("{} of {}, {} of {} blocks", size(bytes), size(stream.length), stream.complete, stream.blocks);
    match stream.state {
        State::Receiving => {
            let to_go = stream.remaining.map(|seconds| format!(", {} to go", duration(Duration::from_secs(seconds))));
            format!("{}{}; {blocks}", rate(stream.rate), to_go.unwrap_or_default())
        }
        _ => format!("{blocks}; last datagram {} ago", duration(since(stream.latest, now))),
    }
}

fn lost(stream: &Progress) -> String {
    format!(
        "lost before repair {} of {} datagrams ({}), after it {} blocks ({}); {} symbols repaired, {} blocks flawed",
        stream.lost,
        stream.received.saturating_add(stream.lost),
        share(stream.lost, stream.received.saturating_add(stream.lost)),
        stream.lost_blocks,
        share(stream.lost_blocks.into(), stream.blocks.into()),
        stream.repaired,
        stream.flawed
    )
}

fn cells(shape: Shape) -> usize {
    shape.columns.saturating_sub(BESIDE).clamp(1, CELLS)
}

/// Whole percents; 100 only if all is there.
fn percent(stream: &Progress) -> u64 {
    u64::from(stream.complete).saturating_mul(100) / u64::from(stream.blocks.max(1))
}

fn done(stream: &Progress, shape: Shape) -> String {
    let cells = cells(shape);
    let full = u64::from(stream.complete).saturating_mul(cells as u64) / u64::from(stream.blocks.max(1));
    let full = usize::try_from(full).unwrap_or(cells).min(cells);
    "=".repeat(full) + &"-".repeat(cells - full)
}

/// Where losses lie. On a narrow screen several parts share a cell, which shows the worst of them.
fn losses(stream: &Progress, shape: Shape) -> String {
    let cells = cells(shape);
    let worst = stream.positions.iter().copied().max().unwrap_or(0);
    let cell = |place: usize| {
        let (from, to) = (place * CELLS / cells, ((place + 1) * CELLS / cells).max(place * CELLS / cells + 1));
        let parts = stream.positions.iter().take(to).skip(from);
        level(parts.copied().max().unwrap_or(0), worst)
    };
    (0..cells).map(cell).collect()
}

fn level(lost: u64, worst: u64) -> char {
    // Rounded up, so that one loss is seen.
    let quarter = u128::from(lost).saturating_mul(4).div_ceil(u128::from(worst.max(1)));
    usize::try_from(quarter).ok().and_then(|place| LEVELS.get(place)).copied().unwrap_or('#')
}

/// Bits in a second, for people: `941.2 Mb/s`.
#[must_use]
fn rate(bits: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "Gb/s"), (1_000_000, "Mb/s"), (1_000, "kb/s")];
    match UNITS.iter().find(|(unit, _)| bits >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bits / unit, bits % unit / (unit / 10)),
        None => format!("{bits} b/s"),
    }
}
