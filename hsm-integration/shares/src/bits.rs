//! Bytes as symbols of ten bits, the first ones zero (SLIP-0039, "Format of the share mnemonic": padding).

use zeroize::Zeroizing;

/// Bits of a symbol, which is a word's number in the list.
const SYMBOL: u32 = 10;

/// How many symbols `bytes` bytes are.
pub(crate) fn symbols_of(bytes: usize) -> usize {
    bytes.saturating_mul(8).div_ceil(10)
}

/// How many bytes are in `symbols` symbols; `None` if no even number of bytes would be cut into so many.
pub(crate) fn bytes_of(symbols: usize) -> Option<usize> {
    let bits = symbols.checked_mul(10)?;
    (bits % 16 <= 8).then_some(bits / 16 * 2)
}

/// Appends `bytes` as symbols.
pub(crate) fn write(bytes: &[u8], symbols: &mut Vec<u16>) {
    // Zero bits come first: as many as fill up the last symbol.
    let mut pending: u32 = 0;
    let mut count = match bytes.len() % 5 {
        1 => 2,
        2 => 4,
        3 => 6,
        4 => 8,
        _ => 0,
    };
    for byte in bytes {
        pending = (pending << 8) | u32::from(*byte);
        count += 8;
        if count >= SYMBOL {
            count -= SYMBOL;
            let [_, _, high, low] = (pending >> count).to_be_bytes();
            symbols.push(u16::from_be_bytes([high, low]));
            pending &= (1 << count) - 1;
        }
    }
}

/// The `length` bytes in `symbols`; `None` if the bits before them are not zero.
pub(crate) fn read(symbols: &[u16], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    let zeros = symbols.len().checked_mul(10)?.checked_sub(length.checked_mul(8)?)?;
    let mut zeros = u32::try_from(zeros).ok().filter(|zeros| *zeros <= 8)?;
    let mut pending: u32 = 0;
    let mut count = 0;
    for symbol in symbols {
        pending = (pending << SYMBOL) | u32::from(*symbol);
        count += SYMBOL;
        if zeros > 0 {
            count -= zeros;
            zeros = 0;
            if pending >> count != 0 {
                return None;
            }
        }
        while count >= 8 {
            count -= 8;
            let [_, _, _, byte] = (pending >> count).to_be_bytes();
            bytes.push(byte);
            pending &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in (16..=1248).step_by(2) {
            let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap() ^ 0xa5).collect();
            let mut symbols = Vec::new();
            write(&bytes, &mut symbols);
            assert_eq!(symbols.len(), symbols_of(length));
            assert!(symbols.iter().all(|symbol| *symbol < 1024));
            assert_eq!(bytes_of(symbols.len()), Some(length));
            assert_eq!(read(&symbols, length).unwrap().as_slice(), bytes);
        }
    }

    #[test]
    fn sixteen_bytes_have_two_zero_bits_before_them() {
        let mut symbols = Vec::new();
        write(&[0xff; 16], &mut symbols);
        assert_eq!(symbols[0], 0x0ff);
        assert!(symbols[1..].iter().all(|symbol| *symbol == 0x3ff));
        symbols[0] = 0x1ff;
        assert!(read(&symbols, 16).is_none());
    }

    #[test]
    fn numbers_of_symbols_that_no_value_has_are_refused() {
        let right: Vec<usize> = (13..40).filter(|symbols| bytes_of(*symbols).is_some()).collect();
        let wanted: Vec<usize> = (16..=48).step_by(2).map(symbols_of).filter(|symbols| *symbols < 40).collect();
        assert_eq!(right, wanted);
    }
}
