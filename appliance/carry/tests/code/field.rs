//! Plain arithmetic of GF(2^16), as the specification of the link writes it down.

/// x^16 + x^5 + x^3 + x^2 + 1.
const POLYNOMIAL: u32 = 0x1_002d;

/// What the bits of a word stand for, the lowest first.
const BASIS: [u16; 16] = [
    0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900, 0xfdb8, 0xfb34,
    0xff38, 0x991e,
];

/// Tables of logarithms of words to the base x.
pub(crate) struct Field {
    log: Vec<usize>,
    exp: Vec<u16>,
}

impl Field {
    pub(crate) fn new() -> Self {
        let element = |word: usize| (0..16).filter(|bit| word >> bit & 1 == 1).fold(0, |sum, bit| sum ^ BASIS[bit]);
        let mut word_of = vec![0; 1 << 16];
        for word in 0..1 << 16 {
            word_of[usize::from(element(word))] = u16::try_from(word).unwrap();
        }
        let (mut log, mut exp, mut power) = (vec![0; 1 << 16], Vec::new(), 1_u32);
        for exponent in 0..65_535 {
            let word = word_of[power as usize];
            log[usize::from(word)] = exponent;
            exp.push(word);
            power <<= 1;
            if power >> 16 == 1 {
                power ^= POLYNOMIAL;
            }
        }
        Self { log, exp }
    }

    pub(crate) fn mul(&self, one: u16, other: u16) -> u16 {
        if one == 0 || other == 0 {
            return 0;
        }
        self.exp[(self.log[usize::from(one)] + self.log[usize::from(other)]) % 65_535]
    }

    pub(crate) fn div(&self, one: u16, other: u16) -> u16 {
        assert!(other != 0);
        if one == 0 {
            0
        } else {
            self.exp[(self.log[usize::from(one)] + 65_535 - self.log[usize::from(other)]) % 65_535]
        }
    }

    /// What source symbol `source` contributes to repair symbol `repair`: the polynomial of degree 255 that is 1 at
    /// `repair` and 0 at the other repair symbols, at the place of the source symbol.
    pub(crate) fn lagrange(&self, repair: u16, source: u16) -> u16 {
        let at = 256 + source;
        (0..256)
            .filter(|other| *other != repair)
            .fold(1, |product, other| self.mul(product, self.div(at ^ other, repair ^ other)))
    }
}

/// Word `place` of a symbol: of each 64 bytes the first 32 are the lower and the last 32 the upper halves.
pub(crate) fn word(symbol: &[u8], place: usize) -> u16 {
    let low = place / 32 * 64 + place % 32;
    u16::from_le_bytes([symbol[low], symbol[low + 32]])
}

/// Writes it.
pub(crate) fn put(symbol: &mut [u8], place: usize, value: u16) {
    let low = place / 32 * 64 + place % 32;
    [symbol[low], symbol[low + 32]] = value.to_le_bytes();
}
