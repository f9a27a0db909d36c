//! What is kept of a block over a restart.

use pouch_carry::{Bitmap, BlockHash, HASH};

/// Whether all of a block is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockState {
    /// Some of its source symbols.
    Open = 1,
    /// All, and its hash was right.
    Complete = 2,
}

/// The record of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRecord {
    pub(crate) state: BlockState,
    pub(crate) have: Bitmap,
    pub(crate) hash: BlockHash,
}

impl BlockRecord {
    pub(crate) const BYTES: usize = 4 + Bitmap::BYTES + HASH + 4;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let state = [self.state as u8, 0, 0, 0];
        let (have, hash) = (self.have.to_bytes(), self.hash.0);
        let body = state.iter().chain(&have).chain(&hash);
        bytes.iter_mut().zip(body).for_each(|(place, byte)| *place = *byte);
        if let Some((body, sum)) = bytes.split_last_chunk_mut::<4>() {
            *sum = crc32c::crc32c(body).to_le_bytes();
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Option<Self>, ()> {
        if *bytes == [0; Self::BYTES] {
            return Ok(None);
        }
        Self::read(bytes).map(Some).ok_or(())
    }

    fn read(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let state = match body.first()? {
            1 => BlockState::Open,
            2 => BlockState::Complete,
            _ => return None,
        };
        if crc32c::crc32c(body).to_le_bytes() != *sum {
            return None;
        }
        let (have, hash) = body.get(4..)?.split_first_chunk()?;
        Some(Self { state, have: Bitmap::from_bytes(have), hash: BlockHash(*hash.first_chunk()?) })
    }
}
