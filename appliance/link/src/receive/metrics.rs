//! The report in the text format of Prometheus.

use std::fmt::Write as _;

use super::report::{Lane, Progress, Report, State};
use super::table::Totals;

/// A family of samples.
fn family(out: &mut String, name: &str, kind: &str, help: &str, samples: &[(String, u64)]) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP pouch_link_{name} {help}\n# TYPE pouch_link_{name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(out, "pouch_link_{name}{labels} {value}");
    }
}

fn one(value: u64) -> Vec<(String, u64)> {
    vec![(String::new(), value)]
}

/// A value of a label: backslash, quote and newline escaped.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The whole text.
pub(crate) fn text(report: &Report, sums: &Totals) -> String {
    let mut out = String::new();
    datagrams(&mut out, report);
    lanes(&mut out, report);
    totals(&mut out, report, sums);
    streams(&mut out, report);
    out
}

fn datagrams(out: &mut String, report: &Report) {
    let all = &report.datagrams;
    let kinds =
        [("foreign", all.foreign), ("forged", all.forged), ("unknown", all.unknown), ("duplicate", all.duplicate)];
    let kinds = kinds.map(|(kind, count)| (format!("{{kind=\"{kind}\"}}"), count));
    family(out, "datagrams_total", "counter", "Datagrams that came.", &one(all.received));
    family(out, "datagrams_dropped_total", "counter", "Datagrams that came and were of no use, by kind.", &kinds);
}

fn lanes(out: &mut String, report: &Report) {
    let each = |value: fn(&Lane) -> u64| -> Vec<(String, u64)> {
        report.lanes.iter().map(|lane| (format!("{{lane=\"{}\"}}", label(&lane.listen)), value(lane))).collect()
    };
    family(out, "lane_datagrams_total", "counter", "Datagrams that came on a lane.", &each(|lane| lane.datagrams));
    let help = "Datagrams dropped because a socket's buffer was full.";
    family(out, "lane_overflowed_total", "counter", help, &each(|lane| lane.overflowed));
    let help = "Frames that the network card dropped or found damaged.";
    family(out, "lane_card_dropped_total", "counter", help, &each(|lane| lane.card));
    let help = "Datagrams lost before they reached this machine.";
    family(out, "lane_wire_lost", "gauge", help, &each(|lane| lane.wire));
}

fn totals(out: &mut String, report: &Report, sums: &Totals) {
    let help = "Datagrams that sequence numbers show to be lost, before repair.";
    family(out, "lost_before_repair", "gauge", help, &one(sums.lost));
    let lost: u32 = report.streams.iter().map(|stream| stream.lost_blocks).fold(0, u32::saturating_add);
    let help = "Blocks missing now although their window has passed, after repair.";
    family(out, "lost_blocks", "gauge", help, &one(lost.into()));
    family(out, "repaired_symbols_total", "counter", "Source symbols that repair brought back.", &one(sums.repaired));
    let help = "Blocks whose hash was wrong, which are collected again.";
    family(out, "flawed_blocks_total", "counter", help, &one(sums.flawed));
    family(out, "symbol_bits_total", "counter", "Bits of symbols that were new.", &one(sums.bits));
    family(out, "arrived_total", "counter", "Pouches that arrived whole.", &one(sums.arrived));
    let refused = sums.refused.map(|(rule, count)| (format!("{{rule=\"{rule}\"}}"), count));
    family(out, "streams_refused_total", "counter", "Announcements of streams that were refused.", &refused);
    let mut alarms: Vec<(String, u64)> = Vec::new();
    for alarm in &report.alarms {
        let labels = format!("{{id=\"{}\"}}", label(&alarm.id));
        match alarms.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, count)) => *count += 1,
            None => alarms.push((labels, 1)),
        }
    }
    family(out, "alarms", "gauge", "What a person has to look at now, by the alarm's word.", &alarms);
    let beat = report.heartbeat.as_ref().map_or(0, |beat| seconds(beat.at));
    family(out, "heartbeat_seconds", "gauge", "When the latest heartbeat came, since 1970; 0 if none.", &one(beat));
    family(out, "updated_seconds", "gauge", "When this was written, since 1970.", &one(seconds(report.updated)));
    family(out, "disk_free_bytes", "gauge", "Free on the disk of the quarantine.", &one(report.disk.free));
    family(out, "disk_used_bytes", "gauge", "Taken by the quarantine.", &one(report.disk.used));
    family(out, "disk_share_bytes", "gauge", "What the quarantine may take.", &one(report.disk.share));
}

fn seconds(at: jiff::Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or_default()
}

fn streams(out: &mut String, report: &Report) {
    let each = |value: fn(&Progress) -> u64| -> Vec<(String, u64)> {
        let labels =
            |stream: &Progress| format!("{{stream=\"{}\",pouch=\"{}\"}}", label(&stream.stream), label(&stream.pouch));
        report.streams.iter().map(|stream| (labels(stream), value(stream))).collect()
    };
    family(out, "stream_bytes", "gauge", "Bytes of a stream.", &each(|stream| stream.length));
    family(out, "stream_blocks", "gauge", "Blocks of a stream.", &each(|stream| stream.blocks.into()));
    family(out, "stream_blocks_complete", "gauge", "Its complete blocks.", &each(|stream| stream.complete.into()));
    let help = "Its blocks missing although their window has passed.";
    family(out, "stream_blocks_lost", "gauge", help, &each(|stream| stream.lost_blocks.into()));
    family(out, "stream_round", "gauge", "Its round.", &each(|stream| stream.round.into()));
    let help = "Its datagrams that came.";
    family(out, "stream_received_total", "counter", help, &each(|stream| stream.received));
    let help = "Its datagrams that sequence numbers show to be lost, before repair.";
    family(out, "stream_lost", "gauge", help, &each(|stream| stream.lost));
    let help = "Its source symbols that repair brought back.";
    family(out, "stream_repaired_total", "counter", help, &each(|stream| stream.repaired));
    let help = "Its blocks whose hash was wrong.";
    family(out, "stream_flawed_total", "counter", help, &each(|stream| stream.flawed));
    family(out, "stream_rate_bits", "gauge", "Its new bits in a second.", &each(|stream| stream.rate));
    let help = "What it is doing: 0 receiving, 1 incomplete, 2 no space, 3 verifying.";
    let state = |stream: &Progress| match stream.state {
        State::Receiving => 0,
        State::Incomplete => 1,
        State::NoSpace => 2,
        State::Verifying => 3,
    };
    family(out, "stream_state", "gauge", help, &each(state));
}
