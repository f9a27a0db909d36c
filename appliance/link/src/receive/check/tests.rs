//! Machines as they come, at several rates.

use super::*;
use std::collections::BTreeMap;

fn lanes(of: &[&str]) -> Vec<Listen> {
    of.iter().map(|lane| lane.parse().unwrap()).collect()
}

/// As distributions ship it, with a good card.
fn usual() -> Machine {
    let card = Card {
        state: Some("up".into()),
        speed: Some(10_000_000_000),
        mtu: Some(1500),
        ring: Some((512, 4096)),
        gro: Some(true),
    };
    Machine {
        rmem_max: Some(212_992),
        backlog: Some(1000),
        backlog_dropped: Some(0),
        net_admin: false,
        landlock: Some(true),
        seccomp: Some(true),
        cards: BTreeMap::from([("eth2".to_owned(), card)]),
        disk: Some(Disk { free: 1 << 40, speed: 2_000_000_000 }),
    }
}

fn changes(machine: &Machine, of: &[&str], rate: u64) -> Vec<Check> {
    assess(machine, &lanes(of), rate).into_iter().filter(|check| check.verdict == Verdict::Change).collect()
}

const LANE: &[&str] = &["udp:0.0.0.0:4100%eth2"];
const GIGABIT: u64 = 1_000_000_000;

#[test]
fn a_usual_machine_needs_a_larger_buffer_and_is_told_the_exact_value() {
    let [buffer] = &changes(&usual(), LANE, GIGABIT)[..] else { panic!() };
    assert_eq!(buffer.now.as_deref(), Some("sysctl -w net.core.rmem_max=12582912"));
    assert_eq!(buffer.for_good.as_deref(), Some("net.core.rmem_max = 12582912    in /etc/sysctl.d/90-pouch.conf"));
    assert!(buffer.says.contains("it holds 0.00 s of this link"), "{}", buffer.says);
    // What it asks for helps.
    let changed = Machine { rmem_max: Some(12_582_912), ..usual() };
    assert_eq!(changes(&changed, LANE, GIGABIT), []);
    let forced = Machine { net_admin: true, ..usual() };
    assert_eq!(changes(&forced, LANE, GIGABIT), []);
    // Never more than the receiver asks for, never less than 4 MiB.
    let at = |rate| changes(&usual(), LANE, rate).first().and_then(|check| check.now.clone()).unwrap();
    assert!(at(10 * GIGABIT).ends_with(&format!("={BUFFER}")) && at(1).ends_with("=4194304"));
}

#[test]
fn a_fast_link_needs_backlog_ring_and_disk() {
    let machine = Machine { net_admin: true, ..usual() };
    let found = changes(&machine, LANE, 10 * GIGABIT);
    let commands: Vec<&str> = found.iter().filter_map(|check| check.now.as_deref()).collect();
    assert_eq!(commands, ["sysctl -w net.core.netdev_max_backlog=9000", "ethtool -G eth2 rx 4096"]);
    let slow = Machine { disk: Some(Disk { free: 5, speed: 100_000_000 }), ..machine };
    let what: Vec<String> = changes(&slow, LANE, GIGABIT).into_iter().map(|check| check.what).collect();
    assert_eq!(what, ["disk speed", "disk space"]);
}

#[test]
fn cards_are_told_what_is_wrong_with_them() {
    let with = |card: Card| Machine { net_admin: true, cards: BTreeMap::from([("eth2".to_owned(), card)]), ..usual() };
    let sound = usual().cards["eth2"].clone();
    for (card, what, says) in [
        (Card { state: Some("down".into()), ..sound.clone() }, "eth2 link", "down"),
        (Card { speed: Some(100_000_000), ..sound.clone() }, "eth2 speed", "100 Mb/s, 1000 Mb/s are to arrive"),
        (Card { mtu: Some(1280), ..sound.clone() }, "eth2 MTU", "1280; 1500 is the least"),
        (Card { ring: Some((64, 256)), ..sound.clone() }, "eth2 ring", "64 of at most 256, 256 are needed"),
        (Card { gro: Some(false), ..sound.clone() }, "eth2 GRO", "off"),
    ] {
        let [check] = &changes(&with(card), LANE, GIGABIT)[..] else { panic!("{what}") };
        assert!(check.what == what && check.says.starts_with(says), "{check:?}");
        assert!(check.now.is_some() || check.advice.is_some());
    }
    let [missing] = &changes(&with(sound), &["ether:eth3"], GIGABIT)[..] else { panic!() };
    assert_eq!((missing.what.as_str(), missing.says.as_str()), ("eth3", "there is no such interface"));
}

#[test]
fn raw_ethernet_needs_no_socket_buffer_and_no_gro() {
    assert_eq!(changes(&usual(), &["ether:eth2"], GIGABIT), []);
    assert!(!assess(&usual(), &lanes(&["ether:eth2"]), GIGABIT).iter().any(|check| check.what.contains("GRO")));
}

#[test]
fn what_cannot_be_seen_is_said_and_is_no_fault() {
    let checks = assess(&Machine::default(), &lanes(&["udp:0.0.0.0:4100"]), GIGABIT);
    assert!(checks.iter().all(|check| check.verdict == Verdict::Unknown), "{checks:?}");
    assert!(checks[0].advice.as_deref().unwrap().contains("12582912"));
    let without = Machine { landlock: Some(false), seccomp: Some(false), net_admin: true, ..usual() };
    assert_eq!(changes(&without, LANE, GIGABIT).len(), 2);
    assert_eq!(changes(&Machine { net_admin: true, ..usual() }, &[], GIGABIT)[0].what, "lanes");
    assert!(assess(&usual(), &lanes(LANE), u64::MAX).len() > 8);
}
