//! A wire that remembers everything, a clock that a test turns, and the engine between them.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pouch_link::datagram::{Datagram, Head};
use pouch_link::lower::{LinkError, Transmit};
use pouch_link::send::pace::{Clock, Rate};
use pouch_link::send::{Ended, Engine, Lanes, Outgoing, Pool};
use pouch_link::tag::{Checker, LinkKey};
use pouch_platform::net::{NetAction, Place};

/// A clock that stands still but for sleeps, and in them makes no pause.
#[derive(Clone, Default)]
pub(crate) struct FakeClock(Rc<Cell<Duration>>);

impl Clock for FakeClock {
    fn now(&self) -> Duration {
        self.0.get()
    }
    fn sleep_until(&self, then: Duration) {
        // Who naps for just a millisecond waits for a thread of the pool, which needs real time.
        if then.saturating_sub(self.0.get()) == Duration::from_millis(1) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.0.set(self.0.get().max(then));
    }
}

/// What left on a wire.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) datagrams: Vec<Vec<u8>>,
    /// Bytes of each burst, and when it left, by the fake clock of the thread.
    pub(crate) bursts: Vec<usize>,
    /// The next so many bursts fail.
    pub(crate) fail: usize,
}

/// Writes to a wire.
pub(crate) struct Recorder {
    pub(crate) wire: Arc<Mutex<Wire>>,
    pub(crate) largest: usize,
    pub(crate) burst: usize,
}

impl Transmit for Recorder {
    fn largest(&self) -> usize {
        self.largest
    }
    fn overhead(&self) -> usize {
        66
    }
    fn burst(&self) -> usize {
        self.burst
    }
    fn send(&mut self, datagrams: &[u8], size: usize) -> Result<(), LinkError> {
        let mut wire = self.wire.lock().unwrap();
        if wire.fail > 0 {
            wire.fail -= 1;
            let source = std::io::Error::from_raw_os_error(100);
            return Err(LinkError::System { action: NetAction::Send, place: Place::Network, source });
        }
        assert!(size <= self.largest && datagrams.len() <= size * self.burst);
        wire.datagrams.extend(datagrams.chunks(size).map(<[u8]>::to_vec));
        wire.bursts.push(datagrams.len());
        Ok(())
    }
}

/// Wires, and lanes on them.
pub(crate) fn lanes(count: usize, largest: usize) -> (Vec<Arc<Mutex<Wire>>>, Lanes) {
    let wires: Vec<Arc<Mutex<Wire>>> = (0..count).map(|_| Arc::default()).collect();
    let lane = |(number, wire): (usize, &Arc<Mutex<Wire>>)| {
        let transmit: Box<dyn Transmit> = Box::new(Recorder { wire: Arc::clone(wire), largest, burst: 32 });
        (format!("wire {number}"), transmit)
    };
    let lanes = Lanes::new(wires.iter().enumerate().map(lane));
    (wires, lanes)
}

/// An engine on these lanes.
pub(crate) fn engine(lanes: Lanes, rate: u64, key: Option<LinkKey>) -> (FakeClock, Engine<FakeClock>) {
    let clock = FakeClock::default();
    let engine = Engine::new(clock.clone(), lanes, Rate::new(rate).unwrap(), Pool::new().unwrap(), key).unwrap();
    (clock, engine)
}

/// Lets the engine run until nothing is under way.
pub(crate) fn finish(engine: &mut Engine<FakeClock>) -> Vec<Ended> {
    let mut ended = Vec::new();
    for _ in 0..10_000_000 {
        ended.extend(engine.turn().unwrap());
        if engine.active() == 0 {
            return ended;
        }
    }
    panic!("it does not end");
}

/// Sends one pouch on one wire, and returns what left.
pub(crate) fn sent(outgoing: Outgoing, largest: usize, key: Option<LinkKey>) -> Vec<Vec<u8>> {
    let (wires, lanes) = lanes(1, largest);
    let (_, mut engine) = engine(lanes, 10_000_000_000, key);
    engine.start(Arc::new(outgoing), 1).unwrap();
    let ended = finish(&mut engine);
    assert!(ended.iter().all(|ended| ended.error.is_none()), "{ended:?}");
    let mut wire = wires[0].lock().unwrap();
    std::mem::take(&mut wire.datagrams)
}

/// Reads datagrams, whose tags must be good; each with its payload.
pub(crate) fn read(datagrams: &[Vec<u8>], key: Option<&LinkKey>) -> Vec<(Head, Vec<u8>)> {
    let mut checker = Checker::new(key);
    let read = |bytes: &Vec<u8>| {
        let datagram = Datagram::read(bytes).unwrap();
        checker.check(&datagram).unwrap();
        (datagram.head, datagram.payload.to_vec())
    };
    datagrams.iter().map(read).collect()
}
