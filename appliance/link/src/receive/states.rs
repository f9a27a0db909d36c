//! What became of each block of a stream, in two bits a block.

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockState {
    /// Nothing of it is kept.
    Absent = 0,
    /// Part of it is in the file, and a record says which; or it is open.
    Partial = 1,
    /// All of it is in the file, says its record; it has not been read since this process began, or since it was put away.
    Unverified = 2,
    /// All of it is in the file, and its hash was right.
    Complete = 3,
}

/// The states of all blocks of a stream.
#[derive(Debug)]
pub(crate) struct States {
    words: Vec<u64>,
    blocks: u32,
    complete: u32,
    unverified: u32,
}

const PER_WORD: u32 = 32;
/// The lower bit of every pair.
const LOW: u64 = 0x5555_5555_5555_5555;

impl States {
    /// All absent.
    pub(crate) fn new(blocks: u32) -> Self {
        Self { words: vec![0; blocks.div_ceil(PER_WORD) as usize], blocks, complete: 0, unverified: 0 }
    }

    /// Of a block; of one beyond the last, that it is complete: nothing of it is needed.
    pub(crate) fn get(&self, number: u32) -> BlockState {
        if number >= self.blocks {
            return BlockState::Complete;
        }
        let word = self.words.get((number / PER_WORD) as usize).copied().unwrap_or_default();
        match word >> (number % PER_WORD * 2) & 3 {
            0 => BlockState::Absent,
            1 => BlockState::Partial,
            2 => BlockState::Unverified,
            _ => BlockState::Complete,
        }
    }

    pub(crate) fn set(&mut self, number: u32, state: BlockState) {
        if number >= self.blocks {
            return;
        }
        let before = self.get(number);
        if let Some(word) = self.words.get_mut((number / PER_WORD) as usize) {
            let shift = number % PER_WORD * 2;
            *word = *word & !(3 << shift) | (state as u64) << shift;
        }
        for (state, step) in [(before, -1), (state, 1)] {
            match state {
                BlockState::Complete => self.complete = self.complete.saturating_add_signed(step),
                BlockState::Unverified => self.unverified = self.unverified.saturating_add_signed(step),
                BlockState::Absent | BlockState::Partial => {}
            }
        }
    }

    pub(crate) const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Complete blocks.
    pub(crate) const fn complete(&self) -> u32 {
        self.complete
    }

    /// Blocks that are still to be read and checked.
    pub(crate) const fn unverified(&self) -> u32 {
        self.unverified
    }

    /// The first block from `start` on, in circles, that is still to be checked.
    pub(crate) fn next_unverified(&self, start: u32) -> Option<u32> {
        if self.unverified == 0 {
            return None;
        }
        let found = |range: std::ops::Range<u32>| {
            let mut number = range.start;
            while number < range.end {
                let word = self.words.get((number / PER_WORD) as usize).copied().unwrap_or_default();
                if word & (LOW << 1) & !((word & LOW) << 1) == 0 {
                    number = (number / PER_WORD + 1) * PER_WORD;
                } else if self.get(number) == BlockState::Unverified {
                    return Some(number);
                } else {
                    number += 1;
                }
            }
            None
        };
        found(start.min(self.blocks)..self.blocks).or_else(|| found(0..start.min(self.blocks)))
    }

    /// Blocks below `end` of which something is missing.
    pub(crate) fn lacking(&self, end: u32) -> u32 {
        let end = end.min(self.blocks);
        // The upper bit says: all of it is in the file.
        let there: u32 =
            self.words.iter().take((end / PER_WORD) as usize).map(|word| (word >> 1 & LOW).count_ones()).sum();
        let rest = self.words.get((end / PER_WORD) as usize).copied().unwrap_or_default();
        let rest = rest & !(u64::MAX.checked_shl(end % PER_WORD * 2).unwrap_or_default());
        end - there - (rest >> 1 & LOW).count_ones()
    }

    /// The blocks of which something is missing, in order.
    pub(crate) fn missing(&self) -> impl Iterator<Item = u32> + '_ {
        let words = (0u32..).step_by(PER_WORD as usize).zip(&self.words);
        words.filter(|(_, word)| *word >> 1 & LOW != LOW).flat_map(|(first, _)| {
            (first..(first + PER_WORD).min(self.blocks))
                .filter(|number| matches!(self.get(*number), BlockState::Absent | BlockState::Partial))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_counted_and_found() {
        let mut states = States::new(100);
        for number in 0..100 {
            states.set(number, if number % 3 == 0 { BlockState::Complete } else { BlockState::Partial });
        }
        states.set(40, BlockState::Unverified);
        states.set(100, BlockState::Unverified);
        assert_eq!((states.complete(), states.unverified()), (34, 1));
        assert_eq!(
            (states.next_unverified(0), states.next_unverified(41), states.next_unverified(100)),
            (Some(40), Some(40), Some(40))
        );
        for end in 0..=101 {
            let counted = (0..end.min(100)).filter(|number| states.get(*number) == BlockState::Partial).count();
            assert_eq!(states.lacking(end) as usize, counted, "{end}");
        }
        assert!(states.missing().eq((0..100).filter(|number| number % 3 != 0 && *number != 40)));
        states.set(40, BlockState::Absent);
        assert_eq!((states.complete(), states.unverified(), states.next_unverified(0)), (34, 0, None));
        assert_eq!(states.get(u32::MAX), BlockState::Complete);
    }
}
