//! A share while its words are being typed, word by word: a wrong one costs that word, not the share.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::{Nearest, ShareError};
use crate::share::Share;
use crate::{MAX_WORDS, words};

/// The words typed so far, as their numbers; zeroized when dropped. `Debug` shows how many there are.
pub struct Draft {
    symbols: Zeroizing<Vec<u16>>,
}

impl Default for Draft {
    fn default() -> Self {
        // Reserved at once, so that growing does not leave copies behind.
        Self { symbols: Zeroizing::new(Vec::with_capacity(MAX_WORDS)) }
    }
}

impl Draft {
    /// Takes what was typed as the word at `position`, counted from 1: in the place of the one that is there, or after
    /// the last. Letters may be of any case, and the word may be cut off after its fourth letter.
    ///
    /// # Errors
    /// [`ShareError::Word`]: it is no word, or would leave a hole; [`ShareError::TooMany`]. Nothing has changed.
    pub fn put(&mut self, position: usize, typed: &str) -> Result<(), ShareError> {
        let number = words::number(typed);
        let number = number.ok_or_else(|| ShareError::Word { position, nearest: Nearest(words::nearest(typed)) })?;
        let at = position.wrapping_sub(1);
        if at >= MAX_WORDS {
            return Err(ShareError::TooMany);
        }
        if at == self.symbols.len() {
            self.symbols.push(number);
        } else if let Some(symbol) = self.symbols.get_mut(at) {
            *symbol = number;
        } else {
            return Err(ShareError::Word { position: self.symbols.len().saturating_add(1), nearest: Nearest(None) });
        }
        Ok(())
    }

    /// Forgets the words after the first `words`.
    pub fn truncate(&mut self, words: usize) {
        self.symbols.iter_mut().skip(words).for_each(|symbol| *symbol = 0);
        self.symbols.truncate(words);
    }

    /// How many words there are.
    #[must_use]
    pub fn words(&self) -> usize {
        self.symbols.len()
    }

    /// The share, if the words are all of one.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn share(&self) -> Result<Share, ShareError> {
        Share::from_symbols(&self.symbols)
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("words", &self.words()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plan;

    #[test]
    fn one_wrong_word_is_put_right_alone() {
        let share =
            Plan::new(2, 3).unwrap().with_exponent(0).unwrap().split(b"sixteen bytes ok", b"").unwrap().remove(0);
        let right: Vec<&str> = share.words().collect();
        let mut draft = Draft::default();
        for (at, word) in right.iter().enumerate() {
            assert!(matches!(draft.share(), Err(ShareError::TooFew { .. })));
            draft.put(at + 1, word).unwrap();
        }
        assert_eq!(draft.share().unwrap().number(), share.number());
        let other = if right[6] == "academic" { "acid" } else { "academic" };
        draft.put(7, other).unwrap();
        assert_eq!(draft.share().err(), Some(ShareError::Checksum));
        assert!(matches!(draft.put(7, "acidic"), Err(ShareError::Word { position: 7, .. })));
        draft.put(7, &right[6].to_uppercase()).unwrap();
        assert!(draft.share().is_ok());
        assert!(!format!("{draft:?}").contains('['));
    }

    #[test]
    fn there_are_no_holes_and_no_end_is_passed() {
        let mut draft = Draft::default();
        assert!(matches!(draft.put(2, "acid"), Err(ShareError::Word { position: 1, .. })));
        assert_eq!(draft.put(0, "acid"), Err(ShareError::TooMany));
        for position in 1..=MAX_WORDS {
            draft.put(position, "acid").unwrap();
        }
        assert_eq!(draft.put(MAX_WORDS + 1, "acid"), Err(ShareError::TooMany));
        draft.truncate(3);
        assert_eq!((draft.words(), draft.put(4, "zero")), (3, Ok(())));
    }
}
