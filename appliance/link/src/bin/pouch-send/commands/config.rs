//! `pouch-send config`

use pouch_console::{Exit, Failure, Output};

use super::load;
use crate::cli::{Cli, ConfigArgs, ConfigVerb};
use crate::explain;

pub(crate) fn run(cli: &Cli, arguments: &ConfigArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?;
    match &arguments.verb {
        ConfigVerb::Show(show) => show.run(&config, output),
        ConfigVerb::Check => {
            config.values.check().map_err(explain::setting)?;
            super::key(&config.values)?;
            let lanes = config.values.to.len();
            output.data(&serde_json::json!({ "lanes": lanes }), || {
                format!("the configuration is sound; {lanes} lanes")
            })?;
            Ok(Exit::Done)
        }
    }
}
