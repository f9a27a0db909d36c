//! Floods, silence, lanes that fail and pouches that change.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::ground::{Ground, PATIENCE};

#[test]
fn a_flood_of_random_datagrams_leaves_memory_flat() {
    let mut ground = Ground::new(&[]);
    let flood = |ground: &mut Ground, lasts: &str| {
        ground.link.impair(&["--seed", "9", "--flood", "--for", lasts]).unwrap();
        let before = ground.link.report().map_or(0, |report| report.datagrams.received);
        std::thread::sleep(Duration::from_millis(1_000));
        ground.link.report_of(|report| report.datagrams.received > before + 1_000, PATIENCE).unwrap();
        ground.link.counts().unwrap();
        ground.link.peak().unwrap()
    };
    let before = flood(&mut ground, "1s");
    let after = flood(&mut ground, "5s");
    assert!(after <= before + (1 << 20), "memory grew from {before} to {after}");
    ground.link.impair(&[]).unwrap();
    let freight = ground.freight(1, 3_000_000);
    ground.send(&freight, &[]);
    ground.arrives(&freight);
    assert!(ground.link.report().unwrap().alarms.iter().all(|alarm| alarm.id == "LINK-OVERFLOW"));
}

#[test]
fn a_receiver_transmits_nothing_while_it_lives_and_silenced_not_after() {
    let mut ground = Ground::new(&["--seed", "2", "--loss", "10%"]);
    let freight = ground.freight(1, 6_000_000);
    ground.send(&freight, &[]);
    ground.is_incomplete(&freight);
    ground.impair(&[]);
    ground.send(&freight, &[]);
    ground.arrives(&freight);
    let wire = ground.link.wire().expect("namespaces of the network");
    wire.silence().unwrap();
    ground.link.kill_receiver();
    ground.link.counts().unwrap();
    // Nobody is there any more.
    ground.send(&freight, &[]);
    assert_eq!(ground.link.frames_sent().unwrap(), Some(0));
}

#[test]
fn a_lane_that_fails_is_told() {
    let ground = Ground::new(&[]);
    let freight = ground.freight(1, 3_000_000);
    let mut send = ground.link.send().unwrap();
    let output = send.args(["--to", "ether:none/02:00:00:00:00:02"]).arg(&freight.folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("error[LINK-") && said.contains("none"), "{said}");
}

#[test]
fn a_pouch_that_changes_while_it_is_sent_does_not_arrive() {
    type Change = fn(&Path);
    fn open(part: &Path) -> File {
        OpenOptions::new().write(true).open(part).unwrap()
    }
    let shorter: Change = |part| open(part).set_len(1000).unwrap();
    let other: Change = |part| open(part).write_all_at(b"other", 4_150_000).unwrap();
    let ground = Ground::new(&[]);
    // A part that is not yet begun, and one that is being sent, at a place that is not yet read.
    for (number, segment, change) in [(1, "segment-000001.pgp", shorter), (2, "segment-000000.pgp", other)] {
        let freight = ground.freight(number, 5_000_000);
        let mut sending = ground.link.send().unwrap();
        sending.args(["--rate", "5M", "--interleave", "1"]).arg(&freight.folder);
        let sending = sending.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        ground
            .link
            .report_of(
                |report| {
                    report.streams.iter().any(|stream| stream.pouch == freight.id.to_string() && stream.received > 100)
                },
                PATIENCE,
            )
            .unwrap();
        let part = freight.folder.join(segment);
        let before = fs::read(&part).unwrap();
        change(&part);
        let output = sending.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code != 0) && said.contains("changed while"), "{said}");
        ground.is_incomplete(&freight);
        // As it was it can still be completed.
        fs::write(&part, before).unwrap();
        ground.send(&freight, &[]);
        ground.arrives(&freight);
    }
}
