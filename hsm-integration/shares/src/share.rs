//! One share: what a custodian holds.

use std::fmt;

use zeroize::Zeroizing;

use crate::cipher::Parameters;
use crate::draft::Draft;
use crate::error::ShareError;
use crate::{MAX_WORDS, MIN_WORDS, bits, checksum, words};

/// Words around the value: two of the set, two of the place in it, and the checksum.
const AROUND: usize = 4 + checksum::SYMBOLS;

/// A share. Its value is zeroized when dropped; `Debug` shows all but the value.
pub struct Share {
    pub(crate) set: Set,
    /// From 0.
    pub(crate) group: u8,
    /// From 0.
    pub(crate) member: u8,
    /// Members of the group that it takes, from 1.
    pub(crate) threshold: u8,
    pub(crate) value: Zeroizing<Vec<u8>>,
}

/// What all shares of a set say alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) identifier: u16,
    pub(crate) extendable: bool,
    pub(crate) exponent: u8,
    pub(crate) group_threshold: u8,
    pub(crate) groups: u8,
}

impl Set {
    pub(crate) fn parameters(self) -> Parameters {
        Parameters { identifier: self.identifier, extendable: self.extendable, exponent: self.exponent }
    }
}

impl Share {
    /// Reads the words of one share, parted by white space. Letters may be of any case, and words may be cut off after
    /// their fourth letter.
    ///
    /// # Errors
    /// [`ShareError`]: says which word is none, or that a word is missing, or that the checksum is wrong.
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let count = text.split_whitespace().take(MAX_WORDS + 1).count();
        if count > MAX_WORDS {
            return Err(ShareError::TooMany);
        }
        let mut draft = Draft::default();
        for (at, typed) in text.split_whitespace().enumerate() {
            draft.put(at.saturating_add(1), typed)?;
        }
        draft.share()
    }

    /// Reads the numbers of all words of a share.
    pub(crate) fn from_symbols(symbols: &[u16]) -> Result<Self, ShareError> {
        let count = symbols.len();
        if count < MIN_WORDS {
            return Err(ShareError::TooFew { words: count });
        }
        let length = bits::bytes_of(count.saturating_sub(AROUND)).ok_or(ShareError::Length { words: count })?;
        let [a, b, c, d, value @ .., _, _, _] = symbols else {
            return Err(ShareError::TooFew { words: count });
        };
        let head = (u32::from(*a) << 10) | u32::from(*b);
        let place = (u32::from(*c) << 10) | u32::from(*d);
        let extendable = (head >> 4) & 1 == 1;
        if !checksum::is_right(symbols, extendable) {
            return Err(ShareError::Checksum);
        }
        let set = Set {
            identifier: u16::try_from(head >> 5).map_err(|_| ShareError::Checksum)?,
            extendable,
            exponent: nibble(head, 0),
            group_threshold: nibble(place, 12) + 1,
            groups: nibble(place, 8) + 1,
        };
        let (group, member, threshold) = (nibble(place, 16), nibble(place, 4), nibble(place, 0) + 1);
        if set.group_threshold > set.groups {
            return Err(ShareError::GroupThreshold { threshold: set.group_threshold, groups: set.groups });
        }
        if group >= set.groups {
            return Err(ShareError::Group { group: group + 1, groups: set.groups });
        }
        let value = bits::read(value, length).ok_or(ShareError::Padding)?;
        Ok(Self { set, group, member, threshold, value })
    }

    /// The words, in the order to be written down. They are the secret of the custodian.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let symbols = self.symbols();
        (0..symbols.len()).filter_map(move |at| symbols.get(at).and_then(|symbol| words::word(*symbol)))
    }

    /// Which set the share is of: 15 random bits, the same in all its shares, no secret.
    #[must_use]
    pub fn identifier(&self) -> u16 {
        self.set.identifier
    }

    /// Which group the share is of and how many there are, counted from 1.
    #[must_use]
    pub fn group(&self) -> (u8, u8) {
        (self.group.saturating_add(1), self.set.groups)
    }

    /// How many groups it takes.
    #[must_use]
    pub fn group_threshold(&self) -> u8 {
        self.set.group_threshold
    }

    /// Which share of its group this is, counted from 1. How many there are it does not say.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.member.saturating_add(1)
    }

    /// How many shares of its group it takes.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// The iteration exponent: the secret is encrypted with 10000 * 2^exponent iterations.
    #[must_use]
    pub fn exponent(&self) -> u8 {
        self.set.exponent
    }

    /// Whether further sets of the same secret and passphrase can be made under other identifiers.
    #[must_use]
    pub fn is_extendable(&self) -> bool {
        self.set.extendable
    }

    fn symbols(&self) -> Zeroizing<Vec<u16>> {
        let set = &self.set;
        let head = (u32::from(set.identifier) << 5) | (u32::from(set.extendable) << 4) | u32::from(set.exponent);
        let nibbles = [
            self.group,
            set.group_threshold.saturating_sub(1),
            set.groups.saturating_sub(1),
            self.member,
            self.threshold.saturating_sub(1),
        ];
        let place = nibbles.iter().fold(0, |place: u32, nibble| (place << 4) | u32::from(nibble & 0xf));
        let mut symbols = Zeroizing::new(Vec::with_capacity(AROUND.saturating_add(bits::symbols_of(self.value.len()))));
        for twenty in [head, place] {
            for ten in [twenty >> 10, twenty & 0x3ff] {
                let [_, _, high, low] = ten.to_be_bytes();
                symbols.push(u16::from_be_bytes([high, low]));
            }
        }
        bits::write(&self.value, &mut symbols);
        let sum = checksum::of(&symbols, set.extendable);
        symbols.extend(sum);
        symbols
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("set", &self.set)
            .field("group", &self.group)
            .field("member", &self.member)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}

/// The four bits of `bits` above the lowest `above`.
fn nibble(bits: u32, above: u32) -> u8 {
    let [.., low] = (bits >> above).to_be_bytes();
    low & 0xf
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(set: Set, bytes: usize) -> Share {
        Share { set, group: 2, member: 15, threshold: 16, value: Zeroizing::new(vec![0xa7; bytes]) }
    }

    const SET: Set = Set { identifier: 0x7fff, extendable: true, exponent: 15, group_threshold: 3, groups: 16 };

    fn text(share: &Share) -> String {
        share.words().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_field_comes_back_from_the_words() {
        for (extendable, identifier, exponent) in
            [(false, 0, 0), (true, 0x7fff, 15), (true, 0x1234, 1), (false, 0x4321, 7)]
        {
            let made = share(Set { identifier, extendable, exponent, ..SET }, 32);
            let read = Share::parse(&text(&made)).unwrap();
            assert_eq!(read.set, made.set);
            assert_eq!((read.group, read.member, read.threshold), (2, 15, 16));
            assert_eq!(read.value, made.value);
            assert_eq!((read.group(), read.number(), read.group_threshold()), ((3, 16), 16, 3));
        }
    }

    #[test]
    fn the_limits_of_bytes_are_those_of_words() {
        for (bytes, words) in [(crate::MIN_SECRET_BYTES, MIN_WORDS), (crate::MAX_SECRET_BYTES, MAX_WORDS)] {
            assert_eq!(share(SET, bytes).words().count(), words);
            assert!(Share::parse(&text(&share(SET, bytes))).is_ok());
        }
        assert_eq!(Share::parse(&text(&share(SET, 14))).err(), Some(ShareError::TooFew { words: 19 }));
        assert_eq!(Share::parse(&text(&share(SET, 1250))).err(), Some(ShareError::TooMany));
    }

    #[test]
    fn a_share_that_contradicts_itself_is_refused() {
        let more = share(Set { group_threshold: 4, groups: 3, ..SET }, 16);
        assert_eq!(Share::parse(&text(&more)).err(), Some(ShareError::GroupThreshold { threshold: 4, groups: 3 }));
        let beyond = share(Set { group_threshold: 1, groups: 2, ..SET }, 16);
        assert_eq!(Share::parse(&text(&beyond)).err(), Some(ShareError::Group { group: 3, groups: 2 }));
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", share(SET, 16));
        assert!(!shown.contains("167") && !shown.contains("a7"), "{shown}");
    }
}
