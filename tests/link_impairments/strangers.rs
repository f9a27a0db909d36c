//! Datagrams of others: of an old recording, of a foreign link, forged, of chance.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use acceptance::process::{binary, command, run};

use pouch_link::receive::report::Report;

use crate::ground::{Ground, PATIENCE, count};

const SIZE: usize = 12_000_000;

#[test]
fn an_old_recording_costs_nothing() {
    let mut ground = Ground::new(&[]);
    let (old, new) = (ground.freight(1, SIZE), ground.freight(2, SIZE));
    let recording = ground.path("recording");
    ground.impair(&["--record", recording.to_str().unwrap()]);
    ground.send(&old, &[]);
    ground.arrives(&old);
    let file = ground.link.arrived("land-000001", std::time::Duration::ZERO).unwrap();
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    ground.impair(&["--replay", recording.to_str().unwrap()]);
    ground.send(&new, &[]);
    ground.arrives(&new);
    ground.arrives(&old);
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
    let counts = ground.link.counts().unwrap();
    assert!(count(&counts, "replayed") > 5000, "{counts}");
    assert_eq!(fs::read_dir(ground.link.quarantine().join("streams")).unwrap().count(), 0);
    assert!(ground.link.used().unwrap() < 2 * new.length + (1 << 20));
}

#[test]
fn foreign_datagrams_and_noise_are_counted_and_dropped() {
    let mut ground = Ground::new(&["--seed", "4", "--foreign", "1", "--loss", "1%"]);
    let freight = ground.freight(1, SIZE);
    ground.send(&freight, &[]);
    ground.arrives(&freight);
    ground.impair(&["--seed", "5", "--noise", "1"]);
    let freight = ground.freight(2, 3_000_000);
    ground.send_at("50M", &freight, &[]);
    ground.arrives(&freight);
    let said = |report: &Report| report.datagrams.unknown > 5000 && report.datagrams.foreign > 1000;
    ground.link.report_of(said, PATIENCE).unwrap();
    assert!(ground.link.peak().unwrap() < 64 << 20);
}

#[test]
fn ten_forged_ones_for_each_real_one_cost_no_memory_and_no_disk() {
    let ground = Ground::unreceived(&[&[]]);
    let key = ground.path("link.key");
    run(command(binary("pouch-send").unwrap(), "TERM").args(["link-key", "-o"]).arg(&key)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let key = ["--link-key", key.to_str().unwrap()].map(str::to_owned);
    let key = key.each_ref().map(String::as_str);
    let mut ground = ground.receiving(&key);
    let send = |ground: &Ground, number: u64| {
        let freight = ground.freight(number, SIZE);
        ground.send_at("40M", &freight, &key);
        ground.arrives(&freight);
        (ground.link.peak().unwrap(), ground.link.used().unwrap(), freight.length)
    };
    // The tags are checked before anything is kept, whatever the relay forges.
    let (peak, used, _) = send(&ground, 1);
    // What passes is too much to be recorded.
    ground.link.impair(&["--seed", "6", "--forge", "5", "--forge-sealed", "5"]).unwrap();
    let (after, disk, length) = send(&ground, 2);
    let counts = ground.link.counts().unwrap();
    let forged = count(&counts, "forged");
    assert_eq!(forged, 10 * count(&counts, "received"));
    ground.link.report_of(|report| report.datagrams.forged > forged / 2, PATIENCE).unwrap();
    assert!(after <= peak + (1 << 20), "memory grew from {peak} to {after}");
    assert!(disk <= used + length + (64 << 10), "the disk took {disk} after {used} for {length}");
    // Without the key nothing is even a stream.
    let foreign = ground.freight(3, 1_000_000);
    ground.impair(&[]);
    ground.send(&foreign, &[]);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert!(ground.link.report().unwrap().streams.is_empty());
    assert_eq!(ground.link.used().unwrap(), disk);
}
