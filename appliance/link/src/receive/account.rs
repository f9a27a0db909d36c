//! What is counted of a stream: what came, what is lost, what is missing.

use std::time::{Duration, Instant};

use pouch_carry::missing::Gaps;

use super::open::Doing;
use super::sequence::{Came, Sequence};
use super::session::Session;
use super::states::BlockState;
use crate::datagram::{Head, Kind};

/// Transmissions of a stream whose numbers are counted at a time.
const TRANSMISSIONS: usize = 4;
/// Parts of a stream for which lost datagrams are counted.
const PARTS: usize = 64;
/// Missing blocks that are told apart: more ask for a whole pass.
const LACKS: usize = 1 << 16;
/// How long after the end of a pass a datagram of it may still come.
const GRACE: Duration = Duration::from_secs(1);
/// After how long without a datagram a pass is over, though its end was not announced: a report is at most a second later,
/// and within five a person is to know. Announcements come every 100 ms.
const STALL: Duration = Duration::from_millis(3_500);

/// A pass of a sender.
#[derive(Debug)]
pub(crate) struct Transmission {
    pub(super) id: u64,
    sequence: Sequence,
    /// One more than the highest block seen.
    reached: u32,
}

/// What is counted of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub(crate) received: u64,
    pub(crate) lost: u64,
    pub(crate) repaired: u64,
    pub(crate) flawed: u64,
    /// Bits of symbols that were new.
    pub(crate) bits: u64,
    pub(crate) positions: [u64; PARTS],
}

impl Default for Counts {
    fn default() -> Self {
        Self { received: 0, lost: 0, repaired: 0, flawed: 0, bits: 0, positions: [0; PARTS] }
    }
}

impl Session {
    /// Counts a datagram by its number.
    pub(super) fn note(&mut self, head: &Head, now: Instant) {
        self.latest = now;
        self.counts.received += 1;
        let blocks = self.states.blocks();
        let known = self.transmissions.iter_mut().rposition(|known| known.id == head.transmission);
        let position = known.unwrap_or_else(|| {
            if self.transmissions.len() == TRANSMISSIONS {
                self.transmissions.remove(0);
            }
            self.transmissions.push(Transmission { id: head.transmission, sequence: Sequence::new(), reached: 0 });
            self.round = head.round;
            self.ended = false;
            self.told = false;
            self.transmissions.len() - 1
        });
        let Some(transmission) = self.transmissions.get_mut(position) else { return };
        let came = transmission.sequence.note(head.sequence);
        // What a predecessor of this process took is not lost.
        let came = match came {
            Came::After { .. } if std::mem::take(&mut self.resumed) => Came::After { gap: 0 },
            came => came,
        };
        let block = match head.kind {
            Kind::Symbol => head.block.min(blocks - 1),
            Kind::Announcement | Kind::Heartbeat => transmission.reached.saturating_sub(1),
        };
        transmission.reached = transmission.reached.max(block.saturating_add(1));
        let part = u64::from(block) * PARTS as u64 / u64::from(blocks);
        let counts = &mut self.counts;
        let position = usize::try_from(part).ok().and_then(|part| counts.positions.get_mut(part));
        match (came, position) {
            (Came::After { gap }, Some(position)) => {
                counts.lost = counts.lost.saturating_add(gap);
                *position = position.saturating_add(gap);
            }
            (Came::Late, Some(position)) => {
                counts.lost = counts.lost.saturating_sub(1);
                *position = position.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Whether nothing more is to be expected of the pass under way.
    pub(crate) fn over(&self, now: Instant) -> bool {
        let since = |then: Instant| now.saturating_duration_since(then);
        self.ended && since(self.latest) >= GRACE || since(self.latest) >= STALL
    }

    /// Moves [`Session::passed`] on to what no symbol is expected of.
    pub(crate) fn move_on(&mut self, now: Instant) {
        let depth = self.pass.map_or(0, |pass| u32::from(pass.depth));
        let reached = self.transmissions.last().map_or(0, |last| last.reached);
        let passed = if self.over(now) { self.states.blocks() } else { reached.saturating_sub(2 * depth) };
        self.passed = self.passed.max(passed);
    }

    /// Blocks that are missing although their window has passed.
    pub(crate) fn lost_blocks(&self) -> u32 {
        let waiting = self.ready().filter(|number| *number < self.passed).count();
        let working = self.opens.iter().flatten();
        let working = working.filter(|open| open.doing == Doing::Working && open.block.number < self.passed).count();
        let pending = u32::try_from(waiting + working).unwrap_or(u32::MAX);
        self.states.lacking(self.passed).saturating_sub(pending)
    }

    /// The code that names what is missing, and how many symbols that is at most. Of blocks beyond the first [`LACKS`] that
    /// lack something, all is asked for.
    pub(crate) fn missing(&mut self) -> (String, u64) {
        let now = (self.counts.bits, self.counts.flawed, self.states.complete());
        if self.missing.0 != now {
            let whole = |number| (number, self.stream.layout.block(number).map_or(0, |block| block.symbols));
            let first = self.states.missing().take(LACKS).map(|number| (number, self.needs(number)));
            let gaps = Gaps::new(first.chain(self.states.missing().skip(LACKS).map(whole)));
            self.missing = (now, gaps.encode(self.id), gaps.symbols());
        }
        (self.missing.1.clone(), self.missing.2)
    }

    /// Symbols that a block of which something is missing needs at most. Repair symbols that wait are not counted: they are
    /// gone when this process ends, and a code must hold however long it is carried.
    fn needs(&self, number: u32) -> u16 {
        let slot = self.slot(number);
        let symbols = self.stream.layout.block(number).map_or(0, |block| block.symbols);
        match self.opens.get(slot).and_then(Option::as_deref).filter(|open| open.block.number == number) {
            Some(open) => symbols.saturating_sub(open.have.count()),
            None => match self.states.get(number) {
                BlockState::Partial => {
                    let record = self.store.record(number).ok().flatten();
                    symbols.saturating_sub(record.map_or(0, |record| record.have.count()))
                }
                _ => symbols,
            },
        }
    }
}
