//! `pouch-receive config`

use pouch_console::config::render;
use pouch_console::{Exit, Failure, Output};

use super::load;
use crate::cli::{Cli, ConfigArgs, ConfigVerb};

pub(crate) fn run(cli: &Cli, arguments: &ConfigArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?;
    let ConfigVerb::Show { origin } = arguments.verb;
    let settings = config.show().map_err(|error| Failure::new("CONFIG-SHOW", Exit::Config, error))?;
    output.rows(&settings, || render(&settings, origin))?;
    Ok(Exit::Done)
}
