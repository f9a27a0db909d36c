//! `pouch-receive hand-over`: the clerk that a receiver starts before it is confined. Not for people.

use std::io;

use pouch_console::{Exit, Failure};
use pouch_platform::handover::{Clerk, serve};

use crate::cli::HandOverArgs;

pub(crate) fn run(arguments: &HandOverArgs) -> Result<Exit, Failure> {
    let clerk = Clerk {
        program: arguments.program.clone(),
        arguments: arguments.arguments.clone(),
        directory: arguments.directory.clone(),
    };
    serve(&clerk, io::stdin().lock(), io::stdout().lock())
        .map_err(|error| Failure::new("LINK-IMPORT", Exit::Software, error).hint("nothing was handed over since"))?;
    Ok(Exit::Done)
}
