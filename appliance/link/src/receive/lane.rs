//! One lane: batches of datagrams, their heads and tags checked before the table is taken.

use std::time::{Duration, Instant};

use super::alarm;
use super::run::Lane;
use super::table::Shared;
use crate::datagram::{Datagram, Refused};
use crate::lower::Batch;
use crate::tag::Checker;

/// Datagrams that are checked before the table is taken for them: few enough to stay in the cache.
const CHUNK: usize = 64;
/// How long a lane waits for a datagram before it looks whether to stop.
const WAIT: Duration = Duration::from_millis(100);
/// How long a lane lets datagrams gather when it has taken all that were there: waking up for every burst costs as much as
/// half of what is done with it.
const GATHER: Duration = Duration::from_millis(1);
/// So often in a row, and then it waits for the next one.
const GATHERED: u32 = 2;
/// Bytes of a socket's buffer that allow it: four times what comes in the meantime at 10 Gb/s.
const ROOM: usize = 5 << 20;
/// How often a lane asks what was lost below it.
const LOSSES: Duration = Duration::from_millis(500);

/// What is counted of a batch without the table.
#[derive(Default)]
struct Dropped {
    received: u64,
    foreign: u64,
    forged: u64,
}

/// Receives until told to stop.
pub(crate) fn run(shared: &Shared, number: usize, lane: &mut Lane) {
    let mut checker = Checker::new(shared.settings.key.as_ref());
    let mut asked = Instant::now();
    let most = if lane.receive.buffer() >= ROOM { GATHERED } else { 0 };
    let mut gathered = most;
    while !shared.stopping() {
        let gather = gathered < most;
        match lane.receive.receive(if gather { Duration::ZERO } else { WAIT }) {
            Ok(batch) => {
                if take(shared, number, &mut checker, batch) {
                    gathered = 0;
                } else if gather {
                    gathered += 1;
                    std::thread::sleep(GATHER);
                }
            }
            Err(error) => {
                let mut table = shared.lock();
                let text = || format!("{} cannot be read: {error}", lane.listen);
                if table.alarms.raise(alarm::LANE, &lane.listen, text, Instant::now()) {
                    tracing::warn!(rule = alarm::LANE, lane = lane.listen, %error, "a lane cannot be read");
                }
                drop(table);
                std::thread::sleep(WAIT);
            }
        }
        if asked.elapsed() >= LOSSES {
            asked = Instant::now();
            // What the system does not tell stays as it was.
            let losses = lane.receive.losses();
            if let (Ok(losses), Some(counts)) = (losses, shared.lock().lanes.get_mut(number)) {
                counts.losses = losses;
            }
        }
    }
}

/// Takes a batch; says whether it had any datagrams.
fn take(shared: &Shared, number: usize, checker: &mut Checker, mut batch: Batch<'_>) -> bool {
    let (now, mut came) = (Instant::now(), false);
    loop {
        let mut dropped = Dropped::default();
        let mut chunk: [Option<Datagram<'_>>; CHUNK] = [None; CHUNK];
        let mut good = 0;
        for bytes in batch.by_ref().take(CHUNK) {
            dropped.received += 1;
            match Datagram::read(bytes).and_then(|datagram| checker.check(&datagram).map(|()| datagram)) {
                Ok(datagram) => {
                    if let Some(place) = chunk.get_mut(good) {
                        *place = Some(datagram);
                        good += 1;
                    }
                }
                Err(Refused::Tag) => dropped.forged += 1,
                Err(_) => dropped.foreign += 1,
            }
        }
        if dropped.received == 0 {
            return came;
        }
        came = true;
        let mut table = shared.lock();
        table.datagrams.received += dropped.received;
        table.datagrams.foreign += dropped.foreign;
        table.datagrams.forged += dropped.forged;
        if let Some(counts) = table.lanes.get_mut(number) {
            counts.datagrams += dropped.received;
        }
        let ready = table.take(chunk.iter().flatten(), shared, now);
        drop(table);
        if ready > 0 {
            shared.work.notify_all();
        }
    }
}
