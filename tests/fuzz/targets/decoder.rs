//! The decoder of blocks: whatever it is given it says what it lacks; and of what an encoder made it restores all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_carry::{Bitmap, Decoder, Encoder};

const BYTES: usize = 64;

fuzz_target!(|data: &[u8]| {
    let Some((head, rest)) = data.split_first_chunk::<8>() else { return };
    // As it comes: a symbol's size, where the block ends, and of each repair symbol an index and a length.
    let symbol = usize::from(head[0]) * 8;
    let (block, repair) = rest.split_at(rest.len() * usize::from(head[1]) / 256);
    let mut have = Bitmap::default();
    block.iter().take(64).for_each(|byte| drop(have.set(u16::from(*byte))));
    let list = |repair: &'_ [u8]| -> Vec<(u16, usize)> {
        repair
            .chunks_exact(2)
            .map(|pair| (u16::from(pair[0]) + u16::from(pair[1] >> 7), usize::from(pair[1] & 0x7f)))
            .collect()
    };
    let zeros = [0; 128];
    let pieces: Vec<(u16, &[u8])> = list(repair).into_iter().map(|(index, length)| (index, &zeros[..length])).collect();
    let mut decoder = Decoder::default();
    if let Err(error) = decoder.decode(&mut block.to_vec(), symbol, &have, &pieces) {
        drop(error.to_string());
    }
    // As an encoder made it, with losses that the input chooses.
    let source = (usize::from(head[2]) | usize::from(head[3]) << 8) % 300 + 1;
    let whole: Vec<u8> = rest.iter().copied().chain(std::iter::repeat(head[4])).take(source * BYTES).collect();
    let first = u16::from(head[5]);
    let mut made = vec![0; usize::from(256 - first) * BYTES];
    Encoder::default().encode(&whole, BYTES, first, &mut made).expect("a block");
    let made: Vec<(u16, &[u8])> = (first..).zip(made.chunks(BYTES)).collect();
    let (mut have, mut broken) = (Bitmap::default(), whole.clone());
    for (index, piece) in broken.chunks_mut(BYTES).enumerate() {
        let lost = rest.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1);
        if lost {
            piece.fill(head[6]);
        } else {
            have.set(u16::try_from(index).expect("at most 300"));
        }
    }
    let lost = source - usize::from(have.count());
    let decoded = decoder.decode(&mut broken, BYTES, &have, &made);
    assert_eq!(decoded.is_ok(), lost <= made.len());
    assert!(decoded.is_err() || broken == whole);
});
