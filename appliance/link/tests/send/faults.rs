//! What must not be sent, and links that fail.

use std::fs;
use std::sync::Arc;

use pouch_link::datagram::Kind;
use pouch_link::send::{Outgoing, Plan, PouchStream, SessionError, Settings, Share, StreamError};
use pouch_platform::Dir;

use crate::pouch::{make, open};
use crate::record::{engine, finish, lanes, read};

const SETTINGS: Settings = Settings { largest: 220, depth: None, repair: Share::DEFAULT, rounds: 1 };

fn opened(folder: &std::path::Path) -> Result<PouchStream, StreamError> {
    PouchStream::open(Dir::open(folder).unwrap())
}

#[test]
fn what_is_no_whole_pouch_is_refused() {
    let spool = tempfile::tempdir().unwrap();
    let empty = spool.path().join("land-000001");
    fs::create_dir(&empty).unwrap();
    assert!(matches!(opened(&empty), Err(StreamError::Dir(_))));
    let folder = make(spool.path(), "land-000041", &[1, 2000]);
    opened(&folder).unwrap();
    fs::write(folder.join("more"), "x").unwrap();
    assert!(matches!(opened(&folder), Err(StreamError::Parts { .. })));
    fs::remove_file(folder.join("more")).unwrap();
    fs::write(folder.join("segment-000001.pgp"), "short").unwrap();
    assert!(matches!(opened(&folder), Err(StreamError::Size { stated: 2000, found: 5, .. })));
    fs::remove_file(folder.join("segment-000001.pgp")).unwrap();
    assert!(matches!(opened(&folder), Err(StreamError::Size { .. } | StreamError::Missing { .. })));
    fs::remove_file(folder.join("index-000000.pgp")).unwrap();
    assert!(matches!(opened(&folder), Err(StreamError::Parts { .. })));
    fs::write(folder.join("manifest.json"), "{}").unwrap();
    assert!(matches!(opened(&folder), Err(StreamError::Manifest { .. })));
    let moved = make(spool.path(), "land-000042", &[1]);
    let other = spool.path().join("land-000043");
    fs::rename(moved, &other).unwrap();
    assert!(matches!(opened(&other), Err(StreamError::Name { .. })));
}

#[test]
fn a_part_that_changes_or_vanishes_ends_the_pass_with_an_error() {
    type Change = fn(&std::path::Path);
    let changes: [(Change, &str); 3] = [
        (|part| fs::write(part, "another").unwrap(), "was changed"),
        (|part| fs::remove_file(part).unwrap(), "vanished"),
        (|part| fs::OpenOptions::new().append(true).open(part).unwrap().set_len(1 << 20).unwrap(), "was changed"),
    ];
    for (change, says) in changes {
        let spool = tempfile::tempdir().unwrap();
        let folder = make(spool.path(), "land-000041", &[400_000]);
        let source = open(&folder);
        let plan = Plan::whole(source.length(), &SETTINGS).unwrap();
        let (_, lanes) = lanes(1, 220);
        let (_, mut engine) = engine(lanes, 1_000_000_000, None);
        engine.start(Arc::new(Outgoing::new(source, plan)), 1).unwrap();
        assert!(engine.turn().unwrap().is_empty());
        change(&folder.join("segment-000000.pgp"));
        let ended = finish(&mut engine);
        let error: &SessionError = ended[0].error.as_ref().unwrap();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(engine.totals().pouches, 0);
    }
}

#[test]
fn a_lane_that_fails_loses_nothing_while_another_works() {
    let spool = tempfile::tempdir().unwrap();
    let source = open(&make(spool.path(), "land-000041", &[400_000]));
    let plan = Plan::whole(source.length(), &SETTINGS).unwrap();
    let symbols = plan.symbols();
    let (wires, lanes) = lanes(2, 220);
    wires[1].lock().unwrap().fail = usize::MAX;
    let (_, mut engine) = engine(lanes, 1_000_000_000, None);
    engine.start(Arc::new(Outgoing::new(source, plan)), 1).unwrap();
    assert!(finish(&mut engine)[0].error.is_none());
    let states = engine.lanes();
    assert!(states[0].down.is_none() && states[1].down.is_some());
    assert!((1..20).contains(&states[1].failures), "it is tried again, but not for every burst: {states:?}");
    let sent = read(&wires[0].lock().unwrap().datagrams, None);
    assert_eq!(sent.iter().filter(|(head, _)| head.kind == Kind::Symbol).count() as u64, symbols);
}

#[test]
fn when_no_lane_works_it_waits_and_says_so_and_then_goes_on() {
    let spool = tempfile::tempdir().unwrap();
    let source = open(&make(spool.path(), "land-000041", &[400_000]));
    let plan = Plan::whole(source.length(), &SETTINGS).unwrap();
    let symbols = plan.symbols();
    let (wires, lanes) = lanes(1, 220);
    let (clock, mut engine) = engine(lanes, 100_000_000, None);
    engine.start(Arc::new(Outgoing::new(source, plan)), 1).unwrap();
    while engine.progress()[0].sent.symbols < symbols / 2 {
        engine.turn().unwrap();
    }
    wires[0].lock().unwrap().fail = 12;
    let mut longest = std::time::Duration::ZERO;
    while wires[0].lock().unwrap().fail > 0 {
        engine.turn().unwrap();
        longest = longest.max(engine.down().unwrap_or_default());
    }
    assert!(longest >= std::time::Duration::from_secs(5), "{longest:?}");
    assert!(finish(&mut engine)[0].error.is_none());
    assert_eq!(engine.down(), None);
    let sent = read(&wires[0].lock().unwrap().datagrams, None);
    assert_eq!(sent.iter().filter(|(head, _)| head.kind == Kind::Symbol).count() as u64, symbols);
    drop(clock);
}

#[test]
fn a_dead_lane_loses_other_symbols_in_the_next_round() {
    let spool = tempfile::tempdir().unwrap();
    let source = open(&make(spool.path(), "land-000041", &[9_000_000]));
    let plan = Plan::whole(source.length(), &Settings { rounds: 2, ..SETTINGS }).unwrap();
    let (wires, lanes) = lanes(2, 220);
    let (_, mut engine) = engine(lanes, 1_000_000_000, None);
    engine.start(Arc::new(Outgoing::new(source, plan.clone())), 1).unwrap();
    finish(&mut engine);
    // The other wire is cut where nobody sees it.
    let mut there = std::collections::HashSet::new();
    let mut each = std::collections::HashMap::new();
    for (head, _) in read(&wires[0].lock().unwrap().datagrams, None) {
        if head.kind == Kind::Symbol && head.index < 0x8000 {
            assert!(there.insert((head.block, head.index)), "{head:?} came twice on one lane");
            *each.entry((head.block, head.round)).or_insert(0_u32) += 1;
        }
    }
    let sources: u64 = (0..plan.blocks()).map(|block| u64::from(plan.layout().block(block).unwrap().symbols)).sum();
    assert_eq!(there.len() as u64, sources);
    // Each block is spread evenly over the lanes.
    assert!(each.values().all(|count| (400..625).contains(count)), "{each:?}");
}
