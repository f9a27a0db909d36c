//! One stream that is being received.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use pouch_carry::Context;
use pouch_carry::resume::BlockRecord;

use super::account::{Counts, Transmission};
use super::open::{Doing, Ground, Open, Taken};
use super::stage::{self, Pool};
use super::states::{BlockState, States};
use super::store::Store;
use crate::announcement::{Announcement, Pass, Phase, Stream};
use crate::datagram::{Head, REPAIR};

/// Open blocks of a stream at most: two windows of the deepest interleave.
const OPEN_MOST: u32 = 2048;

/// What became of a datagram of a known stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was new.
    New,
    /// It was new, and its block can be restored now.
    Ready,
    /// It was not needed.
    Unneeded,
    /// It cannot be of this stream, or the stream takes none now.
    Refused,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: u64,
    pub(crate) stream: Stream,
    pub(super) context: Context,
    pub(crate) store: Arc<Store>,
    pub(crate) states: States,
    pub(super) opens: Vec<Option<Box<Open>>>,
    pub(super) symbol: usize,
    group: u16,
    serials: u64,
    pub(super) transmissions: Vec<Transmission>,
    pub(crate) pass: Option<Pass>,
    pub(crate) round: u16,
    /// Blocks of which no symbol is expected any more in the pass under way: those before this one.
    pub(crate) passed: u32,
    pub(crate) counts: Counts,
    pub(crate) since: Timestamp,
    pub(crate) latest: Instant,
    /// When its latest symbol came that was new; at first, when it began.
    pub(super) fed: Instant,
    /// Whether the end of the latest pass was announced.
    pub(crate) ended: bool,
    /// Whether a process before this one received it, and nothing came since.
    pub(crate) resumed: bool,
    /// What the disk said, and when, if it takes no more.
    pub(crate) full: Option<(String, Instant)>,
    /// Blocks that are ready or in work.
    pub(crate) jobs: u32,
    /// Blocks that became complete since the files were made durable.
    pub(crate) fresh: u32,
    /// Whether its announcement is durable.
    pub(crate) anchored: bool,
    pub(super) verify_from: u32,
    /// All is there and it is being published: nothing is taken any more.
    pub(crate) closing: bool,
    /// The announcement's last word on what is missing has been logged.
    pub(crate) told: bool,
    /// Blocks with a wrong hash that have been logged.
    pub(crate) told_flawed: u64,
    /// Since when it is an alarm.
    pub(crate) alarmed: Option<Timestamp>,
    /// What was missing at these counts: its code, and how many symbols.
    pub(super) missing: ((u64, u64, u32), String, u64),
}

impl Session {
    pub(crate) fn new(stream: Stream, store: Store, since: Timestamp, now: Instant) -> Self {
        let blocks = stream.layout.blocks();
        let symbol = usize::from(stream.layout.shape().symbol());
        let opens = blocks.min(OPEN_MOST).next_power_of_two() as usize;
        Self {
            id: stream.id(),
            context: stream.context(),
            stream,
            store: Arc::new(store),
            states: States::new(blocks),
            opens: std::iter::repeat_with(|| None).take(opens).collect(),
            symbol,
            group: stage::symbols(symbol),
            serials: 0,
            transmissions: Vec::new(),
            pass: None,
            round: 0,
            passed: 0,
            counts: Counts::default(),
            since,
            latest: now,
            fed: now,
            ended: false,
            resumed: false,
            full: None,
            jobs: 0,
            fresh: 0,
            anchored: false,
            verify_from: 0,
            closing: false,
            told: false,
            told_flawed: 0,
            alarmed: None,
            missing: ((u64::MAX, 0, 0), String::new(), 0),
        }
    }

    /// Whether a datagram may be of this stream.
    pub(crate) const fn fits(&self, head: &Head) -> bool {
        head.length == self.stream.layout.length()
    }

    /// Takes note of an announcement of this stream.
    pub(crate) fn announced(&mut self, head: &Head, announcement: &Announcement, now: Instant) {
        self.note(head, now);
        self.pass = Some(announcement.pass);
        let latest = self.transmissions.last().is_some_and(|last| last.id == head.transmission);
        if announcement.pass.phase == Phase::End && latest {
            self.ended = true;
        }
    }

    /// Takes a symbol.
    pub(crate) fn symbol(&mut self, head: &Head, payload: &[u8], pool: &mut Pool, tick: u32, now: Instant) -> Outcome {
        self.note(head, now);
        if payload.len() != self.symbol || self.full.is_some() || head.block >= self.states.blocks() {
            return Outcome::Refused;
        }
        if matches!(self.states.get(head.block), BlockState::Complete | BlockState::Unverified) || self.closing {
            return Outcome::Unneeded;
        }
        let taken = match self.open(head.block, pool) {
            Ok(Some(())) => self.collect(head, payload, pool, tick),
            Ok(None) => return Outcome::Unneeded,
            Err(error) => Err(error),
        };
        match taken {
            Ok(Some(Taken::Unneeded)) => Outcome::Unneeded,
            Ok(Some(new)) => {
                self.counts.bits += 8 * payload.len() as u64;
                self.fed = now;
                if new == Taken::New {
                    return Outcome::New;
                }
                self.jobs += 1;
                Outcome::Ready
            }
            Ok(None) => Outcome::Refused,
            Err(error) => {
                self.disk_failed(&error, now);
                Outcome::Refused
            }
        }
    }

    fn collect(&mut self, head: &Head, payload: &[u8], pool: &mut Pool, tick: u32) -> io::Result<Option<Taken>> {
        let slot = self.slot(head.block);
        let Some(Some(open)) = self.opens.get_mut(slot) else { return Ok(None) };
        open.touched = tick;
        let mut ground = Ground { store: &self.store, pool, symbol: self.symbol, group: self.group };
        if head.index & REPAIR != 0 {
            let index = head.index & !REPAIR;
            if index >= pouch_carry::REPAIR_MOST {
                return Ok(None);
            }
            return open.repair(index, payload, &mut ground).map(Some);
        }
        if head.index >= open.block.symbols {
            return Ok(None);
        }
        open.source(head.index, payload, &mut ground).map(Some)
    }

    /// Where an open block stands. Two that would stand at the same place are never open together.
    pub(super) fn slot(&self, number: u32) -> usize {
        number as usize & (self.opens.len() - 1)
    }

    pub(super) fn open_mut(&mut self, number: u32) -> Option<&mut Box<Open>> {
        let slot = self.slot(number);
        self.opens.get_mut(slot)?.as_mut().filter(|open| open.block.number == number)
    }

    /// Opens a block, unless it is; says whether it is. What stands in its way is put away, unless a worker has it.
    fn open(&mut self, number: u32, pool: &mut Pool) -> io::Result<Option<()>> {
        let slot = self.slot(number);
        if let Some(open) = self.opens.get(slot).and_then(Option::as_deref) {
            if open.block.number == number {
                return Ok(Some(()));
            }
            if open.doing == Doing::Working || !self.put_away(slot, pool)? {
                return Ok(None);
            }
        }
        let Some(block) = self.stream.layout.block(number) else { return Ok(None) };
        let known = match self.states.get(number) {
            BlockState::Partial => self.store.record(number)?,
            _ => None,
        };
        self.states.set(number, BlockState::Partial);
        self.serials += 1;
        let open = Open::new(block, known.as_ref(), self.serials);
        if let Some(place) = self.opens.get_mut(slot) {
            *place = Some(Box::new(open));
        }
        Ok(Some(()))
    }

    /// Writes what is known of an open block to its record and closes it; says whether it did.
    fn put_away(&mut self, slot: usize, pool: &mut Pool) -> io::Result<bool> {
        let Some(Some(open)) = self.opens.get_mut(slot) else { return Ok(true) };
        let whole = open.have.count() == open.block.symbols;
        if open.doing == Doing::Ready && !whole {
            // Its repair symbols would be lost.
            return Ok(false);
        }
        let mut ground = Ground { store: &self.store, pool, symbol: self.symbol, group: self.group };
        open.flush(&mut ground)?;
        self.store.put_record(open.block.number, Some(&open.record()))?;
        let (number, ready) = (open.block.number, open.doing == Doing::Ready);
        if ready {
            self.jobs = self.jobs.saturating_sub(1);
        }
        if whole {
            self.states.set(number, BlockState::Unverified);
            self.verify_from = self.verify_from.min(number);
        }
        if let Some(open) = self.opens.get_mut(slot).and_then(Option::take) {
            open.close(pool);
        }
        Ok(true)
    }

    /// The disk takes no more: nothing is taken until there is room.
    pub(crate) fn disk_failed(&mut self, error: &io::Error, now: Instant) {
        if self.full.is_none() {
            tracing::warn!(
                stream = format_args!("{:016x}", self.id), registry = %self.stream.pouch.registry,
                sequence = self.stream.pouch.sequence, %error, "the disk takes no more of a stream; it is paused"
            );
            self.full = Some((error.to_string(), now));
        }
    }

    /// Writes what blocks have staged that no symbol came for since before `tick`; all of them if there is none.
    pub(crate) fn flush(&mut self, tick: Option<u32>, pool: &mut Pool) -> io::Result<()> {
        let mut ground = Ground { store: &self.store, pool, symbol: self.symbol, group: self.group };
        let old = |open: &&mut Box<Open>| tick.is_none_or(|tick| open.touched < tick);
        for open in self.opens.iter_mut().flatten().filter(old) {
            open.flush(&mut ground)?;
        }
        Ok(())
    }

    /// The records of open blocks that changed, each with the serial of its opening.
    pub(crate) fn changed(&mut self) -> Vec<(u64, u32, BlockRecord)> {
        let dirty = self.opens.iter_mut().flatten().filter(|open| open.dirty && open.doing != Doing::Working);
        dirty
            .map(|open| {
                // What is staged is not in the record yet.
                open.dirty = open.is_staged();
                (open.serial, open.block.number, open.record())
            })
            .collect()
    }

    /// Writes records taken by [`Session::changed`] of blocks that are still open.
    pub(crate) fn put_records(&mut self, records: &[(u64, u32, BlockRecord)]) -> io::Result<()> {
        for (serial, number, record) in records {
            let same = |open: &&mut Box<Open>| open.serial == *serial && open.doing != Doing::Working;
            if self.open_mut(*number).filter(same).is_some() {
                self.store.put_record(*number, Some(record))?;
            }
        }
        Ok(())
    }
}
