use super::*;
use crate::relay::{Burst, Cut, Loss, Shrink};

const COUNT: u64 = 100_000;

/// Datagram `sequence` of a session, sealed.
fn datagram(sequence: u64) -> Vec<u8> {
    let mut datagram = vec![7; 100];
    wire::put(&mut datagram, wire::STREAM, 1);
    wire::put(&mut datagram, wire::TRANSMISSION, 2);
    wire::put(&mut datagram, wire::SEQUENCE, sequence);
    wire::seal(&mut datagram);
    datagram
}

/// Sends `count` datagrams, a millisecond apart. Gives what came out, and the counts.
fn run(settings: Settings, count: u64) -> (Vec<Vec<u8>>, Counts) {
    let mut relay = Relay::new(settings);
    let mut out = Vec::new();
    for sequence in 0..count {
        relay.pass(&datagram(sequence), Duration::from_millis(sequence), &mut |sent| out.push(sent.to_vec()));
    }
    relay.flush(&mut |sent| out.push(sent.to_vec()));
    let counts = relay.counts();
    assert_eq!((counts.received, counts.missed), (count, 0));
    assert_eq!(counts.sent, out.len() as u64);
    (out, counts)
}

fn sequences(out: &[Vec<u8>]) -> Vec<u64> {
    out.iter().filter_map(|datagram| wire::number(datagram, wire::SEQUENCE)).collect()
}

/// Whether `count` is the share `rate` of all, within five standard deviations.
fn is_share(count: u64, rate: f64) -> bool {
    let expected = COUNT as f64 * rate;
    (count as f64 - expected).abs() <= 5.0 * (expected * (1.0 - rate)).sqrt()
}

#[test]
fn nothing_is_done_that_was_not_asked_for() {
    let (out, counts) = run(Settings::default(), 1000);
    assert_eq!(out, (0..1000).map(datagram).collect::<Vec<_>>());
    let untouched =
        Counts { received: 1000, received_bytes: 100_000, sent: 1000, sent_bytes: 100_000, ..Counts::default() };
    assert_eq!(counts, untouched);
}

#[test]
fn a_seed_does_the_same_again_and_another_something_else() {
    let settings = Settings {
        seed: 5,
        loss: Loss::bursts(0.05, 4.0),
        duplicate: 0.05,
        reorder: 0.1,
        distance: (1, 50),
        corrupt: 0.01,
        noise: 1,
        ..Settings::default()
    };
    assert_eq!(run(settings.clone(), 300), run(settings.clone(), 300));
    assert_ne!(run(settings.clone(), 300).0, run(Settings { seed: 6, ..settings }, 300).0);
}

#[test]
fn one_impairment_does_not_move_another() {
    let alone = Settings { seed: 5, loss: Loss::Uniform(0.02), ..Settings::default() };
    let among = Settings { duplicate: 0.1, corrupt: 0.1, forge: 1, ..alone.clone() };
    assert_eq!(run(alone, 10_000).1.lost, run(among, 10_000).1.lost);
}

#[test]
fn losses_are_counted_as_they_happened() {
    let (out, counts) = run(Settings { seed: 1, loss: Loss::bursts(0.02, 20.0), ..Settings::default() }, COUNT);
    assert_eq!(counts.lost + counts.sent, COUNT);
    assert!((0.012..0.028).contains(&(counts.lost as f64 / COUNT as f64)), "{counts:?}");
    let mean = counts.dropped as f64 / counts.bursts as f64;
    assert!((12.0..28.0).contains(&mean), "bursts of {mean}");
    let came = sequences(&out);
    let gap = came.windows(2).map(|pair| pair[1] - pair[0] - 1).max();
    assert_eq!(gap, Some(counts.longest_burst));
}

#[test]
fn a_burst_is_exactly_where_it_was_asked_for() {
    let (out, counts) = run(Settings { burst: Some(Burst { at: 100, length: 4096 }), ..Settings::default() }, 5000);
    assert_eq!((counts.burst, counts.bursts, counts.longest_burst), (4096, 1, 4096));
    assert_eq!(sequences(&out), (0..100).chain(4196..5000).collect::<Vec<_>>());
}

#[test]
fn a_cut_lasts_its_time_and_a_short_path_stays_short() {
    let cut = Cut { at: 50, lasts: Duration::from_millis(200) };
    let (out, counts) = run(Settings { cut: Some(cut), ..Settings::default() }, 1000);
    assert_eq!(counts.cut, 200);
    assert_eq!(sequences(&out), (0..50).chain(250..1000).collect::<Vec<_>>());
    for (longest, through) in [(99, 10), (100, 20)] {
        let shrink = Shrink { at: 10, longest };
        let (out, counts) = run(Settings { shrink: Some(shrink), ..Settings::default() }, 20);
        assert_eq!((out.len(), counts.too_long), (through, 20 - through as u64));
    }
}

#[test]
fn shares_are_kept() {
    for rate in [0.0001, 0.01, 0.05] {
        let settings = Settings { seed: 9, duplicate: rate, reorder: rate, distance: (1, 64), ..Settings::default() };
        let (out, counts) = run(settings, COUNT);
        assert_eq!(out.len() as u64, COUNT + counts.duplicated);
        assert!(is_share(counts.duplicated, rate) && is_share(counts.reordered, rate), "{counts:?} at {rate}");
    }
}

#[test]
fn damage_has_its_share_and_nothing_else_is_touched() {
    let original = |datagram: &Vec<u8>| {
        let mut sealed = datagram.clone();
        wire::seal(&mut sealed);
        datagram.get(wire::HEADER..).is_some_and(|payload| payload == [7; 36]) && sealed == *datagram
    };
    for rate in [0.0001, 0.01, 0.05] {
        let none = Settings { seed: 9, ..Settings::default() };
        for settings in [
            Settings { truncate: rate, ..none.clone() },
            Settings { corrupt: rate, ..none.clone() },
            Settings { corrupt_sealed: rate, ..none.clone() },
        ] {
            let (out, counts) = run(settings, COUNT);
            let damaged = counts.truncated + counts.corrupted + counts.corrupted_sealed;
            assert!(is_share(damaged, rate), "{counts:?} at {rate}");
            assert_eq!(out.iter().filter(|datagram| !original(datagram)).count() as u64, damaged);
        }
    }
}

#[test]
fn the_overtaken_come_as_late_as_was_asked_for() {
    let (out, counts) = run(Settings { seed: 2, reorder: 0.01, distance: (3, 40), ..Settings::default() }, COUNT);
    let came = sequences(&out);
    let mut sorted = came.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..COUNT).collect::<Vec<_>>(), "nothing is lost and nothing doubled");
    let mut highest = 0;
    let mut late = Vec::new();
    for sequence in came {
        if sequence < highest {
            late.push(highest - sequence);
        }
        highest = highest.max(sequence);
    }
    // One that waits at the very end is overtaken by none.
    assert!(late.len() as u64 <= counts.reordered && late.len() as u64 + 1 >= counts.reordered);
    // The one behind which it leaves may itself be waiting: then it is overtaken by one or two fewer.
    assert!(late.iter().all(|by| (1..=40).contains(by)), "{late:?}");
    let mean = late.iter().sum::<u64>() as f64 / late.len() as f64;
    assert!((20.0..23.0).contains(&mean), "{mean}");
}

#[test]
fn strangers_come_as_often_as_asked_for_and_the_real_ones_all() {
    let recording = vec![vec![1; 10], vec![2; 20]];
    let settings = Settings {
        seed: 4,
        forge: 4,
        forge_sealed: 6,
        foreign: 10,
        noise: 1,
        replay: recording.clone(),
        ..Settings::default()
    };
    let (out, counts) = run(settings, 50);
    assert_eq!((counts.forged, counts.foreign, counts.noise, counts.replayed), (500, 500, 50, 2));
    for real in (0..50).map(datagram) {
        assert_eq!(out.iter().filter(|sent| **sent == real).count(), 1);
    }
    assert!(recording.iter().all(|old| out.contains(old)));
}

#[test]
fn what_never_came_is_seen() {
    let mut relay = Relay::new(Settings::default());
    for sequence in [0, 1, 5, 4, 9] {
        relay.pass(&datagram(sequence), Duration::ZERO, &mut |_| {});
    }
    relay.pass(&[1, 2, 3], Duration::ZERO, &mut |_| {});
    assert_eq!(relay.counts().missed, 5);
}
