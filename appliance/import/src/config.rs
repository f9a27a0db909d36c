//! The configuration of an embassy box: where things are, whom it trusts, which key opens, how registries are restored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pouch_format::RegistryName;
use pouch_open::StatePlaces;
use serde::{Deserialize, Serialize};

use crate::restore::RestoreSettings;

/// Where the configuration is when the command line does not say.
pub const DEFAULT_FILE: &str = "/etc/pouch/import.toml";

/// `import.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// What the places below are relative to.
    pub root: PathBuf,
    /// The sealed pouches.
    pub vault: PathBuf,
    /// The two copies of the state; on two disks if there are two.
    pub state: [PathBuf; 2],
    /// The log of what happened.
    pub log: PathBuf,
    /// Trees as they were sealed, one folder a registry, versions side by side.
    pub unpacked: PathBuf,
    /// Trees that a recipe made ready, in the same order.
    pub restored: PathBuf,
    /// The trust file; relative to the configuration file.
    pub trust: PathBuf,
    /// The PKCS#11 module, for keys whose URI does not name one.
    pub module: Option<PathBuf>,
    /// PKCS#11 URI of the key that opens pouches (RFC 7512).
    pub key: Option<String>,
    /// Whether the PIN must come from a quorum of custodians.
    pub quorum: bool,
    /// URI of the post-quantum half of a key of profile `pqc`, where it is in another token, which is weaker.
    pub key_pq: Option<String>,
    /// Two tokens for one key are accepted.
    pub accept_split_key: bool,
    /// How PostgreSQL clusters are restored.
    pub restore: RestoreSettings,
    /// What is particular to a registry.
    pub registry: BTreeMap<RegistryName, RegistryConfig>,
}

/// What is particular to a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryConfig {
    /// For a registry whose source is a command: the program (a whole path) and its arguments, to which the path of the
    /// unpacked tree is added. No shell is involved and nothing of the environment is passed on.
    pub command: Option<Vec<String>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root: "/var/lib/pouch".into(),
            vault: "vault".into(),
            state: ["state-a".into(), "state-b".into()],
            log: "log".into(),
            unpacked: "unpacked".into(),
            restored: "restored".into(),
            trust: "trust.toml".into(),
            module: None,
            key: None,
            quorum: false,
            key_pq: None,
            accept_split_key: false,
            restore: RestoreSettings::default(),
            registry: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Makes all paths absolute; `file` is the configuration file.
    pub fn resolve(&mut self, file: &Path) {
        let folder = file.parent().unwrap_or(Path::new("/"));
        self.root = folder.join(&self.root);
        self.trust = folder.join(&self.trust);
        let [a, b] = &mut self.state;
        for place in [&mut self.vault, a, b, &mut self.log, &mut self.unpacked, &mut self.restored] {
            *place = self.root.join(&*place);
        }
    }

    /// Where the state is.
    #[must_use]
    pub fn state_places(&self) -> StatePlaces {
        let [a, b] = self.state.clone();
        StatePlaces { a, b, log: self.log.clone() }
    }

    /// The restore command of a registry.
    #[must_use]
    pub fn command(&self, registry: &RegistryName) -> Option<&[String]> {
        self.registry.get(registry)?.command.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_live_beneath_the_root_unless_set_one_by_one() {
        let mut config = Config { root: "data".into(), state: ["a".into(), "/other/b".into()], ..Config::default() };
        config.resolve(Path::new("/etc/pouch/import.toml"));
        assert_eq!(config.vault, Path::new("/etc/pouch/data/vault"));
        assert_eq!(config.state, [PathBuf::from("/etc/pouch/data/a"), "/other/b".into()]);
        assert_eq!(config.trust, Path::new("/etc/pouch/trust.toml"));
    }
}
