//! One pouch on its way: its rounds, its windows, its announcements.
//!
//! ```text
//! each round:  5 announcements, symbols from HOLD on, an announcement every 100 ms, 5 announcements
//! ```

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use openssl::error::ErrorStack;

use super::lanes::Lanes;
use super::prepare::{Job, Outgoing, Pool, PrepareError, Ready};
use super::stream::StreamError;
use super::window::{Symbol, Window};
use crate::announcement::{Announcement, BYTES, Pass, Phase};
use crate::datagram::{HEAD, Head, Kind};
use crate::tag::{LinkKey, Tagger};

/// Announcements at the start and at the end of a round.
const REPEATED: u32 = 5;
/// Time between those at the start; all of them go before the first symbol, for a small pouch is over at once.
const AT_START: Duration = Duration::from_micros(12_500);
/// Time between those among the symbols.
const DURING: Duration = Duration::from_millis(100);
/// Time between those at the end.
const AT_END: Duration = Duration::from_millis(25);

/// Why a pouch was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The pouch cannot be read, or was changed.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A block cannot be made ready.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// A thread that makes blocks ready broke.
    #[error("a thread that prepares blocks ended")]
    Thread,
    /// No tag can be made.
    #[error("cannot make a tag: {0}")]
    Tag(#[from] ErrorStack),
}

/// What a session wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Announce itself.
    Announce(Phase),
    /// Send a burst of symbols.
    Symbols,
    /// Nothing before then.
    Wait(Duration),
    /// Nothing until a block is ready.
    Blocks,
    /// Nothing: all has gone.
    Over,
}

/// What a session has sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Datagrams, announcements too.
    pub datagrams: u64,
    /// Symbols.
    pub symbols: u64,
    /// Bits on the wire.
    pub bits: u64,
}

/// Where a round is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// So many announcements went.
    Starting(u32),
    Sending,
    Ending(u32),
    Over,
}

pub(super) struct Session {
    outgoing: Arc<Outgoing>,
    key: Option<LinkKey>,
    pub(super) weight: u32,
    /// Bits that it may send before it is another one's turn; below 0 it sent more.
    pub(super) credit: i64,
    pub(super) since: Duration,
    round: u16,
    transmission: u64,
    tagger: Tagger,
    sequence: u64,
    stage: Stage,
    /// When the next announcement is due.
    due: Duration,
    /// The windows that are still to be made ready, as numbers of the plan's parcels, and the number of the next one.
    windows: Box<dyn Iterator<Item = Range<u32>> + Send>,
    next_window: u32,
    current: Option<Window>,
    coming: Option<Window>,
    memory: Vec<Vec<u8>>,
    replies: (Sender<Ready>, Receiver<Ready>),
    sources: Vec<u8>,
    burst: Vec<Symbol>,
    lane: usize,
    pub(super) sent: Sent,
}

/// A random number from the system.
pub(super) fn random() -> Result<u64, ErrorStack> {
    let mut bytes = [0; 8];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

impl Session {
    pub(super) fn new(
        outgoing: Arc<Outgoing>,
        key: Option<LinkKey>,
        weight: u32,
        now: Duration,
    ) -> Result<Self, SessionError> {
        let transmission = random()?;
        Ok(Self {
            tagger: Tagger::new(key.as_ref(), outgoing.id(), transmission)?,
            windows: Box::new(outgoing.plan().windows()),
            outgoing,
            key,
            weight,
            credit: 0,
            since: now,
            round: 1,
            transmission,
            sequence: 0,
            stage: Stage::Starting(0),
            due: now,
            next_window: 0,
            current: None,
            coming: None,
            memory: Vec::new(),
            replies: channel(),
            sources: Vec::new(),
            burst: Vec::new(),
            lane: 0,
            sent: Sent::default(),
        })
    }

    pub(super) const fn outgoing(&self) -> &Arc<Outgoing> {
        &self.outgoing
    }

    pub(super) const fn round(&self) -> u16 {
        self.round
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// What it wants to do now. Hands out work to the pool meanwhile.
    pub(super) fn want(&mut self, now: Duration, pool: &Pool) -> Result<Want, SessionError> {
        self.collect()?;
        self.advance(pool);
        Ok(match self.stage {
            Stage::Over => Want::Over,
            Stage::Starting(_) if now < self.due => Want::Wait(self.due),
            Stage::Starting(_) => Want::Announce(Phase::Start),
            Stage::Ending(_) if now < self.due => Want::Wait(self.due),
            Stage::Ending(_) => Want::Announce(Phase::End),
            Stage::Sending if now >= self.due => Want::Announce(Phase::During),
            Stage::Sending if !self.burst.is_empty() => Want::Symbols,
            Stage::Sending if self.current.as_ref().is_some_and(Window::is_ready) => Want::Symbols,
            Stage::Sending => Want::Blocks,
        })
    }

    /// Takes what the pool has made.
    fn collect(&mut self) -> Result<(), SessionError> {
        loop {
            match self.replies.1.try_recv() {
                Ok(Ready { place: (number, slot), made }) => {
                    let made = made?;
                    let windows = self.current.iter_mut().chain(&mut self.coming);
                    if let Some(window) = windows.into_iter().find(|window| window.number() == number) {
                        window.put(slot, made);
                    }
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(SessionError::Thread),
            }
        }
    }

    /// Moves on to the next window, and has the one behind it made ready; at most two are there at a time.
    fn advance(&mut self, pool: &Pool) {
        if self.burst.is_empty() && self.current.as_ref().is_some_and(Window::is_over) {
            self.memory.extend(self.current.take().into_iter().flat_map(Window::into_memory));
        }
        if self.current.is_none() {
            self.current = self.coming.take();
        }
        while self.coming.is_none() {
            let Some(window) = self.windows.next() else { break };
            let (plan, round) = (self.outgoing.plan(), self.round);
            let window = Window::new(self.next_window, window.filter_map(|number| plan.parcel(number, round)));
            self.next_window += 1;
            for (slot, parcel) in window.parcels().enumerate() {
                pool.push(Job {
                    outgoing: Arc::clone(&self.outgoing),
                    parcel,
                    place: (window.number(), slot),
                    repair: self.memory.pop().unwrap_or_default(),
                    reply: self.replies.0.clone(),
                });
            }
            let place = if self.current.is_none() { &mut self.current } else { &mut self.coming };
            *place = Some(window);
        }
    }

    /// Announces itself on every lane; says how many bits that took, or nothing if no lane works.
    pub(super) fn announce(
        &mut self,
        phase: Phase,
        now: Duration,
        lanes: &mut Lanes,
    ) -> Result<Option<u64>, SessionError> {
        let payload = Announcement { stream: self.outgoing.stream().clone(), pass: self.pass(phase) }.to_bytes();
        let head = self.head(Kind::Announcement);
        let (sequence, tagger) = (&mut self.sequence, &mut self.tagger);
        let left = lanes.send_on_all(now, HEAD + BYTES, |lane, buffer| {
            let head = Head { lane, sequence: *sequence, ..head };
            *sequence += 1;
            head.write(&payload, tagger, buffer)
        })?;
        if left == 0 {
            return Ok(None);
        }
        self.stage = match self.stage {
            Stage::Starting(sent) if sent + 1 < REPEATED => {
                self.due = now + AT_START;
                Stage::Starting(sent + 1)
            }
            Stage::Ending(sent) if sent + 1 < REPEATED => {
                self.due = now + AT_END;
                Stage::Ending(sent + 1)
            }
            Stage::Ending(_) => self.end_of_round(now)?,
            Stage::Starting(_) | Stage::Sending | Stage::Over => {
                // From when it was due, so that they do not become fewer; but none is made up for.
                self.due = (self.due + DURING).max(now);
                Stage::Sending
            }
        };
        Ok(Some(self.count(left as u64, 0, HEAD + BYTES, lanes)))
    }

    /// Sends a burst of at most `most` symbols; says how many bits that took, or nothing if no lane works: then the same
    /// burst goes later.
    pub(super) fn send(&mut self, most: usize, now: Duration, lanes: &mut Lanes) -> Result<Option<u64>, SessionError> {
        let Some(window) = &mut self.current else { return Ok(Some(0)) };
        if self.burst.is_empty() {
            self.lane = window.compose(most, &mut self.burst);
            window.stage(&self.outgoing, &self.burst, &mut self.sources)?;
        }
        let size = self.outgoing.symbol();
        let head = head(&self.outgoing, Kind::Symbol, self.round, self.transmission);
        let (window, burst, sources) = (&*window, &self.burst, &self.sources);
        let (sequence, tagger) = (&mut self.sequence, &mut self.tagger);
        // A lane that is dead loses other symbols in each round.
        let lane = self.lane + usize::from(self.round);
        let left = lanes.send(now, lane, HEAD + size, |lane, buffer| {
            for symbol in burst {
                let Some((block, index, bytes)) = window.symbol(*symbol, size, sources) else { continue };
                Head { lane, sequence: *sequence, block, index, ..head }.write(bytes, tagger, buffer)?;
                *sequence += 1;
            }
            Ok(())
        })?;
        if !left {
            return Ok(None);
        }
        let count = self.burst.len() as u64;
        self.burst.clear();
        if self.current.as_ref().is_some_and(Window::is_over) && self.coming.is_none() {
            self.due = now;
            self.stage = Stage::Ending(0);
        }
        Ok(Some(self.count(count, count, HEAD + size, lanes)))
    }

    fn head(&self, kind: Kind) -> Head {
        head(&self.outgoing, kind, self.round, self.transmission)
    }

    fn count(&mut self, datagrams: u64, symbols: u64, size: usize, lanes: &Lanes) -> u64 {
        let bits = datagrams * (size + lanes.overhead()) as u64 * 8;
        self.sent.datagrams += datagrams;
        self.sent.symbols += symbols;
        self.sent.bits += bits;
        bits
    }

    fn pass(&self, phase: Phase) -> Pass {
        let plan = self.outgoing.plan();
        let clock = jiff::Timestamp::now().as_nanosecond();
        Pass {
            phase,
            rounds: plan.rounds(),
            depth: plan.depth(),
            repair: plan.repair(),
            blocks: plan.blocks(),
            symbols: plan.symbols(),
            clock: u64::try_from(clock).unwrap_or(0),
        }
    }

    /// What was sent is what was announced, or else this fails; then the next round begins, if there is one.
    fn end_of_round(&mut self, now: Duration) -> Result<Stage, SessionError> {
        self.outgoing.source().check()?;
        if self.round >= self.outgoing.plan().rounds() {
            return Ok(Stage::Over);
        }
        self.round += 1;
        self.transmission = random()?;
        self.tagger = Tagger::new(self.key.as_ref(), self.outgoing.id(), self.transmission)?;
        self.sequence = 0;
        self.windows = Box::new(self.outgoing.plan().windows());
        self.due = now + AT_END;
        Ok(Stage::Starting(0))
    }
}

fn head(outgoing: &Outgoing, kind: Kind, round: u16, transmission: u64) -> Head {
    Head {
        kind,
        lane: 0,
        round,
        stream: outgoing.id(),
        transmission,
        sequence: 0,
        length: outgoing.plan().layout().length(),
        block: 0,
        index: 0,
    }
}
