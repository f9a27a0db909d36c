//! Names: registries, pouches, parts, fingerprints.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits;

/// A text that is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a registry name.
    #[error("a registry name is 1 to 32 of a-z, 0-9 and '-', starting with a letter; \"{}\" is not", found.escape_default())]
    Registry {
        /// What was found.
        found: String,
    },
    /// Not a fingerprint.
    #[error("a fingerprint is 40 (version 4) or 64 (version 6) upper-case hexadecimal digits; \"{}\" is not", found.escape_default())]
    Fingerprint {
        /// What was found.
        found: String,
    },
    /// Not a pouch id.
    #[error("a pouch id is a registry name, '-' and a sequence number of at least 6 digits; \"{}\" is not", found.escape_default())]
    Pouch {
        /// What was found.
        found: String,
    },
}

/// The name of a registry: 1 to 32 of `a-z`, `0-9` and `-`, starting with a letter. Safe as a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RegistryName(String);

impl RegistryName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RegistryName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=32).contains(&text.len())
            && text.chars().all(plain)
            && text.starts_with(|c: char| c.is_ascii_lowercase())
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Registry { found: text.to_owned() })
        }
    }
}

/// The fingerprint of an OpenPGP certificate or key: 40 or 64 upper-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Fingerprint {
    /// The fingerprint as 20 or 32 words of the PGP word list, which two people compare aloud.
    #[must_use]
    pub fn words(&self) -> String {
        let pair = |start: usize| self.0.get(start..start + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Vec<u8> = (0..self.0.len()).step_by(2).filter_map(pair).collect();
        pgp_words::to_words(&bytes).join(" ")
    }
}

impl FromStr for Fingerprint {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if matches!(text.len(), 40 | 64) && text.chars().all(|c| matches!(c, '0'..='9' | 'A'..='F')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Fingerprint { found: text.to_owned() })
        }
    }
}

macro_rules! text_conversions {
    ($($name:ident)+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
    )+};
}
text_conversions!(RegistryName Fingerprint);

/// A pouch by registry and sequence number, written `land-000041`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PouchId {
    /// The registry.
    pub registry: RegistryName,
    /// The sequence number, from 1.
    pub sequence: u64,
}

impl fmt::Display for PouchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:06}", self.registry, self.sequence)
    }
}

impl FromStr for PouchId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::Pouch { found: text.to_owned() };
        let (registry, number) = text.rsplit_once('-').ok_or_else(wrong)?;
        let id = Self { registry: registry.parse()?, sequence: number.parse().map_err(|_| wrong())? };
        // One spelling only: `land-41` and `land-+00041` are not ids.
        if (1..=limits::SEQUENCE).contains(&id.sequence) && id.to_string() == text { Ok(id) } else { Err(wrong()) }
    }
}

/// The file that holds the signed statement.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The file that holds the detached signatures over the manifest.
pub const SIGNATURE_FILE: &str = "manifest.json.sig";

/// The file of the `n`-th segment of the archive, from 0.
#[must_use]
pub fn segment_file(n: usize) -> String {
    format!("segment-{n:06}.pgp")
}

/// The file of the `n`-th part of the index, from 0.
#[must_use]
pub fn index_file(n: usize) -> String {
    format!("index-{n:06}.pgp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_names() {
        for good in ["land", "a", "business-2", &"x".repeat(32)] {
            assert!(good.parse::<RegistryName>().is_ok(), "{good}");
        }
        for bad in ["", "Land", "-land", "2land", "a/b", "..", "ä", &"x".repeat(33)] {
            assert!(bad.parse::<RegistryName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn pouch_ids_have_one_spelling() {
        let id: PouchId = "land-2-000041".parse().unwrap();
        assert_eq!((id.registry.as_str(), id.sequence), ("land-2", 41));
        assert!("land-1000000".parse::<PouchId>().is_ok());
        for bad in
            ["land", "land-41", "land-0000041", "land-000000", "land-+00041", "LAND-000041", "land-9999999999999999999"]
        {
            assert!(bad.parse::<PouchId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn fingerprints() {
        assert!("A".repeat(40).parse::<Fingerprint>().is_ok());
        assert!("A".repeat(64).parse::<Fingerprint>().is_ok());
        assert!("a".repeat(40).parse::<Fingerprint>().is_err());
        assert!("A".repeat(41).parse::<Fingerprint>().is_err());
    }
}
