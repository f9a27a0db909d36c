//! A receiver under test, in a directory of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pouch_link::receive::report::{Arrived, Import, Progress, Report};
use pouch_link::receive::settings::Settings;
use pouch_link::receive::{HandOver, Lane, run};

use pouch_platform::Dir;

use crate::player::{Player, Score, Sent};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Engine {
    pub(crate) quarantine: PathBuf,
    pub(crate) lanes: Vec<Arc<Score>>,
    pub(crate) arrived: Receiver<Arrived>,
    pub(crate) imported: Sender<(String, Import)>,
    started: Timestamp,
    stop: &'static AtomicBool,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    pub(crate) fn start(quarantine: &Path) -> Self {
        Self::with(Settings::new(quarantine.to_owned()), 1)
    }

    pub(crate) fn with(settings: Settings, lanes: usize) -> Self {
        let quarantine = settings.quarantine.clone();
        let lanes: Vec<Arc<Score>> = (0..lanes).map(|_| Arc::default()).collect();
        let played = lanes.iter().map(|score| Lane { listen: "memory".into(), receive: Player::new(score) }).collect();
        let started = Timestamp::now();
        let stop: &'static AtomicBool = Box::leak(Box::default());
        let ((to, arrived), (imported, from)) = (channel(), channel());
        let hand_over = HandOver { arrived: to, imported: from };
        let thread = std::thread::spawn(move || {
            let root = Dir::open_private(&settings.quarantine).unwrap();
            run(settings, root, played, stop, Some(hand_over), &mut ()).unwrap();
        });
        Self { quarantine, lanes, arrived, imported, started, stop, thread: Some(thread) }
    }

    pub(crate) fn play(&self, datagrams: impl IntoIterator<Item = Vec<u8>>) {
        self.lanes[0].add(datagrams);
    }

    /// Waits until all is played and a report later than that says what is wanted.
    pub(crate) fn report(&self, wanted: impl Fn(&Report) -> bool) -> Report {
        let until = Instant::now() + PATIENCE;
        while self.lanes.iter().any(|score| !score.is_played()) {
            assert!(Instant::now() < until, "the datagrams are not taken");
            sleep(Duration::from_millis(5));
        }
        let mut last = None;
        while Instant::now() < until {
            if let Ok(bytes) = std::fs::read(self.quarantine.join("status.json")) {
                let report: Report = serde_json::from_slice(&bytes).unwrap();
                if report.since >= self.started && wanted(&report) {
                    return report;
                }
                last = Some(report);
            }
            sleep(Duration::from_millis(20));
        }
        panic!("not within {PATIENCE:?}: {last:#?}");
    }

    /// Waits for a pouch, and checks that it is the one that was sent and that nothing of it is left.
    pub(crate) fn arrives(&self, sent: &Sent) {
        let arrived = self.arrived.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!("{} does not arrive: {:#?}", sent.stream.pouch, self.report(|_| true));
        });
        assert_eq!(arrived.file, sent.name());
        let path = self.quarantine.join("arrived").join(&arrived.file);
        assert!(std::fs::read(path).unwrap() == sent.bytes, "wrong bytes");
        assert!(!self.quarantine.join(format!("streams/{:016x}/stream.tar.part", sent.stream.id())).exists());
    }

    /// Says that a pouch that arrived was imported so, and waits until that is reported.
    pub(crate) fn answer(&self, sent: &Sent, code: i32) -> Report {
        let stream = format!("{:016x}", sent.stream.id());
        self.imported.send((stream, Import { code, said: String::new() })).unwrap();
        self.report(|report| report.arrived.iter().any(|arrived| arrived.import.is_some()))
    }

    /// The stream's progress in a report.
    pub(crate) fn progress(&self, sent: &Sent, wanted: impl Fn(&Progress) -> bool) -> Progress {
        let id = format!("{:016x}", sent.stream.id());
        let of = |report: &Report| report.streams.iter().find(|stream| stream.stream == id).cloned();
        of(&self.report(|report| of(report).is_some_and(|progress| wanted(&progress)))).unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}
