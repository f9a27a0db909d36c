//! Datagrams that are overtaken by those behind them.

use super::random::Random;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Datagrams that wait until so many others have passed.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The number of the datagram behind which each leaves, an order among those, and its bytes.
    waiting: BinaryHeap<Reverse<(u64, u64, Vec<u8>)>>,
    taken: u64,
}

impl Held {
    /// Keeps a datagram until datagram `behind` has passed.
    pub(super) fn keep(&mut self, datagram: &[u8], behind: u64) {
        self.taken = self.taken.wrapping_add(1);
        self.waiting.push(Reverse((behind, self.taken, datagram.to_vec())));
    }

    /// One that leaves behind datagram `passed`, or none.
    pub(super) fn due(&mut self, passed: u64) -> Option<Vec<u8>> {
        let Reverse((behind, ..)) = self.waiting.peek()?;
        if *behind > passed {
            return None;
        }
        self.waiting.pop().map(|Reverse((_, _, datagram))| datagram)
    }
}

/// By how many datagrams one is overtaken, evenly from the first to the second bound.
pub(super) fn distance(bounds: (u32, u32), random: &mut Random) -> u64 {
    let (least, most) = (u64::from(bounds.0.max(1)), u64::from(bounds.1));
    least + random.below(most.saturating_sub(least) + 1)
}
