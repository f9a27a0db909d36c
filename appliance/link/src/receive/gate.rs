//! Threads begin together: what a process may do is taken away from all at once, and once it is, none can begin any more.

use std::sync::{Condvar, Mutex, PoisonError};

/// What is known of the threads.
#[derive(Default)]
struct State {
    waiting: usize,
    /// Whether they may go on; nothing as long as that is not decided.
    open: Option<bool>,
}

/// Where threads wait until all have begun.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    /// Waits here until it is decided, and says whether to go on.
    pub(crate) fn pass(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting += 1;
        self.changed.notify_all();
        loop {
            match state.open {
                Some(open) => return open,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits until `threads` threads wait.
    pub(crate) fn gathered(&self, threads: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.waiting < threads {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets all go on, or tells them not to.
    pub(crate) fn decide(&self, open: bool) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).open = Some(open);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_wait_for_one_decision() {
        for open in [true, false] {
            let gate = Gate::default();
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| gate.pass())).collect();
                gate.gathered(3);
                assert!(threads.iter().all(|thread| !thread.is_finished()));
                gate.decide(open);
                assert!(threads.into_iter().all(|thread| thread.join().unwrap() == open));
            });
        }
    }
}
