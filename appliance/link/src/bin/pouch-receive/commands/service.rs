//! What goes on around the engine: its system calls are taken away, the manager is told, `--once` is heeded.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pouch_console::{Exit, Failure, Output, duration, size};
use pouch_link::receive::Service;
use pouch_link::receive::report::{Arrived, Report};
use pouch_platform::Notifier;
use pouch_platform::confine::{Calls, Confined};

/// When it ends by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// With the first pouch that has arrived, and was handed over if it is to be.
    pub(crate) once: bool,
    /// After so long.
    pub(crate) timeout: Option<Duration>,
}

/// What surrounds a receiver.
pub(crate) struct Surroundings<'a> {
    output: &'a Output,
    notifier: Notifier,
    /// What it may ask of the kernel, and the sockets that are never written to; nothing once that is in force.
    sealing: Option<(Confined, Calls, Vec<RawFd>)>,
    /// Set when it is to end.
    stop: &'static AtomicBool,
    end: End,
    /// Whether pouches are handed over.
    hands_over: bool,
    since: (Instant, Timestamp),
    /// When the manager was last told.
    alive: Instant,
    arrived: Option<Arrived>,
    timed_out: bool,
}

impl<'a> Surroundings<'a> {
    pub(crate) fn new(
        output: &'a Output,
        notifier: Notifier,
        sealing: (Confined, Calls, Vec<RawFd>),
        stop: &'static AtomicBool,
        end: End,
        hands_over: bool,
    ) -> Self {
        let since = (Instant::now(), Timestamp::now());
        let sealing = Some(sealing);
        Self {
            output,
            notifier,
            sealing,
            stop,
            end,
            hands_over,
            since,
            alive: since.0,
            arrived: None,
            timed_out: false,
        }
    }

    /// What came of it, once the engine has ended.
    pub(crate) fn outcome(self) -> Result<Exit, Failure> {
        // A manager that is not there needs no goodbye.
        let _ = self.notifier.stopping();
        if let Some(arrived) = self.arrived {
            self.output.data(&arrived, || {
                format!("{} has arrived, {}: arrived/{}\n", arrived.pouch, size(arrived.length), arrived.file)
            })?;
        } else if self.timed_out {
            let after = duration(self.end.timeout.unwrap_or_default());
            let message = format!("no stream has arrived whole within {after}");
            return Err(Failure::new("LINK-INCOMPLETE", Exit::Findings, message).hint(
                "what has come is kept; pouch-receive missing shows what is missing, or run it again for another round",
            ));
        }
        Ok(Exit::Done)
    }
}

impl Service for Surroundings<'_> {
    fn begun(&mut self) -> io::Result<()> {
        if let Some((confined, calls, mute)) = self.sealing.take() {
            confined.seal(&calls, &mute).map_err(io::Error::other)?;
        }
        if let Err(error) = self.notifier.ready() {
            self.output.warn(format!("the service manager was not told that it is ready: {error}"));
        }
        self.output.note("receiving");
        Ok(())
    }

    fn reported(&mut self, report: &Report) {
        // It is the engine that reports, under its one lock: where that is stuck, the manager hears nothing.
        if self.notifier.watchdog().is_some_and(|every| self.alive.elapsed() + Duration::from_secs(1) >= every) {
            self.alive = Instant::now();
            if let Err(error) = self.notifier.alive() {
                tracing::debug!(%error, "the manager does not hear");
            }
        }
        let over = |arrived: &&Arrived| arrived.at >= self.since.1 && (!self.hands_over || arrived.import.is_some());
        if self.end.once && self.arrived.is_none() {
            self.arrived = report.arrived.iter().find(over).cloned();
        }
        self.timed_out = self.end.timeout.is_some_and(|after| self.since.0.elapsed() >= after);
        if self.arrived.is_some() || self.timed_out {
            self.stop.store(true, Ordering::SeqCst);
        }
    }
}
