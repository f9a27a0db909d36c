//! Telling how far a long work has come.
//!
//! Workers only add to one atomic number. A reporter thread shows it: as a bar on a terminal, else as one line a minute on
//! stderr, and in `jsonl` as an event a second on stdout.

use crate::output::{BAR, talk};
use crate::{Format, Output, duration, escape, size};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A work in progress, counted in bytes. Dropping it ends the report.
///
/// ```no_run
/// # let output = pouch_console::Output::new(pouch_console::Options::default());
/// let progress = pouch_console::Progress::bytes(&output, "sealing", Some(1 << 30));
/// std::thread::scope(|scope| {
///     scope.spawn(|| progress.add(4096));
///     scope.spawn(|| progress.add(4096));
/// });
/// ```
#[derive(Debug)]
pub struct Progress {
    shared: Arc<Shared>,
    reporter: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    label: String,
    done: AtomicU64,
    total: Option<u64>,
    started: Instant,
    ended: AtomicBool,
}

/// How the reporter shows the number.
enum Face {
    Bar(ProgressBar),
    Lines,
    Events(Output),
}

impl Progress {
    /// Starts to report a work of `total` bytes, or of unknown size. With `-q` nothing is shown.
    #[must_use]
    pub fn bytes(output: &Output, label: &str, total: Option<u64>) -> Self {
        let shared = Arc::new(Shared {
            label: escape(label),
            done: AtomicU64::new(0),
            total,
            started: Instant::now(),
            ended: AtomicBool::new(false),
        });
        let reporter = Face::of(output, &shared).and_then(|face| {
            let shared = Arc::clone(&shared);
            // Without a thread the work goes on unseen: better than not at all.
            std::thread::Builder::new().name("progress".into()).spawn(move || shared.report(&face)).ok()
        });
        Progress { shared, reporter }
    }

    /// A progress that shows nothing, for callers that do not watch.
    #[must_use]
    pub fn silent() -> Self {
        let shared = Shared {
            label: String::new(),
            done: AtomicU64::new(0),
            total: None,
            started: Instant::now(),
            ended: AtomicBool::new(true),
        };
        Progress { shared: Arc::new(shared), reporter: None }
    }

    /// Counts `bytes` more as done. Costs one atomic addition; for any number of threads.
    pub fn add(&self, bytes: u64) {
        self.shared.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes done so far.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        if let Some(reporter) = self.reporter.take() {
            reporter.thread().unpark();
            // A reporter that panicked has nothing left to show.
            let _ = reporter.join();
        }
    }
}

impl Face {
    fn of(output: &Output, shared: &Shared) -> Option<Self> {
        let options = output.options();
        if options.format == Format::Jsonl {
            return Some(Face::Events(output.clone()));
        }
        if options.quiet {
            return None;
        }
        if options.format == Format::Human && io::stderr().is_terminal() {
            return Some(Face::Bar(bar(shared)));
        }
        Some(Face::Lines)
    }

    /// Time between two looks at the number.
    fn pause(&self) -> Duration {
        match self {
            Face::Bar(_) => Duration::from_millis(100),
            Face::Events(_) => Duration::from_secs(1),
            Face::Lines => Duration::from_secs(60),
        }
    }
}

fn bar(shared: &Shared) -> ProgressBar {
    let template = match shared.total {
        Some(_) => "{prefix} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}",
        None => "{prefix} {spinner} {decimal_bytes} {decimal_bytes_per_sec} {elapsed}",
    };
    let bar = ProgressBar::with_draw_target(shared.total, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(shared.label.clone());
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
    bar
}

impl Shared {
    fn report(&self, face: &Face) {
        let mut next = Instant::now() + face.pause();
        loop {
            let now = Instant::now();
            if self.ended.load(Ordering::Acquire) {
                return self.end(face);
            }
            if now >= next {
                self.show(face);
                next = now + face.pause();
            }
            // Unparked by drop; a wake-up without reason only looks at the clock.
            std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
    }

    fn show(&self, face: &Face) {
        let done = self.done.load(Ordering::Relaxed);
        match face {
            Face::Bar(bar) => bar.set_position(done),
            Face::Lines => talk(&self.line(done)),
            Face::Events(output) => output.event(
                "progress",
                &json!({
                    "label": self.label, "bytes": done, "total": self.total,
                    "seconds": self.started.elapsed().as_secs(), "ended": self.ended.load(Ordering::Acquire),
                }),
            ),
        }
    }

    fn end(&self, face: &Face) {
        match face {
            Face::Bar(bar) => {
                bar.finish_and_clear();
                *BAR.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            // A work of under a minute says nothing: its result follows.
            Face::Lines => {}
            Face::Events(_) => self.show(face),
        }
    }

    fn line(&self, done: u64) -> String {
        let time = duration(self.started.elapsed());
        match self.total {
            Some(total) => {
                let percent = u128::from(done) * 100 / u128::from(total.max(1));
                format!("{}: {} of {} ({percent} %), {time}\n", self.label, size(done), size(total))
            }
            None => format!("{}: {}, {time}\n", self.label, size(done)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_threads_count_together() {
        let progress = Progress::silent();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| progress.add(3)));
            }
        });
        assert_eq!(progress.done(), 12_000);
    }

    #[test]
    fn a_line_says_how_much_of_how_much() {
        let mut shared = Shared {
            label: "sealing".into(),
            done: AtomicU64::new(0),
            total: Some(2_000_000),
            started: Instant::now(),
            ended: AtomicBool::new(false),
        };
        assert!(shared.line(500_000).starts_with("sealing: 500.0 kB of 2.0 MB (25 %), 0.0"));
        shared.total = None;
        assert!(shared.line(500_000).starts_with("sealing: 500.0 kB, 0.0"));
        shared.total = Some(0);
        assert!(shared.line(0).starts_with("sealing: 0 B of 0 B (0 %)"));
    }

    #[test]
    fn dropping_ends_at_once() {
        let started = Instant::now();
        let output = Output::new(crate::Options { quiet: false, ..Default::default() });
        drop(Progress::bytes(&output, "x", None));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
