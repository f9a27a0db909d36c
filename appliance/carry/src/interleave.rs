//! The order in which symbols go: a burst of lost packets is spread over the blocks of a window.

use std::ops::Range;

/// Cuts `blocks` blocks into windows of at most `depth`, as equal as possible: a last window of few blocks would be the
/// first to be lost to a burst. Within a window symbol 0 of every block goes first, then symbol 1 of every block.
///
/// A window of `d` blocks with `r` repair symbols each survives any `d * r` packets lost in a row.
pub fn windows(blocks: u32, depth: u16) -> impl Iterator<Item = Range<u32>> {
    let depth = u32::from(depth.max(1));
    let count = blocks.div_ceil(depth);
    let bound = move |window: u32| {
        let place = u64::from(blocks) * u64::from(window) / u64::from(count.max(1));
        // At most `blocks`.
        u32::try_from(place).unwrap_or(blocks)
    };
    (0..count).map(move |window| bound(window)..bound(window + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_as_equal_as_possible() {
        assert_eq!(windows(65, 64).collect::<Vec<_>>(), [0..32, 32..65]);
        assert!(windows(3, 64).eq(std::iter::once(0..3)));
        assert_eq!(windows(0, 64).count(), 0);
        assert_eq!(windows(u32::MAX, 1).last(), Some(u32::MAX - 1..u32::MAX));
        for blocks in 1..200 {
            let all: Vec<_> = windows(blocks, 7).collect();
            assert!(all.iter().all(|window| (1..=7).contains(&window.len())));
            assert_eq!(all.iter().map(ExactSizeIterator::len).sum::<usize>(), blocks as usize);
        }
    }
}
