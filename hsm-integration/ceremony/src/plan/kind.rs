//! Kinds of keys: one pair, or the two halves of a post-quantum key.

use openpgp_pkcs11::{Algorithm, Composite, Usage};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a key is, as plans write it: `ed25519`, `mldsa65-ed25519`, ...
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum KeyKind {
    /// One key pair.
    Single(Algorithm),
    /// A key of RFC 9980: a half on an elliptic curve and a post-quantum half, which are used together.
    Composite(Composite),
}

/// A word that is no kind of key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{word}\" is no kind of key; there are {}", known().join(", "))]
pub struct KindError {
    /// As written.
    pub word: String,
}

/// A half is no key of a certificate.
fn singles() -> impl Iterator<Item = Algorithm> {
    Algorithm::ALL.into_iter().filter(|algorithm| ![Algorithm::MlDsa65, Algorithm::MlKem768].contains(algorithm))
}

fn known() -> Vec<&'static str> {
    singles().map(Algorithm::as_str).chain(Composite::ALL.map(Composite::word)).collect()
}

impl KeyKind {
    /// Whether such keys make signatures.
    pub fn signs(self) -> bool {
        match self {
            Self::Single(algorithm) => algorithm.usages().contains(&Usage::Sign),
            Self::Composite(composite) => composite == Composite::MlDsa65Ed25519,
        }
    }

    /// Whether such keys open messages.
    pub fn opens(self) -> bool {
        match self {
            Self::Single(algorithm) => algorithm.usages().iter().any(|usage| *usage != Usage::Sign),
            Self::Composite(composite) => composite == Composite::MlKem768X25519,
        }
    }

    /// Whether such keys have a post-quantum half.
    pub fn is_composite(self) -> bool {
        matches!(self, Self::Composite(_))
    }
}

impl FromStr for KeyKind {
    type Err = KindError;

    fn from_str(word: &str) -> Result<Self, KindError> {
        let single = singles().find(|algorithm| algorithm.as_str() == word).map(Self::Single);
        let composite = || Composite::ALL.into_iter().find(|composite| composite.word() == word).map(Self::Composite);
        single.or_else(composite).ok_or_else(|| KindError { word: word.to_owned() })
    }
}

impl TryFrom<String> for KeyKind {
    type Error = KindError;

    fn try_from(word: String) -> Result<Self, KindError> {
        word.parse()
    }
}

impl From<KeyKind> for String {
    fn from(kind: KeyKind) -> String {
        kind.to_string()
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Single(algorithm) => algorithm.as_str(),
            Self::Composite(composite) => composite.word(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_from_its_word() {
        let known = known();
        assert_eq!(known.len(), 8);
        for word in known {
            let kind: KeyKind = word.parse().unwrap();
            assert_eq!(kind.to_string(), word);
            assert!(kind.signs() || kind.opens());
        }
        assert!("mldsa65".parse::<KeyKind>().is_err() && "dsa".parse::<KeyKind>().is_err());
    }
}
