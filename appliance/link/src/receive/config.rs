//! The configuration of a receiver.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly;
use serde::{Deserialize, Serialize};

use super::listen::Listen;
use super::settings::Settings;
use crate::amount::Amount;
use crate::tag::LinkKey;

/// Where the configuration is when the command line does not say.
pub const DEFAULT_FILE: &str = "/etc/pouch/receive.toml";

/// `receive.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The lanes that it listens on.
    pub listen: Vec<Listen>,
    /// The directory of everything that arrives; relative to the configuration file.
    pub quarantine: PathBuf,
    /// The file of the link key, if the link has one; relative to the configuration file.
    pub link_key: Option<PathBuf>,
    /// The user that it becomes when the lanes are open, if it was started as root.
    pub user: Option<String>,
    /// How long nothing may be heard of the sender before there is an alarm.
    #[serde(with = "friendly::compact::required")]
    pub silence: Duration,
    /// What is done with a pouch that arrived.
    pub then: Option<Then>,
    /// What it may take.
    pub limits: Limits,
    /// How pouches are handed on.
    pub import: Import,
}

/// What is done with a pouch that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// It is handed to `pouch-import import`.
    Import,
}

/// What a receiver may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Most streams that may be unfinished at a time.
    pub streams: u16,
    /// Most bytes of a stream.
    pub stream_size: Amount,
    /// How much of its disk the quarantine may take, in percent.
    pub share: u8,
    /// Threads that repair and verify.
    pub workers: u16,
}

/// How pouches are handed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Import {
    /// The program, a whole path.
    pub program: PathBuf,
    /// What comes before the word `import`, such as `--config FILE`.
    pub arguments: Vec<String>,
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Nothing to listen on.
    #[error("no lane is configured")]
    NoLane,
    /// More lanes than datagrams can name.
    #[error("there are {found} lanes; at most {most} can be")]
    Lanes {
        /// Lanes configured.
        found: usize,
        /// Lanes allowed.
        most: usize,
    },
    /// The same lane twice.
    #[error("lane {lane} is there twice")]
    Twice {
        /// The lane.
        lane: String,
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
    /// A program that is not named by a whole path.
    #[error("import.program is {}; it must be a whole path", found.display())]
    Program {
        /// What it is.
        found: PathBuf,
    },
}

/// Most lanes.
const LANES: usize = 16;

impl Default for Config {
    fn default() -> Self {
        let settings = Settings::new("/var/lib/pouch-receive".into());
        Self {
            listen: Vec::new(),
            quarantine: settings.quarantine,
            link_key: None,
            user: None,
            silence: settings.silence,
            then: None,
            limits: Limits::default(),
            import: Import::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let settings = Settings::new(PathBuf::new());
        Self {
            streams: settings.streams,
            stream_size: Amount::new(settings.stream_bytes),
            share: settings.share,
            workers: u16::try_from(settings.workers).unwrap_or(1),
        }
    }
}

impl Default for Import {
    fn default() -> Self {
        Self { program: "/usr/bin/pouch-import".into(), arguments: Vec::new() }
    }
}

impl Config {
    /// Makes all paths absolute; `file` is the configuration file.
    pub fn resolve(&mut self, file: &Path) {
        let folder = file.parent().unwrap_or(Path::new("/"));
        self.quarantine = folder.join(&self.quarantine);
        self.link_key = self.link_key.take().map(|path| folder.join(path));
    }

    /// Whether a receiver can be started with it.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn check(&self) -> Result<(), SettingError> {
        let range = |name, found: u64, least, most| match (least..=most).contains(&found) {
            true => Ok(()),
            false => Err(SettingError::Range { name, found, least, most }),
        };
        range("limits.streams", self.limits.streams.into(), 1, 64)?;
        range("limits.share", self.limits.share.into(), 1, 100)?;
        range("limits.workers", self.limits.workers.into(), 1, 64)?;
        range("silence in seconds", self.silence.as_secs(), 2, 86_400)?;
        if self.listen.len() > LANES {
            return Err(SettingError::Lanes { found: self.listen.len(), most: LANES });
        }
        for (place, lane) in self.listen.iter().enumerate() {
            if self.listen.iter().skip(place + 1).any(|other| other == lane) {
                return Err(SettingError::Twice { lane: lane.to_string() });
            }
        }
        if self.then.is_some() && !self.import.program.is_absolute() {
            return Err(SettingError::Program { found: self.import.program.clone() });
        }
        if self.listen.is_empty() { Err(SettingError::NoLane) } else { Ok(()) }
    }

    /// What the engine is told, under the link key if there is one.
    #[must_use]
    pub fn settings(&self, key: Option<LinkKey>) -> Settings {
        Settings {
            quarantine: self.quarantine.clone(),
            key,
            streams: self.limits.streams,
            stream_bytes: self.limits.stream_size.get(),
            share: self.limits.share,
            silence: self.silence,
            workers: self.limits.workers.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Config {
        Config { listen: vec!["udp:0.0.0.0:4100".parse().unwrap()], ..Config::default() }
    }

    #[test]
    fn defaults_and_a_lane_are_enough() {
        assert_eq!(sound().check(), Ok(()));
        let settings = sound().settings(None);
        assert_eq!((settings.streams, settings.share, settings.workers), (8, 90, 1));
        assert_eq!(Config::default().check(), Err(SettingError::NoLane));
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        type Change = fn(&mut Config);
        let changes: [(&str, Change); 8] = [
            ("limits.streams is 0", |config| config.limits.streams = 0),
            ("limits.share is 101", |config| config.limits.share = 101),
            ("limits.workers is 65", |config| config.limits.workers = 65),
            ("silence in seconds is 1", |config| config.silence = Duration::from_secs(1)),
            ("twice", |config| config.listen.push("udp:0.0.0.0:4100".parse().unwrap())),
            ("there are 17 lanes", |config| config.listen = vec!["ether:eth1".parse().unwrap(); 17]),
            ("no lane", |config| config.listen.clear()),
            ("whole path", |config| {
                config.then = Some(Then::Import);
                config.import.program = "pouch-import".into();
            }),
        ];
        for (says, change) in changes {
            let mut config = sound();
            change(&mut config);
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let mut config = Config { quarantine: "q".into(), link_key: Some("key".into()), ..sound() };
        config.resolve(Path::new("/etc/pouch/receive.toml"));
        assert_eq!(config.quarantine, Path::new("/etc/pouch/q"));
        assert_eq!(config.link_key.as_deref(), Some(Path::new("/etc/pouch/key")));
    }
}
