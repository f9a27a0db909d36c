//! Numbers that look random and are the same for the same seed, on every machine and in every version of this program.

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), with a stream of its own for each row of each table.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice { state: seed }
    }

    /// The dice of one row: rows can be made up in any order, and again when another table speaks of them.
    pub(crate) fn row(&self, table: u64, row: u64) -> Self {
        let mut dice = Dice { state: self.state ^ table.rotate_left(48) ^ row.wrapping_mul(0xd1b5_4a32_d192_ed03) };
        dice.next();
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `below` - 1; 0 if `below` is 0.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        self.next().checked_rem(below).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below((high - low).saturating_add(1))
    }

    /// True `percent` times in a hundred.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `words`, or nothing of none.
    pub(super) fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let index = self.below(words.len().try_into().unwrap_or(u64::MAX));
        usize::try_from(index).ok().and_then(|index| words.get(index)).copied().unwrap_or("")
    }

    /// A day from 1994 to 2025, as SQL writes it.
    pub(super) fn day(&mut self) -> String {
        format!("{}-{:02}-{:02}", self.between(1994, 2025), self.between(1, 12), self.between(1, 28))
    }

    /// A point in time from 1994 to 2025, as SQL writes it.
    pub(super) fn time(&mut self) -> String {
        let day = self.day();
        format!("{day} {:02}:{:02}:{:02}+00", self.between(7, 18), self.below(60), self.below(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_the_paper() {
        // Reference values of SplitMix64 with seed 1234567.
        let mut dice = Dice::new(1_234_567);
        assert_eq!(dice.next(), 6_457_827_717_110_365_317);
        assert_eq!(dice.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn rows_have_streams_of_their_own() {
        let dice = Dice::new(7);
        assert_eq!(dice.row(1, 2).next(), dice.row(1, 2).next());
        assert_ne!(dice.row(1, 2).next(), dice.row(2, 1).next());
        assert_eq!(Dice::new(7).below(0), 0);
    }
}
