//! How many blocks a lossy way is expected to lose, given their repair and how they are interleaved.
//!
//! Two ways to lose: each packet for itself (a binomial distribution), and in bursts (a chain of two states after
//! Gilbert, in one of which everything is lost). Of a block every `depth`-th packet is a symbol, so what it sees of the chain is
//! again such a chain, with the transitions of `depth` steps. Both tails are sums of positive terms, so that they are
//! right in all digits however small.

mod simulate;

pub use simulate::{Random, simulate};

use crate::HASH;

/// How a block is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Source symbols of a block.
    pub source: u16,
    /// Repair symbols that are sent of it.
    pub repair: u16,
    /// Blocks of a window.
    pub depth: u16,
}

/// A way that loses packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channel {
    /// The part of packets that is lost, from 0 to 1.
    pub loss: f64,
    /// How many are lost in a row on average, at least 1; `None`: each for itself.
    pub burst: Option<f64>,
}

impl Channel {
    /// Probabilities that a packet is lost if the one `steps` before it was not, and if it was.
    #[must_use]
    pub fn transitions(self, steps: u16) -> (f64, f64) {
        let memory = self.burst.map_or(0.0, |burst| {
            let end = 1.0 / burst.max(1.0);
            let start = (end * self.loss / (1.0 - self.loss)).min(1.0);
            (1.0 - start - end).powi(steps.into())
        });
        (self.loss * (1.0 - memory), self.loss + (1.0 - self.loss) * memory)
    }
}

impl Plan {
    /// Packets lost in a row that never lose a block of a whole window, if nothing else is lost.
    #[must_use]
    pub fn survives(self) -> u32 {
        u32::from(self.depth) * u32::from(self.repair)
    }

    /// The probability that more symbols of a block are lost than it has repair.
    #[must_use]
    pub fn block_lost(self, channel: Channel) -> f64 {
        match channel.burst {
            None => binomial_tail(self.source + self.repair, channel.loss, self.repair),
            Some(_) => self.chain_tail(channel),
        }
    }

    /// Blocks expected to be lost of a stream of so many bytes, with symbols of so many bytes.
    #[must_use]
    pub fn blocks_lost(self, channel: Channel, length: f64, symbol: u16) -> f64 {
        let payload = f64::from(self.source) * f64::from(symbol) - HASH as f64;
        length / payload * self.block_lost(channel)
    }

    fn chain_tail(self, channel: Channel) -> f64 {
        let (from_good, from_bad) = channel.transitions(self.depth);
        // Of each number of losses so far: the probabilities that the latest symbol came, and that it was lost.
        let mut states = vec![(0.0, 0.0); usize::from(self.repair) + 1];
        let mut lost = 0.0;
        for step in 0..self.source + self.repair {
            // Of those with one loss fewer, who lose this symbol; at first, who lose the first.
            let mut arriving = 0.0;
            for (losses, state) in states.iter_mut().enumerate() {
                let (good, bad) = *state;
                let falls =
                    if step > 0 { good * from_good + bad * from_bad } else { channel.loss * f64::from(losses == 0) };
                let stays = if step > 0 {
                    good * (1.0 - from_good) + bad * (1.0 - from_bad)
                } else {
                    (1.0 - channel.loss) * f64::from(losses == 0)
                };
                *state = (stays, arriving);
                arriving = falls;
            }
            lost += arriving;
        }
        lost
    }
}

/// The probability that of `all` more than `most` are lost, each with probability `loss`.
#[must_use]
pub fn binomial_tail(all: u16, loss: f64, most: u16) -> f64 {
    if loss <= 0.0 || most >= all {
        return 0.0;
    }
    if loss >= 1.0 {
        return 1.0;
    }
    let odds = loss / (1.0 - loss);
    // The term of most + 1, as a logarithm: it may be smaller than any number but those behind it are added to it.
    let first = most + 1;
    let choose: f64 = (0..first).map(|i| (f64::from(all - i) / f64::from(first - i)).ln()).sum();
    let term = choose + f64::from(first) * loss.ln() + f64::from(all - first) * (-loss).ln_1p();
    let (mut sum, mut ratio) = (0.0, 1.0);
    for losses in first..=all {
        sum += ratio;
        ratio *= odds * f64::from(all - losses) / f64::from(losses + 1);
    }
    // Where losses are usual the sum may pass 1 by rounding.
    (term + f64::ln(sum)).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
    }

    #[test]
    fn small_cases_by_hand() {
        assert!(close(binomial_tail(2, 0.1, 0), 0.19) && close(binomial_tail(3, 0.5, 1), 0.5));
        assert!(close(binomial_tail(5, 0.01, 4), 1e-10));
        assert_eq!((binomial_tail(5, 0.0, 0), binomial_tail(5, 1.0, 4), binomial_tail(5, 0.5, 5)), (0.0, 1.0, 0.0));
        // Two packets in a row: lost, then lost again with 1 - 1/2.
        let plan = Plan { source: 1, repair: 1, depth: 1 };
        assert!(close(plan.block_lost(Channel { loss: 0.1, burst: Some(2.0) }), 0.05));
        assert_eq!(Plan { source: 1024, repair: 64, depth: 64 }.survives(), 4096);
    }

    /// Bursts as long as they are by chance are losses each for itself: both computations agree, to 1e-300.
    #[test]
    fn a_chain_without_memory_is_binomial() {
        for (repair, loss) in [(64, 0.001), (64, 0.05), (128, 0.05), (256, 0.02), (128, 0.001), (200, 0.3)] {
            let plan = Plan { source: 1024, repair, depth: 16 };
            let one = plan.block_lost(Channel { loss, burst: None });
            let other = plan.block_lost(Channel { loss, burst: Some(1.0 / (1.0 - loss)) });
            assert!(close(one, other) && one > 0.0, "{repair} {loss}: {one:e} {other:e}");
        }
        // From exact fractions.
        assert!(close(binomial_tail(1088, 1e-5, 64), 4.101_968_043_711_418e-220));
        assert!(close(binomial_tail(1088, 1e-5, 80), 7.464_015_586_692_59e-282));
        let plan = Plan { source: 1024, repair: 64, depth: 1 };
        let chain = plan.block_lost(Channel { loss: 1e-5, burst: Some(1.0 / (1.0 - 1e-5)) });
        assert!(close(chain, 4.101_968_043_711_418e-220), "{chain:e}");
    }

    #[test]
    fn the_chain_of_many_steps_is_the_power_of_one() {
        let channel = Channel { loss: 0.02, burst: Some(10.0) };
        let (start, stay) = channel.transitions(1);
        assert!(close(stay, 0.9) && close(start, 0.1 * 0.02 / 0.98));
        let (mut good, mut bad) = (start, stay);
        for steps in 2..200 {
            (good, bad) = (good * stay + (1.0 - good) * start, bad * stay + (1.0 - bad) * start);
            let (from_good, from_bad) = channel.transitions(steps);
            assert!(close(good, from_good) && close(bad, from_bad));
        }
    }
}
