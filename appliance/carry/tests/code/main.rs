//! Any 1024 of the 1280 symbols of a block restore it: by algebra, and by trying.

#![cfg(test)]

mod field;
mod patterns;

use field::{Field, put, word};
use pouch_carry::Encoder;

const SOURCE: u16 = 1024;
const REPAIR: u16 = 256;

pub(crate) fn random(seed: &mut u64) -> u64 {
    // splitmix64
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

pub(crate) fn noise(bytes: usize, seed: &mut u64) -> Vec<u8> {
    (0..bytes).map(|_| random(seed).to_le_bytes()[0]).collect()
}

pub(crate) fn encode(block: &[u8], symbol: usize) -> Vec<u8> {
    let mut repair = vec![0; usize::from(REPAIR) * symbol];
    Encoder::default().encode(block, symbol, 0, &mut repair).unwrap();
    repair
}

/// The whole generator matrix in one block: source symbol `i` is 1 in word `i` and 0 in every other, so word `i` of repair
/// symbol `j` is what source symbol `i` contributes to it. It is the Lagrange polynomial `j` over the points 0..255 at the
/// point 256 + `i`; so the code is the one of the specification.
#[test]
fn the_generator_is_that_of_the_specification() {
    let field = Field::new();
    let bytes = 2 * usize::from(SOURCE);
    let mut block = vec![0; usize::from(SOURCE) * bytes];
    for (place, symbol) in block.chunks_mut(bytes).enumerate() {
        put(symbol, place, 1);
    }
    let made = encode(&block, bytes);
    let all: Vec<u16> =
        (0..SOURCE).map(|source| (0..REPAIR).fold(1, |p, other| field.mul(p, (REPAIR + source) ^ other))).collect();
    for (repair, symbol) in (0..REPAIR).zip(made.chunks(bytes)) {
        let slope = (0..REPAIR).filter(|other| *other != repair).fold(1, |p, other| field.mul(p, repair ^ other));
        for source in 0..SOURCE {
            // Lagrange's polynomial in one division: a Cauchy matrix but for factors of its rows and of its columns.
            let cauchy = field.div(all[usize::from(source)], field.mul(slope, (REPAIR + source) ^ repair));
            assert_eq!(word(symbol, source.into()), cauchy, "{repair} {source}");
            // And as it is defined, for some.
            assert!(source % 61 != repair % 61 || cauchy == field.lagrange(repair, source), "{repair} {source}");
        }
    }
}

/// Every block and its repair satisfy 256 equations: for `t` from 0 to 255 the sum of word times point^t is zero, the
/// points being 0..255 for repair and 256.. for source. Any 256 columns of that matrix are a Vandermonde matrix of
/// different points, hence invertible: whichever 256 symbols are lost, the equations have one solution. That is the
/// proof; it is of every pattern.
#[test]
fn every_block_satisfies_the_equations_of_which_any_256_columns_are_invertible() {
    let field = Field::new();
    let mut seed = 1;
    for source in [1024_u16, 1023, 300, 256, 255, 1] {
        let block = noise(usize::from(source) * 64, &mut seed);
        let whole = [encode(&block, 64), block].concat();
        for place in [0, 13, 31] {
            let mut terms: Vec<(u16, u16)> =
                (0..).zip(whole.chunks(64)).map(|(at, symbol)| (at, word(symbol, place))).collect();
            for power in 0..REPAIR {
                assert_eq!(terms.iter().fold(0, |sum, (_, term)| sum ^ term), 0, "{source} {place} {power}");
                for (at, term) in &mut terms {
                    *term = field.mul(*term, *at);
                }
            }
        }
    }
}

/// What a word of a repair symbol is depends on the same word of the source symbols only, and is linear in them.
#[test]
fn words_are_coded_each_for_itself() {
    let (field, mut seed) = (Field::new(), 2);
    let sources = 5;
    let block = noise(sources * 128, &mut seed);
    let made = encode(&block, 128);
    for (repair, symbol) in (0..REPAIR).zip(made.chunks(128)).step_by(17) {
        for place in 0..64 {
            let terms = (0..)
                .zip(block.chunks(128))
                .map(|(at, source)| field.mul(word(source, place), field.lagrange(repair, at)));
            assert_eq!(word(symbol, place), terms.fold(0, |sum, term| sum ^ term));
        }
    }
}
