//! Losses of exactly as many symbols as there is repair, tried.

use pouch_carry::{Bitmap, Decoder};

use crate::{REPAIR, SOURCE, encode, noise, random};

const BYTES: usize = 64;

/// A block, its repair, and a decoder that is used for every pattern.
struct Bench {
    block: Vec<u8>,
    repair: Vec<u8>,
    decoder: Decoder,
}

impl Bench {
    fn new(source: u16, seed: &mut u64) -> Self {
        let block = noise(usize::from(source) * BYTES, seed);
        let repair = encode(&block, BYTES);
        Self { block, repair, decoder: Decoder::default() }
    }

    /// Whether the block comes back from the symbols that `kept` keeps, source before repair.
    fn restores(&mut self, kept: impl Fn(usize) -> bool) -> bool {
        let source = self.block.len() / BYTES;
        let (mut have, mut broken) = (Bitmap::default(), self.block.clone());
        for (index, symbol) in broken.chunks_mut(BYTES).enumerate() {
            if kept(index) {
                have.set(u16::try_from(index).unwrap());
            } else {
                symbol.fill(0xa5);
            }
        }
        let repair = (0..REPAIR).zip(self.repair.chunks(BYTES)).filter(|(index, _)| kept(source + usize::from(*index)));
        self.decoder.decode(&mut broken, BYTES, &have, &repair.collect::<Vec<_>>()).unwrap();
        broken == self.block
    }
}

#[test]
fn patterns_with_a_form() {
    let mut seed = 3;
    let mut bench = Bench::new(SOURCE, &mut seed);
    let (source, repair) = (usize::from(SOURCE), usize::from(REPAIR));
    let all = source + repair;
    // A run of 256 lost symbols, from everywhere, around the end.
    for start in (0..all).step_by(64) {
        assert!(bench.restores(|index| (index + all - start) % all >= repair), "run from {start}");
    }
    // Every n-th symbol is lost, until 256 are.
    for step in [2, 3, 4, 5] {
        for first in 0..step {
            assert!(bench.restores(|index| index % step != first || index / step >= repair), "{first} mod {step}");
        }
    }
    // Every pattern of which chunks of 64 repair symbols are there: what rounds send.
    for rounds in 0..16_usize {
        let there = rounds.count_ones() as usize * 64;
        let kept =
            |index: usize| if index < source { index >= there } else { rounds >> ((index - source) / 64) & 1 == 1 };
        assert!(bench.restores(kept), "{rounds:04b}");
        let kept = |index: usize| {
            if index < source { index * 5 % source >= there } else { rounds >> ((index - source) / 64) & 1 == 1 }
        };
        assert!(bench.restores(kept), "{rounds:04b}, spread");
    }
}

#[test]
fn patterns_at_random() {
    let mut seed = 4;
    for source in [1024, 1000, 512, 257, 256, 255, 100, 2, 1] {
        let mut bench = Bench::new(source, &mut seed);
        for _ in 0..8 {
            let all = usize::from(source + REPAIR);
            let mut order: Vec<usize> = (0..all).collect();
            for place in (1..all).rev() {
                order.swap(place, usize::try_from(random(&mut seed) % (place as u64 + 1)).unwrap());
            }
            let mut kept = vec![false; all];
            order.iter().take(source.into()).for_each(|index| kept[*index] = true);
            assert!(bench.restores(|index| kept[index]), "{source}: {order:?}");
        }
    }
}
