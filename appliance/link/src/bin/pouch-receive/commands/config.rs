//! `pouch-receive config`

use pouch_console::{Exit, Failure, Output};

use super::load;
use crate::cli::{Cli, ConfigArgs, ConfigVerb};

pub(crate) fn run(cli: &Cli, arguments: &ConfigArgs, output: &Output) -> Result<Exit, Failure> {
    let ConfigVerb::Show(show) = &arguments.verb;
    show.run(&load(cli)?, output)
}
