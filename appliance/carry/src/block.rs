//! A block proves itself: its last 32 bytes are the hash of all before them, of its place and of its stream.
//!
//! ```text
//! [payload][zeros to the last symbol's end but 32][BLAKE3 of (context 32, number u32 little-endian, all before)]
//! ```

/// Bytes of a block's hash.
pub const HASH: usize = 32;

/// What a hash is bound to besides its block: 32 bytes that no other stream has.
pub type Context = [u8; 32];

/// The hash of a block that was found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHash(pub [u8; HASH]);

/// A block whose hash is not the one of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("block {number} has not the hash that its last bytes state")]
pub struct Flawed {
    /// The block's number.
    pub number: u32,
}

fn hash(body: &[u8], context: &Context, number: u32) -> [u8; HASH] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(context).update(&number.to_le_bytes()).update(body);
    *hasher.finalize().as_bytes()
}

/// Fills a block (whole symbols) behind its first `payload` bytes: zeros, then the hash. A block shorter than a hash is
/// left as it is.
pub fn seal(block: &mut [u8], payload: usize, context: &Context, number: u32) {
    let Some((body, place)) = block.split_last_chunk_mut::<HASH>() else { return };
    if let Some(padding) = body.get_mut(payload..) {
        padding.fill(0);
    }
    *place = hash(body, context, number);
}

/// Checks a block (whole symbols) against its last bytes.
///
/// # Errors
/// [`Flawed`], also for a block shorter than a hash.
pub fn open(block: &[u8], context: &Context, number: u32) -> Result<BlockHash, Flawed> {
    match block.split_last_chunk::<HASH>() {
        Some((body, stated)) if hash(body, context, number) == *stated => Ok(BlockHash(*stated)),
        _ => Err(Flawed { number }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_bound_to_its_bytes_its_place_and_its_stream() {
        let mut block = vec![7; 128];
        seal(&mut block, 50, &[1; 32], 3);
        assert!(block.iter().skip(50).take(46).all(|byte| *byte == 0));
        assert_eq!(open(&block, &[1; 32], 3).unwrap().0, block[96..]);
        assert_eq!(open(&block, &[1; 32], 4), Err(Flawed { number: 4 }));
        assert_eq!(open(&block, &[2; 32], 3), Err(Flawed { number: 3 }));
        for place in 0..block.len() {
            block[place] ^= 1;
            assert_eq!(open(&block, &[1; 32], 3), Err(Flawed { number: 3 }));
            block[place] ^= 1;
        }
        assert_eq!(open(&[0; 31], &[1; 32], 3), Err(Flawed { number: 3 }));
    }
}
