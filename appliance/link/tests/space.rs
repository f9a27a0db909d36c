//! A disk that is full, in a mount namespace of its own: as root, and without.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test fails loudly, and shares helpers with another"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pouch_carry::Shape;
use pouch_link::receive::report::State;

#[path = "receive/engine.rs"]
mod engine;
#[path = "receive/player.rs"]
mod player;

use engine::Engine;
use player::{Random, Sent};

/// Where the small disk is, for the process that has it.
const DISK: &str = "POUCH_TEST_SMALL_DISK";

#[test]
fn a_full_disk_pauses_a_stream_and_loses_nothing() {
    if let Some(disk) = std::env::var_os(DISK) {
        return on_a_small_disk(Path::new(&disk));
    }
    let disk = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=6m,mode=0700 none \"$POUCH_TEST_SMALL_DISK\" && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_pauses_a_stream_and_loses_nothing", "--nocapture"])
        .env(DISK, disk.path())
        .output()
        .expect("unshare of util-linux");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn on_a_small_disk(disk: &Path) {
    let quarantine = disk.join("quarantine");
    let engine = Engine::start(&quarantine);
    let too_much = Sent::new("land-000040", Shape::new(1408, 100).unwrap(), Random(50).bytes(5_800_000));
    engine.play(too_much.pass(1, 8, 4));
    let report = engine.report(|report| !report.alarms.is_empty());
    assert_eq!(report.alarms[0].id, "LINK-SPACE");
    assert!(report.streams.is_empty());

    let sent = Sent::new("land-000041", Shape::new(1408, 100).unwrap(), Random(51).bytes(3_000_000));
    let pass = sent.pass(1, 8, 4);
    let half = pass.len() / 2;
    engine.play(pass[..1].to_vec());
    engine.progress(&sent, |_| true);
    // The room that was taken for it is given away.
    let streams = quarantine.join(format!("streams/{:016x}", sent.stream.id()));
    let part = std::fs::OpenOptions::new().write(true).open(streams.join("stream.tar.part")).unwrap();
    part.set_len(0).unwrap();
    part.set_len(3_000_000).unwrap();
    let filler = disk.join("filler");
    // Whatever fits.
    let _ = std::fs::write(&filler, vec![1; 7_000_000]);
    let began = Instant::now();
    engine.play(pass[1..half].to_vec());
    let progress = engine.progress(&sent, |progress| progress.state == State::NoSpace);
    let report = engine.report(|report| report.alarms.iter().any(|alarm| alarm.text.contains("land-000041")));
    assert!(began.elapsed() < Duration::from_secs(5), "{report:#?}");
    assert!(report.alarms.iter().any(|alarm| alarm.id == "LINK-SPACE" && alarm.text.contains("land-000041")));
    engine.play(pass[half..].to_vec());
    engine.progress(&sent, |later| later.received as u128 > progress.received.into());
    // A receiver starts on a disk without any room, too.
    drop(engine);
    let mut all = std::fs::OpenOptions::new().append(true).open(&filler).unwrap();
    while all.write_all(&[1; 512]).is_ok() {}
    drop(all);
    let engine = Engine::start(&quarantine);
    std::thread::sleep(Duration::from_secs(1));
    // What was whole stays whole, and goes on when there is room again.
    std::fs::remove_file(&filler).unwrap();
    let progress = engine.progress(&sent, |progress| progress.state != State::NoSpace);
    assert_eq!(progress.flawed, 0);
    engine.play(sent.pass(2, 8, 4));
    engine.arrives(&sent);
}
