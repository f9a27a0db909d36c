//! Screens as text, at two widths; and that nothing in a report acts on the terminal.

use super::*;
use crate::receive::diagnose::diagnose;
use crate::receive::report::{Alarm, Beat, Datagrams, Disk, Import, Lane, Progress, State};

fn at(text: &str) -> Timestamp {
    format!("2026-03-01T{text}Z").parse().unwrap()
}

fn report() -> Report {
    let positions = (0..64).map(|place| [0, 0, 40, 3, 20][if place < 20 { place % 5 } else { 0 }]).collect();
    let going = Progress {
        stream: "00112233aabbccdd".into(),
        pouch: "land-000041".into(),
        length: 10_700_000_000,
        blocks: 7431,
        complete: 2353,
        round: 1,
        rounds: 2,
        since: at("11:58:00"),
        latest: at("12:00:00"),
        rate: 941_270_000,
        remaining: Some(200),
        received: 620_455,
        lost: 12_345,
        repaired: 12_001,
        positions,
        ..Progress::default()
    };
    let waiting = Progress {
        stream: "8899aabb00112233".into(),
        pouch: "business-000007".into(),
        state: State::Incomplete,
        length: 1_000_000,
        blocks: 64,
        complete: 62,
        round: 2,
        rounds: 2,
        latest: at("11:00:00"),
        received: 1000,
        lost: 5000,
        lost_blocks: 2,
        flawed: 1,
        missing: Some("7KA2-90QF".into()),
        ..Progress::default()
    };
    Report {
        since: at("08:00:00"),
        updated: at("12:00:00"),
        lanes: vec![
            Lane { listen: "udp:0.0.0.0:4100".into(), datagrams: 621_455, overflowed: 12, card: 0, wire: 17_333 },
            Lane { listen: "ether:eth1".into(), ..Lane::default() },
        ],
        heartbeat: Some(Beat {
            at: at("11:59:59.6"),
            clock: at("11:59:59"),
            busy: true,
            waiting: 2,
            last: Some("land-000040".into()),
        }),
        datagrams: Datagrams { received: 621_455, foreign: 0, forged: 0, unknown: 7, duplicate: 31 },
        streams: vec![going, waiting],
        arrived: vec![Arrived {
            stream: "1".into(),
            pouch: "land-000040".into(),
            file: "land-000040-0000000000000001.tar".into(),
            at: at("09:30:00"),
            length: 10_600_000_000,
            lost: 0,
            repaired: 0,
            import: Some(Import { code: 0, said: "kept".into() }),
        }],
        alarms: vec![Alarm {
            id: "LINK-SILENCE".into(),
            text: "lane ether:eth1 was never heard".into(),
            since: at("08:00:30"),
        }],
        disk: Disk { free: 1_200_000_000_000, used: 300_000_000_000, share: 900_000_000_000 },
    }
}

fn shown(report: &Report, shape: Shape) -> String {
    let now = at("12:00:00");
    let findings = diagnose(report, now);
    screen(&View { report, findings: &findings, quarantine: Path::new("/var/lib/pouch/quarantine"), now }, shape)
}

#[test]
fn a_screen_of_80_columns() {
    let text = shown(&report(), Shape { columns: 80, rows: None, color: false });
    assert_eq!(text, include_str!("screen-80.txt"));
    assert!(text.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn a_screen_of_120_columns() {
    let text = shown(&report(), Shape { columns: 120, rows: None, color: false });
    assert_eq!(text, include_str!("screen-120.txt"));
    assert!(text.lines().all(|line| line.chars().count() <= 120));
}

#[test]
fn a_small_screen_is_not_left() {
    for (columns, rows) in [(40, 8), (60, 24), (80, 24), (200, 5)] {
        let text = shown(&report(), Shape { columns, rows: Some(rows), color: false });
        assert!(text.lines().count() <= rows && text.lines().all(|line| line.chars().count() <= columns), "{text}");
    }
    let text = shown(&report(), Shape { columns: 80, rows: Some(10), color: false });
    assert!(text.lines().last().unwrap().contains("more lines"), "{text}");
}

#[test]
fn colours_are_added_around_whole_lines_only() {
    let (plain, colored) = (
        shown(&report(), Shape { columns: 80, rows: None, color: false }),
        shown(&report(), Shape { columns: 80, rows: None, color: true }),
    );
    assert!(!plain.contains('\x1b') && colored.contains("\x1b[1;31mALARM LINK-SILENCE"));
    let mut stripped = colored;
    for code in ["\x1b[0m", "\x1b[1;31m", "\x1b[1m", "\x1b[33m", "\x1b[32m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, plain);
}

#[test]
fn no_text_of_a_report_acts_on_the_terminal() {
    let evil = "\x1b]0;owned\x07\r\n\u{202e}\u{9b}2J".to_owned();
    let mut report = report();
    report.lanes[0].listen = evil.clone();
    report.heartbeat.as_mut().unwrap().last = Some(evil.clone());
    for stream in &mut report.streams {
        (stream.stream, stream.pouch, stream.missing) = (evil.clone(), evil.clone(), Some(evil.clone()));
    }
    report.arrived[0].file = evil.clone();
    report.arrived[0].pouch = evil.clone();
    report.arrived[0].import = Some(Import { code: 77, said: evil.clone() });
    report.alarms[0].id = evil.clone();
    report.alarms[0].text = evil;
    let text = shown(&report, Shape::text());
    assert!(!text.contains(['\x1b', '\x07', '\r', '\u{202e}', '\u{9b}']), "{text}");
    assert!(text.contains("\\u{1b}]0;owned\\u{7}\\r\\n"));
    assert!(!plain(&report.streams[0], at("12:00:00")).contains(['\x1b', '\n']));
}

#[test]
fn numbers_that_cannot_be_do_not_break_it() {
    let mut report = report();
    let stream = &mut report.streams[0];
    (stream.blocks, stream.complete, stream.length, stream.lost, stream.received) =
        (0, u32::MAX, u64::MAX, u64::MAX, 9);
    stream.positions = vec![u64::MAX; 1000];
    stream.remaining = Some(u64::MAX);
    stream.rate = u64::MAX;
    report.lanes[0].overflowed = u64::MAX;
    report.updated = Timestamp::MIN;
    assert!(shown(&report, Shape { columns: 80, rows: None, color: false }).contains("STOPPED"));
    assert!(shown(&Report::default(), Shape::text()).contains("no stream is under way"));
}
