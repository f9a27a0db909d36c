//! The spool, watched.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use pouch_link::send::config::{Config, RegistryConfig};
use pouch_link::send::{Clerk, Ended, Outgoing, Snapshot, Start};

use crate::pouch::make;
use crate::record::{engine, finish, lanes};

fn config(home: &Path) -> Config {
    fs::create_dir_all(home.join("spool")).unwrap();
    let mut config = Config { spool: home.join("spool"), state: home.join("state"), ..Config::default() };
    config.registry.insert("urgent".parse().unwrap(), RegistryConfig { weight: 100 });
    config
}

fn names(starts: &[Start]) -> Vec<String> {
    starts.iter().map(|(outgoing, _)| outgoing.stream().pouch.to_string()).collect()
}

fn send(outgoing: &Arc<Outgoing>) -> Ended {
    let (_, lanes) = lanes(1, 1472);
    let (_, mut engine) = engine(lanes, 10_000_000_000, None);
    engine.start(Arc::clone(outgoing), 1).unwrap();
    finish(&mut engine).remove(0)
}

#[test]
fn a_new_pouch_is_sent_once_also_over_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let config = config(home.path());
    let mut clerk = Clerk::open(config.clone(), 1472).unwrap();
    assert!(clerk.poll().is_empty());
    make(&config.spool, "land-000041", &[1000]);
    fs::rename(make(&config.spool, "land-000042", &[1000]), config.spool.join(".waiting-land-000042")).unwrap();
    let starts = clerk.poll();
    assert_eq!(names(&starts), ["land-000041"]);
    assert!(clerk.poll().is_empty(), "it is under way");
    clerk.ended(&send(&starts[0].0));
    assert!(clerk.poll().is_empty());
    drop(clerk);
    let mut clerk = Clerk::open(config.clone(), 1472).unwrap();
    assert!(clerk.poll().is_empty(), "it was sent before the restart");
    let report = clerk.report(&Snapshot::default());
    assert_eq!(report.sent.iter().map(|sent| sent.pouch.as_str()).collect::<Vec<_>>(), ["land-000041"]);
    clerk.write(&report).unwrap();
    let text = fs::read_to_string(config.state.join("metrics.prom")).unwrap();
    assert!(text.contains("pouch_send_waiting 0\n"), "{text}");
    fs::write(config.state.join("sent.json"), "[").unwrap();
    assert!(Clerk::open(config, 1472).is_err(), "damage is never taken for nothing");
}

#[test]
fn one_of_a_registry_at_a_time_the_heavy_first_and_the_urgent_beyond_the_limit() {
    let home = tempfile::tempdir().unwrap();
    let config = Config { streams: 2, ..config(home.path()) };
    for id in ["a-000002", "a-000001", "b-000001", "c-000001"] {
        make(&config.spool, id, &[1000]);
    }
    let mut clerk = Clerk::open(config.clone(), 1472).unwrap();
    let starts = clerk.poll();
    assert_eq!(names(&starts), ["a-000001", "b-000001"]);
    make(&config.spool, "urgent-000001", &[10]);
    let urgent = clerk.poll();
    assert_eq!((names(&urgent), urgent[0].1), (vec!["urgent-000001".to_owned()], 100));
    assert_eq!(clerk.waiting(), 2);
    for (outgoing, _) in starts.iter().chain(&urgent) {
        clerk.ended(&send(outgoing));
    }
    assert_eq!(names(&clerk.poll()), ["a-000002", "c-000001"]);
}

#[test]
fn what_vanishes_and_what_is_foreign_is_said_and_holds_up_nothing() {
    let home = tempfile::tempdir().unwrap();
    let config = Config { streams: 1, ..config(home.path()) };
    for name in [&b"\x1b[2Jland"[..], b"land-41", b"..x", b"\xff\xfe", b"LAND-000001"] {
        fs::create_dir(config.spool.join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    std::os::unix::fs::symlink("/etc", config.spool.join("evil-000001")).unwrap();
    let first = make(&config.spool, "land-000041", &[1000]);
    let second = make(&config.spool, "other-000001", &[1000]);
    let mut clerk = Clerk::open(config.clone(), 1472).unwrap();
    let starts = clerk.poll();
    assert_eq!(names(&starts), ["land-000041"]);
    let report = clerk.report(&Snapshot::default());
    assert!(report.alarms[0].text.contains("evil-000001 was not sent"), "{:?}", report.alarms);
    assert_eq!((report.alarms.len(), report.waiting, report.failed), (1, vec!["other-000001".to_owned()], 1));
    // One vanishes under way, one while it waits.
    fs::remove_dir_all(&first).unwrap();
    let ended = send(&starts[0].0);
    assert!(ended.error.as_ref().unwrap().to_string().contains("vanished"), "{ended:?}");
    fs::remove_dir_all(&second).unwrap();
    clerk.ended(&ended);
    assert!(clerk.poll().is_empty());
    let report = clerk.report(&Snapshot::default());
    assert_eq!((report.failed, report.waiting.len(), report.sent.len()), (3, 0, 0));
    make(&config.spool, "land-000042", &[1000]);
    assert_eq!(names(&clerk.poll()), ["land-000042"]);
}

#[test]
fn a_state_directory_that_takes_nothing_is_an_alarm_and_nothing_is_sent_twice() {
    let home = tempfile::tempdir().unwrap();
    let config = config(home.path());
    let mut clerk = Clerk::open(config.clone(), 1472).unwrap();
    make(&config.spool, "land-000041", &[1000]);
    let starts = clerk.poll();
    // A directory cannot be replaced by a file.
    fs::create_dir(config.state.join("sent.json")).unwrap();
    clerk.ended(&send(&starts[0].0));
    make(&config.spool, "land-000042", &[1000]);
    assert_eq!(names(&clerk.poll()), ["land-000042"], "the others go on");
    let alarms = clerk.report(&Snapshot::default()).alarms;
    assert!(alarms.len() == 1 && alarms[0].id == "LINK-STATE", "{alarms:?}");
    clerk.save().unwrap_err();
    fs::remove_dir(config.state.join("sent.json")).unwrap();
    clerk.poll();
    assert!(clerk.report(&Snapshot::default()).alarms.is_empty());
    drop(clerk);
    assert_eq!(names(&Clerk::open(config, 1472).unwrap().poll()), ["land-000042"]);
}
