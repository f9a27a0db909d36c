//! `pouch-receive clerk`, hidden: the process that hands over what the confined receiver names.

use pouch_console::{Exit, Failure};
use pouch_platform::handover::{Clerk, serve};

use crate::cli::ClerkArgs;

pub(crate) fn run(arguments: &ClerkArgs) -> Result<Exit, Failure> {
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(Failure::new("USAGE", Exit::Usage, "no program is named"));
    };
    let clerk = Clerk { program: program.into(), arguments: rest.to_vec(), directory: arguments.directory.clone() };
    serve(&clerk, std::io::stdin(), std::io::stdout())
        .map_err(|error| Failure::new("LINK-IMPORT", Exit::from(&error), error).hint("what has arrived is kept"))?;
    Ok(Exit::Done)
}
