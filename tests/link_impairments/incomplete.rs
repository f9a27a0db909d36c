//! What cannot be made good: the report names exactly what is missing, and its code completes the pouch.

use crate::ground::{Ground, PATIENCE, count};

const SIZE: usize = 12_000_000;

/// Each takes more than 6.25 % of repair can give back.
const LOST: [(&str, &[&str]); 7] = [
    ("lost", &["--loss", "8%"]),
    ("lost", &["--loss", "15%", "--bursts", "100"]),
    ("burst", &["--burst", "3000@2000"]),
    ("burst", &["--burst", "1100@100"]),
    ("too_long", &["--mtu", "1400@6000"]),
    ("truncated", &["--truncate", "10%"]),
    ("corrupted", &["--corrupt", "10%"]),
];

#[test]
fn what_is_missing_is_named_exactly_and_its_code_completes_the_pouch() {
    let mut ground = Ground::new(&[]);
    for (number, (what, impairments)) in (1..).zip(LOST) {
        let freight = ground.freight(number, SIZE);
        ground.impair(&[&["--seed", &number.to_string()], impairments].concat());
        ground.send(&freight, &["--interleave", "3"]);
        let said = ground.is_incomplete(&freight);
        let counts = ground.is_exact(&said, 1);
        assert!(count(&counts, what) > 0, "{impairments:?}: {counts}");
        ground.completes(&freight, &said);
    }
    ground.link.report_of(|report| report.streams.is_empty() && report.alarms.is_empty(), PATIENCE).unwrap();
}

#[test]
fn a_receiver_that_waited_in_vain_ends_with_three() {
    let mut ground = Ground::unreceived(&[&["--seed", "1", "--loss", "15%"]]).receiving(&["--once", "--timeout", "8s"]);
    let freight = ground.freight(1, SIZE);
    ground.send(&freight, &[]);
    let said = ground.is_incomplete(&freight);
    assert_eq!(ground.link.ended(PATIENCE), Ok(Some(3)), "{}", ground.link.log());
    ground.is_exact(&said, 1);
    // Where the next one goes on.
    let mut ground = ground.receiving(&["--once", "--timeout", "30s"]);
    ground.completes(&freight, &said);
    assert_eq!(ground.link.ended(PATIENCE), Ok(Some(0)), "{}", ground.link.log());
}

#[test]
fn a_dead_lane_is_missing_exactly() {
    let mut ground = Ground::unreceived(&[&[], &["--loss", "100%"]]).receiving(&[]);
    let freight = ground.freight(1, SIZE);
    ground.send(&freight, &[]);
    let said = ground.is_incomplete(&freight);
    ground.is_exact(&said, 2);
    ground.impair(&[]);
    let more: &[&str] = &["--only", said.missing.as_deref().unwrap()];
    // Half of what is asked for goes the dead way again.
    ground.send(&freight, more);
    let said = ground.is_incomplete(&freight);
    assert!(said.complete < said.blocks && said.missing.is_some());
}

#[test]
fn after_a_cut_the_code_costs_little_more_than_was_lost() {
    let mut ground = Ground::new(&["--cut", "500ms@6000"]);
    let freight = ground.freight(1, 30_000_000);
    ground.send(&freight, &["--interleave", "2"]);
    let said = ground.is_incomplete(&freight);
    let lost = count(&ground.is_exact(&said, 1), "cut");
    let sent = count(&ground.completes(&freight, &said), "received");
    let cost = sent as f64 / lost as f64;
    assert!(lost > 2000 && cost <= 1.1, "{sent} were sent for {lost} that were lost: {cost:.2}");
}

#[test]
fn blocks_that_are_wrong_under_right_checksums_are_missing() {
    let mut ground = Ground::new(&["--seed", "5", "--corrupt-sealed", "0.05%"]);
    let freight = ground.freight(1, SIZE);
    ground.send(&freight, &[]);
    let said = ground.is_incomplete(&freight);
    assert!(said.flawed > 0 && said.flawed == u64::from(said.blocks - said.complete), "{said:?}");
    ground.completes(&freight, &said);
}
