//! All that lanes, workers, keeper and reporter share, behind one lock.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pouch_platform::Dir;

use super::account::Counts;
use super::alarm::{self, Alarms};
use super::displace::Claims;
use super::jobs::Job;
use super::quarantine::{self, ANNOUNCEMENT, Finished, STREAMS};
use super::report::{Arrived, Beat, Datagrams};
use super::session::{Outcome, Session};
use super::settings::Settings;
use super::stage::Pool;
use super::store::Store;
use crate::announcement::{Announcement, Stream};
use crate::datagram::{Datagram, Kind};
use crate::heartbeat::Heartbeat;
use crate::lower::Losses;

/// Blocks of a stream at most: what is kept of each is a quarter of a byte in memory and a record on the disk.
pub(crate) const BLOCKS_MOST: u32 = 1 << 22;
/// How long a refused announcement is refused without a second look.
const REFUSED_FOR: Duration = Duration::from_secs(2);

/// Why a stream was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSession {
    #[error("it has {found} bytes or too many blocks; {most} bytes are allowed")]
    Size { found: u64, most: u64 },
    #[error("{most} streams are unfinished, and no more are allowed")]
    Streams { most: u16 },
    #[error("it needs {needed} bytes, and the quarantine has room for {room}")]
    Space { needed: u64, room: u64 },
    #[error("the disk refuses: {0}")]
    Disk(String),
}

impl NoSession {
    pub(crate) const fn id(&self) -> &'static str {
        match self {
            Self::Size { .. } => alarm::SIZE,
            Self::Streams { .. } => alarm::STREAMS,
            Self::Space { .. } | Self::Disk(_) => alarm::SPACE,
        }
    }
}

/// Sums since the receiver started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    /// Of streams that are finished.
    pub(crate) lost: u64,
    pub(crate) repaired: u64,
    pub(crate) flawed: u64,
    pub(crate) bits: u64,
    /// Pouches that arrived whole.
    pub(crate) arrived: u64,
    /// Announcements refused, by rule.
    pub(crate) refused: [(&'static str, u64); 4],
}

/// One lane, as it is counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaneCounts {
    pub(crate) listen: String,
    pub(crate) datagrams: u64,
    pub(crate) losses: Losses,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) sessions: Vec<Session>,
    pub(crate) finished: Finished,
    pub(crate) ready: VecDeque<(u64, u32)>,
    pub(crate) pool: Pool,
    pub(crate) datagrams: Datagrams,
    pub(crate) lanes: Vec<LaneCounts>,
    pub(crate) totals: Totals,
    pub(crate) alarms: Alarms,
    pub(crate) beat: Option<Beat>,
    pub(crate) arrived: Vec<Arrived>,
    /// When the latest datagram of the link came.
    pub(crate) heard: Instant,
    /// The keeper's clock.
    pub(crate) tick: u32,
    claims: Claims,
    /// The latest announcement refused, and when.
    refused: Option<(u64, Instant)>,
    /// What did not fit the disk lately, and when.
    tight: Option<(u64, Instant)>,
}

/// The table, its lock, and who waits for it.
#[derive(Debug)]
pub(crate) struct Shared {
    table: Mutex<Table>,
    pub(crate) work: Condvar,
    pub(crate) stop: &'static AtomicBool,
    pub(crate) root: Dir,
    pub(crate) settings: Settings,
    pub(crate) since: Timestamp,
}

impl Shared {
    pub(crate) fn new(table: Table, root: Dir, settings: Settings, stop: &'static AtomicBool) -> Self {
        let (work, since) = (Condvar::new(), Timestamp::now());
        Self { table: Mutex::new(table), work, stop, root, settings, since }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Table> {
        // What a thread that died left is counters and places in a file: every block is checked before it counts.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The next job; waits a little for one.
    pub(crate) fn next_job(&self) -> Option<Job> {
        let mut table = self.lock();
        for waited in [false, true] {
            if let Some(job) = table.job() {
                return Some(job);
            }
            if !waited {
                let wait = self.work.wait_timeout(table, Duration::from_millis(100));
                table = wait.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        None
    }
}

impl Table {
    pub(crate) fn new(finished: Finished, lanes: Vec<LaneCounts>, arrived: Vec<Arrived>) -> Self {
        let refused = [alarm::SIZE, alarm::STREAMS, alarm::SPACE, alarm::STREAM].map(|id| (id, 0));
        Self {
            sessions: Vec::new(),
            finished,
            ready: VecDeque::new(),
            pool: Pool::new(),
            datagrams: Datagrams::default(),
            lanes,
            totals: Totals { refused, ..Totals::default() },
            alarms: Alarms::default(),
            beat: None,
            arrived,
            heard: Instant::now(),
            tick: 0,
            claims: Claims::default(),
            refused: None,
            tight: None,
        }
    }

    pub(crate) fn session(&mut self, id: u64) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }

    fn job(&mut self) -> Option<Job> {
        while let Some((stream, block)) = self.ready.pop_front() {
            if let Some(job) = self.session(stream).and_then(|session| session.job(block)) {
                return Some(job);
            }
        }
        self.sessions.iter_mut().find_map(Session::verification)
    }

    /// Takes datagrams whose tags were right; says how many blocks became ready.
    pub(crate) fn take<'a>(
        &mut self,
        datagrams: impl Iterator<Item = &'a Datagram<'a>>,
        shared: &Shared,
        now: Instant,
    ) -> usize {
        let before = self.ready.len();
        for datagram in datagrams {
            self.heard = now;
            match datagram.head.kind {
                Kind::Symbol => self.symbol(datagram, now),
                Kind::Announcement => self.announcement(datagram, shared, now),
                Kind::Heartbeat => self.heartbeat(datagram),
            }
        }
        self.ready.len() - before
    }

    fn symbol(&mut self, datagram: &Datagram<'_>, now: Instant) {
        let head = &datagram.head;
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == head.stream && session.fits(head))
        else {
            if self.finished.has(head.stream) {
                self.datagrams.duplicate += 1;
            } else {
                self.datagrams.unknown += 1;
                self.claims.add(head.stream);
            }
            return;
        };
        match session.symbol(head, datagram.payload, &mut self.pool, self.tick, now) {
            Outcome::New => {}
            Outcome::Ready => self.ready.push_back((head.stream, head.block)),
            Outcome::Unneeded => self.datagrams.duplicate += 1,
            Outcome::Refused => self.datagrams.unknown += 1,
        }
    }

    fn heartbeat(&mut self, datagram: &Datagram<'_>) {
        let Ok(beat) = Heartbeat::read(datagram.payload) else {
            self.datagrams.foreign += 1;
            return;
        };
        let clock = Timestamp::from_nanosecond(i128::from(beat.clock)).unwrap_or_default();
        let last = beat.last.map(|(_, pouch)| pouch.to_string());
        self.beat = Some(Beat { at: Timestamp::now(), clock, busy: beat.busy, waiting: beat.waiting, last });
    }

    fn announcement(&mut self, datagram: &Datagram<'_>, shared: &Shared, now: Instant) {
        let head = &datagram.head;
        let announcement = match Announcement::read(datagram.payload, head.stream) {
            Ok(announcement) if announcement.stream.layout.length() == head.length => announcement,
            _ => {
                self.datagrams.foreign += 1;
                return;
            }
        };
        if self.finished.has(head.stream) {
            self.datagrams.duplicate += 1;
            return;
        }
        if let Some(session) = self.session(head.stream) {
            if session.stream == announcement.stream {
                session.announced(head, &announcement, now);
            } else {
                self.datagrams.unknown += 1;
                self.refuse(alarm::STREAM, &announcement.stream, || "another stream has its name".to_owned(), now);
            }
            return;
        }
        let claimed = self.claims.has(head.stream);
        let lately = |(id, at)| id == head.stream && now.saturating_duration_since(at) < REFUSED_FOR;
        if !claimed && self.refused.is_some_and(lately) {
            self.datagrams.unknown += 1;
            return;
        }
        let mut admitted = self.admit(&announcement.stream, datagram.payload, shared, now);
        while let Err(refusal) = &admitted
            && claimed
            && refusal.for_want_of_a_place()
            && self.displace(shared, now)
        {
            self.tight = None;
            admitted = self.admit(&announcement.stream, datagram.payload, shared, now);
        }
        match admitted {
            Ok(mut session) => {
                session.announced(head, &announcement, now);
                tracing::info!(
                    stream = format_args!("{:016x}", session.id), registry = %session.stream.pouch.registry,
                    sequence = session.stream.pouch.sequence, bytes = head.length, "a stream begins"
                );
                let name = quarantine::name(session.id);
                [alarm::STREAMS, alarm::SPACE].iter().for_each(|id| self.alarms.clear(id, &name));
                self.sessions.push(session);
            }
            Err(refusal) => {
                self.datagrams.unknown += 1;
                self.refused = Some((head.stream, now));
                self.refuse(refusal.id(), &announcement.stream, || refusal.to_string(), now);
            }
        }
    }

    /// Counts a refusal and raises its alarm.
    fn refuse(&mut self, id: &'static str, stream: &Stream, why: impl FnOnce() -> String, now: Instant) {
        for (_, count) in self.totals.refused.iter_mut().filter(|(known, _)| *known == id) {
            *count += 1;
        }
        let subject = quarantine::name(stream.id());
        let why = why();
        let text = || format!("stream {subject} of {} is refused: {why}", stream.pouch);
        if self.alarms.raise(id, &subject, text, now) {
            tracing::warn!(
                rule = id, stream = subject, registry = %stream.pouch.registry, sequence = stream.pouch.sequence,
                "a stream is refused: {why}"
            );
        }
    }

    fn admit(&mut self, stream: &Stream, payload: &[u8], shared: &Shared, now: Instant) -> Result<Session, NoSession> {
        let (settings, root) = (&shared.settings, &shared.root);
        let (length, blocks) = (stream.layout.length(), stream.layout.blocks());
        if length > settings.stream_bytes || blocks > BLOCKS_MOST {
            return Err(NoSession::Size { found: length, most: settings.stream_bytes });
        }
        if self.sessions.len() >= usize::from(settings.streams) {
            return Err(NoSession::Streams { most: settings.streams });
        }
        // Whoever announces a lot must not have the disk looked at each time.
        let lately = |at: Instant| now.saturating_duration_since(at) < REFUSED_FOR;
        if let Some((room, _)) = self.tight.filter(|(room, at)| length > *room && lately(*at)) {
            return Err(NoSession::Space { needed: length, room });
        }
        let room = room(root, settings).map_err(|error| NoSession::Disk(error.to_string()))?;
        if length > room {
            self.tight = Some((room, now));
            return Err(NoSession::Space { needed: length, room });
        }
        let name = format!("{STREAMS}/{}", quarantine::name(stream.id()));
        let made = make(root, &name, stream, payload);
        made.map(|store| Session::new(stream.clone(), store, Timestamp::now(), now)).map_err(|error| {
            // What is left of it would be taken for a stream after a restart.
            let _ = root.remove_tree(&name);
            NoSession::Disk(error.to_string())
        })
    }

    /// What is counted of finished streams and of those under way.
    pub(crate) fn sums(&self) -> Totals {
        let mut sums = self.totals.clone();
        for session in &self.sessions {
            sums.add(&session.counts);
        }
        sums
    }
}

impl Totals {
    pub(crate) const fn add(&mut self, counts: &Counts) {
        self.lost = self.lost.saturating_add(counts.lost);
        self.repaired += counts.repaired;
        self.flawed += counts.flawed;
        self.bits += counts.bits;
    }
}

/// Bytes that the quarantine may take in all.
pub(crate) fn share(free: u64, used: u64, settings: &Settings) -> u64 {
    free.saturating_add(used) / 100 * u64::from(settings.share)
}

fn room(root: &Dir, settings: &Settings) -> Result<u64, pouch_platform::DirError> {
    let (free, used) = (root.free_bytes()?, quarantine::used(root)?);
    Ok(share(free, used, settings).saturating_sub(used).min(free))
}

/// Makes a stream's directory and its files, the announcement last: without it a directory is a leftover.
fn make(root: &Dir, name: &str, stream: &Stream, payload: &[u8]) -> std::io::Result<Store> {
    use std::io::{Error, Write as _};
    let dir = root.create_dir(name).map_err(Error::other)?;
    let store = Store::open(&dir).map_err(Error::other)?;
    store.reserve(stream.layout.length(), stream.layout.blocks())?;
    let mut file = dir.create_new(ANNOUNCEMENT).map_err(Error::other)?;
    file.write_all(payload)?;
    Ok(store)
}
