//! A disk that is full, in a mount namespace of its own.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::process::is_root;
use pouch_link::receive::report::{Report, State};

use crate::ground::{Ground, PATIENCE};

const DISK: &str = "POUCH_TEST_SMALL_DISK";

#[test]
fn a_full_disk_stops_cleanly_and_goes_on_when_there_is_room() {
    if let Some(disk) = std::env::var_os(DISK) {
        return on_a_small_disk(Path::new(&disk));
    }
    let disk = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64m,mode=0755 none \"$POUCH_TEST_SMALL_DISK\" && exec \"$@\"";
    let mut unshare = Command::new("unshare");
    unshare.args(if is_root() { &["--mount"][..] } else { &["--map-root-user", "--mount"] });
    unshare.args(["sh", "-c", script, "sh"]).arg(std::env::current_exe().unwrap());
    unshare.args(["--exact", "disk::a_full_disk_stops_cleanly_and_goes_on_when_there_is_room", "--nocapture"]);
    // What the test makes for itself lies on that disk too.
    let output = unshare.env(DISK, disk.path()).env("TMPDIR", disk.path()).output().expect("unshare of util-linux");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn on_a_small_disk(disk: &Path) {
    // Only the announcements pass at first.
    let mut ground = Ground::new(&["--mtu", "300"]);
    let freight = ground.freight(1, 12_000_000);
    ground.send(&freight, &[]);
    let known = |report: &Report| report.streams.iter().any(|stream| stream.state == State::Incomplete);
    let report = ground.link.report_of(known, PATIENCE).unwrap();
    // The room that was taken for it is given away, and the rest of the disk too.
    let part = ground.link.quarantine().join("streams").join(&report.streams[0].stream).join("stream.tar.part");
    let part = OpenOptions::new().write(true).open(part).unwrap();
    part.set_len(0).unwrap();
    part.set_len(freight.length).unwrap();
    let filler = disk.join("filler");
    // All but a little.
    let free = report.disk.free + freight.length;
    fs::write(&filler, vec![1; usize::try_from(free - (5 << 20)).unwrap()]).unwrap();

    ground.link.impair(&[]).unwrap();
    ground.send(&freight, &["--interleave", "2"]);
    let told = Instant::now();
    let alarmed = |report: &Report| {
        let full = report.streams.iter().any(|stream| stream.state == State::NoSpace);
        full && report.alarms.iter().any(|alarm| alarm.id == "LINK-SPACE" && alarm.text.contains("land-000001"))
    };
    let report = ground.link.report_of(alarmed, PATIENCE).unwrap();
    assert!(told.elapsed() < Duration::from_secs(5));
    let before = report.streams[0].complete;
    let metrics = fs::read_to_string(ground.link.quarantine().join("metrics.prom")).unwrap();
    assert!(metrics.contains("id=\"LINK-SPACE\""), "{metrics}");
    assert!(ground.link.log().contains("the disk takes no more"), "{}", ground.link.log());

    fs::remove_file(filler).unwrap();
    let going = |report: &Report| report.streams.iter().any(|stream| stream.state != State::NoSpace);
    let report = ground.link.report_of(going, PATIENCE).unwrap();
    assert!(report.streams[0].complete >= before && report.streams[0].flawed == 0, "{report:?}");
    ground.send(&freight, &["--interleave", "2"]);
    ground.arrives(&freight);
}
