//! Arithmetic in GF(256) modulo x^8 + x^4 + x^3 + x + 1 (SLIP-0039, "Shamir's secret sharing"). Addition is `^`.
//!
//! Bits instead of tables: time and memory accesses do not depend on the operands.

use std::hint::black_box;

/// All ones if `bit` is 1, none if it is 0. The compiler is kept from making a branch of it.
fn mask(bit: u8) -> u8 {
    black_box(bit & 1).wrapping_neg()
}

/// The product.
pub(crate) fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut product) = (a, 0);
    for bit in 0..8 {
        product ^= a & mask(b >> bit);
        a = (a << 1) ^ (0x1b & mask(a >> 7));
    }
    product
}

/// The inverse, which is the 254th power; 0 for 0.
pub(crate) fn invert(a: u8) -> u8 {
    let mut power = a;
    let mut inverse = 1;
    // 254 = 2 + 4 + ... + 128.
    for _ in 1..8 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_fips_197() {
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
    }

    #[test]
    fn it_is_a_field() {
        assert_eq!(invert(0), 0);
        for a in 0..=255 {
            assert_eq!(multiply(a, 1), a);
            assert_eq!(multiply(a, invert(a)), u8::from(a != 0), "{a}");
            for b in 0..=255 {
                assert_eq!(multiply(a, b), multiply(b, a));
                assert_eq!(multiply(a ^ b, 0x8e), multiply(a, 0x8e) ^ multiply(b, 0x8e));
            }
        }
    }

    #[test]
    fn three_generates_everything_but_zero() {
        let powers: std::collections::BTreeSet<u8> =
            std::iter::successors(Some(3), |power| Some(multiply(*power, 3))).take(255).collect();
        assert_eq!(powers.len(), 255);
    }
}
