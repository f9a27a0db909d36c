//! Where the bytes of a stream lie: in which block, in which symbol.

use crate::{HASH, SOURCE_MOST, SYMBOL_MOST, SYMBOL_UNIT};

/// A shape or a stream for which there is no layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A size of symbols that cannot be.
    #[error("a symbol has a multiple of {SYMBOL_UNIT} bytes, {SYMBOL_UNIT} to {SYMBOL_MOST}; {found} is not")]
    Symbol {
        /// Bytes of a symbol.
        found: u16,
    },
    /// A number of source symbols that cannot be.
    #[error("a block has 1 to {SOURCE_MOST} source symbols, not {found}")]
    Source {
        /// Source symbols of a block.
        found: u16,
    },
    /// A stream of no bytes.
    #[error("a stream has at least one byte")]
    Empty,
    /// A stream of more than 2^32 - 1 blocks.
    #[error("a stream of {length} bytes has more than {} blocks of {block} bytes", u32::MAX)]
    Long {
        /// Bytes of the stream.
        length: u64,
        /// Bytes of the stream in a block.
        block: u64,
    },
}

/// The size and the number of the source symbols of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    symbol: u16,
    source: u16,
}

impl Shape {
    /// Blocks of `source` symbols of `symbol` bytes.
    ///
    /// # Errors
    /// [`LayoutError::Symbol`], [`LayoutError::Source`].
    pub const fn new(symbol: u16, source: u16) -> Result<Self, LayoutError> {
        if symbol == 0 || symbol > SYMBOL_MOST || !symbol.is_multiple_of(SYMBOL_UNIT) {
            return Err(LayoutError::Symbol { found: symbol });
        }
        if source == 0 || source > SOURCE_MOST {
            return Err(LayoutError::Source { found: source });
        }
        Ok(Self { symbol, source })
    }

    /// Bytes of a symbol.
    #[must_use]
    pub const fn symbol(self) -> u16 {
        self.symbol
    }

    /// Source symbols of every block but the last, which may have fewer.
    #[must_use]
    pub const fn source(self) -> u16 {
        self.source
    }

    /// Bytes of the stream that a whole block holds: all but its hash.
    const fn payload(self) -> u64 {
        // At least 64 - 32.
        self.symbol as u64 * self.source as u64 - HASH as u64
    }
}

/// A block: where it lies in the stream, and how many symbols it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Its number, from 0.
    pub number: u32,
    /// Where its payload begins in the stream, in bytes.
    pub offset: u64,
    /// Bytes of its payload.
    pub payload: usize,
    /// Its source symbols.
    pub symbols: u16,
}

/// How a stream of a certain length is cut into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    length: u64,
    blocks: u32,
}

impl Layout {
    /// The layout of `length` bytes in blocks of exactly this shape, but for the last, which may be shorter.
    ///
    /// # Errors
    /// [`LayoutError::Empty`], [`LayoutError::Long`].
    pub fn new(shape: Shape, length: u64) -> Result<Self, LayoutError> {
        let block = shape.payload();
        match u32::try_from(length.div_ceil(block)) {
            Ok(0) => Err(LayoutError::Empty),
            Ok(blocks) => Ok(Self { shape, length, blocks }),
            Err(_) => Err(LayoutError::Long { length, block }),
        }
    }

    /// The layout in as many blocks as `shape` needs, all as equal as possible: a short last block would have little
    /// repair of its own and be the first to be lost.
    ///
    /// # Errors
    /// [`LayoutError::Empty`], [`LayoutError::Long`].
    pub fn even(shape: Shape, length: u64) -> Result<Self, LayoutError> {
        let blocks = u64::from(Self::new(shape, length)?.blocks);
        let symbols = (length.div_ceil(blocks) + HASH as u64).div_ceil(u64::from(shape.symbol));
        let source = u16::try_from(symbols).unwrap_or(shape.source).min(shape.source);
        Self::new(Shape { source, ..shape }, length)
    }

    /// The shape of every block but the last.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Bytes of the stream.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Number of blocks, at least 1.
    #[must_use]
    pub const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// The block of this number, if there is one.
    #[must_use]
    pub fn block(&self, number: u32) -> Option<Block> {
        if number >= self.blocks {
            return None;
        }
        let whole = self.shape.payload();
        let offset = u64::from(number) * whole;
        let payload = whole.min(self.length - offset);
        // At most 1024 symbols of 8896 bytes; the whole block's symbols if it is whole.
        let symbols = u16::try_from((payload + HASH as u64).div_ceil(u64::from(self.shape.symbol))).ok()?;
        Some(Block { number, offset, payload: usize::try_from(payload).ok()?, symbols })
    }

    /// All symbols of all blocks, without repair.
    #[must_use]
    pub fn symbols(&self) -> u64 {
        let last = self.block(self.blocks - 1).map_or(0, |block| u64::from(block.symbols));
        u64::from(self.blocks - 1) * u64::from(self.shape.source) + last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { symbol: 1408, source: 1024 };

    #[test]
    fn blocks_are_as_equal_as_possible() {
        let layout = Layout::even(SHAPE, 1_500_000).unwrap();
        assert_eq!((layout.blocks(), layout.shape().source()), (2, 533));
        assert_eq!(layout.block(1).unwrap(), Block { number: 1, offset: 750_432, payload: 749_568, symbols: 533 });
        assert_eq!(layout.block(2), None);
    }

    #[test]
    fn a_full_block_is_filled_to_its_hash() {
        let whole = 1024 * 1408 - 32;
        let layout = Layout::even(SHAPE, whole).unwrap();
        assert_eq!((layout.blocks(), layout.symbols()), (1, 1024));
        assert_eq!(Layout::even(SHAPE, whole + 1).unwrap().blocks(), 2);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(Shape::new(1400, 1024), Err(LayoutError::Symbol { found: 1400 }));
        assert_eq!(Shape::new(8960, 1024), Err(LayoutError::Symbol { found: 8960 }));
        assert_eq!(Shape::new(1408, 1025), Err(LayoutError::Source { found: 1025 }));
        assert_eq!(Layout::new(SHAPE, 0), Err(LayoutError::Empty));
        assert!(matches!(Layout::even(SHAPE, u64::MAX), Err(LayoutError::Long { .. })));
    }
}
