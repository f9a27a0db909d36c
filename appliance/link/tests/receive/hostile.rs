//! What nobody honest sends.

use std::time::Duration;

use pouch_carry::{Layout, Shape};
use pouch_format::Sha256Digest;
use pouch_link::announcement::{Announcement, Pass, Phase, Stream};
use pouch_link::datagram::{Head, Kind, REPAIR};
use pouch_link::receive::report::{Import, Report, State};
use pouch_link::receive::settings::Settings;
use pouch_link::tag::{LinkKey, Tagger};

use crate::engine::Engine;
use crate::player::{Random, Sent, rewrite};
use crate::{quarantine, small};

#[test]
fn a_wrong_symbol_with_a_right_tag_costs_its_block_a_round() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let sent = Sent::new("land-000041", small(), Random(20).bytes(60_000));
    let mut pass = sent.pass(1, 16, 4);
    pass[100] = rewrite(&pass[100], |_, payload| payload[3] ^= 1);
    engine.play(pass);
    let progress = engine.progress(&sent, |progress| progress.state == State::Incomplete);
    assert_eq!((progress.flawed, progress.complete), (1, progress.blocks - 1));
    engine.play(sent.pass(2, 16, 4));
    engine.arrives(&sent);
}

#[test]
fn a_wrong_repair_symbol_gives_no_wrong_byte() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let sent = Sent::new("land-000041", small(), Random(21).bytes(3000));
    let mut pass = sent.pass(1, 16, 4);
    let repair = pass.len() - 4;
    pass[repair] = rewrite(&pass[repair], |head, payload| {
        assert_eq!(head.index, REPAIR | 2);
        payload.fill(7);
    });
    pass.remove(10);
    pass.drain(pass.len() - 5..pass.len() - 4);
    pass.retain(|bytes| bytes[44..46] != (REPAIR | 1).to_be_bytes() && bytes[44..46] != REPAIR.to_be_bytes());
    engine.play(pass);
    let progress = engine.progress(&sent, |progress| progress.state == State::Incomplete);
    assert!(progress.flawed <= 1 && progress.complete == 0, "{progress:?}");
    engine.play(sent.pass(2, 16, 4));
    engine.arrives(&sent);
}

#[test]
fn what_cannot_be_of_a_stream_is_dropped() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let sent = Sent::new("land-000041", small(), Random(22).bytes(60_000));
    let pass = sent.pass(1, 16, 4);
    let (blocks, last) = (sent.stream.layout.blocks(), pass.len() - 3);
    engine.play(pass[..200].to_vec());
    let changes: [fn(&mut Head, &mut Vec<u8>, u32); 9] = [
        |head, _, _| head.index = 64,
        |head, _, _| head.index = 0x7fff,
        |head, _, _| head.index = REPAIR | 256,
        |head, _, _| head.index = u16::MAX,
        |head, _, blocks| head.block = blocks,
        |head, _, _| head.block = u32::MAX,
        |head, _, _| head.length += 1,
        |_, payload, _| payload.truncate(63),
        |_, payload, _| payload.clear(),
    ];
    for change in changes {
        engine.play([rewrite(&pass[last], |head, payload| change(head, payload, blocks))]);
    }
    for change in [0_u64, 1 << 40, u64::MAX] {
        engine.play([rewrite(&pass[last], |head, _| head.stream ^= change | 1)]);
        engine.play([rewrite(&pass[last], |head, _| (head.sequence, head.transmission) = (change, 77))]);
    }
    let report = engine.report(|report| report.datagrams.unknown == 12);
    assert_eq!(report.datagrams.foreign, 0);
    engine.play(pass[200..].to_vec());
    engine.arrives(&sent);
}

#[test]
fn noise_of_every_size_is_counted() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let mut random = Random(23);
    let sent = Sent::new("land-000041", small(), Random(24).bytes(10_000));
    let pass = sent.pass(1, 16, 4);
    for length in (0..65_508).step_by(331) {
        let mut noise = random.bytes(length);
        if length >= 64 && length % 2 == 1 {
            noise[..64].copy_from_slice(&pass[5][..64]);
        }
        engine.play([noise]);
    }
    for cut in 0..pass[5].len() {
        engine.play([pass[5][..cut].to_vec()]);
    }
    engine.play(pass.clone());
    engine.arrives(&sent);
    // A datagram of no bytes is none, in memory.
    let report = engine.report(|report| report.datagrams.received == pass.len() as u64 + 197 + 127);
    assert_eq!(report.datagrams.foreign + report.datagrams.forged, 197 + 127);
}

#[test]
fn with_a_key_nothing_else_passes() {
    let directory = quarantine();
    let key = LinkKey::new([5; 32]);
    let engine = Engine::with(Settings { key: Some(key.clone()), ..Settings::new(directory.path().to_owned()) }, 1);
    let mut sent = Sent::new("land-000041", small(), Random(25).bytes(20_000));
    engine.play(sent.pass(1, 16, 4));
    sent.key = Some(LinkKey::new([6; 32]));
    engine.play(sent.pass(1, 16, 4));
    let forged = 2 * sent.pass(1, 16, 4).len() as u64;
    let report = engine.report(|report| report.datagrams.forged == forged);
    assert!(report.streams.is_empty());
    sent.key = Some(key);
    engine.play(sent.pass(1, 16, 4));
    engine.arrives(&sent);
}

/// An announcement alone, of a stream of any shape and length.
fn announced(sequence: u64, shape: Shape, length: u64) -> (Stream, Vec<u8>) {
    let layout = Layout::new(shape, length).unwrap();
    let pouch = format!("land-{sequence:06}").parse().unwrap();
    let stream = Stream { pouch, manifest: Sha256Digest([3; 32]), signatures: Sha256Digest([4; 32]), layout };
    let pass = Pass { phase: Phase::Start, rounds: 1, depth: 64, repair: 64, blocks: 1, symbols: 1, clock: 0 };
    let head = Head {
        kind: Kind::Announcement,
        lane: 0,
        round: 1,
        stream: stream.id(),
        transmission: 9,
        sequence: 0,
        length,
        block: 0,
        index: 0,
    };
    let mut bytes = Vec::new();
    let payload = Announcement { stream: stream.clone(), pass }.to_bytes();
    head.write(&payload, &mut Tagger::new(None, stream.id(), 9).unwrap(), &mut bytes).unwrap();
    (stream, bytes)
}

#[test]
fn what_does_not_fit_is_refused_with_an_alarm() {
    let directory = quarantine();
    let settings = Settings { streams: 2, stream_bytes: 1 << 50, ..Settings::new(directory.path().to_owned()) };
    let engine = Engine::with(settings, 1);
    let (tiny, large) = (Shape::new(64, 1).unwrap(), Shape::new(1408, 1024).unwrap());
    engine.play([
        announced(1, large, 1 << 51).1,
        announced(2, tiny, 1 << 30).1,
        announced(3, Shape::new(8896, 1024).unwrap(), 1 << 44).1,
        announced(4, large, 1000).1,
        announced(5, large, 1000).1,
        announced(6, large, 1000).1,
    ]);
    let report = engine.report(|report| report.streams.len() == 2 && report.alarms.len() >= 4);
    let mut ids: Vec<&str> = report.alarms.iter().map(|alarm| alarm.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["LINK-SIZE", "LINK-SIZE", "LINK-SPACE", "LINK-STREAMS"]);
    let metrics = std::fs::read_to_string(directory.path().join("metrics.prom")).unwrap();
    assert!(metrics.contains("pouch_link_streams_refused_total{rule=\"LINK-SPACE\"} 1\n"), "{metrics}");
    let sent = Sent::new("land-000009", small(), Random(26).bytes(100));
    engine.play(sent.pass(1, 16, 4));
    engine.report(|report| report.datagrams.unknown >= 10);
}

#[test]
fn streams_that_are_only_announced_give_way_to_one_that_is_sent() {
    let directory = quarantine();
    let engine = Engine::with(Settings { streams: 4, ..Settings::new(directory.path().to_owned()) }, 1);
    let shape = Shape::new(1408, 1024).unwrap();
    // One lacks a block, and has others: it stays, however long nothing comes of it.
    let waits = Sent::new("land-000040", small(), Random(29).bytes(20_000));
    engine.play(waits.part(1, 4, 0, &mut |number| number > 0));
    engine.progress(&waits, |progress| progress.complete + 1 == progress.blocks);
    engine.play((1..=100).map(|sequence| announced(sequence, shape, 100_000).1));
    let names = |report: &Report| report.streams.iter().map(|stream| stream.pouch.clone()).collect::<Vec<_>>();
    let first = engine.report(|report| report.streams.len() == 4 && report.datagrams.unknown == 97);
    let sent = Sent::new("land-000041", small(), Random(30).bytes(50_000));
    engine.play(sent.pass(1, 16, 4));
    // None of them has had its time yet, and later others that are only announced do not come in their place.
    assert_eq!(names(&engine.report(|report| report.datagrams.unknown > 900)), names(&first));
    std::thread::sleep(Duration::from_secs(5));
    engine.play((101..=200).map(|sequence| announced(sequence, shape, 100_000).1));
    engine.play(sent.pass(2, 16, 4));
    engine.play(sent.pass(3, 16, 4));
    engine.arrives(&sent);
    let report = engine.report(|report| report.streams.len() == 3);
    assert_eq!(names(&report).iter().filter(|name| names(&first).contains(name)).count(), 3);
    engine.play(waits.pass(2, 4, 0));
    engine.arrives(&waits);
}

#[test]
fn room_that_an_announcement_took_is_given_to_a_stream_that_is_sent() {
    let directory = quarantine();
    let free = pouch_platform::Dir::open_private(directory.path()).unwrap().free_bytes().unwrap();
    let engine = Engine::with(Settings { share: 1, ..Settings::new(directory.path().to_owned()) }, 1);
    // So much that what is left of the share is less than is wanted.
    let large = (free / 100).checked_sub(10 << 20).expect("a disk with 2 GiB free");
    engine.play([announced(1, Shape::new(1408, 1024).unwrap(), large).1]);
    engine.report(|report| report.streams.len() == 1);
    std::thread::sleep(Duration::from_secs(5));
    let sent = Sent::new("land-000041", Shape::new(8896, 1024).unwrap(), Random(31).bytes(20_000_000));
    engine.play(sent.pass(1, 1, 0));
    engine.play(sent.pass(1, 1, 0));
    engine.arrives(&sent);
}

#[test]
fn two_streams_at_once_arrive_and_their_imports_are_told() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let one = Sent::new("land-000041", small(), Random(27).bytes(200_000));
    let other = Sent::new("cadastre-000007", Shape::new(128, 30).unwrap(), Random(28).bytes(150_000));
    let (first, second) = (one.pass(1, 16, 4), other.pass(1, 8, 4));
    let mut mixed = Vec::new();
    let (mut left, mut right) = (first.into_iter(), second.into_iter());
    loop {
        let (a, b) = (left.next(), right.next());
        if a.is_none() && b.is_none() {
            break;
        }
        mixed.extend(a.into_iter().chain(b));
    }
    engine.play(mixed);
    let arrived = [(); 2].map(|()| engine.arrived.recv_timeout(Duration::from_secs(20)).unwrap());
    for sent in [&one, &other] {
        let found = std::fs::read(directory.path().join("arrived").join(sent.name())).unwrap();
        assert!(found == sent.bytes);
        let arrived = arrived.iter().find(|arrived| arrived.file == sent.name()).unwrap();
        let import = Import { code: 0, said: "admitted".to_owned() };
        engine.imported.send((arrived.stream.clone(), import)).unwrap();
    }
    engine.report(|report| report.arrived.len() == 2 && report.arrived.iter().all(|one| one.import.is_some()));
    drop(engine);
    // A receiver after it still knows them.
    let engine = Engine::start(directory.path());
    engine.play(one.pass(2, 16, 4));
    let report = engine.report(|report| report.datagrams.duplicate > 1000);
    assert_eq!((report.arrived.len(), report.datagrams.unknown), (2, 0));
}

#[test]
fn silence_is_an_alarm_until_something_is_heard() {
    let directory = quarantine();
    let silence = Duration::from_millis(300);
    let engine = Engine::with(Settings { silence, ..Settings::new(directory.path().to_owned()) }, 1);
    let report = engine.report(|report| !report.alarms.is_empty());
    assert_eq!(report.alarms[0].id, "LINK-SILENCE");
}
