//! Source symbols on their way to the file: a few of a block are written at once.

use std::io;

use pouch_carry::{Bitmap, Block};

use super::store::Store;

/// Bytes of a stage at most, unless one symbol has more.
const STAGE: usize = 32 << 10;
/// Symbols of a stage at most.
const SYMBOLS: usize = 16;
/// Memory of all stages, and of repair symbols that have no place in a file.
const BUDGET: usize = 12 << 20;

/// Buffers that all blocks of all streams share.
#[derive(Debug)]
pub(crate) struct Pool {
    free: Vec<Vec<u8>>,
    /// Bytes that are lent.
    lent: usize,
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self { free: Vec::new(), lent: 0 }
    }

    /// A buffer of `bytes` bytes of whatever content; none if the budget is spent.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        if self.lent + bytes > BUDGET {
            return None;
        }
        self.lent += bytes;
        let mut buffer = self.free.pop().unwrap_or_default();
        buffer.resize(bytes, 0);
        Some(buffer)
    }

    pub(crate) fn give(&mut self, buffer: Vec<u8>) {
        self.lent = self.lent.saturating_sub(buffer.len());
        // What is kept for later and what is lent fit the budget together.
        let kept: usize = self.free.iter().map(Vec::capacity).sum();
        if self.lent + kept + buffer.capacity() <= BUDGET && self.free.len() < 1024 {
            self.free.push(buffer);
        }
    }
}

/// Symbols that a stage of symbols of this size has.
pub(crate) fn symbols(symbol: usize) -> u16 {
    // 1 to 16.
    u16::try_from((STAGE / symbol.max(1)).clamp(1, SYMBOLS)).unwrap_or(1)
}

/// Consecutive source symbols of one block.
#[derive(Debug)]
pub(crate) struct Stage {
    bytes: Vec<u8>,
    /// The first symbol.
    first: u16,
    /// Which are there.
    mask: u32,
}

impl Stage {
    /// An empty stage for symbols from `first` on.
    pub(crate) const fn new(bytes: Vec<u8>, first: u16) -> Self {
        Self { bytes, first, mask: 0 }
    }

    pub(crate) const fn first(&self) -> u16 {
        self.first
    }

    /// Empties it, for symbols from `first` on.
    pub(crate) const fn restart(&mut self, first: u16) {
        self.first = first;
        self.mask = 0;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.mask == 0
    }

    /// Copies in a symbol of the stage; says whether it is full now.
    pub(crate) fn put(&mut self, index: u16, symbol: &[u8], most: u16) -> bool {
        let place = index - self.first;
        let start = usize::from(place) * symbol.len();
        if let Some(bytes) = self.bytes.get_mut(start..start + symbol.len()) {
            bytes.copy_from_slice(symbol);
            self.mask |= 1 << place;
        }
        self.mask.count_ones() == u32::from(most)
    }

    /// Takes the staged symbols out of `have`: they are not in the file.
    pub(crate) fn forget(&self, have: &mut Bitmap) {
        for place in (0..32).filter(|place| self.mask >> place & 1 == 1) {
            have.clear(self.first + place);
        }
    }

    /// Writes each run of symbols. On an error some may be written.
    pub(crate) fn write(&self, store: &Store, block: &Block, symbol: usize) -> io::Result<()> {
        let mut mask = self.mask;
        while mask != 0 {
            let start = mask.trailing_zeros();
            let length = (mask >> start).trailing_ones();
            // Both are at most 16.
            let range = start as usize * symbol..(start + length) as usize * symbol;
            let first = self.first + u16::try_from(start).unwrap_or_default();
            store.write(block, symbol, first, self.bytes.get(range).unwrap_or_default())?;
            mask &= !(((1 << length) - 1) << start);
        }
        Ok(())
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
