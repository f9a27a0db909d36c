//! The reporter: once a second, what a person or a monitor wants to know.

use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pouch_platform::Dir;

use super::hand_over::UNKNOWN;
use super::report::{Alarm, Arrived, Disk, Import, Lane, Progress, Report, State};
use super::run::Service;
use super::session::Session;
use super::table::{Shared, Table, share};
use super::{alarm, ballast, latest, metrics, quarantine};

/// The same for a monitor.
const METRICS: &str = "metrics.prom";
/// How often it is written.
const EVERY: Duration = Duration::from_secs(1);
/// How often the reporter looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);
/// Over how many reports a rate is smoothed.
const SMOOTH: u64 = 4;

/// The pouches that a receiver before this one reported.
pub(crate) fn arrived_before(root: &Dir) -> Vec<Arrived> {
    let read = root.read_bounded(latest::FILE, latest::MOST).ok();
    let report = read.and_then(|bytes| serde_json::from_slice::<Report>(&bytes).ok());
    report.map(|report| report.arrived).unwrap_or_default()
}

/// What the reporter remembers from report to report.
#[derive(Debug)]
pub(crate) struct Reporter {
    imported: Option<Receiver<(String, Import)>>,
    /// Bits of each stream at the last report, and its rate.
    rates: HashMap<u64, (u64, u64)>,
    last: Instant,
    /// Datagrams dropped on this machine until the last report.
    overflowed: u64,
    silent: Option<Timestamp>,
}

impl Reporter {
    pub(crate) fn new(imported: Option<Receiver<(String, Import)>>) -> Self {
        Self { imported, rates: HashMap::new(), last: Instant::now(), overflowed: 0, silent: None }
    }

    /// Reports until told to stop.
    pub(crate) fn run(&mut self, shared: &Shared, service: &mut dyn Service) {
        service.reported(&self.write(shared));
        while !shared.stopping() {
            std::thread::sleep(LOOK);
            if self.last.elapsed() >= EVERY {
                service.reported(&self.write(shared));
            }
        }
    }

    /// Reports once.
    pub(crate) fn write(&mut self, shared: &Shared) -> Report {
        let disk = disk(shared);
        let imported: Vec<(String, Import)> = self.imported.iter().flat_map(Receiver::try_iter).collect();
        for (stream, _) in imported.iter().filter(|(_, import)| import.code != UNKNOWN) {
            quarantine::stream(stream).into_iter().for_each(|id| quarantine::forget(&shared.root, id));
        }
        let mut table = shared.lock();
        note_imported(&mut table, imported);
        let report = self.report(&mut table, shared, disk);
        let sums = table.sums();
        drop(table);
        let text = metrics::text(&report, &sums);
        let json = serde_json::to_vec_pretty(&report).unwrap_or_default();
        // The report last: whoever has seen it finds metrics that are not older.
        let files = [(METRICS, text.as_bytes()), (latest::FILE, &json)];
        let written = files.into_iter().try_for_each(|(name, bytes)| ballast::renew(&shared.root, name, bytes));
        let mut table = shared.lock();
        match written {
            Ok(()) => table.alarms.clear(alarm::STATUS, ""),
            Err(error) => {
                let said = || format!("the report cannot be written: {error}");
                if table.alarms.raise(alarm::STATUS, "", said, Instant::now()) {
                    tracing::warn!(rule = alarm::STATUS, %error, "the report cannot be written");
                }
            }
        }
        drop(table);
        report
    }

    fn report(&mut self, table: &mut Table, shared: &Shared, disk: Disk) -> Report {
        let (now, updated) = (Instant::now(), Timestamp::now());
        let passed = now.saturating_duration_since(self.last).max(Duration::from_millis(1));
        self.last = now;
        let mut alarms = self.silence(table, shared, now, updated);
        self.overflow(table, now);
        let mut streams = Vec::new();
        let mut rates = HashMap::new();
        for session in &mut table.sessions {
            session.move_on(now);
            log_flawed(session);
            let (bits, rate) = self.rates.get(&session.id).copied().unwrap_or_default();
            let fresh = session.counts.bits.saturating_sub(bits).saturating_mul(1000);
            let fresh = fresh / u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
            let rate = (rate * (SMOOTH - 1) + fresh) / SMOOTH;
            rates.insert(session.id, (session.counts.bits, rate));
            let progress = progress(session, rate, now, updated);
            alarms.extend(alarm_of(session, &progress, updated));
            streams.push(progress);
        }
        self.rates = rates;
        alarms.extend(table.alarms.now(now));
        Report {
            since: shared.since,
            updated,
            lanes: lanes(table),
            heartbeat: table.beat.clone(),
            datagrams: table.datagrams.clone(),
            streams,
            arrived: table.arrived.clone(),
            alarms,
            disk,
        }
    }

    fn silence(&mut self, table: &Table, shared: &Shared, now: Instant, at: Timestamp) -> Vec<Alarm> {
        let silent = now.saturating_duration_since(table.heard);
        if silent < shared.settings.silence {
            if self.silent.take().is_some() {
                tracing::info!("the sender is heard again");
            }
            return Vec::new();
        }
        let seconds = silent.as_secs();
        if self.silent.is_none() {
            tracing::warn!(rule = alarm::SILENCE, seconds, "nothing is heard of the sender");
        }
        let since = *self.silent.get_or_insert(at);
        let text = format!(
            "nothing was heard for {seconds} s: is the sender running, and are the link and its cables in order?"
        );
        vec![Alarm { id: alarm::SILENCE.to_owned(), text, since }]
    }

    fn overflow(&mut self, table: &mut Table, now: Instant) {
        let overflowed = table.lanes.iter().map(|lane| lane.losses.overflowed()).sum();
        if overflowed > self.overflowed {
            let dropped = overflowed - self.overflowed;
            let text = || {
                "this machine drops datagrams because it is too slow or its buffers are too small: see \
                 pouch-receive check"
                    .to_owned()
            };
            if table.alarms.raise(alarm::OVERFLOW, "", text, now) {
                tracing::warn!(rule = alarm::OVERFLOW, dropped, "datagrams were dropped on this machine");
            }
        }
        self.overflowed = overflowed;
    }
}

fn note_imported(table: &mut Table, imported: Vec<(String, Import)>) {
    for (stream, import) in imported {
        if import.code != 0 {
            tracing::warn!(stream, code = import.code, said = import.said, "a pouch that arrived was not imported");
        }
        if let Some(arrived) = table.arrived.iter_mut().rev().find(|arrived| arrived.stream == stream) {
            arrived.import = Some(import);
        }
    }
}

fn disk(shared: &Shared) -> Disk {
    let free = shared.root.free_bytes().unwrap_or_default();
    let used = quarantine::used(&shared.root).unwrap_or_default();
    Disk { free, used, share: share(free, used, &shared.settings) }
}

fn lanes(table: &Table) -> Vec<Lane> {
    let lost = table.sums().lost;
    let below: u64 = table.lanes.iter().map(|lane| lane.losses.overflowed() + lane.losses.card()).sum();
    // Numbers run over all lanes: which of several lanes lost one, only how little came on it tells.
    let most = table.lanes.iter().map(|lane| lane.datagrams).max().unwrap_or_default();
    let short: u64 = table.lanes.iter().map(|lane| most - lane.datagrams).sum();
    let wire = lost.saturating_sub(below);
    let count = table.lanes.len().max(1) as u64;
    let share = |lane: u64| match short {
        0 => wire / count,
        _ => u64::try_from(u128::from(wire) * u128::from(most - lane) / u128::from(short)).unwrap_or(u64::MAX),
    };
    let lane = |lane: &super::table::LaneCounts| Lane {
        listen: lane.listen.clone(),
        datagrams: lane.datagrams,
        overflowed: lane.losses.overflowed(),
        card: lane.losses.card(),
        wire: share(lane.datagrams),
    };
    table.lanes.iter().map(lane).collect()
}

fn state(session: &Session, now: Instant) -> State {
    let (there, blocks) = (session.states.complete() + session.states.unverified(), session.states.blocks());
    if session.full.is_some() {
        State::NoSpace
    } else if there == blocks {
        State::Verifying
    } else if session.over(now) && session.jobs == 0 {
        State::Incomplete
    } else {
        State::Receiving
    }
}

/// Once a report, not once a block: whoever can send symbols must not fill the log.
fn log_flawed(session: &mut Session) {
    let blocks = session.counts.flawed.saturating_sub(session.told_flawed);
    if blocks > 0 {
        session.told_flawed = session.counts.flawed;
        tracing::warn!(
            rule = "LINK-BLOCK", stream = quarantine::name(session.id), registry = %session.stream.pouch.registry,
            sequence = session.stream.pouch.sequence, blocks, "blocks have a wrong hash; they are collected again"
        );
    }
}

fn progress(session: &mut Session, rate: u64, now: Instant, at: Timestamp) -> Progress {
    let state = state(session, now);
    let layout = &session.stream.layout;
    let (blocks, complete) = (session.states.blocks(), session.states.complete());
    let left = u128::from(layout.length()) * u128::from(blocks - complete) / u128::from(blocks) * 8;
    let remaining = left.checked_div(u128::from(rate)).filter(|_| state == State::Receiving);
    let silent = now.saturating_duration_since(session.latest);
    let missing = (state == State::Incomplete).then(|| session.missing());
    if let Some((code, symbols)) = &missing
        && !session.told
    {
        session.told = true;
        tracing::warn!(
            rule = alarm::INCOMPLETE, stream = quarantine::name(session.id), registry = %session.stream.pouch.registry,
            sequence = session.stream.pouch.sequence, missing_blocks = session.states.lacking(blocks), symbols,
            code, "a pass ended and something is missing: at the sender, pouch-send send --only CODE"
        );
    }
    Progress {
        stream: quarantine::name(session.id),
        pouch: session.stream.pouch.to_string(),
        state,
        length: session.stream.layout.length(),
        blocks,
        complete,
        round: session.round,
        rounds: session.pass.map_or(0, |pass| pass.rounds),
        since: session.since,
        latest: at.checked_sub(silent).unwrap_or(at),
        rate,
        remaining: remaining.and_then(|seconds| u64::try_from(seconds).ok()),
        received: session.counts.received,
        lost: session.counts.lost,
        repaired: session.counts.repaired,
        lost_blocks: session.lost_blocks(),
        flawed: session.counts.flawed,
        positions: session.counts.positions.to_vec(),
        missing: missing.map(|(code, _)| code),
    }
}

fn alarm_of(session: &mut Session, progress: &Progress, at: Timestamp) -> Option<Alarm> {
    let (id, text) = match progress.state {
        State::Receiving | State::Verifying => {
            session.alarmed = None;
            return None;
        }
        State::Incomplete => {
            let missing = session.states.lacking(progress.blocks);
            let code = progress.missing.as_deref().unwrap_or("(see pouch-receive missing)");
            let text = format!(
                "{}: {missing} of {} blocks are missing; at the sender: pouch-send send --only {code}",
                progress.pouch, progress.blocks
            );
            (alarm::INCOMPLETE, text)
        }
        State::NoSpace => {
            let why = session.full.as_ref().map_or("", |(why, _)| why);
            (alarm::SPACE, format!("{} is paused, the disk takes no more: {why}", progress.pouch))
        }
    };
    let since = *session.alarmed.get_or_insert(at);
    Some(Alarm { id: id.to_owned(), text, since })
}
