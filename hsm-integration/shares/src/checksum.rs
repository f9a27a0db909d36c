//! The checksum of a share: a Reed-Solomon code over GF(1024) (SLIP-0039, "Checksum").

/// Symbols at the end of a share.
pub(crate) const SYMBOLS: usize = 3;

/// The generator's multiples by x^0 to x^9, three symbols in one number each.
const GENERATOR: [u32; 10] = [
    0x00e0_e040,
    0x01c1_c080,
    0x0383_8100,
    0x0707_0200,
    0x0e0e_0009,
    0x1c0c_2412,
    0x3808_6c24,
    0x3090_fc48,
    0x21b1_f890,
    0x03f3_f120,
];

/// Whether the last three of `symbols` are the checksum of those before.
pub(crate) fn is_right(symbols: &[u16], extendable: bool) -> bool {
    remainder(extendable, symbols.iter().copied()) == 1
}

/// The checksum of `symbols`.
pub(crate) fn of(symbols: &[u16], extendable: bool) -> [u16; SYMBOLS] {
    let sum = remainder(extendable, symbols.iter().copied().chain([0; SYMBOLS])) ^ 1;
    [symbol(sum >> 20), symbol(sum >> 10), symbol(sum)]
}

/// The ten low bits.
fn symbol(bits: u32) -> u16 {
    let [_, _, high, low] = (bits & 0x3ff).to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn remainder(extendable: bool, symbols: impl Iterator<Item = u16>) -> u32 {
    let customization: &[u8] = if extendable { b"shamir_extendable" } else { b"shamir" };
    let all = customization.iter().map(|letter| u16::from(*letter)).chain(symbols);
    all.fold(1, |sum, symbol| {
        let top = sum >> 20;
        let shifted = ((sum & 0xf_ffff) << 10) ^ u32::from(symbol);
        GENERATOR
            .iter()
            .enumerate()
            .fold(shifted, |sum, (bit, multiple)| sum ^ (multiple & ((top >> bit) & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_three_wrong_symbols_are_found_and_so_is_the_other_flag() {
        for extendable in [false, true] {
            let mut symbols: Vec<u16> = (0..17).map(|n| n * 59 % 1024).collect();
            let sum = of(&symbols, extendable);
            symbols.extend(sum);
            assert!(is_right(&symbols, extendable) && !is_right(&symbols, !extendable));
            for (at, change) in [(0, 1), (5, 0x200), (19, 0x3ff)] {
                symbols[at] ^= change;
                assert!(!is_right(&symbols, extendable));
            }
        }
    }
}
