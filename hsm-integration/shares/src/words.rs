//! The word list (SLIP-0039, "Wordlist"): 1024 words of 4 to 8 letters, told apart by their first four.

use std::cmp::Reverse;
use std::sync::LazyLock;

/// The letters that tell a word.
const UNIQUE: usize = 4;
/// A longer text is near to no word.
const LONGEST_TYPED: usize = 16;
/// More changed letters make another word.
const FARTHEST: usize = 3;

static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// The word of a number below 1024.
pub(crate) fn word(number: u16) -> Option<&'static str> {
    WORDS.get(usize::from(number)).copied()
}

/// The number of the word that was typed, whole or from the fourth letter on cut off, in letters of any case.
pub(crate) fn number(typed: &str) -> Option<u16> {
    if typed.len() < UNIQUE {
        return None;
    }
    // No copy in lower case is made: it would have to be wiped.
    let is_head = |word: &&str| word.get(..typed.len()).is_some_and(|head| head.eq_ignore_ascii_case(typed));
    WORDS.iter().position(is_head).and_then(|number| u16::try_from(number).ok())
}

/// The word that is most like what was typed, if any is.
pub(crate) fn nearest(typed: &str) -> Option<&'static str> {
    if typed.len() > LONGEST_TYPED {
        return None;
    }
    let typed = typed.as_bytes();
    let candidates =
        WORDS.iter().map(|word| (distance(typed, word.as_bytes()), Reverse(common(typed, word.as_bytes())), *word));
    let (distance, _, word) = candidates.min()?;
    (distance <= FARTHEST && distance < typed.len()).then_some(word)
}

/// How many letters the two have in common at their beginning.
fn common(typed: &[u8], word: &[u8]) -> usize {
    typed.iter().zip(word).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
}

/// How many letters must be changed, left out or put in to make the one of the other (Levenshtein).
fn distance(typed: &[u8], word: &[u8]) -> usize {
    // How far the letters typed so far are from each beginning of the word.
    let mut row: Vec<usize> = (1..=word.len()).collect();
    for (before, a) in typed.iter().enumerate() {
        let (mut diagonal, mut left) = (before, before + 1);
        for (b, above) in word.iter().zip(&mut row) {
            let changed = diagonal + usize::from(!a.eq_ignore_ascii_case(b));
            diagonal = *above;
            left = changed.min(left + 1).min(*above + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or(typed.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_is_as_the_standard_says() {
        assert_eq!(WORDS.len(), 1024);
        assert!(WORDS.is_sorted());
        assert!(WORDS.iter().all(|word| (4..=8).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase())));
        assert_eq!(WORDS.iter().map(|word| &word[..UNIQUE]).collect::<BTreeSet<_>>().len(), 1024);
        assert_eq!((word(0), word(1023), word(1024)), (Some("academic"), Some("zero"), None));
    }

    #[test]
    fn a_word_is_known_whole_shortened_and_in_capitals() {
        for (at, word) in WORDS.iter().enumerate() {
            let at = u16::try_from(at).unwrap();
            for end in UNIQUE..=word.len() {
                assert_eq!(number(&word[..end]), Some(at), "{word}");
                assert_eq!(number(&word[..end].to_uppercase()), Some(at), "{word}");
            }
            assert_eq!(number(&word[..UNIQUE - 1]), None, "{word}");
            assert_eq!(number(&format!("{word}s")), None, "{word}");
        }
    }

    #[test]
    fn what_is_no_word_is_none() {
        for typed in ["", "a", "acdemic", "académic", "acid ", "aci\u{0}", "\u{1F511}", &"x".repeat(1 << 20)] {
            assert_eq!(number(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn the_nearest_word_is_named() {
        assert_eq!(nearest("acedemic"), Some("academic"));
        assert_eq!(nearest("ACDEMIC"), Some("academic"));
        assert_eq!(nearest("zeros"), Some("zero"));
        assert_eq!(nearest("huskey"), Some("husky"));
        for typed in ["", "x", "qqqqqqqq", &"x".repeat(1 << 20)] {
            assert_eq!(nearest(typed), None);
        }
    }

    #[test]
    fn distances_are_right() {
        for (a, b, wanted) in [("", "abcd", 4), ("abcd", "abcd", 0), ("kitten", "sitting", 3), ("acb", "abc", 2)] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), wanted, "{a} {b}");
        }
    }
}
