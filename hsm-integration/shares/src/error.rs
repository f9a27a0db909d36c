//! What is wrong with a share or a passphrase. Of neither does an error show anything.

use std::fmt;

use crate::{MAX_WORDS, MIN_WORDS};

/// Why a text is no share. Neither `Display` nor `Debug` shows a word of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Not all of a share.
    #[error("here are {words} words, and no share has fewer than {MIN_WORDS}; enter all words of the share")]
    TooFew {
        /// Words given.
        words: usize,
    },
    /// More than one share, or something else.
    #[error("here are more than {MAX_WORDS} words, and no share has so many; enter one share at a time")]
    TooMany,
    /// A word was left out or put in.
    #[error(
        "no share has {words} words: one is missing or too many; count them on the paper and enter the share again"
    )]
    Length {
        /// Words given.
        words: usize,
    },
    /// A word was mistyped.
    #[error("word {position} is not in the word list; compare it with the paper and enter it again")]
    Word {
        /// Which word, counted from 1.
        position: usize,
        /// The word that was perhaps meant.
        nearest: Nearest,
    },
    /// A word was taken for another one.
    #[error(
        "the checksum is wrong: a word is another one than on the paper, or two are in the wrong order; \
         compare every word and enter the share again"
    )]
    Checksum,
    /// Right to the last word, but not made by the standard.
    #[error(
        "the words are right, but the bits before the value are not zero; the share was made wrongly, use another one"
    )]
    Padding,
    /// More groups needed than there are.
    #[error(
        "the words are right, but the share asks for {threshold} of {groups} groups; \
         it was made wrongly, use another one"
    )]
    GroupThreshold {
        /// Groups needed.
        threshold: u8,
        /// Groups there are.
        groups: u8,
    },
    /// A group beyond the last.
    #[error("the words are right, but the share is of group {group} of {groups}; it was made wrongly, use another one")]
    Group {
        /// Which group, counted from 1.
        group: u8,
        /// Groups there are.
        groups: u8,
    },
}

impl ShareError {
    /// The word of the list that is most like the mistyped one. Very likely a word of the share: only for the eyes of
    /// whoever types it, never for a log.
    #[must_use]
    pub fn nearest(&self) -> Option<&'static str> {
        match self {
            Self::Word { nearest, .. } => nearest.0,
            _ => None,
        }
    }
}

/// A word that was perhaps meant, to be had from [`ShareError::nearest`]; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Nearest(pub(crate) Option<&'static str>);

impl fmt::Debug for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// Why a passphrase cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// SLIP-0039, "Passphrase": only printable ASCII is the same bytes everywhere.
    #[error(
        "the passphrase has other characters than the printable ones of ASCII; use letters, digits, signs and spaces"
    )]
    Unprintable,
    /// Longer than anybody types.
    #[error("the passphrase has more than {} characters; use a shorter one", PassphraseError::LIMIT)]
    TooLong,
}

impl PassphraseError {
    /// Most bytes of a passphrase.
    pub const LIMIT: usize = 1024;
}
