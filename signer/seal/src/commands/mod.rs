//! What is done, one file a verb.

pub(crate) mod config;
pub(crate) mod inspect;
pub(crate) mod lint;
pub(crate) mod list;
pub(crate) mod seal;

use std::path::Path;

use pouch_console::Failure;
use pouch_console::config as file;
use pouch_seal::config::Config;

use crate::cli::{Cli, default_file};

/// The configuration, with its paths made absolute.
pub(crate) fn load(cli: &Cli) -> Result<file::Config<Config>, Failure> {
    let file = cli.common.config.as_deref().unwrap_or(Path::new(default_file()));
    let mut loaded = file::load::<Config>(cli.common.config.as_deref(), Path::new(default_file()))?;
    let folder = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    loaded.values.resolve(&folder);
    Ok(loaded)
}
