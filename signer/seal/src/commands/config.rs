//! `pouch-seal config`

use pouch_console::{Exit, Failure, Output};

use super::load;
use crate::cli::{Cli, ConfigArgs, ConfigVerb};

pub(crate) fn run(cli: &Cli, arguments: &ConfigArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?;
    match &arguments.verb {
        ConfigVerb::Show(show) => show.run(&config, output),
        ConfigVerb::Check => {
            let registries: Vec<_> = config.values.registry.keys().collect();
            output.data(&serde_json::json!({ "registries": registries }), || {
                format!("the configuration is sound; {} registries", registries.len())
            })?;
            Ok(Exit::Done)
        }
    }
}
