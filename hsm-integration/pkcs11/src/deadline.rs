//! Calls that must not wait for ever.
//!
//! A call into a module cannot be broken off. So it is made by a thread of its own, and who asked waits for the answer
//! only so long. A thread whose module hangs is left behind with everything it holds, and ends with the process.

use crate::device::DeviceError;
use std::{
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

/// How long a module may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// To answer anything that needs no person: 60 s, for a network HSM that fails over.
    pub answer: Duration,
    /// To log in, which may wait for a person at the token's pinpad: 5 min.
    pub person: Duration,
    /// To initialise a token or to make a key: 15 min, for RSA in a smart card.
    pub making: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self { answer: minutes(1), person: minutes(5), making: minutes(15) }
    }
}

/// Does `work` in a thread of its own and waits `limit` for what comes of it. `call` is what error messages name.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    call: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DeviceError> {
    let (sender, answer) = sync_channel(1);
    let worker = move || {
        // Nobody listens any more to an answer that comes too late.
        let _ = sender.send(work());
    };
    thread::Builder::new().name("pkcs11".into()).spawn(worker).map_err(|_| DeviceError::no_thread(call))?;
    match answer.recv_timeout(limit) {
        Ok(answer) => Ok(answer),
        Err(RecvTimeoutError::Timeout) => {
            tracing::debug!(call, ?limit, "the PKCS#11 module does not answer");
            Err(DeviceError::silent(call, limit))
        }
        // The binding believes lengths that a module states, and panics on absurd ones.
        Err(RecvTimeoutError::Disconnected) => {
            tracing::error!(call, "a call to the PKCS#11 module broke");
            Err(DeviceError::absurd(call))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_through_and_silence_ends() {
        assert_eq!(within(Duration::from_secs(60), "adding", || 1 + 1).unwrap(), 2);
        let error = within(Duration::from_millis(20), "waiting", || thread::sleep(Duration::from_secs(2))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "waiting failed with no answer within 0 s: the token, its driver or the way to it hangs"
        );
    }

    #[test]
    fn a_panic_is_an_error() {
        let error = within(Duration::from_secs(60), "signing", || -> u8 { panic!("capacity overflow") }).unwrap_err();
        assert!(error.to_string().starts_with("signing failed with an absurd answer"), "{error}");
    }
}
