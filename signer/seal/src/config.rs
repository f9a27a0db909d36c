//! The configuration of a home box: where things are, who signs, and what each registry is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pouch_capture::Source;
use pouch_format::{Profile, RegistryName, limits, profile_by_word};
use serde::{Deserialize, Serialize};

/// Where the configuration is when the command line does not say.
pub const DEFAULT_FILE: &str = "/etc/pouch/seal.toml";

/// `seal.toml`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where sealed pouches wait to be carried.
    #[serde(default = "default_spool")]
    pub spool: PathBuf,
    /// Where the ledgers are kept.
    #[serde(default = "default_state")]
    pub state: PathBuf,
    /// The PKCS#11 module, for keys whose URI does not name one.
    pub module: Option<PathBuf>,
    /// Who signs, unless a registry says otherwise.
    pub signer: Option<SignerConfig>,
    /// Certificates of those who have to sign too, in this order, unless a registry says otherwise.
    #[serde(default)]
    pub cosigners: Vec<PathBuf>,
    /// How many must sign, the sealing officer among them: fewer are not announced. Unless a registry says otherwise.
    pub threshold: Option<usize>,
    /// Keys of those who sign with `cosign` on this machine, by a name of one's choice.
    #[serde(default)]
    pub cosigner: BTreeMap<String, SignerConfig>,
    /// Certificates of the recipients, unless a registry says otherwise.
    #[serde(default)]
    pub recipients: Vec<PathBuf>,
    /// The registries.
    #[serde(default)]
    pub registry: BTreeMap<RegistryName, RegistryConfig>,
}

/// A key in a token, and its certificate.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SignerConfig {
    /// PKCS#11 URI of the key (RFC 7512). Both halves of a key of profile `pqc` have one name, so one URI names them.
    pub key: String,
    /// URI of the post-quantum half of a key of profile `pqc`, where it is in another token, which is weaker.
    pub key_pq: Option<String>,
    /// Two tokens for one key are accepted.
    #[serde(default)]
    pub accept_split_key: bool,
    /// File of the certificate.
    pub certificate: PathBuf,
    /// Whether the PIN must come from a quorum of custodians.
    #[serde(default)]
    pub quorum: bool,
}

/// One registry.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Where the snapshot comes from.
    pub capture: Source,
    /// Whom it is for.
    pub recipients: Option<Vec<PathBuf>>,
    /// Who signs.
    pub signer: Option<SignerConfig>,
    /// Who has to sign too.
    pub cosigners: Option<Vec<PathBuf>>,
    /// How many must sign.
    pub threshold: Option<usize>,
    /// Which OpenPGP packets.
    #[serde(default = "default_profile", deserialize_with = "profile_by_word")]
    pub profile: Profile,
    /// zstd level.
    #[serde(default = "default_level")]
    pub level: Level,
    /// Recovery point objective.
    #[serde(default)]
    pub rpo: Span,
    /// Content of a part, in MiB.
    #[serde(default = "default_part")]
    pub part_size: PartMib,
}

fn default_spool() -> PathBuf {
    "/var/spool/pouch".into()
}

fn default_state() -> PathBuf {
    "/var/lib/pouch/state".into()
}

const fn default_profile() -> Profile {
    Profile::Rfc9580
}

const fn default_level() -> Level {
    Level(3)
}

const fn default_part() -> PartMib {
    PartMib(32)
}

/// A value of the configuration that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not a zstd level.
    #[error("a level is from 1 to 19; {found} is not")]
    Level {
        /// What was found.
        found: i64,
    },
    /// Not the size of a part.
    #[error("a part holds from 1 to 64 MiB; {found} is not in that range")]
    Part {
        /// What was found.
        found: u64,
    },
    /// Not a span of time.
    #[error("a span of time is a number and one of s, m, h, d, e.g. \"24h\", up to 3660d; \"{}\" is not", found.escape_default())]
    Span {
        /// What was found.
        found: String,
    },
}

/// A zstd level, 1 to 19.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Level(i32);

impl Level {
    /// The level as a number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl TryFrom<i64> for Level {
    type Error = ValueError;
    fn try_from(found: i64) -> Result<Self, ValueError> {
        match i32::try_from(found) {
            Ok(level @ 1..=19) => Ok(Self(level)),
            _ => Err(ValueError::Level { found }),
        }
    }
}

impl From<Level> for i64 {
    fn from(level: Level) -> i64 {
        level.0.into()
    }
}

/// Content of a part, in MiB, 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct PartMib(u32);

impl PartMib {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        (self.0 as usize) << 20
    }
}

impl TryFrom<u64> for PartMib {
    type Error = ValueError;
    fn try_from(found: u64) -> Result<Self, ValueError> {
        match u32::try_from(found) {
            Ok(mib) if mib >= 1 && u64::from(mib) << 20 <= limits::PART_CONTENT_BYTES => Ok(Self(mib)),
            _ => Err(ValueError::Part { found }),
        }
    }
}

impl From<PartMib> for u64 {
    fn from(part: PartMib) -> u64 {
        part.0.into()
    }
}

/// A span of time in whole seconds, written like `24h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(u64);

impl Span {
    /// The span in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Span {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::Span { found: text.to_owned() };
        let unit = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'd') => 86_400,
            _ => return Err(wrong()),
        };
        let number = text.get(..text.len() - 1).and_then(|digits| digits.parse::<u64>().ok());
        let seconds = number.and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)?;
        if seconds <= limits::RPO_SECONDS { Ok(Self(seconds)) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Span {
    type Error = ValueError;
    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        format!("{}s", span.0)
    }
}

impl Config {
    /// Who signs the pouches of a registry first.
    #[must_use]
    pub fn signer_of<'c>(&'c self, registry: &'c RegistryConfig) -> Option<&'c SignerConfig> {
        registry.signer.as_ref().or(self.signer.as_ref())
    }

    /// Certificates of those who have to sign them too.
    #[must_use]
    pub fn cosigners_of<'c>(&'c self, registry: &'c RegistryConfig) -> &'c [PathBuf] {
        registry.cosigners.as_ref().unwrap_or(&self.cosigners)
    }

    /// How many must sign them, at least.
    #[must_use]
    pub fn threshold_of(&self, registry: &RegistryConfig) -> usize {
        registry.threshold.or(self.threshold).unwrap_or(1)
    }

    /// Makes relative paths relative to the folder of the configuration file, so that a folder can be moved whole.
    pub fn resolve(&mut self, file: &Path) {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let absolute = |path: &mut PathBuf| *path = folder.join(&*path);
        absolute(&mut self.spool);
        absolute(&mut self.state);
        self.module.iter_mut().for_each(absolute);
        self.recipients.iter_mut().for_each(absolute);
        self.cosigners.iter_mut().for_each(absolute);
        self.signer.iter_mut().chain(self.cosigner.values_mut()).for_each(|signer| absolute(&mut signer.certificate));
        for registry in self.registry.values_mut() {
            registry.recipients.iter_mut().flatten().for_each(absolute);
            registry.cosigners.iter_mut().flatten().for_each(absolute);
            registry.signer.iter_mut().for_each(|signer| absolute(&mut signer.certificate));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_levels_and_parts_are_bounded() {
        assert_eq!("24h".parse::<Span>().map(Span::seconds), Ok(86_400));
        assert_eq!("0s".parse::<Span>().map(Span::seconds), Ok(0));
        for bad in ["", "h", "24", "-1h", "1w", "3661d", "99999999999999999999d", "1ü"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        assert!(Level::try_from(0).is_err() && Level::try_from(20).is_err() && Level::try_from(19).is_ok());
        assert!(PartMib::try_from(0).is_err() && PartMib::try_from(65).is_err() && PartMib::try_from(64).is_ok());
    }
}
