//! How long a sender waits for room in its own machine. It never waits for anybody else.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The first pause, and the longest.
const SHORTEST: Duration = Duration::from_micros(50);
const LONGEST: Duration = Duration::from_millis(5);
/// How long nothing may move before that is an error: a queue empties in milliseconds unless its link is down.
const ALL: Duration = Duration::from_secs(2);

/// Pauses that grow, until there was enough of them.
#[derive(Default)]
pub(super) struct Patience {
    since: Option<Instant>,
    pause: Duration,
}

impl Patience {
    /// Something moved.
    pub(super) const fn renew(&mut self) {
        self.since = None;
    }

    /// Pauses, or says that it is over.
    pub(super) fn pause(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(|| {
            self.pause = SHORTEST;
            Instant::now()
        });
        if since.elapsed() > ALL {
            return false;
        }
        thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(LONGEST);
        true
    }
}
