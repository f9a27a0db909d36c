//! What a receiver lacks of a stream: gaps, and the code in which a person carries them back to the sender.

mod bits;
mod code;
mod text;

pub use code::{MissingError, StreamHint};

use std::cmp::Ordering;

use crate::SOURCE_MOST;

/// How many symbols a gap may ask for of each block: few steps, so that neighbours have the same need and codes are
/// short.
const STEPS: [u16; 16] = [4, 8, 16, 32, 64, 96, 128, 192, 256, 320, 384, 512, 640, 768, 896, SOURCE_MOST];

/// Blocks in a row that lack something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub first: u32,
    /// How many there are, at least 1.
    pub count: u32,
    /// Most symbols that any of them lacks, rounded up; with as many, any of its symbols will do. [`SOURCE_MOST`]: all.
    pub need: u16,
}

impl Gap {
    /// The block behind its last.
    fn end(self) -> u32 {
        self.first.saturating_add(self.count)
    }

    /// Symbols that it asks for.
    fn asked(self) -> u64 {
        u64::from(self.count) * u64::from(self.need)
    }

    /// The gap from the start of this one to the end of a later one.
    fn to(self, later: Self) -> Self {
        Self { count: later.end() - self.first, need: self.need.max(later.need), ..self }
    }
}

/// All that is missing: gaps in order, apart from each other or with different needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps(Vec<Gap>);

impl Gaps {
    /// Of blocks, in any order, and how many symbols each of them lacks; one that lacks none is no gap. Of a block that
    /// comes twice the larger need counts. There is no block `u32::MAX`.
    #[must_use]
    pub fn new(blocks: impl IntoIterator<Item = (u32, u16)>) -> Self {
        let real = |(block, need): &(u32, u16)| *need > 0 && *block < u32::MAX;
        let mut blocks: Vec<(u32, u16)> = blocks.into_iter().filter(real).collect();
        // Of one block the larger need comes first, and what comes then is dropped.
        blocks.sort_unstable_by_key(|(block, need)| (*block, u16::MAX - need));
        blocks.dedup_by_key(|(block, _)| *block);
        let mut gaps = Self::default();
        for (first, need) in blocks {
            gaps.push(Gap { first, count: 1, need: step(need).1 });
        }
        gaps
    }

    /// Adds a gap behind the last one.
    fn push(&mut self, gap: Gap) {
        match self.0.last_mut() {
            Some(last) if last.end() == gap.first && last.need == gap.need => last.count += gap.count,
            _ => self.0.push(gap),
        }
    }

    /// The gaps, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Gap] {
        &self.0
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The block behind the last one that lacks something: at most the blocks of the stream.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.0.last().map_or(0, |gap| gap.end())
    }

    /// Blocks that lack something.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.0.iter().map(|gap| u64::from(gap.count)).sum()
    }

    /// Symbols that they ask for.
    #[must_use]
    pub fn symbols(&self) -> u64 {
        self.0.iter().map(|gap| gap.asked()).sum()
    }

    /// The blocks that lack something, in order, and how many symbols each.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.0.iter().flat_map(|gap| (gap.first..gap.end()).map(|block| (block, gap.need)))
    }

    /// These with every pair of neighbours made one that asks for fewer than `cost` symbols more so, and the first `equal`
    /// pairs that ask for exactly as many more.
    fn joined(&self, cost: u64, mut equal: usize) -> Self {
        let mut all: Vec<Gap> = Vec::new();
        for gap in &self.0 {
            let one = all.last().map(|last| (last.to(*gap), last.asked() + gap.asked()));
            let (Some((one, apart)), Some(last)) = (one, all.last_mut()) else {
                all.push(*gap);
                continue;
            };
            match (one.asked() - apart).cmp(&cost) {
                Ordering::Less => *last = one,
                Ordering::Equal if equal > 0 => (*last, equal) = (one, equal - 1),
                _ => all.push(*gap),
            }
        }
        // A need that grew may be that of the neighbour before.
        let mut gaps = Self::default();
        all.into_iter().for_each(|gap| gaps.push(gap));
        gaps
    }
}

/// The smallest step that is not below a need: its place and its value.
fn step(need: u16) -> (u8, u16) {
    let all = (15, SOURCE_MOST);
    (0..).zip(STEPS).find(|(_, step)| *step >= need).unwrap_or(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_become_gaps() {
        let gaps = Gaps::new([(7, 1024), (5, 60), (6, 64), (9, 0), (8, 5000), (7, 3), (20, 1), (u32::MAX, 1)]);
        let expected = [
            Gap { first: 5, count: 2, need: 64 },
            Gap { first: 7, count: 2, need: 1024 },
            Gap { first: 20, count: 1, need: 4 },
        ];
        assert_eq!(gaps.as_slice(), expected);
        assert_eq!((gaps.end(), gaps.blocks(), gaps.symbols()), (21, 5, 2 * 64 + 2 * 1024 + 4));
        assert!(gaps.iter().eq([(5, 64), (6, 64), (7, 1024), (8, 1024), (20, 4)]));
        assert!(Gaps::new([(3, 0)]).is_empty());
    }

    #[test]
    fn a_need_is_rounded_up_and_little() {
        for need in 1..=SOURCE_MOST {
            let (place, value) = step(need);
            assert_eq!(STEPS[usize::from(place)], value);
            assert!(value >= need && value < (2 * need).max(5));
        }
    }

    #[test]
    fn the_cheapest_neighbours_are_joined_first() {
        let gaps = Gaps::new([(0, 64), (2, 64), (10, 64), (12, 1024)]);
        assert_eq!(gaps.joined(0, 9), gaps);
        let joined = gaps.joined(64, 1);
        assert_eq!(joined.as_slice()[0], Gap { first: 0, count: 3, need: 64 });
        assert_eq!(joined.as_slice().len(), 3);
        assert_eq!(gaps.joined(64, 0), gaps);
        let touching = Gaps::new([(0, 512), (1, 512), (2, 512), (3, 384), (4, 512)]);
        assert_eq!(touching.joined(128, 1).as_slice(), [Gap { first: 0, count: 5, need: 512 }]);
        let touching = Gaps(vec![
            Gap { first: 0, count: 9, need: 512 },
            Gap { first: 9, count: 2, need: 384 },
            Gap { first: 11, count: 900, need: 512 },
        ]);
        assert_eq!(touching.joined(257, 0).as_slice(), [Gap { first: 0, count: 911, need: 512 }]);
        assert_eq!(gaps.joined(u64::MAX, 0).as_slice(), [Gap { first: 0, count: 13, need: 1024 }]);
    }
}
