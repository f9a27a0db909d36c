//! Configuration files: one TOML file and its drop-ins, read strictly.
//!
//! `seal.toml` is read first, then `seal.toml.d/*.toml` in the order of their names. Tables are merged; any other value of a
//! later file replaces that of an earlier one, arrays whole. An unknown key is fatal: a misspelt setting must not pass for a
//! default. Every value remembers where it came from, for errors and for `config show --origin`.
//!
//! Unknown keys are found for structs. Enums in table form and `#[serde(flatten)]` have to say
//! `#[serde(deny_unknown_fields)]` themselves.

mod de;
mod error;
mod tree;

pub use error::ConfigError;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use tree::{Content, Node};

/// Largest configuration file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Most drop-ins that are read.
pub const MAX_DROP_INS: usize = 256;

/// A configuration, with the origin of each of its values.
#[derive(Clone, Debug)]
pub struct Config<T> {
    /// What the files say, with defaults for what they do not say.
    pub values: T,
    tree: Node,
}

/// One line of `config show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The dotted key, e.g. `registry.land.rpo`.
    pub key: String,
    /// The value as TOML.
    pub value: String,
    /// The file that says so; `None` for a default.
    pub file: Option<PathBuf>,
    /// The line of that file, from 1; `None` for a default.
    pub line: Option<usize>,
}

/// Reads the configuration: the file of `--config`, which must be there, or else the `default` one, which need not.
///
/// # Errors
/// A file cannot be read, is no TOML, has a key that `T` does not know, lacks one that it needs, or has a value that it
/// does not take.
pub fn load<T: DeserializeOwned>(explicit: Option<&Path>, default: &Path) -> Result<Config<T>, ConfigError> {
    let path = explicit.unwrap_or(default);
    let mut tree = match read(path) {
        Ok(text) => tree::parse(path, &text)?,
        Err(ConfigError::Read { error, .. }) if explicit.is_none() && error.kind() == io::ErrorKind::NotFound => {
            tree::empty(path)
        }
        Err(error) => return Err(error),
    };
    for drop_in in drop_ins(path)? {
        tree.merge(tree::parse(&drop_in, &read(&drop_in)?)?);
    }
    let values = de::read(&tree)?;
    Ok(Config { values, tree })
}

/// Reads one file by the same strict rules, without default and drop-ins, and hands out its text too: what was reviewed
/// and digested is what is read.
///
/// # Errors
/// As for [`load`].
pub fn load_file<T: DeserializeOwned>(path: &Path) -> Result<(T, String), ConfigError> {
    let text = read(path)?;
    let values = de::read(&tree::parse(path, &text)?)?;
    Ok((values, text))
}

impl<T: Serialize> Config<T> {
    /// Every setting in force, sorted by key, with its origin.
    ///
    /// # Errors
    /// `T` has a value that TOML cannot hold.
    pub fn show(&self) -> Result<Vec<Setting>, toml::ser::Error> {
        let mut settings = Vec::new();
        self.tree.settings("", &mut settings);
        let mut defaults = Vec::new();
        tree::values("", &toml::Value::try_from(&self.values)?, &mut defaults);
        // A default below a key that is set, or above one, is not in force.
        let below = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        defaults.retain(|default| {
            !settings
                .iter()
                .any(|set| set.key == default.key || below(&set.key, &default.key) || below(&default.key, &set.key))
        });
        settings.extend(defaults);
        settings.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(settings)
    }
}

/// The text of `config show`: `key = value`, and with `origin` also `# file:line` or `# default`.
#[must_use]
pub fn render(settings: &[Setting], origin: bool) -> String {
    let mut text = String::new();
    for setting in settings {
        text.push_str(&format!("{} = {}", crate::escape(&setting.key), crate::escape(&setting.value)));
        match (origin, &setting.file, setting.line) {
            (false, ..) => {}
            (true, Some(file), Some(line)) => {
                text.push_str(&format!("  # {}:{line}", crate::escape(&file.display().to_string())));
            }
            (true, ..) => text.push_str("  # default"),
        }
        text.push('\n');
    }
    text
}

/// The `*.toml` files of `PATH.d`, sorted by name. None, if there is no such directory.
fn drop_ins(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".d");
    let folder = PathBuf::from(name);
    let failed = |error| ConfigError::Read { file: folder.clone(), error };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed)?.path();
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && file.extension().is_some_and(|extension| extension == "toml") {
            files.push(file);
        }
        if files.len() > MAX_DROP_INS {
            return Err(ConfigError::TooMany { folder, most: MAX_DROP_INS });
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |error| ConfigError::Read { file: path.to_path_buf(), error };
    let mut text = String::new();
    let size = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text)).map_err(failed)?;
    if u64::try_from(size).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(ConfigError::TooLarge { file: path.to_path_buf(), most: MAX_FILE });
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
