//! A receiver from its start to its end.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::{self, Builder};

use pouch_platform::{Dir, DirError, Lock, LockError};

use super::quarantine::{self, Finished};
use super::report::{Arrived, Import};
use super::settings::Settings;
use super::table::{LaneCounts, Shared, Table};
use super::{ballast, keeper, lane, reporter, resume, worker};
use crate::lower::Receive;

/// Why a receiver does not start. Once it runs, what goes wrong is an alarm and a line of the log.
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

/// Where what has arrived goes, and where the word of it comes back from.
#[derive(Debug)]
pub struct HandOver {
    /// Pouches that arrived whole, in order.
    pub arrived: Sender<Arrived>,
    /// What became of them, by the name of their stream.
    pub imported: Receiver<(String, Import)>,
}

/// Receives until `stop` is set. Never transmits, and whatever comes, never stops for it.
///
/// # Errors
/// [`ReceiveError`], only before it begins to receive.
pub fn run(
    settings: Settings,
    lanes: Vec<Lane>,
    stop: Arc<AtomicBool>,
    hand_over: Option<HandOver>,
) -> Result<(), ReceiveError> {
    let root = Dir::open_private(&settings.quarantine)?;
    let _lock = Lock::acquire(&root, "lock")?;
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
    let mut reporter = reporter::Reporter::new(imported);
    let ran = threads(&shared, lanes, arrived.as_ref(), &mut reporter);
    keeper::last(&shared);
    reporter.write(&shared);
    ran
}

fn threads(
    shared: &Shared,
    lanes: Vec<Lane>,
    arrived: Option<&Sender<Arrived>>,
    reporter: &mut reporter::Reporter,
) -> Result<(), ReceiveError> {
    let workers = NonZeroUsize::new(shared.settings.workers).map_or(1, NonZeroUsize::get);
    let arrived = arrived.cloned();
    let started = thread::scope(|scope| {
        let spawn = |name: String| Builder::new().name(name);
        let started = (|| {
            for number in 0..workers {
                spawn(format!("worker {number}")).spawn_scoped(scope, || worker::run(shared))?;
            }
            spawn("keeper".into()).spawn_scoped(scope, move || keeper::run(shared, arrived.as_ref()))?;
            spawn("reporter".into()).spawn_scoped(scope, || reporter.run(shared))?;
            for (number, lane) in lanes.into_iter().enumerate() {
                spawn(format!("lane {number}")).spawn_scoped(scope, move || lane::run(shared, number, lane))?;
            }
            Ok(())
        })();
        if started.is_err() {
            shared.stop.store(true, Ordering::Relaxed);
        }
        started
    });
    started.map_err(|source| ReceiveError::Thread { source })
}
