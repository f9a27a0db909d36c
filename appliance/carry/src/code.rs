//! Repair: the systematic Reed-Solomon code of the link and of media.
//!
//! One code for all blocks: 256 repair symbols of the high-rate code of Leopard over GF(2^16), for 1 to 1024 source
//! symbols; a block of fewer is as one whose further symbols are zeros. Any K of its K + 256 symbols restore a block.
//! Long symbols are coded in columns, which the code does not see, so that the work stays in the cache.

use reed_solomon_simd::engine::DefaultEngine;
use reed_solomon_simd::rate::{HighRateDecoder, HighRateEncoder, RateDecoder as _, RateEncoder as _};

use crate::{Bitmap, REPAIR_MOST, SOURCE_MOST, SYMBOL_MOST, SYMBOL_UNIT};

/// Most bytes of a symbol that are coded at once: 1280 symbols of it fit a cache of 2 MiB.
const COLUMN: usize = 1408;

/// What cannot be coded.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CodeError {
    /// Bytes that are no whole symbols, or too few or too many of them.
    #[error("{bytes} bytes are not 1 to {SOURCE_MOST} symbols of {symbol} bytes")]
    Bytes {
        /// Bytes given.
        bytes: usize,
        /// Bytes of a symbol.
        symbol: usize,
    },
    /// A repair symbol beyond the last.
    #[error("there is no repair symbol {index}; a block has {REPAIR_MOST}")]
    Repair {
        /// Its index, from 0.
        index: u16,
    },
    /// Fewer symbols than the block's source symbols.
    #[error("{found} symbols cannot restore a block of {source_symbols}")]
    Few {
        /// Different symbols at hand.
        found: u16,
        /// Source symbols of the block.
        source_symbols: u16,
    },
    /// The code itself refused, which the checks before it should exclude.
    #[error("the code refused a block: {0}")]
    Refused(reed_solomon_simd::Error),
}

impl From<reed_solomon_simd::Error> for CodeError {
    fn from(error: reed_solomon_simd::Error) -> Self {
        Self::Refused(error)
    }
}

/// The columns of a symbol: widths that are multiples of 64, as equal as possible.
fn columns(symbol: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let unit = usize::from(SYMBOL_UNIT);
    let (units, count) = (symbol / unit, symbol.div_ceil(COLUMN).max(1));
    (0..count).map(move |column| units * column / count * unit..units * (column + 1) / count * unit)
}

/// The source symbols of `bytes`, if it is a block of such symbols.
fn source(bytes: usize, symbol: usize) -> Result<u16, CodeError> {
    let sound = (1..=usize::from(SYMBOL_MOST)).contains(&symbol)
        && symbol.is_multiple_of(SYMBOL_UNIT.into())
        && bytes.is_multiple_of(symbol);
    u16::try_from(bytes / symbol.max(1))
        .ok()
        .filter(|source| sound && (1..=SOURCE_MOST).contains(source))
        .ok_or(CodeError::Bytes { bytes, symbol })
}

/// Makes repair symbols. Keeps its memory (about two blocks' columns) from block to block.
#[derive(Default)]
pub struct Encoder {
    inner: Option<HighRateEncoder<DefaultEngine>>,
}

impl Encoder {
    /// Fills `repair` with the repair symbols from `first` on, each `symbol` bytes, of a block.
    ///
    /// # Errors
    /// [`CodeError::Bytes`], [`CodeError::Repair`].
    pub fn encode(&mut self, block: &[u8], symbol: usize, first: u16, repair: &mut [u8]) -> Result<(), CodeError> {
        let source = source(block.len(), symbol)?;
        let wanted = u16::try_from(repair.len() / symbol).unwrap_or(u16::MAX);
        if first.saturating_add(wanted) > REPAIR_MOST {
            return Err(CodeError::Repair { index: first.saturating_add(wanted).saturating_sub(1) });
        }
        for column in columns(symbol) {
            let (original, recovery) = (source.into(), REPAIR_MOST.into());
            match &mut self.inner {
                Some(encoder) => encoder.reset(original, recovery, column.len())?,
                none => {
                    *none = Some(HighRateEncoder::new(original, recovery, column.len(), DefaultEngine::new(), None)?);
                }
            }
            let Some(encoder) = &mut self.inner else { continue };
            for symbol in block.chunks_exact(symbol) {
                encoder.add_original_shard(symbol.get(column.clone()).unwrap_or_default())?;
            }
            let made = encoder.encode()?;
            for (index, place) in (usize::from(first)..).zip(repair.chunks_exact_mut(symbol)) {
                if let (Some(place), Some(made)) = (place.get_mut(column.clone()), made.recovery(index)) {
                    place.copy_from_slice(made);
                }
            }
        }
        Ok(())
    }
}

/// Restores source symbols. Keeps its memory (about two blocks' columns) from block to block.
#[derive(Default)]
pub struct Decoder {
    inner: Option<HighRateDecoder<DefaultEngine>>,
}

impl Decoder {
    /// Restores, in place, the source symbols of `block` that `have` lacks, from repair symbols (index, bytes), each once.
    ///
    /// What comes out is only as right as what went in: check it with [`crate::open`].
    ///
    /// # Errors
    /// [`CodeError::Bytes`], [`CodeError::Repair`], [`CodeError::Few`].
    pub fn decode(
        &mut self,
        block: &mut [u8],
        symbol: usize,
        have: &Bitmap,
        repair: &[(u16, &[u8])],
    ) -> Result<(), CodeError> {
        let source = source(block.len(), symbol)?;
        let missing: Vec<u16> = have.missing(source).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let enough = repair.get(..missing.len()).ok_or_else(|| {
            let found = usize::from(source).saturating_sub(missing.len()).saturating_add(repair.len());
            // Fewer than `source`, for there are fewer repair symbols than are missing.
            CodeError::Few { found: u16::try_from(found).unwrap_or(source), source_symbols: source }
        })?;
        for column in columns(symbol) {
            let (original, recovery) = (source.into(), REPAIR_MOST.into());
            match &mut self.inner {
                Some(decoder) => decoder.reset(original, recovery, column.len())?,
                none => {
                    *none = Some(HighRateDecoder::new(original, recovery, column.len(), DefaultEngine::new(), None)?);
                }
            }
            let Some(decoder) = &mut self.inner else { continue };
            for (index, bytes) in (0..source).zip(block.chunks_exact(symbol)) {
                if have.has(index) {
                    decoder.add_original_shard(index.into(), bytes.get(column.clone()).unwrap_or_default())?;
                }
            }
            for (index, bytes) in enough {
                if *index >= REPAIR_MOST {
                    return Err(CodeError::Repair { index: *index });
                }
                let part = bytes.get(column.clone()).ok_or(CodeError::Bytes { bytes: bytes.len(), symbol })?;
                decoder.add_recovery_shard((*index).into(), part)?;
            }
            let restored = decoder.decode()?;
            for index in &missing {
                let start = usize::from(*index) * symbol;
                let place = block.get_mut(start + column.start..start + column.end);
                if let (Some(place), Some(bytes)) = (place, restored.restored_original((*index).into())) {
                    place.copy_from_slice(bytes);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(source: usize, symbol: usize) -> Vec<u8> {
        (0..source * symbol).map(|place| (place.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()[0]).collect()
    }

    #[test]
    fn columns_cover_a_symbol() {
        for symbol in (64..=8896).step_by(64) {
            let all: Vec<_> = columns(symbol).collect();
            assert!(all.iter().all(|column| column.len() % 64 == 0 && (64..=COLUMN).contains(&column.len())));
            assert_eq!(all.iter().map(ExactSizeIterator::len).sum::<usize>(), symbol);
        }
    }

    #[test]
    fn a_short_block_is_as_one_with_zeros() {
        for source in [1, 3, 200, 256, 700] {
            let short = block(source, 64);
            let mut long = short.clone();
            long.resize(1024 * 64, 0);
            let (mut one, mut other) = (vec![0; 256 * 64], vec![0; 256 * 64]);
            Encoder::default().encode(&short, 64, 0, &mut one).unwrap();
            Encoder::default().encode(&long, 64, 0, &mut other).unwrap();
            assert!(one == other, "{source}");
        }
    }

    #[test]
    fn columns_are_not_seen() {
        let wide = block(10, 8896);
        let mut repair = vec![0; 5 * 8896];
        Encoder::default().encode(&wide, 8896, 7, &mut repair).unwrap();
        let narrow: Vec<u8> = wide.chunks(8896).flat_map(|symbol| symbol[8832..].to_vec()).collect();
        let mut tail = vec![0; 5 * 64];
        Encoder::default().encode(&narrow, 64, 7, &mut tail).unwrap();
        let seen: Vec<u8> = repair.chunks(8896).flat_map(|symbol| symbol[8832..].to_vec()).collect();
        assert_eq!(seen, tail);
    }

    #[test]
    fn what_is_lost_comes_back() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let cases: [(u16, usize, u16); 5] =
            [(1024, 1408, 64), (1024, 64, 256), (533, 8896, 20), (1, 64, 1), (40, 128, 40)];
        for (source, symbol, lost) in cases {
            let whole = block(source.into(), symbol);
            let mut repair = vec![0; usize::from(lost) * symbol];
            encoder.encode(&whole, symbol, 256 - lost, &mut repair).unwrap();
            let repair: Vec<_> = (256 - lost..).zip(repair.chunks(symbol)).collect();
            let (mut have, mut broken) = (Bitmap::default(), whole.clone());
            for (index, bytes) in (0..source).zip(broken.chunks_mut(symbol)) {
                if u32::from(index) * 7 % u32::from(source) >= u32::from(lost) {
                    have.set(index);
                } else {
                    bytes.fill(0xee);
                }
            }
            let short = decoder.decode(&mut broken, symbol, &have, &repair[1..]);
            assert!(matches!(short, Err(CodeError::Few { .. })), "{short:?}");
            decoder.decode(&mut broken, symbol, &have, &repair).unwrap();
            assert!(broken == whole, "{source} {symbol} {lost}");
        }
    }
}
