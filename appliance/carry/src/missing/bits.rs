//! Numbers of any width in a row of bits, the highest first.

/// Bits that a number takes besides five for how many they are.
const WIDTH: u32 = 5;

/// Bits that are written.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<bool>);

impl Writer {
    /// The lowest `width` bits of a number.
    pub(super) fn put(&mut self, number: u32, width: u32) {
        self.0.extend((0..width).rev().map(|bit| number.checked_shr(bit).unwrap_or(0) & 1 == 1));
    }

    /// A number below 2^32 - 1, small ones in few bits: of the number and 1 the count of bits behind the first, in 5
    /// bits, then those.
    pub(super) fn number(&mut self, number: u32) {
        let number = number.saturating_add(1);
        let width = number.ilog2();
        self.put(width, WIDTH);
        self.put(number, width);
    }

    /// The bits, five to a digit, with zeros to the last digit's end.
    pub(super) fn digits(&self) -> Vec<u8> {
        let digit = |bits: &[bool]| (0..5).fold(0, |digit, bit| digit << 1 | u8::from(bits.get(bit) == Some(&true)));
        self.0.chunks(5).map(digit).collect()
    }
}

/// Bits that are read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    /// Digits of five bits each.
    pub(super) digits: &'a [u8],
    /// Bits that have been read.
    pub(super) place: usize,
}

impl Reader<'_> {
    /// Bits that are left.
    pub(super) fn left(&self) -> usize {
        (self.digits.len() * 5).saturating_sub(self.place)
    }

    /// The next `width` bits, at most 32; `None` at the end.
    pub(super) fn take(&mut self, width: u32) -> Option<u32> {
        let mut number = 0;
        for _ in 0..width {
            let digit = self.digits.get(self.place / 5)?;
            number = number << 1 | u32::from(digit >> (4 - self.place % 5) & 1);
            self.place += 1;
        }
        Some(number)
    }

    /// What [`Writer::number`] wrote; `None` at the end.
    pub(super) fn number(&mut self) -> Option<u32> {
        let width = self.take(WIDTH)?;
        Some((1 << width | self.take(width)?) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let all = [0, 1, 2, 3, 64, 745_000, u32::MAX - 1];
        let mut writer = Writer::default();
        all.iter().for_each(|number| writer.number(*number));
        writer.put(5, 3);
        let digits = writer.digits();
        let mut reader = Reader { digits: &digits, place: 0 };
        assert!(all.iter().all(|number| reader.number() == Some(*number)));
        assert_eq!(reader.take(3), Some(5));
        assert!(reader.left() < 5);
        assert_eq!(reader.take(5), None);
    }
}
