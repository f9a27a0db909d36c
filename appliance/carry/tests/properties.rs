//! Properties that hold for whatever comes.

#![cfg(test)]

use pouch_carry::missing::Gaps;
use pouch_carry::resume::BlockRecord;
use pouch_carry::{Bitmap, Decoder, Encoder, Layout, Shape, open, seal, windows};
use proptest::prelude::*;

fn shape() -> impl Strategy<Value = Shape> {
    (1..=139_u16, 1..=1024_u16).prop_map(|(units, source)| Shape::new(units * 64, source).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Blocks lie one behind the other without a gap, each with room for its hash and no symbol to spare.
    #[test]
    fn a_layout_covers_its_stream(shape in shape(), length in 1..u64::MAX >> 20, even: bool) {
        let made = if even { Layout::even(shape, length) } else { Layout::new(shape, length) };
        let Ok(layout) = made else { return Ok(()) };
        let blocks = layout.blocks();
        prop_assert!(layout.block(blocks).is_none() && layout.block(u32::MAX).is_none());
        for number in [0, 1, blocks / 2, blocks.saturating_sub(2), blocks - 1] {
            let Some(block) = layout.block(number) else { prop_assert!(number >= blocks); continue };
            let end = block.offset + block.payload as u64;
            prop_assert_eq!(end, layout.block(number + 1).map_or(length, |next| next.offset));
            let symbol = usize::from(layout.shape().symbol());
            prop_assert_eq!(usize::from(block.symbols), (block.payload + 32).div_ceil(symbol));
            prop_assert!(block.symbols <= layout.shape().source() && block.payload > 0);
        }
        prop_assert!(layout.symbols() * u64::from(layout.shape().symbol()) >= length + 32 * u64::from(blocks));
    }

    #[test]
    fn windows_cover_the_blocks(blocks in 0..100_000_u32, depth: u16) {
        let mut end = 0;
        for window in windows(blocks, depth) {
            prop_assert_eq!(window.start, end);
            prop_assert!((1..=usize::from(depth.max(1))).contains(&window.len()));
            end = window.end;
        }
        prop_assert_eq!(end, blocks);
    }

    #[test]
    fn a_bitmap_is_a_set(indices in prop::collection::vec(0..1100_u16, 0..300)) {
        let mut map = Bitmap::default();
        let mut set = std::collections::BTreeSet::new();
        for index in indices {
            prop_assert_eq!(map.set(index), index < 1024 && set.insert(index));
        }
        prop_assert_eq!(usize::from(map.count()), set.len());
        prop_assert!(map.missing(1024).all(|index| !set.contains(&index)));
        prop_assert_eq!(Bitmap::from_bytes(&map.to_bytes()), map);
    }

    /// What is read asks for all that was written, and for no other stream.
    #[test]
    fn a_code_asks_for_what_is_missing(
        blocks in prop::collection::btree_map(prop_oneof![0..2000_u32, any::<u32>()], 0..1200_u16, 0..400),
        stream: u64,
    ) {
        let gaps = Gaps::new(blocks);
        let code = gaps.encode(stream);
        prop_assert!(code.len() <= 1800);
        let (hint, read) = Gaps::decode(&code.to_lowercase()).unwrap();
        prop_assert!(hint.is(stream) && !hint.is(!stream));
        prop_assert!(read.end() == gaps.end() && read.symbols() >= gaps.symbols());
        let again = read.as_slice();
        for gap in gaps.as_slice() {
            let over = |other: &&pouch_carry::missing::Gap| other.first <= gap.first && gap.first < other.first + other.count;
            let cover = again.iter().find(over).unwrap();
            prop_assert!(cover.need >= gap.need && cover.first + cover.count >= gap.first + gap.count);
        }
        // What was read is written as it was read, but for what may be joined.
        prop_assert!(Gaps::decode(&read.encode(stream)).is_ok());
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}|[0-9a-zA-Z -]{0,80}") {
        let _ = Gaps::decode(&text);
    }

    #[test]
    fn no_bytes_are_a_record_but_those_that_were_written(mut bytes: [u8; 32], place in 0..136_usize) {
        let mut record = [0; BlockRecord::BYTES];
        bytes[0] |= 1;
        record[place..place + 32].copy_from_slice(&bytes);
        if let Ok(Some(read)) = BlockRecord::from_bytes(&record) {
            prop_assert_eq!(read.to_bytes(), record);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    /// A sealed block that loses up to as many symbols as there is repair opens again.
    #[test]
    fn a_block_comes_back(
        source in 1..=1024_u16,
        units in 1..=30_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..256),
        first in any::<prop::sample::Index>(),
    ) {
        let symbol = units * 64;
        let mut block: Vec<u8> = (0..usize::from(source) * symbol).map(|place| (place % 251).to_le_bytes()[0]).collect();
        let payload = block.len() - 32;
        seal(&mut block, payload, &[3; 32], 9);
        let lost: std::collections::BTreeSet<usize> = lost.iter().map(|index| index.index(source.into())).collect();
        let count = u16::try_from(lost.len()).unwrap();
        let first = u16::try_from(first.index(usize::from(256 - count) + 1)).unwrap();
        let mut repair = vec![0; lost.len() * symbol];
        Encoder::default().encode(&block, symbol, first, &mut repair).unwrap();
        let (mut have, mut broken) = (Bitmap::default(), block.clone());
        (0..source).filter(|index| !lost.contains(&usize::from(*index))).for_each(|index| assert!(have.set(index)));
        lost.iter().for_each(|index| broken[index * symbol..(index + 1) * symbol].fill(0));
        let repair: Vec<(u16, &[u8])> = (first..).zip(repair.chunks(symbol)).collect();
        Decoder::default().decode(&mut broken, symbol, &have, &repair).unwrap();
        prop_assert!(broken == block && open(&broken, &[3; 32], 9).is_ok());
    }

    /// Whatever a decoder is given it restores something or says why not; and it goes on working.
    #[test]
    fn a_decoder_takes_anything(
        bytes in 0..20_000_usize,
        symbol in 0..300_usize,
        have: [u8; 16],
        repair in prop::collection::vec((any::<u16>().prop_map(|index| index % 300), 0..300_usize), 0..40),
    ) {
        let mut map = [0; 128];
        map[..16].copy_from_slice(&have);
        let zeros = [0; 300];
        let repair: Vec<(u16, &[u8])> = repair.iter().map(|(index, length)| (*index, &zeros[..*length])).collect();
        let mut decoder = Decoder::default();
        let mut block = vec![0; bytes];
        let _ = decoder.decode(&mut block, symbol, &Bitmap::from_bytes(&map), &repair);
        let _ = decoder.decode(&mut vec![0; 640], 64, &Bitmap::from_bytes(&map), &repair);
        decoder.decode(&mut [0; 64], 64, &Bitmap::default(), &[(3, &[0; 64])]).unwrap();
    }
}
