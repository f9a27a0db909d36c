//! What a report means to a person: what is wrong, why datagrams are lost, and what to change.

use jiff::Timestamp;
use pouch_console::{duration, size};
use serde::Serialize;
use std::time::Duration;

use super::listen::Listen;
use super::report::{Alarm, Arrived, Lane, Progress, Report, State};

/// Seconds after which a report that was not renewed is that of a receiver that does not live.
pub const FRESH: Duration = Duration::from_secs(5);
/// The sender's clock may be off by so much before it is said.
const CLOCK: Duration = Duration::from_secs(60);
/// `pouch-import` says with it that the pouch was here already, or another finding.
const IMPORT_FINDINGS: i32 = 3;
/// Losses in at most so many of the 64 parts of a stream are a burst.
const BURST: usize = 4;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable word, e.g. `LINK-OVERFLOW`.
    pub id: String,
    /// Whether a person must act: then `status` ends with exit code 3. Else it is advice.
    pub urgent: bool,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    fn new(id: &str, urgent: bool, what: String, remedy: impl Into<String>) -> Self {
        Self { id: id.to_owned(), urgent, what, remedy: remedy.into() }
    }
}

/// How long ago `then` was; nothing if it is still to come.
#[must_use]
pub fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or(Duration::ZERO)
}

/// Whether the receiver that wrote the report lives.
#[must_use]
pub fn lives(report: &Report, now: Timestamp) -> bool {
    since(report.updated, now) <= FRESH
}

/// All that is to be said about a report, what is urgent first.
#[must_use]
pub fn diagnose(report: &Report, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !lives(report, now) {
        let age = duration(since(report.updated, now));
        findings.push(Finding::new(
            "LINK-STOPPED",
            true,
            format!("the receiver does not live: its report is {age} old"),
            "start it: systemctl start pouch-receive; what is in the quarantine is kept",
        ));
    }
    // Of a stream that waits the receiver raises an alarm too; here it comes with the remedy.
    let waiting: Vec<(&Progress, Finding)> =
        report.streams.iter().filter_map(|one| Some((one, stream(one)?))).collect();
    let said = |alarm: &&Alarm| waiting.iter().any(|(one, of)| of.id == alarm.id && alarm.text.starts_with(&one.pouch));
    let alarms = report.alarms.iter().filter(|alarm| !said(alarm));
    findings.extend(alarms.map(|alarm| Finding::new(&alarm.id, true, alarm.text.clone(), "")));
    findings.extend(waiting.into_iter().map(|(_, finding)| finding));
    findings.extend(report.arrived.iter().filter_map(import));
    findings.extend(report.lanes.iter().flat_map(|lane| losses(lane, report)));
    findings.extend(foreign(report));
    findings.extend(clock(report));
    findings.sort_by_key(|finding| !finding.urgent);
    findings
}

fn stream(stream: &Progress) -> Option<Finding> {
    let name = format!("{} (stream {})", stream.pouch, stream.stream);
    match stream.state {
        State::Incomplete => {
            let lacking = stream.blocks.saturating_sub(stream.complete);
            let what = format!("{name} lacks {lacking} of {} blocks", stream.blocks);
            let remedy = format!(
                "wait for the next round, or have them sent again: pouch-receive missing {} shows the code",
                stream.stream
            );
            Some(Finding::new("LINK-INCOMPLETE", true, what, remedy))
        }
        State::NoSpace => {
            let what = format!("{name} of {} has no room on the disk", size(stream.length));
            let remedy = "free some space below the quarantine, or raise limits.share; what has come is kept, and taking \
                          it goes on by itself";
            Some(Finding::new("LINK-SPACE", true, what, remedy))
        }
        State::Receiving | State::Verifying => None,
    }
}

fn import(arrived: &Arrived) -> Option<Finding> {
    let import = arrived.import.as_ref().filter(|import| import.code != 0)?;
    let urgent = import.code != IMPORT_FINDINGS;
    let what = format!("{} was not imported (exit code {}): {}", arrived.file, import.code, import.said);
    let remedy = format!("it is kept as arrived/{}; to see why: pouch-import import it by hand", arrived.file);
    Some(Finding::new("LINK-IMPORT", urgent, what, remedy))
}

/// Where the datagrams of a lane were lost, and what to do about each.
fn losses(lane: &Lane, report: &Report) -> Vec<Finding> {
    let lost = [lane.overflowed, lane.card, lane.wire];
    let all = lost.iter().fold(lane.datagrams, |sum, lost| sum.saturating_add(*lost));
    let listen = lane.listen.parse::<Listen>().ok();
    let card = listen.as_ref().and_then(Listen::interface).unwrap_or("IFACE");
    let what =
        |count: u64, how: &str| format!("{}: {count} of {all} datagrams ({}) {how}", lane.listen, share(count, all));
    let mut findings = Vec::new();
    if lane.overflowed > 0 {
        findings.push(Finding::new(
            "LINK-OVERFLOW",
            false,
            what(lane.overflowed, "dropped by this machine's kernel: the socket's buffer was full"),
            "this receiver was too slow: pouch-receive check --rate RATE says which net.core.rmem_max is needed; else send \
             slower, or give it another worker (limits.workers)",
        ));
    }
    if lane.card > 0 {
        findings.push(Finding::new(
            "LINK-CARD",
            false,
            what(lane.card, "dropped or found damaged by the network card"),
            format!(
                "look at ethtool -S {card}: with dropped or missed ones enlarge its ring (ethtool -G {card} rx 4096), with CRC \
                 errors change fibre, module or diode"
            ),
        ));
    }
    if lane.wire > 0 {
        let burst = report.streams.iter().any(bursty);
        let remedy = if burst {
            "they were lost together: look for what interrupts the link; a higher --interleave at the sender survives longer \
             gaps"
        } else {
            "they were lost one by one: send slower than the diode's own limit, look at fibre and modules; a higher --repair \
             at the sender makes up for it"
        };
        findings.push(Finding::new(
            "LINK-WIRE",
            false,
            what(lane.wire, "did not reach this machine, or were never sent"),
            remedy,
        ));
    }
    findings
}

/// Whether a stream's losses lie close together.
fn bursty(stream: &Progress) -> bool {
    let places = stream.positions.iter().filter(|lost| **lost > 0).count();
    (1..=BURST).contains(&places)
}

fn foreign(report: &Report) -> Vec<Finding> {
    let datagrams = &report.datagrams;
    let mut findings = Vec::new();
    if datagrams.forged > 0 {
        findings.push(Finding::new(
            "LINK-TAG",
            false,
            format!("{} of {} datagrams had a wrong tag", datagrams.forged, datagrams.received),
            "all of them: the two ends have different link keys; some: they were damaged, or somebody else sends; none was \
             used",
        ));
    }
    if datagrams.foreign > 0 {
        findings.push(Finding::new(
            "LINK-DATAGRAM",
            false,
            format!("{} of {} datagrams are not of this link, or damaged", datagrams.foreign, datagrams.received),
            "look for what else sends to this port; none was used",
        ));
    }
    findings
}

fn clock(report: &Report) -> Option<Finding> {
    let beat = report.heartbeat.as_ref()?;
    let off = beat.at.duration_since(beat.clock).unsigned_abs();
    let way = if beat.clock < beat.at { "behind" } else { "ahead of" };
    (off > CLOCK).then(|| {
        let what = format!("the sender's clock is {} {way} this machine's", duration(off));
        Finding::new("LINK-CLOCK", false, what, "set the wrong one right; the link does not need it, receipts do")
    })
}

/// A part of a whole in percent, with two digits: `1.95%`.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0.00%".to_owned();
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    // What is there is never shown as nothing, what is not whole never as all.
    match hundredths {
        0 if part > 0 => "under 0.01%".to_owned(),
        _ => format!("{}.{:02}%", hundredths / 100, hundredths % 100),
    }
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
