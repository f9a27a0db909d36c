//! What is lost, repeated or mixed up on the way.

use pouch_carry::Shape;
use pouch_carry::missing::Gaps;
use pouch_link::receive::report::State;
use pouch_link::receive::settings::Settings;

use crate::engine::Engine;
use crate::player::{Random, Sent};
use crate::{names, quarantine, small};

#[test]
fn a_clean_pass_arrives_once() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let sent = Sent::new("land-000041", Shape::new(1408, 1024).unwrap(), Random(1).bytes(5_000_000));
    engine.play(sent.pass(1, 64, 4));
    engine.arrives(&sent);
    engine.answer(&sent, 0);
    engine.play(sent.pass(2, 64, 4));
    let report = engine.report(|report| report.datagrams.duplicate > 3500);
    assert_eq!((report.datagrams.foreign, report.datagrams.forged, report.datagrams.unknown), (0, 0, 0));
    assert!(report.streams.is_empty() && report.alarms.is_empty(), "{report:#?}");
    assert_eq!(names(&directory.path().join("streams")), [""; 0]);
    assert_eq!(names(&directory.path().join("arrived")), [sent.name()]);
}

#[test]
fn every_size_arrives() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    for (sequence, length) in [1, 31, 32, 33, 4063, 4064, 4065, 8128, 20_000].into_iter().enumerate() {
        let sent = Sent::new(&format!("land-{:06}", sequence + 1), small(), Random(2).bytes(length));
        engine.play(sent.pass(1, 8, 2));
        engine.arrives(&sent);
    }
    let last_of_one = Sent::new("land-000100", Shape::new(64, 3).unwrap(), Random(3).bytes(160 * 4 + 1));
    assert_eq!(last_of_one.stream.layout.block(last_of_one.stream.layout.blocks() - 1).unwrap().symbols, 1);
    engine.play(last_of_one.pass(1, 8, 1));
    engine.arrives(&last_of_one);
}

#[test]
fn two_percent_of_loss_are_repaired() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let sent = Sent::new("land-000041", Shape::new(64, 1024).unwrap(), Random(4).bytes(2_000_000));
    let mut random = Random(5);
    let pass = sent.pass(1, 64, 64);
    let kept: Vec<_> = pass.iter().filter(|_| random.below(100) >= 2).cloned().collect();
    assert!(kept.len() < pass.len() - 500);
    engine.play(kept);
    engine.arrives(&sent);
}

#[test]
fn a_burst_is_spread_and_repaired() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let sent = Sent::new("land-000041", Shape::new(64, 1024).unwrap(), Random(6).bytes(64 * 65_504));
    assert_eq!(sent.stream.layout.blocks(), 64);
    let mut pass = sent.pass(1, 64, 64);
    // It begins among the source symbols and takes the last of every block too.
    pass.drain(2 + 64 * 1024 - 4000..2 + 64 * 1024 + 96);
    engine.play(pass);
    engine.arrives(&sent);
}

#[test]
fn order_and_repetition_do_not_matter() {
    let directory = quarantine();
    let engine = Engine::with(Settings { workers: 2, ..Settings::new(directory.path().to_owned()) }, 2);
    let sent = Sent::new("land-000041", small(), Random(7).bytes(400_000));
    let pass = sent.pass(1, 16, 20);
    engine.play(pass[..1].to_vec());
    engine.progress(&sent, |_| true);
    let mut random = Random(8);
    let mut mixed: Vec<_> =
        pass.iter().filter(|_| random.below(100) >= 5).flat_map(|one| [one.clone(), one.clone()]).collect();
    for place in (1..mixed.len()).rev() {
        mixed.swap(place, usize::try_from(random.below(place as u64 + 1)).unwrap());
    }
    let half = mixed.split_off(mixed.len() / 2);
    engine.lanes[0].add(mixed);
    engine.lanes[1].add(half);
    engine.arrives(&sent);
}

#[test]
fn what_a_round_lacked_comes_with_the_next() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let sent = Sent::new("land-000041", small(), Random(9).bytes(300_000));
    let mut random = Random(10);
    engine.play(sent.pass(1, 16, 4).into_iter().filter(|_| random.below(100) >= 12));
    let progress = engine.progress(&sent, |progress| progress.state == State::Incomplete);
    assert!(progress.lost > 300 && progress.lost_blocks > 0 && progress.complete > 0, "{progress:?}");
    assert_eq!(progress.lost_blocks, progress.blocks - progress.complete);
    assert_eq!(progress.positions.iter().sum::<u64>(), progress.lost);
    engine.play(sent.pass(2, 16, 4).into_iter().filter(|_| random.below(100) >= 12));
    engine.arrives(&sent);
}

#[test]
fn the_code_asks_for_what_is_missing_and_little_more() {
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    let sent = Sent::new("land-000041", small(), Random(11).bytes(200_000));
    let lost = |bytes: &Vec<u8>| bytes[4] == 2 && matches!(bytes[43], 10..=12);
    engine.play(sent.pass(1, 8, 4).into_iter().filter(|bytes| !lost(bytes)));
    let progress = engine.progress(&sent, |progress| progress.missing.is_some());
    let (stream, gaps) = Gaps::decode(progress.missing.as_deref().unwrap()).unwrap();
    assert!(stream.is(sent.stream.id()));
    assert!(gaps.iter().eq([(10, 64), (11, 64), (12, 64)]), "{gaps:?}");
    let report = engine.report(|report| !report.alarms.is_empty());
    assert!(report.alarms[0].id == "LINK-INCOMPLETE" && report.alarms[0].text.contains(&progress.missing.unwrap()));
    engine.play(sent.part(2, 8, 4, &mut |number| gaps.iter().any(|(block, _)| block == number)));
    engine.arrives(&sent);
}
