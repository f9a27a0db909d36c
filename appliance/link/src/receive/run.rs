//! A receiver from its start to its end.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, Builder};

use pouch_platform::{Dir, DirError, Lock, LockError};

use super::gate::Gate;
use super::hand_over::HandOver;
use super::quarantine::{self, Finished};
use super::report::{Arrived, Report};
use super::reporter::{self, Reporter};
use super::settings::Settings;
use super::table::{LaneCounts, Shared, Table};
use super::{ballast, keeper, lane, resume, worker};
use crate::lower::Receive;

/// Why a receiver does not start, or ends without being told to. What else goes wrong once it runs is an alarm and a line of
/// the log.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The quarantine's directory.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// Another receiver has the quarantine.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is in the quarantine cannot be read.
    #[error("cannot read the quarantine {path:?}: {source}")]
    Quarantine {
        /// The quarantine.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The process around it could not make ready.
    #[error("the service cannot begin: {source}")]
    Service {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// One of its threads died. All that has come is kept.
    #[error("its thread \"{name}\" died, which is a flaw of this program")]
    Died {
        /// Which.
        name: String,
    },
    /// No thread.
    #[error("cannot start a thread: {source}")]
    Thread {
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// One of the links that a receiver listens on.
pub struct Lane {
    /// What it listens on, for people.
    pub listen: String,
    /// What it receives from.
    pub receive: Box<dyn Receive>,
}

/// What the process around a receiver does at its turns. Nothing, for `()`.
pub trait Service: Send {
    /// All threads have begun, and wait: the last moment to take away what they may do.
    ///
    /// # Errors
    /// Then the receiver ends before it has received.
    fn begun(&mut self) -> io::Result<()>;

    /// It has reported, as it does each second.
    fn reported(&mut self, report: &Report);
}

impl Service for () {
    fn begun(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reported(&mut self, _: &Report) {}
}

/// Receives into `root` until `stop` is set. Never transmits, and whatever comes, never stops for it.
///
/// # Errors
/// [`ReceiveError`]: before it begins to receive, or, made durable all the same, when a thread has died.
pub fn run(
    settings: Settings,
    root: Dir,
    mut lanes: Vec<Lane>,
    stop: &'static AtomicBool,
    hand_over: Option<HandOver>,
    service: &mut dyn Service,
) -> Result<(), ReceiveError> {
    let _lock = Lock::acquire(&root, quarantine::LOCK)?;
    quarantine::prepare(&root)?;
    ballast::take(&root);
    let unreadable = |source| ReceiveError::Quarantine { path: settings.quarantine.clone(), source };
    let finished = Finished::read(&root).map_err(unreadable)?;
    let found = resume::find(&root, &finished).map_err(unreadable)?;
    let counts = lanes.iter().map(|lane| LaneCounts { listen: lane.listen.clone(), ..LaneCounts::default() });
    let mut table = Table::new(finished, counts.collect(), reporter::arrived_before(&root));
    table.sessions = found.sessions;
    let (arrived, imported) = hand_over.map(|both| (both.arrived, both.imported)).unzip();
    let shared = Shared::new(table, root, settings, stop);
    for published in found.published {
        keeper::published(&shared, published, arrived.as_ref())
            .map_err(|source| ReceiveError::Quarantine { path: shared.settings.quarantine.clone(), source })?;
    }
    let mut reporter = Reporter::new(imported);
    let ended = threads(&shared, &mut lanes, arrived.as_ref(), &mut reporter, service);
    if matches!(ended, Ok(()) | Err(ReceiveError::Died { .. })) {
        keeper::last(&shared);
        reporter.write(&shared);
    }
    // Only now are the sockets closed: a filter may forbid to write to their numbers, whatever file has them next.
    drop(lanes);
    ended
}

/// Ends the receiver when the thread that holds it dies: one that lacks a thread would go on to say that it lives.
struct Mourner(&'static AtomicBool);

impl Drop for Mourner {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

fn threads(
    shared: &Shared,
    lanes: &mut [Lane],
    arrived: Option<&Sender<Arrived>>,
    reporter: &mut Reporter,
    service: &mut dyn Service,
) -> Result<(), ReceiveError> {
    let workers = NonZeroUsize::new(shared.settings.workers).map_or(1, NonZeroUsize::get);
    let arrived = arrived.cloned();
    let mut works: Vec<(String, Box<dyn FnOnce() + Send + '_>)> =
        (0..workers).map(|number| (format!("worker {number}"), Box::new(|| worker::run(shared)) as _)).collect();
    works.push(("keeper".to_owned(), Box::new(move || keeper::run(shared, arrived.as_ref()))));
    for (number, lane) in lanes.iter_mut().enumerate() {
        works.push((format!("lane {number}"), Box::new(move || lane::run(shared, number, lane))));
    }
    let (gate, stop) = (&Gate::default(), shared.stop);
    thread::scope(|scope| {
        let count = works.len();
        let mut threads = Vec::with_capacity(count);
        let mut begin = works.into_iter().map(|(name, work)| {
            let mourned = move || {
                let _mourner = Mourner(stop);
                gate.pass().then(work);
            };
            let begun = Builder::new().name(name.clone()).spawn_scoped(scope, mourned);
            begun.map(|thread| threads.push((name, thread))).map_err(|source| ReceiveError::Thread { source })
        });
        let began = begin.try_for_each(|begun| begun).and_then(|()| {
            gate.gathered(count);
            service.begun().map_err(|source| ReceiveError::Service { source })
        });
        gate.decide(began.is_ok());
        if began.is_ok() {
            reporter.run(shared, service);
        }
        let dead: Vec<String> =
            threads.into_iter().filter_map(|(name, thread)| thread.join().err().map(|_| name)).collect();
        began.and_then(|()| dead.into_iter().next().map_or(Ok(()), |name| Err(ReceiveError::Died { name })))
    })
}
