//! Which OpenPGP packets and keys a pouch is made of. SPEC.md section 5.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Which OpenPGP packets a pouch is made of (SPEC.md section 5), from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Version 4 keys; PKESK version 3 and SEIPD version 1 with AES-256 (RFC 4880), for GnuPG 2.2.
    Rfc4880,
    /// Version 6 keys; PKESK version 6 and SEIPD version 2 with AES-256 in OCB mode (RFC 9580).
    Rfc9580,
    /// As `Rfc9580`, with post-quantum keys only: ML-DSA-65+Ed25519 and ML-KEM-768+X25519 (RFC 9980). For people: `pqc`.
    Rfc9980,
}

impl Profile {
    /// The name as it stands in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Profile::Rfc9580 => "rfc9580",
            Profile::Rfc4880 => "rfc4880",
            Profile::Rfc9980 => "rfc9980",
        }
    }
}

/// A word that is the name of no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\" is no profile; there are rfc4880, rfc9580 and pqc, which is also called rfc9980", found.escape_default())]
pub struct ProfileError {
    /// What was found.
    pub found: String,
}

/// As people write it, in configuration and on command lines: a name, or `pqc` for [`Profile::Rfc9980`]. In a manifest
/// stands the name alone.
impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(word: &str) -> Result<Self, ProfileError> {
        match word {
            "rfc4880" => Ok(Profile::Rfc4880),
            "rfc9580" => Ok(Profile::Rfc9580),
            "rfc9980" | "pqc" => Ok(Profile::Rfc9980),
            _ => Err(ProfileError { found: word.to_owned() }),
        }
    }
}

/// For `#[serde(deserialize_with)]` of files that people write.
///
/// # Errors
/// [`ProfileError`], in the words of `D`.
pub fn profile_by_word<'de, D: Deserializer<'de>>(from: D) -> Result<Profile, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_ordered_by_strength_and_known_by_name() {
        let all = [Profile::Rfc4880, Profile::Rfc9580, Profile::Rfc9980];
        assert!(all.is_sorted());
        for profile in all {
            assert_eq!(profile.as_str().parse(), Ok(profile));
            assert_eq!(serde_json::to_string(&profile).unwrap(), format!("\"{}\"", profile.as_str()));
        }
        assert_eq!("pqc".parse(), Ok(Profile::Rfc9980));
        for wrong in ["", "PQC", "rfc", "rfc9581", "pqc "] {
            assert!(wrong.parse::<Profile>().is_err(), "{wrong:?}");
        }
        // In a manifest a profile has one name.
        assert!(serde_json::from_str::<Profile>("\"pqc\"").is_err());
    }
}
