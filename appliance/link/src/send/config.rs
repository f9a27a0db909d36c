//! The configuration of a sender.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pouch_format::RegistryName;
use serde::{Deserialize, Serialize};

use super::pace::Rate;
use super::plan::{Settings, Share};
use super::target::Target;
use crate::amount::Amount;

/// Where the configuration is when the command line does not say.
pub const DEFAULT_FILE: &str = "/etc/pouch/send.toml";

/// Rate of a link if nothing is said, in bits a second: nine tenths of gigabit Ethernet. At the whole of it the card's queue
/// never empties, so that every oversleep ends in drops, and nothing is left for a clock that is 100 ppm slower.
const RATE: u64 = 900_000_000;

/// Most lanes.
const LANES: usize = 16;
/// Heaviest weight.
const WEIGHT: u32 = 1000;

/// `send.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The links; a pouch is spread over all of them.
    pub to: Vec<Target>,
    /// Bits a second on the wire of each link.
    pub rate: Amount,
    /// Where sealed pouches wait; relative to the configuration file.
    pub spool: PathBuf,
    /// Where the sender remembers what it has sent, and says how it is; relative to the configuration file.
    pub state: PathBuf,
    /// The file of the link key, if the link has one; relative to the configuration file.
    pub link_key: Option<PathBuf>,
    /// Most bytes of an Ethernet frame's content on every link.
    pub mtu: u16,
    /// How often each pouch is sent, each time with other repair symbols.
    pub rounds: u16,
    /// Blocks of a window; as many as are usual if nothing is said.
    pub interleave: Option<u16>,
    /// Repair symbols, as a share of the source symbols.
    pub repair: Percent,
    /// Pouches under way at the same time.
    pub streams: u16,
    /// What is particular to a registry.
    pub registry: BTreeMap<RegistryName, RegistryConfig>,
}

/// What is particular to a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryConfig {
    /// Its share of the rate beside others, from 1 to 1000.
    pub weight: u32,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { weight: 10 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            to: Vec::new(),
            rate: Amount::new(RATE),
            spool: "/var/spool/pouch".into(),
            state: "/var/lib/pouch-send".into(),
            link_key: None,
            mtu: 1500,
            rounds: 1,
            interleave: None,
            repair: Percent::default(),
            streams: 4,
            registry: BTreeMap::new(),
        }
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Nowhere to send to.
    #[error("no lane is configured")]
    NoLane,
    /// More lanes than are meant.
    #[error("there are {found} lanes; at most {LANES} can be")]
    Lanes {
        /// Lanes.
        found: usize,
    },
    /// The same lane twice.
    #[error("lane {lane} is there twice")]
    Twice {
        /// The lane.
        lane: Target,
    },
    /// A number out of its range.
    #[error("{name} is {found}; it must be from {least} to {most}")]
    Range {
        /// The key.
        name: &'static str,
        /// What it is.
        found: u64,
        /// The least that it may be.
        least: u64,
        /// The most.
        most: u64,
    },
}

impl Config {
    /// Makes all paths absolute; `file` is the configuration file.
    pub fn resolve(&mut self, file: &Path) {
        let folder = file.parent().unwrap_or(Path::new("/"));
        self.spool = folder.join(&self.spool);
        self.state = folder.join(&self.state);
        self.link_key = self.link_key.take().map(|path| folder.join(path));
    }

    /// Whether a sender can be started with it.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn check(&self) -> Result<(), SettingError> {
        let range = |name, found: u64, least, most| match (least..=most).contains(&found) {
            true => Ok(()),
            false => Err(SettingError::Range { name, found, least, most }),
        };
        range("mtu", self.mtu.into(), 576, 9000)?;
        range("rounds", self.rounds.into(), 1, 1000)?;
        range("interleave", self.interleave.unwrap_or(1).into(), 1, 512)?;
        range("streams", self.streams.into(), 1, 64)?;
        range("rate", self.rate.get(), Rate::LEAST.bits(), Rate::MOST.bits())?;
        for registry in self.registry.values() {
            range("weight", registry.weight.into(), 1, WEIGHT.into())?;
        }
        if self.to.len() > LANES {
            return Err(SettingError::Lanes { found: self.to.len() });
        }
        for (place, lane) in self.to.iter().enumerate() {
            if self.to.iter().skip(place + 1).any(|other| other == lane) {
                return Err(SettingError::Twice { lane: lane.clone() });
            }
        }
        if self.to.is_empty() { Err(SettingError::NoLane) } else { Ok(()) }
    }

    /// How a stream is sent over links whose datagrams have at most so many bytes.
    #[must_use]
    pub const fn settings(&self, largest: usize) -> Settings {
        Settings { largest, depth: self.interleave, repair: self.repair.0, rounds: self.rounds }
    }

    /// The weight of a registry.
    #[must_use]
    pub fn weight(&self, registry: &RegistryName) -> u32 {
        self.registry.get(registry).map_or_else(|| RegistryConfig::default().weight, |registry| registry.weight)
    }
}

/// A share of repair, written `6.25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(pub Share);

/// A text that is no share of repair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is no share of repair: 0% to 25%, such as 6.25% or 12.5%")]
pub struct PercentError {
    /// What was written.
    pub found: String,
}

impl Default for Percent {
    fn default() -> Self {
        Self(Share::DEFAULT)
    }
}

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let read = || {
            let number = text.strip_suffix('%').unwrap_or(text);
            let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
            let digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            let (whole, part) = (Some(whole).filter(|text| digits(text))?, Some(part).filter(|text| digits(text))?);
            let hundredths = whole.parse::<u16>().ok()? * 100 + format!("{part:0<2}").parse::<u16>().ok()?;
            Share::new(hundredths).map(Self)
        };
        read().ok_or_else(|| PercentError { found: text.to_owned() })
    }
}

impl TryFrom<String> for Percent {
    type Error = PercentError;

    fn try_from(text: String) -> Result<Self, PercentError> {
        text.parse()
    }
}

impl From<Percent> for String {
    fn from(percent: Percent) -> String {
        percent.to_string()
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.hundredths();
        match (hundredths / 100, hundredths % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) if part.is_multiple_of(10) => write!(f, "{whole}.{}%", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_they_are_shown() {
        for (text, hundredths, shown) in
            [("6.25%", 625, "6.25%"), ("12.5", 1250, "12.5%"), ("0%", 0, "0%"), ("25%", 2500, "25%")]
        {
            let percent: Percent = text.parse().unwrap();
            assert_eq!((percent.0.hundredths(), percent.to_string().as_str()), (hundredths, shown));
        }
        for text in ["", "%", "25.01%", "26%", "-1%", "1.234%", "+5%", "1e1%", "100%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let sound = Config { to: vec!["ether:eth1".parse().unwrap()], ..Config::default() };
        assert_eq!(sound.check(), Ok(()));
        type Change = fn(&mut Config);
        let changes: [(&str, Change); 9] = [
            ("mtu is 575", |config| config.mtu = 575),
            ("mtu is 9001", |config| config.mtu = 9001),
            ("rounds is 0", |config| config.rounds = 0),
            ("interleave is 513", |config| config.interleave = Some(513)),
            ("streams is 0", |config| config.streams = 0),
            ("rate is 1;", |config| config.rate = Amount::new(1)),
            ("no lane", |config| config.to.clear()),
            ("there twice", |config| config.to.push("ether:eth1".parse().unwrap())),
            ("weight is 0", |config| {
                config.registry.insert("land".parse().unwrap(), RegistryConfig { weight: 0 });
            }),
        ];
        for (says, change) in changes {
            let mut config = sound.clone();
            change(&mut config);
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
