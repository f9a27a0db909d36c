//! What repair symbols and rounds make good without anybody's help.

use crate::ground::{Ground, PATIENCE, RATE, count};

const SIZE: usize = 12_000_000;

/// What is done to the wire, how the sender provides for it, and which count must show that it was done.
const REPAIRED: [(&str, &[&str], &[&str]); 10] = [
    ("sent", &[], &[]),
    ("lost", &["--loss", "2%"], &[]),
    ("lost", &["--loss", "5%"], &["--repair", "12.5%"]),
    ("lost", &["--loss", "1%", "--bursts", "20"], &[]),
    ("lost", &["--gilbert", "0.1%,10%,0,100%"], &["--repair", "12.5%"]),
    ("burst", &["--burst", "500@3000"], &[]),
    ("duplicated", &["--duplicate", "20%"], &[]),
    ("reordered", &["--reorder", "10%", "--distance", "1..200"], &[]),
    ("corrupted", &["--corrupt", "2%"], &[]),
    ("truncated", &["--truncate", "2%"], &[]),
];

#[test]
fn what_repair_makes_good_arrives_byte_for_byte() {
    let mut ground = Ground::new(&[]);
    for (number, (what, impairments, provided)) in (1..).zip(REPAIRED) {
        let freight = ground.freight(number, SIZE);
        ground.impair(&[&["--seed", &number.to_string()], impairments].concat());
        ground.send(&freight, provided);
        ground.arrives(&freight);
        let counts = ground.link.counts().unwrap();
        assert!(count(&counts, what) > 0, "{impairments:?}: {counts}");
    }
    // What was corrupted or cut short was refused.
    ground.link.report_of(|report| report.datagrams.foreign + report.datagrams.forged > 300, PATIENCE).unwrap();
    assert_eq!(ground.link.frames_sent().unwrap().unwrap_or(0), 0, "a receiver is silent");
}

#[test]
fn wrong_bytes_under_a_right_checksum_never_arrive() {
    let mut ground = Ground::new(&[]);
    let freight = ground.freight(1, SIZE);
    ground.impair(&["--seed", "1", "--corrupt-sealed", "0.02%"]);
    ground.send(&freight, &["--rounds", "4"]);
    ground.arrives(&freight);
    let counts = ground.link.counts().unwrap();
    assert!(count(&counts, "corrupted_sealed") > 1, "{counts}");
    assert!(ground.link.log().contains("LINK-BLOCK"), "{}", ground.link.log());
}

#[test]
fn two_pouches_at_once_both_arrive() {
    let ground = Ground::new(&["--seed", "3", "--loss", "2%"]);
    let freights = [ground.freight(1, SIZE), ground.freight(2, SIZE)];
    let sending = freights
        .each_ref()
        .map(|freight| ground.link.send().unwrap().args(["--rate", "100M"]).arg(&freight.folder).spawn().unwrap());
    for mut sender in sending {
        assert!(sender.wait().unwrap().success());
    }
    freights.iter().for_each(|freight| ground.arrives(freight));
}

#[test]
fn one_of_two_lanes_is_dead_and_the_second_round_completes() {
    let mut ground = Ground::unreceived(&[&[], &["--loss", "100%"]]).receiving(&["--once", "--timeout", "30s"]);
    let freight = ground.freight(1, SIZE);
    ground.send(&freight, &["--rounds", "2"]);
    ground.arrives(&freight);
    assert_eq!(ground.link.ended(PATIENCE), Ok(Some(0)));
}

#[test]
fn a_path_that_carries_less_gets_smaller_datagrams() {
    let mut ground = Ground::new(&["--mtu", "1272"]);
    let freight = ground.freight(1, SIZE);
    ground.send(&freight, &["--mtu", "1300"]);
    ground.arrives(&freight);
    let counts = ground.link.counts().unwrap();
    assert_eq!((count(&counts, "dropped"), RATE), (0, RATE), "{counts}");
}
