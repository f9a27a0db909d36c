//! The thread that sends: takes turns between the pouches under way, keeps the rate, and beats.
//!
//! A turn is about [`TURN`] of the link's time, shared by weight: deficit round robin in bits on the wire (Shreedhar and
//! Varghese, 1995). It never waits for an answer, for there is none.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use super::lanes::{LaneState, Lanes};
use super::pace::{Clock, Pacer, Rate};
use super::prepare::{Outgoing, Pool};
use super::session::{Sent, Session, SessionError, Want, random};
use crate::datagram::{HEAD, Head, Kind};
use crate::heartbeat::{self, Heartbeat};
use crate::tag::{LinkKey, Tagger};

/// What all pouches under way share in one turn.
const TURN: Duration = Duration::from_millis(10);
/// Time between heartbeats.
pub const BEAT: Duration = Duration::from_secs(1);
/// The longest sleep, so that a caller that waits for a turn hears of other things too.
const NAP: Duration = Duration::from_millis(10);
/// The sleep while every lane is down.
const DOWN: Duration = Duration::from_millis(50);

/// A pouch that is not under way any more.
#[derive(Debug)]
pub struct Ended {
    /// The pouch.
    pub outgoing: Arc<Outgoing>,
    /// What was sent of it.
    pub sent: Sent,
    /// How long that took.
    pub took: Duration,
    /// Why not all of it was sent, if so.
    pub error: Option<SessionError>,
}

/// How far a pouch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The pouch.
    pub pouch: pouch_format::PouchId,
    /// Its stream's name on the wire.
    pub stream: u64,
    /// The round, from 1, and how many there are to be.
    pub round: u16,
    /// Rounds planned.
    pub rounds: u16,
    /// Symbols of all rounds.
    pub symbols: u64,
    /// What was sent.
    pub sent: Sent,
    /// Its weight.
    pub weight: u32,
    /// For how long it has been under way.
    pub took: Duration,
}

impl Progress {
    /// How long the rest takes, if it goes on as before; unknown before anything was sent.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let rest = self.symbols.saturating_sub(self.sent.symbols);
        let nanos = self.took.as_nanos() * u128::from(rest) / u128::from(NonZero::new(self.sent.symbols)?.get());
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

/// What was sent since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Pouches sent whole.
    pub pouches: u64,
    /// Datagrams of all kinds.
    pub datagrams: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Bits on the wire.
    pub bits: u64,
}

/// The sender.
pub struct Engine<C> {
    clock: C,
    lanes: Lanes,
    pacer: Pacer,
    pool: Pool,
    key: Option<LinkKey>,
    sessions: Vec<Session>,
    beat: Beat,
    totals: Totals,
    /// Since when no lane works.
    down: Option<Duration>,
}

/// The transmission of the heartbeats.
struct Beat {
    transmission: u64,
    tagger: Tagger,
    sequence: u64,
    due: Duration,
    last: Option<(u64, pouch_format::PouchId)>,
    waiting: u64,
}

impl<C: Clock> Engine<C> {
    /// A sender on these links, at a rate for each of them.
    ///
    /// # Errors
    /// [`SessionError::Tag`] if there is no randomness.
    pub fn new(clock: C, lanes: Lanes, rate: Rate, pool: Pool, key: Option<LinkKey>) -> Result<Self, SessionError> {
        let transmission = random()?;
        let beat = Beat {
            transmission,
            tagger: Tagger::new(key.as_ref(), 0, transmission)?,
            sequence: 0,
            due: clock.now(),
            last: None,
            waiting: 0,
        };
        let (pacer, totals) = (Pacer::new(rate), Totals::default());
        Ok(Self { clock, lanes, pacer, pool, key, sessions: Vec::new(), beat, totals, down: None })
    }

    /// Starts to send a pouch, with a weight of at least 1.
    ///
    /// # Errors
    /// [`SessionError::Tag`].
    pub fn start(&mut self, outgoing: Arc<Outgoing>, weight: u32) -> Result<(), SessionError> {
        let now = self.clock.now();
        self.sessions.push(Session::new(outgoing, self.key.clone(), weight.max(1), now)?);
        Ok(())
    }

    /// How many pouches are under way.
    #[must_use]
    pub fn active(&self) -> usize {
        self.sessions.len()
    }

    /// How many wait, for the heartbeats.
    pub fn set_waiting(&mut self, waiting: u64) {
        self.beat.waiting = waiting;
    }

    /// How far each pouch is.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        let now = self.clock.now();
        let progress = |session: &Session| {
            let plan = session.outgoing().plan();
            Progress {
                pouch: session.outgoing().stream().pouch.clone(),
                stream: session.outgoing().id(),
                round: session.round(),
                rounds: plan.rounds(),
                symbols: plan.symbols() * u64::from(plan.rounds()),
                sent: session.sent,
                weight: session.weight,
                took: now.saturating_sub(session.since),
            }
        };
        self.sessions.iter().map(progress).collect()
    }

    /// What was sent since the start.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The links.
    #[must_use]
    pub fn lanes(&self) -> Vec<LaneState> {
        self.lanes.states(self.clock.now())
    }

    /// For how long no link has worked; none while one does.
    #[must_use]
    pub fn down(&self) -> Option<Duration> {
        self.down.map(|since| self.clock.now().saturating_sub(since))
    }

    /// Sends for about [`TURN`], or sleeps for at most as long; says which pouches have ended.
    ///
    /// # Errors
    /// [`SessionError::Tag`] for a heartbeat.
    pub fn turn(&mut self) -> Result<Vec<Ended>, SessionError> {
        self.heartbeat()?;
        let share = self.pacer.rate().bits_in(TURN) * self.lanes.count() as u64;
        let weights: u64 = self.sessions.iter().map(|session| u64::from(session.weight)).sum();
        let (mut ended, mut idle) = (Vec::new(), true);
        let mut wake = (self.clock.now() + NAP).min(self.beat.due);
        for mut session in std::mem::take(&mut self.sessions) {
            let credit = u128::from(share) * u128::from(session.weight) / u128::from(weights.max(1));
            session.credit = session.credit.saturating_add(i64::try_from(credit).unwrap_or(i64::MAX));
            match self.take_turn(&mut session) {
                Ok(Turn { bits, until }) => {
                    idle &= bits == 0;
                    wake = wake.min(until);
                    if session.is_over() { ended.push(self.end(session, None)) } else { self.sessions.push(session) }
                }
                Err(error) => ended.push(self.end(session, Some(error))),
            }
        }
        // The first is the last next time, so that none is always behind the same one.
        if !self.sessions.is_empty() {
            self.sessions.rotate_left(1);
        }
        if idle && ended.is_empty() {
            self.clock.sleep_until(wake);
        }
        Ok(ended)
    }

    fn end(&mut self, session: Session, error: Option<SessionError>) -> Ended {
        let outgoing = Arc::clone(session.outgoing());
        if error.is_none() {
            self.totals.pouches += 1;
            self.beat.last = Some((outgoing.id(), outgoing.stream().pouch.clone()));
        }
        let took = self.clock.now().saturating_sub(session.since);
        Ended { outgoing, sent: session.sent, took, error }
    }

    /// Lets a session send until its credit is used or it has nothing to send.
    fn take_turn(&mut self, session: &mut Session) -> Result<Turn, SessionError> {
        let datagram = ((HEAD + session.outgoing().symbol() + self.lanes.overhead()) * 8) as u64;
        let most = self.pacer.rate().burst(datagram).min(self.lanes.burst());
        let mut turn = Turn { bits: 0, until: Duration::MAX };
        while session.credit > 0 {
            let now = self.clock.now();
            let bits = match session.want(now, &self.pool)? {
                want @ (Want::Over | Want::Wait(_) | Want::Blocks) => {
                    // What is not used is not saved up.
                    session.credit = 0;
                    turn.until = match want {
                        Want::Wait(until) => until,
                        _ => now + Duration::from_millis(1),
                    };
                    break;
                }
                Want::Announce(phase) => {
                    let now = self.pace();
                    session.announce(phase, now, &mut self.lanes)?
                }
                Want::Symbols => {
                    let now = self.pace();
                    session.send(most, now, &mut self.lanes)?
                }
            };
            let Some(bits) = bits else {
                turn.until = self.lost(now);
                session.credit = 0;
                break;
            };
            self.down = None;
            self.count(bits, bits / datagram.max(1));
            session.credit = session.credit.saturating_sub_unsigned(bits);
            turn.bits += bits;
        }
        Ok(turn)
    }

    /// No lane works.
    fn lost(&mut self, now: Duration) -> Duration {
        self.down.get_or_insert(now);
        now + DOWN
    }

    /// Sleeps until the next burst may leave.
    fn pace(&self) -> Duration {
        let now = self.clock.now();
        let Some(until) = self.pacer.wait(now) else { return now };
        self.clock.sleep_until(until);
        self.clock.now()
    }

    fn count(&mut self, bits: u64, datagrams: u64) {
        self.totals.bits += bits;
        self.totals.datagrams += datagrams;
        // Each link has the rate for itself.
        let links = self.lanes.alive().max(1) as u64;
        self.pacer.sent(self.clock.now(), bits / links);
    }

    /// A heartbeat on every lane, if one is due.
    fn heartbeat(&mut self) -> Result<(), SessionError> {
        let now = self.clock.now();
        if now < self.beat.due {
            return Ok(());
        }
        self.beat.due = (self.beat.due + BEAT).max(now);
        let payload = self.beat(now);
        let (sequence, tagger) = (&mut self.beat.sequence, &mut self.beat.tagger);
        let transmission = self.beat.transmission;
        let left = self.lanes.send_on_all(now, HEAD + heartbeat::BYTES, |lane, buffer| {
            let head = Head {
                kind: Kind::Heartbeat,
                lane,
                round: 0,
                stream: 0,
                transmission,
                sequence: *sequence,
                length: 0,
                block: 0,
                index: 0,
            };
            *sequence += 1;
            head.write(&payload, tagger, buffer)
        })?;
        if left == 0 {
            self.lost(now);
            return Ok(());
        }
        self.down = None;
        let left = left as u64;
        self.totals.heartbeats += left;
        self.totals.bits += left * ((HEAD + heartbeat::BYTES + self.lanes.overhead()) * 8) as u64;
        self.totals.datagrams += left;
        Ok(())
    }

    fn beat(&self, now: Duration) -> Vec<u8> {
        let next = (self.beat.due + BEAT).saturating_sub(now).min(BEAT * 2).as_millis();
        Heartbeat {
            clock: u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(0),
            next: u32::try_from(next).unwrap_or(u32::MAX),
            busy: !self.sessions.is_empty(),
            sent: self.totals.pouches,
            datagrams: self.totals.datagrams,
            waiting: self.beat.waiting,
            last: self.beat.last.clone(),
        }
        .to_bytes()
    }
}

/// What a session did in its turn.
struct Turn {
    bits: u64,
    /// When it may have something to send, if it has nothing now.
    until: Duration,
}
