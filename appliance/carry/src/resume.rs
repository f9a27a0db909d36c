//! The record of a block that a receiver keeps beside a stream, to go on after a crash.
//!
//! ```text
//! 0 state (0 nothing known, 1 open, 2 complete)   1 zeros (3)   4 bitmap (128)   132 hash (32)   164 CRC32C of all before
//! ```
//! Numbers are little-endian, as in the bitmap.

use crate::{Bitmap, BlockHash, HASH};

/// What is known of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockState {
    /// Some of its source symbols are in the file.
    Open = 1,
    /// All of it was in the file and its hash was right.
    Complete = 2,
}

/// A block of which something is in the file.
///
/// The file has the stream and nothing else: of the symbols that `have` names, the zeros and the hash at the end of the
/// block are not in it. The hash is here, the zeros are zeros, so the block can be put together again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRecord {
    /// What is known.
    pub state: BlockState,
    /// The source symbols that are in the file.
    pub have: Bitmap,
    /// The hash that the block's last symbol states; zeros while that symbol is not there.
    pub hash: BlockHash,
}

/// A record that was not written so: it is as if nothing were known of its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record of a block is damaged")]
pub struct RecordError;

impl BlockRecord {
    /// Bytes of a record.
    pub const BYTES: usize = SUM + 4;

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let fields = [&[self.state as u8, 0, 0, 0][..], &self.have.to_bytes(), &self.hash.0];
        for (place, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *place = *byte;
        }
        if let Some((body, sum)) = bytes.split_last_chunk_mut::<4>() {
            *sum = crc32c::crc32c(body).to_le_bytes();
        }
        bytes
    }

    /// The record that [`BlockRecord::to_bytes`] wrote; `None` for all zeros, as a file has them where nothing was
    /// written.
    ///
    /// # Errors
    /// [`RecordError`] for everything else.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Option<Self>, RecordError> {
        if *bytes == [0; Self::BYTES] {
            return Ok(None);
        }
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(RecordError)?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
            return Err(RecordError);
        }
        let (state, rest) = body.split_first_chunk::<4>().ok_or(RecordError)?;
        let (have, hash) = rest.split_first_chunk::<{ Bitmap::BYTES }>().ok_or(RecordError)?;
        let state = match state {
            [1, 0, 0, 0] => BlockState::Open,
            [2, 0, 0, 0] => BlockState::Complete,
            _ => return Err(RecordError),
        };
        let hash = BlockHash(*hash.first_chunk().ok_or(RecordError)?);
        Ok(Some(Self { state, have: Bitmap::from_bytes(have), hash }))
    }
}

/// Bytes before the sum.
const SUM: usize = 4 + Bitmap::BYTES + HASH;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_or_not_at_all() {
        let mut have = Bitmap::default();
        have.set(0);
        have.set(1023);
        for state in [BlockState::Open, BlockState::Complete] {
            let record = BlockRecord { state, have, hash: BlockHash([9; HASH]) };
            let bytes = record.to_bytes();
            assert_eq!(BlockRecord::from_bytes(&bytes), Ok(Some(record)));
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(BlockRecord::from_bytes(&flipped), Err(RecordError));
            }
            // Torn: only the first or only the last so many bytes were written.
            for end in 1..bytes.len() {
                let (mut first, mut last) = ([0; BlockRecord::BYTES], bytes);
                first[..end].copy_from_slice(&bytes[..end]);
                last[..end].fill(0);
                assert_eq!(BlockRecord::from_bytes(&first), Err(RecordError));
                assert_eq!(BlockRecord::from_bytes(&last), Err(RecordError));
            }
        }
        assert_eq!(BlockRecord::from_bytes(&[0; BlockRecord::BYTES]), Ok(None));
    }

    #[test]
    fn a_state_that_is_none_is_refused() {
        let have = Bitmap::default();
        let mut bytes = BlockRecord { state: BlockState::Open, have, hash: BlockHash([0; HASH]) }.to_bytes();
        for state in [[0, 0, 0, 0], [3, 0, 0, 0], [1, 1, 0, 0]] {
            bytes[..4].copy_from_slice(&state);
            let sum = crc32c::crc32c(&bytes[..SUM]).to_le_bytes();
            bytes[SUM..].copy_from_slice(&sum);
            assert_eq!(BlockRecord::from_bytes(&bytes), Err(RecordError));
        }
    }
}
