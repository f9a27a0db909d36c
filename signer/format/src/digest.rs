//! Digests, and how people read them out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Neither 64 hexadecimal digits nor 32 words.
    #[error("a digest is 64 hexadecimal digits or 32 words, not {found} of them")]
    Length {
        /// How many digits or words there were.
        found: usize,
    },
    /// Not a hexadecimal digit, or not lower case.
    #[error("'{found}' at position {at} is not a lower-case hexadecimal digit")]
    Digit {
        /// The character.
        found: char,
        /// Where, counted from 0.
        at: usize,
    },
    /// A word that is not in the list, or that stands in the wrong place.
    #[error("one of the words is misspelt or stands in the wrong place")]
    Word,
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The digest as 32 words of the PGP word list, which two people compare aloud.
            #[must_use]
            pub fn words(&self) -> String {
                pgp_words::to_words(&self.0).join(" ")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> String {
                digest.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = DigestError;
            fn try_from(text: String) -> Result<Self, DigestError> {
                from_hex(&text).map(Self)
            }
        }

        /// Reads 64 lower-case hexadecimal digits, or the words of [`Self::words`].
        impl FromStr for $name {
            type Err = DigestError;
            fn from_str(text: &str) -> Result<Self, DigestError> {
                let text = text.trim();
                if text.contains(char::is_whitespace) { from_words(text).map(Self) } else { from_hex(text).map(Self) }
            }
        }
    };
}

digest! {
    /// SHA-256 (FIPS 180-4): of what travels, so that `sha256sum` can check it.
    Sha256Digest
}
digest! {
    /// BLAKE3, 32 bytes: of plaintext, where three times the speed counts.
    Blake3Digest
}

fn from_hex(text: &str) -> Result<[u8; 32], DigestError> {
    let found = text.chars().count();
    if found != 64 {
        return Err(DigestError::Length { found });
    }
    let mut digest = [0u8; 32];
    for (at, digit) in text.chars().enumerate() {
        let value = match digit {
            '0'..='9' => digit as u32 - '0' as u32,
            'a'..='f' => digit as u32 - 'a' as u32 + 10,
            _ => return Err(DigestError::Digit { found: digit, at }),
        };
        let value = u8::try_from(value).unwrap_or(0);
        if let Some(byte) = digest.get_mut(at / 2) {
            *byte = *byte << 4 | value;
        }
    }
    Ok(digest)
}

fn from_words(text: &str) -> Result<[u8; 32], DigestError> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    // The list alternates between words of two and of three syllables, so a swapped pair is noticed.
    let bytes = pgp_words::to_bytes(&words).ok_or(DigestError::Word)?;
    bytes.try_into().map_err(|_| DigestError::Length { found: words.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Sha256Digest {
        let mut bytes = [0u8; 32];
        bytes.iter_mut().enumerate().for_each(|(i, b)| *b = u8::try_from(i * 37 % 256).unwrap());
        Sha256Digest(bytes)
    }

    #[test]
    fn hex_and_words_read_back() {
        let digest = sample();
        assert_eq!(digest.to_string().parse::<Sha256Digest>().unwrap(), digest);
        assert_eq!(digest.words().parse::<Sha256Digest>().unwrap(), digest);
        assert_eq!(digest.words().to_uppercase().parse::<Sha256Digest>().unwrap(), digest);
    }

    #[test]
    fn swapped_words_are_refused() {
        let words = sample().words();
        let mut list: Vec<&str> = words.split_whitespace().collect();
        list.swap(0, 1);
        assert_eq!(list.join(" ").parse::<Sha256Digest>(), Err(DigestError::Word));
    }

    #[test]
    fn upper_case_hex_is_not_canonical() {
        let hex = format!("A{}", "0".repeat(63));
        assert_eq!(hex.parse::<Sha256Digest>(), Err(DigestError::Digit { found: 'A', at: 0 }));
        assert_eq!("00".parse::<Sha256Digest>(), Err(DigestError::Length { found: 2 }));
    }
}
