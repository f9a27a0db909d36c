//! A report as text for a person: one screen, or one line a stream.
//!
//! Every text of the report is escaped here; the only control characters that come out are line feeds and, where colours
//! are wanted, ours.

mod line;
mod stream;

use std::path::Path;

use jiff::Timestamp;
use pouch_console::{duration, escape, size, table};

use self::line::{Line, Tone};
use super::diagnose::{Finding, lives, since};
use super::report::{Arrived, Report};

pub use self::line::Shape;
pub use self::stream::plain;

/// Pouches that arrived and are shown.
const ARRIVED: usize = 5;

/// What is shown.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What the receiver says.
    pub report: &'a Report,
    /// What that means, urgent ones first.
    pub findings: &'a [Finding],
    /// Where it lies.
    pub quarantine: &'a Path,
    /// The time now.
    pub now: Timestamp,
}

/// One screen.
#[must_use]
pub fn screen(view: &View<'_>, shape: Shape) -> String {
    let report = view.report;
    let mut lines = head(view);
    lines.extend(view.findings.iter().filter(|finding| finding.urgent).flat_map(|finding| told(finding, shape)));
    for one in &report.streams {
        lines.push(Line::default());
        lines.extend(stream::lines(one, view.now, shape));
    }
    if report.streams.is_empty() {
        lines.extend([Line::default(), Line::new(Tone::Plain, "no stream is under way")]);
    }
    lines.push(Line::default());
    lines.extend(lanes(report, shape));
    lines.extend(arrived(report));
    let advice: Vec<Line> =
        view.findings.iter().filter(|finding| !finding.urgent).flat_map(|finding| told(finding, shape)).collect();
    if !advice.is_empty() {
        lines.push(Line::default());
        lines.extend(advice);
    }
    line::render(lines, shape)
}

fn head(view: &View<'_>) -> Vec<Line> {
    let report = view.report;
    let state = if lives(report, view.now) {
        format!("since {}", minute(report.since))
    } else {
        format!("STOPPED, last heard of {}", minute(report.updated))
    };
    let sender = match &report.heartbeat {
        None => "never heard".to_owned(),
        Some(beat) => {
            let last = beat.last.as_deref().map_or_else(String::new, |last| format!(", sent {} last", escape(last)));
            let busy = if beat.busy { "sending" } else { "idle" };
            format!("{busy}, heard {} ago, {} waiting{last}", duration(since(beat.at, view.now)), beat.waiting)
        }
    };
    let disk = &report.disk;
    let disk = format!("{} free; quarantine has {} of {}", size(disk.free), size(disk.used), size(disk.share));
    vec![
        Line::new(Tone::Head, format!("pouch-receive  {}  {state}", escape(&view.quarantine.display().to_string()))),
        Line::new(Tone::Plain, format!("sender  {sender}")),
        Line::new(Tone::Plain, format!("disk    {disk}")),
    ]
}

/// A finding, in lines of the screen's width.
fn told(finding: &Finding, shape: Shape) -> Vec<Line> {
    let (word, tone) = if finding.urgent { ("ALARM", Tone::Alarm) } else { ("advice", Tone::Advice) };
    let mut lines = line::wrap(tone, &format!("{word} {}: {}", escape(&finding.id), escape(&finding.what)), shape);
    if !finding.remedy.is_empty() {
        lines.extend(line::wrap(Tone::Plain, &format!("  -> {}", escape(&finding.remedy)), shape));
    }
    lines
}

fn lanes(report: &Report, shape: Shape) -> Vec<Line> {
    let row = |lane: &super::report::Lane| {
        let numbers = [lane.datagrams, lane.overflowed, lane.card, lane.wire].map(|number| number.to_string());
        let [datagrams, overflowed, card, wire] = numbers;
        [lane.listen.clone(), datagrams, overflowed, card, wire]
    };
    let rows: Vec<[String; 5]> = report.lanes.iter().map(row).collect();
    let text = table(["lane", "datagrams", "lost: overflow", "card", "wire"], &rows);
    let mut lines: Vec<Line> = text.lines().map(|text| Line::new(Tone::Plain, text)).collect();
    let d = &report.datagrams;
    let text = format!(
        "{} datagrams: {} foreign or damaged, {} with a wrong tag, {} of unknown streams, {} not needed",
        d.received, d.foreign, d.forged, d.unknown, d.duplicate
    );
    lines.extend(line::wrap(Tone::Plain, &text, shape));
    lines
}

fn arrived(report: &Report) -> Vec<Line> {
    if report.arrived.is_empty() {
        return Vec::new();
    }
    let row = |arrived: &Arrived| {
        let import =
            arrived.import.as_ref().map_or_else(|| "-".to_owned(), |import| format!("exit code {}", import.code));
        [arrived.pouch.clone(), minute(arrived.at), size(arrived.length), import, arrived.file.clone()]
    };
    // The newest first.
    let rows: Vec<[String; 5]> = report.arrived.iter().rev().take(ARRIVED).map(row).collect();
    let text = table(["arrived", "at", "size", "import", "file"], &rows);
    std::iter::once(Line::default()).chain(text.lines().map(|text| Line::new(Tone::Plain, text))).collect()
}

/// A time to the minute.
fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
