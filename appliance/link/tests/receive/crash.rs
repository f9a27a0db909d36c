//! Receivers that end before their stream does, and full disks.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pouch_link::receive::report::{Report, State};
use pouch_link::receive::settings::Settings;
use pouch_link::receive::{Lane, Service, run};
use pouch_platform::Dir;

use crate::engine::Engine;
use crate::player::{Player, Random, Score, Sent};
use crate::{names, quarantine, small};

/// Copies a quarantine as a kill would leave it: what was written is there, in whatever state.
fn copied(from: &Path) -> tempfile::TempDir {
    let to = quarantine();
    for directory in ["streams", "arrived"] {
        std::fs::create_dir(to.path().join(directory)).unwrap();
    }
    for stream in names(&from.join("streams")) {
        let (from, to) = (from.join("streams").join(&stream), to.path().join("streams").join(&stream));
        std::fs::create_dir(&to).unwrap();
        // Records first: they must not speak of what is not there.
        for file in ["blocks", "stream.tar.part", "announcement"] {
            // A receiver that is still running may just have published it.
            let _ = std::fs::copy(from.join(file), to.join(file));
        }
    }
    to
}

#[test]
fn a_stream_goes_on_after_a_kill_anywhere() {
    let sent = Sent::new("land-000041", small(), Random(40).bytes(100_000));
    let pass = sent.pass(1, 4, 4);
    let mut directory = quarantine();
    let step = pass.len() / 7;
    for (number, part) in pass.chunks(step).enumerate() {
        let engine = Engine::start(directory.path());
        engine.play(part.to_vec());
        if number % 2 == 0 {
            engine.report(|report| report.datagrams.received == part.len() as u64);
        } else {
            // Not even a report: whatever is written, is.
            while !engine.lanes[0].is_played() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        directory = copied(directory.path());
    }
    let engine = Engine::start(directory.path());
    engine.play(sent.pass(2, 4, 4));
    engine.arrives(&sent);
}

#[test]
fn after_a_kill_at_most_a_window_comes_again() {
    let directory = quarantine();
    let sent = Sent::new("land-000041", small(), Random(41).bytes(200_000));
    let pass = sent.pass(1, 8, 4);
    let half = pass.len() / 2;
    let engine = Engine::start(directory.path());
    engine.play(pass[..half].to_vec());
    // Records lag at most a second behind.
    engine.progress(&sent, |progress| progress.complete > 18);
    std::thread::sleep(Duration::from_millis(2500));
    let copy = copied(directory.path());
    drop(engine);
    let engine = Engine::start(copy.path());
    let progress = engine.progress(&sent, |progress| progress.complete > 18);
    assert_eq!(progress.flawed, 0);
    engine.play(pass.clone());
    engine.arrives(&sent);
    let report = engine.report(|report| report.datagrams.received == pass.len() as u64);
    let needed = pass.len() as u64 - report.datagrams.duplicate;
    let window = 8 * (64 + 4);
    assert!(needed <= (pass.len() - half) as u64 + window, "{needed} of {} were needed", pass.len());
}

#[test]
fn a_receiver_that_is_stopped_forgets_nothing() {
    let directory = quarantine();
    let sent = Sent::new("land-000041", small(), Random(42).bytes(100_000));
    let pass = sent.pass(1, 8, 4);
    for part in pass.chunks(pass.len().div_ceil(5)) {
        let engine = Engine::start(directory.path());
        engine.play(part.to_vec());
        if std::ptr::eq(part.last().unwrap(), pass.last().unwrap()) {
            engine.arrives(&sent);
            return;
        }
        let progress = engine.progress(&sent, |progress| progress.received == part.len() as u64);
        assert_eq!((progress.lost, progress.flawed), (0, 0));
    }
    panic!("it did not arrive");
}

#[test]
fn a_damaged_record_costs_its_block_only() {
    let sent = Sent::new("land-000041", small(), Random(43).bytes(60_000));
    let pass = sent.pass(1, 16, 4);
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    // All but the last symbols of the last block.
    let kept: Vec<_> = pass.iter().filter(|bytes| bytes[4] != 2 || bytes[43] != 14 || bytes[45] > 9).cloned().collect();
    assert!(kept.len() < pass.len());
    engine.play(kept);
    let progress = engine.progress(&sent, |progress| progress.state == State::Incomplete);
    assert_eq!((progress.blocks, progress.complete), (15, 14));
    drop(engine);
    let records = directory.path().join(format!("streams/{:016x}/blocks", sent.stream.id()));
    let whole = std::fs::read(&records).unwrap();
    let record = whole.len() / 15;
    for place in [0, 5, 100, 140, record - 1, record * 3 + 7] {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        std::fs::write(&records, damaged).unwrap();
        let engine = Engine::start(directory.path());
        let progress = engine.progress(&sent, |progress| progress.complete == 13);
        assert_eq!(progress.flawed, 0);
    }
    // The bytes themselves damaged: the record speaks of what is not there any more.
    std::fs::write(&records, &whole).unwrap();
    let part = records.with_file_name("stream.tar.part");
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    let engine = Engine::start(directory.path());
    let progress = engine.progress(&sent, |progress| progress.complete == 13);
    assert_eq!(progress.flawed, 1);
    engine.play(sent.pass(2, 16, 4));
    engine.arrives(&sent);
}

#[test]
fn what_was_published_before_a_kill_is_handed_over_after_it() {
    let sent = Sent::new("land-000041", small(), Random(44).bytes(5000));
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    engine.play(sent.pass(1, 16, 4)[..50].to_vec());
    engine.progress(&sent, |progress| progress.received == 50);
    drop(engine);
    // As if the name had been given, and no more.
    let streams = directory.path().join(format!("streams/{:016x}", sent.stream.id()));
    std::fs::remove_file(streams.join("stream.tar.part")).unwrap();
    std::fs::write(directory.path().join("arrived").join(sent.name()), &sent.bytes).unwrap();
    let engine = Engine::start(directory.path());
    engine.arrives(&sent);
    engine.answer(&sent, 0);
    drop(engine);
    // And what is no stream at all is cleared away.
    std::fs::create_dir_all(directory.path().join("streams/0123456789abcdef")).unwrap();
    std::fs::create_dir_all(directory.path().join("streams/what")).unwrap();
    let engine = Engine::start(directory.path());
    engine.report(|report| report.streams.is_empty());
    assert_eq!(names(&directory.path().join("streams")), [""; 0]);
}

#[test]
fn what_was_handed_over_and_not_answered_is_handed_over_after_a_restart() {
    let sent = Sent::new("land-000041", small(), Random(45).bytes(5000));
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    engine.play(sent.pass(1, 16, 4));
    engine.arrives(&sent);
    drop(engine);
    // An import that was killed says nothing of the pouch; one that refused it does.
    for (code, left) in [(-1, 1), (77, 0)] {
        let engine = Engine::start(directory.path());
        engine.arrives(&sent);
        let report = engine.answer(&sent, code);
        assert_eq!((report.arrived.len(), report.arrived[0].length), (1, 5000));
        assert_eq!(names(&directory.path().join("streams")).len(), left);
    }
    let engine = Engine::start(directory.path());
    engine.report(|report| report.arrived[0].import.is_some());
    assert!(engine.arrived.try_recv().is_err());
}

#[test]
fn what_cannot_be_read_is_not_removed() {
    let sent = Sent::new("land-000041", small(), Random(46).bytes(5000));
    let directory = quarantine();
    let engine = Engine::start(directory.path());
    engine.play(sent.pass(1, 16, 4)[..50].to_vec());
    engine.progress(&sent, |progress| progress.received == 50);
    drop(engine);
    let stream = directory.path().join(format!("streams/{:016x}", sent.stream.id()));
    let (announcement, kept) = (stream.join("announcement"), directory.path().join("kept"));
    std::fs::rename(&announcement, &kept).unwrap();
    std::os::unix::fs::symlink("announcement", &announcement).unwrap();
    let root = Dir::open_private(directory.path()).unwrap();
    let settings = Settings::new(directory.path().to_owned());
    let error = run(settings, root, Vec::new(), Box::leak(Box::default()), None, &mut ()).unwrap_err();
    assert!(error.to_string().contains("cannot read the quarantine"), "{error}");
    std::fs::rename(&kept, &announcement).unwrap();
    let engine = Engine::start(directory.path());
    engine.play(sent.pass(1, 16, 4)[50..].to_vec());
    engine.arrives(&sent);
}

#[test]
fn nothing_is_taken_before_all_is_ready() {
    let directory = quarantine();
    let score: Arc<Score> = Arc::default();
    score.add([vec![1, 2, 3]]);
    let lanes = vec![Lane { listen: "memory".to_owned(), receive: Player::new(&score) }];
    struct NotYet<'a>(&'a Score, &'a Path);
    impl Service for NotYet<'_> {
        fn begun(&mut self) -> io::Result<()> {
            assert!(!self.0.is_played() && !self.1.join("status.json").exists());
            Err(io::Error::other("not yet"))
        }
        fn reported(&mut self, _: &Report) {
            panic!("it has not begun");
        }
    }
    let (path, stop) = (directory.path(), Box::leak(Box::default()));
    let root = Dir::open_private(path).unwrap();
    let settings = Settings::new(path.to_owned());
    let error = run(settings, root, lanes, stop, None, &mut NotYet(&score, path)).unwrap_err();
    assert_eq!(error.to_string(), "the service cannot begin: not yet");
}
