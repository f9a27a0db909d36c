//! `config show`, of every command that has a configuration.

use pouch_console::config::{Config, render};
use pouch_console::{Exit, Failure, Output};
use serde::Serialize;

/// Flags of `config show`.
#[derive(Clone, Debug, clap::Args)]
pub struct ShowArgs {
    /// Also print where each setting comes from.
    #[arg(long)]
    origin: bool,
}

impl ShowArgs {
    /// Prints every setting in force.
    ///
    /// # Errors
    /// `CONFIG-SHOW` for a value that TOML cannot hold, `OUTPUT` when stdout does not take it.
    pub fn run<T: Serialize>(&self, config: &Config<T>, output: &Output) -> Result<Exit, Failure> {
        let settings = config.show().map_err(|error| Failure::new("CONFIG-SHOW", Exit::Config, error))?;
        output.rows(&settings, || render(&settings, self.origin))?;
        Ok(Exit::Done)
    }
}
