//! A service is told to end.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};

use crate::signals::set_action;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on SIGTERM and SIGINT end nothing by themselves but set the flag that is returned. A second one of the same
/// kind ends the process as if this had never been called.
///
/// # Errors
/// What `sigaction` says.
pub fn stop_asked() -> io::Result<&'static AtomicBool> {
    let note = SigAction::new(SigHandler::Handler(note), SaFlags::SA_RESETHAND, SigSet::empty());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        set_action(signal, &note)?;
    }
    Ok(&ASKED)
}

extern "C" fn note(_signal: i32) {
    ASKED.store(true, Ordering::SeqCst);
}
