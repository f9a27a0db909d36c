//! The rate, and how pouches share it.

use std::sync::Arc;
use std::time::Duration;

use pouch_link::datagram::Kind;
use pouch_link::send::pace::Clock as _;
use pouch_link::send::{Outgoing, Plan, Settings, Share};

use crate::pouch::{make, open};
use crate::record::{engine, finish, lanes, read};

const SETTINGS: Settings = Settings { largest: 1472, depth: None, repair: Share::DEFAULT, rounds: 1 };

fn outgoing(spool: &std::path::Path, id: &str, segments: &[usize]) -> Arc<Outgoing> {
    let source = open(&make(spool, id, segments));
    let plan = Plan::whole(source.length(), &SETTINGS).unwrap();
    Arc::new(Outgoing::new(source, plan))
}

#[test]
fn the_rate_counts_bits_on_the_wire_and_hearts_beat_every_second() {
    let spool = tempfile::tempdir().unwrap();
    let (wires, lanes) = lanes(1, 1472);
    let (clock, mut engine) = engine(lanes, 50_000_000, None);
    engine.start(outgoing(spool.path(), "land-000041", &[20_000_000]), 1).unwrap();
    let ended = finish(&mut engine);
    let datagrams = read(&wires[0].lock().unwrap().datagrams, None);
    let bits: u64 = datagrams.iter().map(|(_, payload)| (payload.len() as u64 + 64 + 66) * 8).sum();
    assert_eq!(bits, engine.totals().bits);
    // Slow at the start, quiet at the end.
    let ideal = Duration::from_secs_f64(bits as f64 / 50e6) + Duration::from_millis(50 + 75 + 100);
    let took = ended[0].took;
    assert!(took > ideal.mul_f64(0.98) && took < ideal.mul_f64(1.02), "{took:?} for {ideal:?}");
    let beats = datagrams.iter().filter(|(head, _)| head.kind == Kind::Heartbeat).count();
    assert_eq!(beats as u64, clock.now().as_secs() + 1);
    let announced = datagrams.iter().filter(|(head, _)| head.kind == Kind::Announcement).count();
    assert!(announced.abs_diff(10 + usize::try_from(took.as_millis()).unwrap() / 100) <= 4, "{announced}");
}

#[test]
fn a_small_urgent_pouch_is_not_held_up_by_a_large_one() {
    let spool = tempfile::tempdir().unwrap();
    let (_, lanes) = lanes(1, 1472);
    let (clock, mut engine) = engine(lanes, 100_000_000, None);
    engine.start(outgoing(spool.path(), "archive-000001", &[60_000_000]), 10).unwrap();
    while clock.now() < Duration::from_secs(1) {
        engine.turn().unwrap();
    }
    let before = engine.progress()[0].sent.bits;
    let start = clock.now();
    engine.start(outgoing(spool.path(), "land-000041", &[9_000_000]), 40).unwrap();
    let ended = loop {
        if let Some(ended) = engine.turn().unwrap().pop() {
            break ended;
        }
    };
    assert_eq!(ended.outgoing.stream().pouch.to_string(), "land-000041");
    let (small, large) = (ended.sent.bits, engine.progress()[0].sent.bits - before);
    let took = (clock.now() - start).as_secs_f64();
    // Four fifths of the rate, but for its announcements at start and end, when the other one has all of it.
    let alone = small as f64 / 80e6;
    assert!(took > alone && took < alone + 0.25, "{took} for {alone}");
    let shared = large as f64 - 100e6 * 0.15;
    assert!((shared / small as f64 - 0.25).abs() < 0.05, "{}", shared / small as f64);
}
