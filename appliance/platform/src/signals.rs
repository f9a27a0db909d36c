//! Signals that would end or stop the process, held back for a while.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

const HELD: [Signal; 5] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTSTP];

/// The last signal that was held back; 0 if none was.
static PENDING: AtomicI32 = AtomicI32::new(0);
/// Only one at a time holds signals back, for their actions are the process's.
static ONE: Mutex<()> = Mutex::new(());

/// Signals do nothing but leave a note, whichever thread they find, until this is dropped.
///
/// Blocking them would not do: a signal to the process takes any thread that does not block it.
pub(crate) struct HeldSignals {
    before: Vec<(Signal, SigAction)>,
    _one: MutexGuard<'static, ()>,
}

impl HeldSignals {
    pub(crate) fn hold() -> io::Result<Self> {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        PENDING.store(0, Ordering::SeqCst);
        let note = SigAction::new(SigHandler::Handler(note), SaFlags::SA_RESTART, SigSet::empty());
        let mut held = Self { before: Vec::new(), _one: one };
        for signal in HELD {
            let before = set_action(signal, &note)?;
            // A signal that was ignored, as under nohup, stays so.
            if matches!(before.handler(), SigHandler::SigIgn) {
                set_action(signal, &before)?;
            } else {
                held.before.push((signal, before));
            }
        }
        Ok(held)
    }

    /// The signal that came, if one did.
    pub(crate) fn pending() -> Option<Signal> {
        Signal::try_from(PENDING.load(Ordering::SeqCst)).ok()
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            let _ = set_action(*signal, before);
        }
    }
}

extern "C" fn note(signal: i32) {
    PENDING.store(signal, Ordering::SeqCst);
}

#[expect(unsafe_code, reason = "a signal handler must be safe to run at any instant, which only its author can know")]
pub(crate) fn set_action(signal: Signal, action: &SigAction) -> io::Result<SigAction> {
    // SAFETY: the action is either one that was in force before, or a `note`, of this module or of `stop`, which does one
    // atomic store and so is async-signal-safe.
    Ok(unsafe { sigaction(signal, action) }?)
}
