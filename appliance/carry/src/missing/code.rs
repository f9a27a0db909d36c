//! The code of what is missing.
//!
//! ```text
//! stream's name, its first 30 bits · for each gap: distance from the one before · blocks - 1 · need (4) · zeros to a whole
//! digit · check (20)
//! ```

use std::ops::{Add, Div, Sub};

use super::bits::{Reader, Writer};
use super::{Gap, Gaps, STEPS, step, text};

/// Bits of the stream's name.
const HINT: u32 = 30;

/// Bits of a need.
const NEED: u32 = 4;

/// Most characters of a code: what a QR code of letters and digits holds with room for errors.
const CHARACTERS: usize = 1800;

/// Part of what is asked for that a shorter code may ask for besides: 1/32.
const SPARE: u64 = 32;

/// The first 30 bits of a stream's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamHint(u32);

impl StreamHint {
    /// Of a stream.
    #[must_use]
    pub fn of(stream: u64) -> Self {
        // The upper 30 of 64 bits.
        Self(u32::try_from(stream >> (64 - HINT)).unwrap_or(0))
    }

    /// Whether the code is of this stream; of another it is so once in 2^30.
    #[must_use]
    pub fn is(self, stream: u64) -> bool {
        self == Self::of(stream)
    }
}

/// Why a text is no code of what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MissingError {
    /// Longer than any code.
    #[error("a code has at most {CHARACTERS} characters; there are {found} bytes")]
    Long {
        /// Bytes found.
        found: usize,
    },
    /// Fewer characters than a code has.
    #[error("a code has at least 10 letters and digits, not {found}")]
    Short {
        /// Letters and digits found.
        found: usize,
    },
    /// A character that no code has.
    #[error("{found:?} is no character of a code")]
    Character {
        /// The character.
        found: char,
    },
    /// The check is wrong: misread, misheard, a character lost or doubled.
    #[error("the code's check is wrong: compare it character by character")]
    Check,
    /// The check is right and still it says nothing that a receiver writes.
    #[error("the code is not one that a receiver writes")]
    Form,
}

impl Gaps {
    /// The code of these gaps: at most 1800 of `0-9A-Z-`. Where that makes it shorter it asks for up to 1/32 more, or if
    /// there are more gaps than fit for as much more as it must.
    #[must_use]
    pub fn encode(&self, stream: u64) -> String {
        let fits = |gaps: &Self| text::length(gaps.digits(stream).len()) <= CHARACTERS;
        let count = self.as_slice().len();
        // Each join costs at most so much, so all of them at most 1/32.
        let spare = self.symbols() / SPARE / u64::try_from(count).unwrap_or(u64::MAX).max(1);
        let gaps = self.joined(spare, count);
        if fits(&gaps) {
            return text::print(&gaps.digits(stream));
        }
        // All gaps in one fit. The dearest joins are of the smallest cost with which they do, and as few as do.
        let cost = least(spare, u64::MAX, |cost| fits(&self.joined(cost, count)));
        let equal = least(0, count, |equal| fits(&self.joined(cost, equal)));
        text::print(&self.joined(cost, equal).digits(stream))
    }

    /// Reads a code: what of which stream.
    ///
    /// # Errors
    /// [`MissingError`], in the order of its variants.
    pub fn decode(code: &str) -> Result<(StreamHint, Self), MissingError> {
        // Room for white space and other ways to write it.
        if code.len() > 2 * CHARACTERS {
            return Err(MissingError::Long { found: code.len() });
        }
        let digits = text::read(code).map_err(|found| MissingError::Character { found })?;
        let shortest = HINT as usize / 5 + text::CHECK;
        if digits.len() < shortest {
            return Err(MissingError::Short { found: digits.len() });
        }
        let (body, stated) = digits.split_at(digits.len() - text::CHECK);
        if (Reader { digits: stated, place: 0 }).take(20) != Some(text::check(body)) {
            return Err(MissingError::Check);
        }
        let (hint, gaps) = parse(body).ok_or(MissingError::Form)?;
        // One form of one meaning.
        if gaps.digits(u64::from(hint.0) << (64 - HINT)) != digits {
            return Err(MissingError::Form);
        }
        Ok((hint, gaps))
    }

    fn digits(&self, stream: u64) -> Vec<u8> {
        let mut bits = Writer::default();
        bits.put(StreamHint::of(stream).0, HINT);
        let mut end = 0;
        for gap in self.as_slice() {
            bits.number(gap.first - end);
            bits.number(gap.count - 1);
            bits.put(step(gap.need).0.into(), NEED);
            end = gap.end();
        }
        let mut digits = bits.digits();
        let mut check = Writer::default();
        check.put(text::check(&digits), 20);
        digits.extend(check.digits());
        digits
    }
}

/// The smallest number from `low` to `high` of which something holds, which it does of `high`.
fn least<T>(mut low: T, mut high: T, holds: impl Fn(T) -> bool) -> T
where
    T: Copy + PartialOrd + From<u8> + Add<Output = T> + Sub<Output = T> + Div<Output = T>,
{
    while low < high {
        let middle = low + (high - low) / T::from(2);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + T::from(1);
        }
    }
    high
}

fn parse(body: &[u8]) -> Option<(StreamHint, Gaps)> {
    let mut bits = Reader { digits: body, place: 0 };
    let hint = StreamHint(bits.take(HINT)?);
    let mut gaps = Gaps::default();
    // Fewer bits than a digit has are the zeros behind the last gap.
    while bits.left() >= 5 {
        let first = gaps.end().checked_add(bits.number()?)?;
        let count = bits.number()?.checked_add(1)?;
        first.checked_add(count)?;
        let need = *STEPS.get(usize::try_from(bits.take(NEED)?).ok()?)?;
        gaps.push(Gap { first, count, need });
    }
    Some((hint, gaps))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: u64 = 0x1234_5678_9abc_def0;

    fn of(gaps: &[(u32, u32, u16)]) -> Gaps {
        Gaps::new(gaps.iter().flat_map(|(first, count, need)| (*first..first + count).map(|block| (block, *need))))
    }

    #[test]
    fn three_gaps_of_a_tebibyte_can_be_read_over_the_telephone() {
        let gaps = of(&[(100_000, 64, 1024), (350_000, 128, 1024), (744_000, 37, 1024)]);
        let code = gaps.encode(STREAM);
        let digits = code.replace('-', "").len();
        assert!(digits <= 33, "{code}: {digits}");
        assert_eq!(Gaps::decode(&code), Ok((StreamHint::of(STREAM), gaps)));
    }

    #[test]
    fn a_code_is_of_its_stream() {
        let (hint, gaps) = Gaps::decode(&Gaps::default().encode(STREAM)).unwrap();
        assert!(gaps.is_empty() && hint.is(STREAM) && !hint.is(STREAM ^ 1 << 34) && !hint.is(!STREAM));
    }

    #[test]
    fn every_slip_is_noticed() {
        let samples = [
            of(&[]),
            of(&[(0, 1, 1)]),
            of(&[(7, 64, 1024)]),
            of(&[(100_000, 64, 1024), (350_000, 128, 300), (744_000, 37, 16)]),
            Gaps::new((0..40_u16).map(|block| (u32::from(block).pow(2) * 400, 25 * (block + 1)))),
        ];
        for gaps in samples {
            let digits = text::read(&gaps.encode(STREAM)).unwrap();
            let refused = |digits: &[u8]| match Gaps::decode(&text::print(digits)) {
                Ok(read) => panic!("{digits:?} is {read:?}"),
                Err(MissingError::Check | MissingError::Short { .. }) => {}
                Err(other) => panic!("{other}"),
            };
            for place in 0..digits.len() {
                for wrong in (0..32).filter(|wrong| *wrong != digits[place]) {
                    let mut slip = digits.clone();
                    slip[place] = wrong;
                    refused(&slip);
                }
                for other in (place + 1..digits.len()).filter(|other| digits[*other] != digits[place]) {
                    let mut slip = digits.clone();
                    slip.swap(place, other);
                    refused(&slip);
                }
                let mut lost = digits.clone();
                lost.remove(place);
                refused(&lost);
                let mut doubled = digits.clone();
                doubled.insert(place, digits[place]);
                refused(&doubled);
            }
        }
    }

    #[test]
    fn many_gaps_are_joined_until_they_fit() {
        let mut seed = 1_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let blocks: Vec<(u32, u16)> = (0..745_000).filter_map(|block| (random(3) == 0).then_some((block, 8))).collect();
        for part in [blocks.len(), 5000, 300, 100] {
            let gaps = Gaps::new(blocks[..part].iter().copied());
            let code = gaps.encode(STREAM);
            assert!(code.len() <= CHARACTERS);
            let (_, read) = Gaps::decode(&code).unwrap();
            let mut needs = read.iter().peekable();
            for (block, need) in gaps.iter() {
                while needs.next_if(|(other, _)| *other < block).is_some() {}
                assert!(needs.peek().is_some_and(|(other, more)| *other == block && *more >= need));
            }
        }
    }

    #[test]
    fn of_gaps_at_equal_distances_no_more_are_joined_than_must() {
        let gaps = Gaps::new((0..400).map(|number| (number * 1000, 8)));
        let code = gaps.encode(STREAM);
        let (_, read) = Gaps::decode(&code).unwrap();
        let joined = read.blocks() / 1000;
        assert!(code.len() > 1780 && joined < 150 && read.as_slice().len() > 150, "{joined}");
    }

    #[test]
    fn a_shorter_code_asks_for_little_more() {
        // A link that was cut: windows of which nothing came, between two of which blocks lack now 500, now 520.
        let edge = |block: u16| if block.is_multiple_of(2) { 500 } else { 520 };
        let need = |block: u16| if (64..832).contains(&block) { 1024 } else { edge(block) };
        let gaps = Gaps::new((0..896).map(|block| (block.into(), need(block))));
        let (_, read) = Gaps::decode(&gaps.encode(STREAM)).unwrap();
        assert!(read.symbols() <= gaps.symbols() + gaps.symbols() / 32);
        assert_eq!((gaps.as_slice().len(), read.as_slice().len()), (129, 3));
    }

    #[test]
    fn another_form_of_the_same_is_refused() {
        let body = |write: &dyn Fn(&mut Writer)| {
            let mut bits = Writer::default();
            bits.put(1, HINT);
            write(&mut bits);
            let mut digits = bits.digits();
            let mut check = Writer::default();
            check.put(text::check(&digits), 20);
            digits.extend(check.digits());
            Gaps::decode(&text::print(&digits))
        };
        let gap = |bits: &mut Writer, distance: u32, count: u32| {
            bits.number(distance);
            bits.number(count - 1);
            bits.put(3, NEED);
        };
        body(&|bits| gap(bits, 4, 1)).unwrap();
        for (name, flaw) in [
            ("two gaps that are one", body(&|bits| (0..2).for_each(|_| gap(bits, 0, 1)))),
            (
                "a digit behind the last",
                body(&|bits| {
                    gap(bits, 4, 1);
                    bits.put(0, 5);
                }),
            ),
            (
                "padding that is not zero",
                body(&|bits| {
                    gap(bits, 0, 1);
                    bits.put(1, 1);
                }),
            ),
            ("blocks beyond the last", body(&|bits| gap(bits, u32::MAX - 1, 2))),
        ] {
            assert_eq!(flaw, Err(MissingError::Form), "{name}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        assert_eq!(Gaps::decode(""), Err(MissingError::Short { found: 0 }));
        assert_eq!(Gaps::decode("U"), Err(MissingError::Character { found: 'U' }));
        assert_eq!(Gaps::decode(&"0".repeat(3601)), Err(MissingError::Long { found: 3601 }));
        assert_eq!(Gaps::decode(&"0".repeat(1800)), Err(MissingError::Check));
    }
}
