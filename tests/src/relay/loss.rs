//! Which datagrams are lost: each by itself, or in bursts.

use super::random::Random;

/// A model of loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each datagram with this probability, whatever became of the one before.
    Uniform(f64),
    /// Bursts (Gilbert 1960, Elliott 1963): a wire is good or bad, and before every datagram it may change.
    Gilbert {
        /// From good to bad.
        p: f64,
        /// From bad to good.
        r: f64,
        /// That a datagram passes while it is bad.
        h: f64,
        /// That a datagram passes while it is good.
        k: f64,
    },
}

impl Loss {
    /// Bursts of `length` datagrams in the mean (at least 1), that make up the share `rate` (0 to below 1) of all.
    #[must_use]
    pub fn bursts(rate: f64, length: f64) -> Self {
        let r = 1.0 / length.max(1.0);
        Loss::Gilbert { p: (r * rate / (1.0 - rate)).min(1.0), r, h: 0.0, k: 1.0 }
    }
}

/// A model at work.
#[derive(Debug)]
pub(super) struct Losses {
    model: Loss,
    bad: bool,
    random: Random,
}

impl Losses {
    pub(super) fn new(model: Loss, random: Random) -> Self {
        Self { model, bad: false, random }
    }

    /// Whether the next datagram is lost.
    pub(super) fn next(&mut self) -> bool {
        match self.model {
            Loss::None => false,
            Loss::Uniform(rate) => self.random.chance(rate),
            Loss::Gilbert { p, r, h, k } => {
                self.bad = if self.bad { !self.random.chance(r) } else { self.random.chance(p) };
                !self.random.chance(if self.bad { h } else { k })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share that is lost, and the mean length of runs of losses.
    fn measure(model: Loss, seed: u64, count: usize) -> (f64, f64) {
        let mut losses = Losses::new(model, Random::new(seed, 1));
        let lost: Vec<bool> = (0..count).map(|_| losses.next()).collect();
        let total = lost.iter().filter(|lost| **lost).count() as f64;
        let runs = lost.chunk_by(|a, b| a == b).filter(|run| run[0]).count() as f64;
        (total / count as f64, total / runs)
    }

    #[test]
    fn uniform_loss_has_its_rate() {
        for rate in [0.001, 0.01, 0.02, 0.05] {
            let (measured, run) = measure(Loss::Uniform(rate), 11, 1_000_000);
            // Five standard deviations of a binomial.
            let bound = 5.0 * (rate * (1.0 - rate) / 1e6).sqrt();
            assert!((measured - rate).abs() < bound, "{measured} for {rate}");
            // A run goes on with the rate: 1 / (1 - rate) in the mean.
            assert!((run - 1.0 / (1.0 - rate)).abs() < 0.02, "runs of {run} at {rate}");
        }
    }

    #[test]
    fn bursts_have_their_length_and_rate() {
        for (rate, length) in [(0.01, 8.0), (0.02, 50.0), (0.05, 200.0)] {
            let (measured, run) = measure(Loss::bursts(rate, length), 12, 4_000_000);
            // So many bursts are expected; a burst's length spreads as much as its mean, and gaps likewise.
            let bursts = 4e6 * rate / length;
            let tolerance = 5.0 * (2.0 / bursts).sqrt();
            assert!((run / length - 1.0).abs() < tolerance, "bursts of {run}, not {length}");
            assert!((measured / rate - 1.0).abs() < tolerance, "{measured} lost, not {rate}");
        }
    }

    #[test]
    fn the_four_probabilities_are_obeyed() {
        let (p, r, h, k) = (0.02, 0.1, 0.3, 0.999);
        let (measured, _) = measure(Loss::Gilbert { p, r, h, k }, 13, 4_000_000);
        let bad = p / (p + r);
        let expected = bad * (1.0 - h) + (1.0 - bad) * (1.0 - k);
        assert!((measured / expected - 1.0).abs() < 0.02, "{measured}, not {expected}");
        assert_eq!(measure(Loss::Gilbert { p: 0.0, r: 1.0, h: 0.0, k: 1.0 }, 14, 1000).0, 0.0);
    }
}
