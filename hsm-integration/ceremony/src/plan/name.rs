//! Names that a plan gives to its things, and ids of keys.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest name, in bytes.
const MAX_NAME: usize = 32;
/// Longest id of a key, in bytes.
const MAX_ID: usize = 32;

/// What a plan calls a token, key or certificate: 1 to 32 of `a-z 0-9 -`, beginning with a letter. Becomes part of file names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Bytes in hexadecimal: 1 to 32 of them.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex(Vec<u8>);

/// Why a text is no name or no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A name.
    #[error("\"{text}\" is no name: 1 to {MAX_NAME} of a-z, 0-9 and -, beginning with a letter")]
    Name {
        /// As written.
        text: String,
    },
    /// An id.
    #[error("\"{text}\" is no id: 1 to {MAX_ID} bytes in hexadecimal")]
    Id {
        /// As written.
        text: String,
    },
}

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let begins = text.starts_with(|letter: char| letter.is_ascii_lowercase());
        if begins && text.len() <= MAX_NAME && text.chars().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::Name { text: text.to_owned() })
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Hex {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for Hex {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let wrong = || NameError::Id { text: text.clone() };
        let digits = !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits || text.len() / 2 > MAX_ID {
            return Err(wrong());
        }
        let pair = |start: usize| u8::from_str_radix(text.get(start..start + 2).unwrap_or_default(), 16);
        (0..text.len()).step_by(2).map(pair).collect::<Result<_, _>>().map(Self).map_err(|_| wrong())
    }
}

impl From<Hex> for String {
    fn from(hex: Hex) -> String {
        hex.to_string()
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_file_names() {
        for good in ["a", "home", "home-2026", &"x".repeat(32)] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "2026", "Home", "a/b", "..", "a b", "ä", &"x".repeat(33)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_bytes() {
        assert_eq!(Hex::try_from("00fF".to_owned()).unwrap().bytes(), [0, 255]);
        for bad in ["", "0", "0g", "é0", &"00".repeat(33)] {
            assert!(Hex::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
