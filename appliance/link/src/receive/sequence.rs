//! How many datagrams of a transmission are missing, told by their numbers.

/// Numbers back to which a late datagram is known from one that came twice. More than two lanes' batches hold.
const WINDOW: u64 = 16_384;
const WORDS: usize = 256;

/// What a number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// After all others; so many numbers were left out before it.
    After {
        /// Numbers left out.
        gap: u64,
    },
    /// After later ones: it was taken for lost.
    Late,
    /// For the second time, or too late to tell.
    Again,
}

/// The numbers seen of one transmission.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// The next number: one more than the highest seen.
    next: u64,
    /// The last [`WINDOW`] numbers, as a ring of bits.
    seen: Box<[u64; WORDS]>,
}

impl Sequence {
    pub(crate) fn new() -> Self {
        Self { next: 0, seen: Box::new([0; WORDS]) }
    }

    /// The place of a number in the ring.
    fn word(&mut self, number: u64) -> (Option<&mut u64>, u64) {
        // Below WORDS.
        let word = usize::try_from(number % WINDOW / 64).unwrap_or(0);
        (self.seen.get_mut(word), 1 << (number % 64))
    }

    /// Forgets the numbers from `start` to before `end`, a word at a time: whoever leaves out many must not cost much.
    fn forget(&mut self, mut start: u64, end: u64) {
        while start < end {
            let last = (start | 63).min(end - 1);
            if let (Some(word), _) = self.word(start) {
                *word &= !(u64::MAX >> (63 - (last - start)) << (start % 64));
            }
            start = last + 1;
        }
    }

    pub(crate) fn note(&mut self, number: u64) -> Came {
        if number >= self.next {
            let gap = number - self.next;
            self.forget(self.next.max(number.saturating_sub(WINDOW)), number);
            if let (Some(word), bit) = self.word(number) {
                *word |= bit;
            }
            self.next = number.saturating_add(1);
            return Came::After { gap };
        }
        if self.next - number > WINDOW {
            return Came::Again;
        }
        match self.word(number) {
            (Some(word), bit) if *word & bit == 0 => {
                *word |= bit;
                Came::Late
            }
            _ => Came::Again,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_apart() {
        let mut sequence = Sequence::new();
        assert_eq!(sequence.note(2), Came::After { gap: 2 });
        assert_eq!(sequence.note(0), Came::Late);
        assert_eq!(sequence.note(0), Came::Again);
        assert_eq!(sequence.note(3), Came::After { gap: 0 });
        assert_eq!(sequence.note(2), Came::Again);
        assert_eq!(sequence.note(WINDOW + 10), Came::After { gap: WINDOW + 6 });
        assert_eq!(sequence.note(3), Came::Again);
        assert_eq!(sequence.note(11), Came::Late);
        assert_eq!(sequence.note(u64::MAX), Came::After { gap: u64::MAX - WINDOW - 11 });
        assert_eq!(sequence.note(u64::MAX), Came::After { gap: 0 });
    }

    #[test]
    fn what_is_left_out_is_forgotten_to_the_bit() {
        let mut random = 1_u64;
        let mut sequence = Sequence::new();
        let (mut next, mut seen) = (0_u64, std::collections::HashSet::new());
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let far = [3, 70, 700, 20_000][usize::try_from(random >> 62).unwrap()];
            let number = (next + (random >> 20) % far).saturating_sub(far / 2);
            let expected = if number >= next {
                Came::After { gap: number - next }
            } else if next - number > WINDOW || seen.contains(&number) {
                Came::Again
            } else {
                Came::Late
            };
            assert_eq!(sequence.note(number), expected, "{number} after {next}");
            seen.insert(number);
            next = next.max(number + 1);
        }
    }

    #[test]
    fn numbers_far_apart_cost_little() {
        let mut sequence = Sequence::new();
        let begin = std::time::Instant::now();
        for number in 0..1_000_000_u64 {
            sequence.note(number * (WINDOW + 1));
        }
        // If each number left out were looked at, it would be far longer.
        assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{:?}", begin.elapsed());
    }

    #[test]
    fn what_is_lost_is_counted_in_any_order_within_the_window() {
        let mut sequence = Sequence::new();
        let mut numbers: Vec<u64> = (0..40_000).filter(|number| number % 7 != 3).collect();
        numbers.chunks_mut(1000).for_each(<[u64]>::reverse);
        let (mut lost, mut again) = (0_i64, 0);
        for number in numbers.iter().chain(&numbers[33_000..]) {
            match sequence.note(*number) {
                Came::After { gap } => lost += i64::try_from(gap).unwrap(),
                Came::Late => lost -= 1,
                Came::Again => again += 1,
            }
        }
        assert_eq!((lost, again), (5714, numbers.len() - 33_000));
    }
}
