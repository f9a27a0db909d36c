//! Numbers that look random and are the same for the same seed.

use crate::sample::dice::Dice;

/// A generator of numbers; never for a secret.
#[derive(Clone, Debug)]
pub struct Random(Dice);

impl Random {
    /// One of the streams of numbers of a seed; different streams have nothing to do with each other.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Dice::new(seed).row(0, stream))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0.next()
    }

    /// True with probability `p` (0 to 1). Draws nothing where `p` leaves nothing to chance.
    pub fn chance(&mut self, p: f64) -> bool {
        if p <= 0.0 {
            return false;
        }
        // 32 bits fit exactly into a float.
        p >= 1.0 || f64::from(u32::try_from(self.number() >> 32).unwrap_or(u32::MAX)) < p * 4_294_967_296.0
    }

    /// A number from 0 up to and without `bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product is even enough: the bias is below bound / 2^64.
        let product = u128::from(self.number()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// As [`Random::below`], for lengths.
    pub fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(u64::try_from(bound).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.number().to_le_bytes();
            for (byte, new) in chunk.iter_mut().zip(number) {
                *byte = new;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_streams_differ() {
        let numbers = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.number(), random.number(), random.number()]
        };
        assert_eq!(numbers(1, 2), numbers(1, 2));
        assert_ne!(numbers(1, 2), numbers(1, 3));
        assert_ne!(numbers(1, 2), numbers(2, 2));
    }

    #[test]
    fn numbers_are_even() {
        let mut random = Random::new(7, 0);
        let mut seen = [0_u32; 10];
        for _ in 0..100_000 {
            seen[random.index(10)] += 1;
        }
        // Standard deviation of each: 95.
        assert!(seen.iter().all(|n| (9_500..10_500).contains(n)), "{seen:?}");
        let hits = (0..100_000).filter(|_| random.chance(0.01)).count();
        assert!((850..1_150).contains(&hits), "{hits}");
        assert!(!random.chance(0.0) && random.chance(1.0));
        assert_eq!(random.below(0), 0);
    }
}
