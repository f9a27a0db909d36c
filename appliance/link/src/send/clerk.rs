//! Watches the spool: which pouch goes next, what was sent, what a person has to know.
//!
//! Everything here touches the disk and may take its time; what sends is another thread, the engine's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pouch_format::PouchId;
use pouch_platform::{Dir, DirError};

use super::config::Config;
use super::engine::{Ended, Progress, Totals};
use super::lanes::LaneState;
use super::plan::{Plan, PlanError};
use super::prepare::Outgoing;
use super::report::{Lane, Report, Sending, Sent};
use super::sent::{Entry, SentError, SentLog};
use super::stream::{PouchStream, StreamError};
use crate::receive::report::Alarm;

/// After so long a pouch that could not be sent is tried again.
const AGAIN: Duration = Duration::from_secs(60);
/// Most names and failures that are remembered to be said once.
const REMEMBERED: usize = 1024;
/// Latest pouches in the report.
const LATEST: usize = 16;

/// Why a pouch cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// It cannot be read.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// It cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// A pouch to be sent now, and its weight.
pub type Start = (Arc<Outgoing>, u32);

/// What the engine's thread tells of itself, once a second.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The links.
    pub lanes: Vec<LaneState>,
    /// Pouches under way.
    pub progress: Vec<Progress>,
    /// What was sent.
    pub totals: Totals,
}

/// The clerk.
pub struct Clerk {
    config: Config,
    largest: usize,
    spool: Dir,
    state: Dir,
    log: SentLog,
    waiting: BTreeSet<PouchId>,
    active: BTreeSet<PouchId>,
    /// Pouches that could not be sent: when to try again, and since when and why.
    failed: BTreeMap<PouchId, (Timestamp, Alarm)>,
    /// Names that are no pouches, said once.
    foreign: BTreeSet<String>,
    unreadable: Option<Alarm>,
    /// That it cannot be written down what was sent.
    unsaved: Option<Alarm>,
    since: Timestamp,
    failures: u64,
}

impl Clerk {
    /// A clerk at a spool, which must be there, and a state directory, which is made if it is not. Datagrams have at most
    /// `largest` bytes.
    ///
    /// # Errors
    /// [`SentError`].
    pub fn open(config: Config, largest: usize) -> Result<Self, SentError> {
        let (spool, state) = (Dir::open(&config.spool)?, Dir::open_private(&config.state)?);
        let log = SentLog::open(state.try_clone()?)?;
        Ok(Self {
            config,
            largest,
            spool,
            state,
            log,
            waiting: BTreeSet::new(),
            active: BTreeSet::new(),
            failed: BTreeMap::new(),
            foreign: BTreeSet::new(),
            unreadable: None,
            unsaved: None,
            since: Timestamp::now(),
            failures: 0,
        })
    }

    /// How many pouches wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Looks into the spool, and says which pouches to start now.
    pub fn poll(&mut self) -> Vec<Start> {
        drop(self.save());
        match self.list() {
            Ok(found) => {
                self.unreadable = None;
                self.note(found);
            }
            Err(error) => {
                let text = format!("the spool cannot be read: {error}");
                if self.unreadable.is_none() {
                    tracing::error!(rule = "LINK-SPOOL", %error, "the spool cannot be read");
                }
                let since = self.unreadable.take().map_or_else(Timestamp::now, |alarm| alarm.since);
                self.unreadable = Some(Alarm { id: "LINK-SPOOL".to_owned(), text, since });
            }
        }
        let mut start = Vec::new();
        while let Some(next) = self.next() {
            self.waiting.remove(&next);
            match self.take(&next) {
                Ok(outgoing) => {
                    tracing::info!(pouch = %next, stream = format!("{:016x}", outgoing.id()), "sending");
                    start.push((Arc::new(outgoing), self.config.weight(&next.registry)));
                    self.active.insert(next);
                }
                Err(error) => self.fail(next, &error),
            }
        }
        start
    }

    /// The pouches in the spool.
    fn list(&mut self) -> Result<BTreeSet<PouchId>, DirError> {
        let mut found = BTreeSet::new();
        for entry in self.spool.entries()? {
            let name = entry?.name;
            match name.to_str().and_then(|name| name.parse().ok()) {
                Some(pouch) => drop(found.insert(pouch)),
                // What is hidden is being made, or waits for signatures.
                None if name.as_encoded_bytes().starts_with(b".") => {}
                None => self.say_foreign(name.to_string_lossy().into_owned()),
            }
        }
        Ok(found)
    }

    fn say_foreign(&mut self, name: String) {
        if self.foreign.len() < REMEMBERED && !self.foreign.contains(&name) {
            tracing::warn!(rule = "LINK-SPOOL", name = %name.escape_debug(), "not the name of a pouch; it is ignored");
            self.foreign.insert(name);
        }
    }

    /// Compares what is there with what is known.
    fn note(&mut self, found: BTreeSet<PouchId>) {
        for gone in self.waiting.difference(&found) {
            tracing::warn!(rule = "LINK-SPOOL", pouch = %gone, "vanished before it was sent");
            self.failures += 1;
        }
        self.waiting.retain(|pouch| found.contains(pouch));
        self.failed.retain(|pouch, _| found.contains(pouch));
        self.log.forget(|name| name.parse().is_ok_and(|pouch: PouchId| found.contains(&pouch)));
        let now = Timestamp::now();
        let new = found.into_iter().filter(|pouch| {
            let later = self.failed.get(pouch).is_some_and(|(again, _)| now < *again);
            !later && !self.active.contains(pouch) && !self.log.has(&pouch.to_string())
        });
        self.waiting.extend(new.collect::<Vec<_>>());
    }

    /// The next pouch to start: of those registries that send nothing the heaviest, and of it the oldest pouch. One that
    /// is heavier than all that are under way starts beyond the limit, so that nothing large can hold it up.
    fn next(&self) -> Option<PouchId> {
        let weight = |pouch: &PouchId| self.config.weight(&pouch.registry);
        let busy = |pouch: &&PouchId| self.active.iter().any(|active| active.registry == pouch.registry);
        let candidates = self.waiting.iter().filter(|pouch| !busy(pouch));
        // Of equals the first, which is the oldest of its registry.
        let next = candidates.min_by_key(|pouch| u32::MAX - weight(pouch))?;
        let most = usize::from(self.config.streams);
        let urgent = self.active.len() == most && self.active.iter().all(|active| weight(active) < weight(next));
        (self.active.len() < most || urgent).then(|| next.clone())
    }

    fn take(&self, pouch: &PouchId) -> Result<Outgoing, TakeError> {
        let dir = self.spool.subdir(pouch.to_string()).map_err(StreamError::from)?;
        let source = PouchStream::open(dir)?;
        let plan = Plan::whole(source.length(), &self.config.settings(self.largest))?;
        Ok(Outgoing::new(source, plan))
    }

    /// A pouch is not under way any more.
    pub fn ended(&mut self, ended: &Ended) {
        let stream = ended.outgoing.stream();
        let (pouch, name) = (stream.pouch.clone(), format!("{:016x}", ended.outgoing.id()));
        self.active.remove(&pouch);
        if let Some(error) = &ended.error {
            self.fail(pouch, error);
            return;
        }
        tracing::info!(pouch = %pouch, stream = name, datagrams = ended.sent.datagrams, "sent");
        let at = Timestamp::now();
        self.log.push(Entry { pouch: pouch.to_string(), manifest: stream.manifest, stream: name, at });
        drop(self.save());
    }

    /// Writes down what was sent. While that fails it is an alarm and tried again at each look into the spool: a sender that
    /// ended would only send the same once more.
    ///
    /// # Errors
    /// [`SentError`].
    pub fn save(&mut self) -> Result<(), SentError> {
        let saved = self.log.save();
        match (&saved, &self.unsaved) {
            (Ok(()), _) => self.unsaved = None,
            (Err(_), Some(_)) => {}
            (Err(error), None) => {
                let text = format!("what was sent cannot be written down, a restart would send it again: {error}");
                tracing::error!(rule = "LINK-STATE", %error, "what was sent cannot be written down");
                self.unsaved = Some(Alarm { id: "LINK-STATE".to_owned(), text, since: Timestamp::now() });
            }
        }
        saved
    }

    fn fail(&mut self, pouch: PouchId, error: &dyn std::error::Error) {
        tracing::error!(rule = "LINK-POUCH", pouch = %pouch, %error, "not sent; it is tried again in a minute");
        self.failures += 1;
        let now = Timestamp::now();
        let since = self.failed.get(&pouch).map_or(now, |(_, alarm)| alarm.since);
        let alarm = Alarm { id: "LINK-POUCH".to_owned(), text: format!("{pouch} was not sent: {error}"), since };
        let again = now.checked_add(AGAIN).unwrap_or(now);
        if self.failed.len() < REMEMBERED {
            self.failed.insert(pouch, (again, alarm));
        }
    }

    /// What there is to say now.
    #[must_use]
    pub fn report(&self, snapshot: &Snapshot) -> Report {
        let now = Timestamp::now();
        let down = |lane: &LaneState| {
            let since = now.checked_sub(SignedDuration::try_from(lane.down?).ok()?).ok()?;
            let text = format!("{} fails; look at the cable and the interface", lane.name);
            Some(Alarm { id: "LINK-LANE".to_owned(), text, since })
        };
        let alarms =
            self.unreadable.iter().chain(&self.unsaved).chain(self.failed.values().map(|(_, alarm)| alarm)).cloned();
        let lane = |lane: &LaneState| Lane {
            to: lane.name.clone(),
            works: lane.down.is_none(),
            datagrams: lane.datagrams,
            failures: lane.failures,
        };
        let sending = |progress: &Progress| Sending {
            pouch: progress.pouch.to_string(),
            stream: format!("{:016x}", progress.stream),
            round: progress.round,
            rounds: progress.rounds,
            symbols: progress.symbols,
            sent: progress.sent.symbols,
            weight: progress.weight,
            remaining: progress.remaining().map(|time| time.as_secs()),
        };
        let sent = |entry: &Entry| Sent { pouch: entry.pouch.clone(), stream: entry.stream.clone(), at: entry.at };
        Report {
            since: self.since,
            updated: now,
            lanes: snapshot.lanes.iter().map(lane).collect(),
            sending: snapshot.progress.iter().map(sending).collect(),
            waiting: self.waiting.iter().map(ToString::to_string).collect(),
            sent: self.log.latest(LATEST).iter().map(sent).collect(),
            alarms: snapshot.lanes.iter().filter_map(down).chain(alarms).collect(),
            pouches: snapshot.totals.pouches,
            failed: self.failures,
            datagrams: snapshot.totals.datagrams,
            heartbeats: snapshot.totals.heartbeats,
            bits: snapshot.totals.bits,
        }
    }

    /// Writes the report, at once and whole.
    ///
    /// # Errors
    /// [`DirError`].
    pub fn write(&self, report: &Report) -> Result<(), DirError> {
        let json = serde_json::to_vec_pretty(report).unwrap_or_default();
        self.state.replace_file(STATUS, &json)?;
        self.state.replace_file("metrics.prom", report.metrics().as_bytes())
    }
}

/// The report's file in the state directory.
pub const STATUS: &str = "status.json";
