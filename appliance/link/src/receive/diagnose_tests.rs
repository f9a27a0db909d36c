//! Every finding, from a report that has it and nothing else.

use super::*;
use crate::receive::report::{Beat, Datagrams, Import};

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn well() -> Report {
    Report { updated: now(), ..Report::default() }
}

fn only(report: &Report) -> Finding {
    let mut findings = diagnose(report, now());
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

#[test]
fn all_is_well() {
    assert_eq!(diagnose(&well(), now()), []);
}

#[test]
fn a_report_that_is_not_renewed_is_of_a_receiver_that_stopped() {
    let old = |seconds: i64| Report { updated: now() - jiff::SignedDuration::from_secs(seconds), ..Report::default() };
    assert!(lives(&old(5), now()) && lives(&old(-3), now()) && !lives(&old(6), now()));
    let finding = only(&old(3600));
    assert!(finding.urgent && finding.id == "LINK-STOPPED" && finding.what.contains("1 h 0 min"), "{finding:?}");
}

#[test]
fn streams_that_wait_are_urgent_and_those_under_way_are_not() {
    let with = |state| Report {
        streams: vec![Progress { state, pouch: "land-000041".into(), blocks: 9, complete: 7, ..Progress::default() }],
        ..well()
    };
    assert_eq!(diagnose(&with(State::Receiving), now()), []);
    assert_eq!(diagnose(&with(State::Verifying), now()), []);
    let incomplete = only(&with(State::Incomplete));
    assert!(incomplete.urgent && incomplete.what.ends_with("lacks 2 of 9 blocks"), "{incomplete:?}");
    let mut told = with(State::Incomplete);
    told.alarms = vec![Alarm { id: "LINK-INCOMPLETE".into(), text: "land-000041: 2 of 9".into(), since: now() }];
    assert_eq!(only(&told), incomplete, "once, and with its remedy");
    let full = only(&with(State::NoSpace));
    assert!(full.urgent && full.id == "LINK-SPACE");
}

#[test]
fn losses_are_told_apart_by_place_with_a_remedy_each() {
    let lane = |overflowed, card, wire| Report {
        lanes: vec![Lane { listen: "ether:eth7".into(), datagrams: 900, overflowed, card, wire }],
        ..well()
    };
    let overflow = only(&lane(100, 0, 0));
    assert_eq!((overflow.id.as_str(), overflow.urgent), ("LINK-OVERFLOW", false));
    assert!(overflow.what.contains("100 of 1000 datagrams (10.00%)") && overflow.remedy.contains("net.core.rmem_max"));
    let card = only(&lane(0, 1, 0));
    assert!(card.id == "LINK-CARD" && card.remedy.contains("ethtool -G eth7 rx 4096"), "{card:?}");
    let mut wire = lane(0, 0, 64);
    assert!(only(&wire).remedy.contains("one by one"));
    let positions = (0..64).map(|place| u64::from(place == 7) * 64).collect();
    wire.streams.push(Progress { positions, ..Progress::default() });
    assert!(only(&wire).remedy.contains("--interleave"));
    assert_eq!(diagnose(&lane(1, 1, 1), now()).len(), 3);
}

#[test]
fn alarms_imports_foreigners_and_clocks() {
    let alarm = Alarm { id: "LINK-SILENCE".into(), text: "nothing heard".into(), since: now() };
    assert!(only(&Report { alarms: vec![alarm], ..well() }).urgent);
    for (code, urgent) in [(77, true), (3, false)] {
        let import = Some(Import { code, said: "no".into() });
        let arrived = vec![Arrived { file: "land-000041-ab.tar".into(), import, ..Arrived::default() }];
        let finding = only(&Report { arrived, ..well() });
        assert!(finding.urgent == urgent && finding.what.contains(&format!("exit code {code}")));
    }
    let datagrams = Datagrams { received: 10, foreign: 1, forged: 2, ..Datagrams::default() };
    let ids: Vec<String> =
        diagnose(&Report { datagrams, ..well() }, now()).into_iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["LINK-TAG", "LINK-DATAGRAM"]);
    let beat = |seconds: i64| Report {
        heartbeat: Some(Beat { at: now(), clock: now() + jiff::SignedDuration::from_secs(seconds), ..Beat::default() }),
        ..well()
    };
    assert!(only(&beat(-3600)).what.contains("1 h 0 min behind") && only(&beat(61)).what.contains("ahead of"));
    assert_eq!(diagnose(&beat(60), now()), []);
}

#[test]
fn shares_are_never_rounded_to_nothing() {
    assert_eq!(share(0, 0), "0.00%");
    assert_eq!(share(1, 1_000_000), "under 0.01%");
    assert_eq!(share(195, 10_000), "1.95%");
    assert_eq!(share(u64::MAX, u64::MAX), "100.00%");
}
