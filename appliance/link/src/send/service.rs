//! The service: the engine's thread sends, the clerk's thread looks after the disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use super::clerk::{Clerk, Snapshot, Start};
use super::engine::{Ended, Engine};
use super::pace::Clock;
use super::sent::SentError;
use super::session::SessionError;

/// Time between two looks into the spool, and two reports.
const SECOND: Duration = Duration::from_secs(1);

/// Why the service ended though nobody asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Nothing can be sent.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// What was sent cannot be written down.
    #[error(transparent)]
    Sent(#[from] SentError),
    /// The clerk's thread broke.
    #[error("the thread that watches the spool ended")]
    Clerk,
}

/// What the engine's thread tells the clerk.
enum Note {
    Ended(Box<Ended>),
    Now(Snapshot),
}

/// Runs until `stop` is set. `alive` is called about every second.
///
/// # Errors
/// [`ServiceError`].
pub fn run<C: Clock>(
    mut engine: Engine<C>,
    mut clerk: Clerk,
    stop: &AtomicBool,
    mut alive: impl FnMut(),
) -> Result<(), ServiceError> {
    std::thread::scope(|scope| {
        let ((notes, read), (starts, started)) = (channel(), channel());
        let clerk = scope.spawn(move || watch(&mut clerk, &read, &starts));
        let sent = send(&mut engine, &notes, &started, stop, &mut alive);
        drop(notes);
        let watched = clerk.join().map_err(|_| ServiceError::Clerk)?;
        sent.and(watched)
    })
}

/// The engine's thread.
fn send<C: Clock>(
    engine: &mut Engine<C>,
    notes: &Sender<Note>,
    started: &Receiver<(Vec<Start>, u64)>,
    stop: &AtomicBool,
    alive: &mut impl FnMut(),
) -> Result<(), ServiceError> {
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        loop {
            match started.try_recv() {
                Ok((starts, waiting)) => {
                    engine.set_waiting(waiting);
                    starts.into_iter().try_for_each(|(outgoing, weight)| engine.start(outgoing, weight))?;
                }
                Err(TryRecvError::Empty) => break,
                // It says why when it is joined.
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
        for ended in engine.turn()? {
            drop(notes.send(Note::Ended(Box::new(ended))));
        }
        if Instant::now() >= due {
            due = Instant::now() + SECOND;
            let totals = engine.totals().clone();
            drop(notes.send(Note::Now(Snapshot { lanes: engine.lanes(), progress: engine.progress(), totals })));
            alive();
        }
    }
    let totals = engine.totals().clone();
    drop(notes.send(Note::Now(Snapshot { lanes: engine.lanes(), progress: Vec::new(), totals })));
    Ok(())
}

/// The clerk's thread, until the engine's has ended.
fn watch(clerk: &mut Clerk, notes: &Receiver<Note>, starts: &Sender<(Vec<Start>, u64)>) -> Result<(), ServiceError> {
    let mut due = Instant::now();
    loop {
        match notes.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(Note::Ended(ended)) => {
                clerk.ended(&ended);
                // The next one need not wait for its second.
                due = Instant::now();
            }
            Ok(Note::Now(snapshot)) => {
                let report = clerk.report(&snapshot);
                if let Err(error) = clerk.write(&report) {
                    tracing::error!(rule = "LINK-STATUS", %error, "the status cannot be written");
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                due = Instant::now() + SECOND;
                let new = clerk.poll();
                drop(starts.send((new, clerk.waiting() as u64)));
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(clerk.save()?),
        }
    }
}
