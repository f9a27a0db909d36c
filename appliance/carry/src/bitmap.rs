//! Which source symbols of a block are there.

use crate::SOURCE_MOST;

const WORDS: usize = SOURCE_MOST as usize / 64;

/// Up to [`SOURCE_MOST`] bits, a fixed 128 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bitmap {
    words: [u64; WORDS],
}

impl Bitmap {
    /// Bytes of the encoded form.
    pub const BYTES: usize = WORDS * 8;

    /// Whether bit `index` is set.
    #[must_use]
    pub fn has(&self, index: u16) -> bool {
        self.words.get(usize::from(index / 64)).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Sets bit `index`; says whether it was not set before. Beyond the end nothing is set.
    pub fn set(&mut self, index: u16) -> bool {
        let Some(word) = self.words.get_mut(usize::from(index / 64)) else { return false };
        let bit = 1 << (index % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Clears bit `index`.
    pub fn clear(&mut self, index: u16) {
        if let Some(word) = self.words.get_mut(usize::from(index / 64)) {
            *word &= !(1 << (index % 64));
        }
    }

    /// How many bits are set.
    #[must_use]
    pub fn count(&self) -> u16 {
        // At most 1024.
        self.words.iter().map(|word| word.count_ones()).sum::<u32>().try_into().unwrap_or(u16::MAX)
    }

    /// The bits below `end` that are not set, in order.
    pub fn missing(&self, end: u16) -> impl Iterator<Item = u16> + '_ {
        (0..end).filter(|index| !self.has(*index))
    }

    /// 128 bytes, bit 0 the lowest of the first.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, word) in bytes.chunks_exact_mut(8).zip(self.words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The bitmap that [`Bitmap::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut words = [0; WORDS];
        for (word, place) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*place);
        }
        Self { words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_set_once_and_counted() {
        let mut map = Bitmap::default();
        assert!(map.set(0) && map.set(1023) && !map.set(1023) && !map.set(1024));
        assert!(map.has(0) && map.has(1023) && !map.has(1) && !map.has(1024));
        assert_eq!(map.count(), 2);
        assert_eq!(map.missing(4).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(Bitmap::from_bytes(&map.to_bytes()), map);
        assert_eq!((map.to_bytes()[0], map.to_bytes()[127]), (1, 128));
        map.clear(0);
        assert_eq!(map.count(), 1);
    }
}
