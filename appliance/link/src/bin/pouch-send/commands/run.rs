//! `pouch-send run`

use pouch_cli::explain::{dir, lock};
use pouch_console::{Exit, Failure, Output};
use pouch_link::send::{Clerk, service};
use pouch_platform::{Dir, Lock, Notifier};

use super::{engine, lanes, load, stop};
use crate::cli::Cli;
use crate::explain;

pub(crate) fn run(cli: &Cli, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    config.check().map_err(explain::setting)?;
    let state = Dir::open_private(&config.state).map_err(dir)?;
    let _lock = Lock::acquire(&state, "lock").map_err(lock)?;
    let lanes = lanes(&config)?;
    let clerk = Clerk::open(config.clone(), lanes.largest()).map_err(explain::sent)?;
    let engine = engine(&config, lanes)?;
    let stop = stop()?;
    let notifier = Notifier::from_environment()
        .map_err(|error| Failure::new("PROCESS-NOTIFY", Exit::Config, error).hint("correct the unit's NotifyAccess"))?;
    // A manager that does not listen now is told again in a second.
    let tell =
        |told: std::io::Result<()>| told.unwrap_or_else(|error| tracing::debug!(%error, "the manager does not hear"));
    tell(notifier.ready());
    output.note(format!("watching {}", config.spool.display()));
    service::run(engine, clerk, stop, || tell(notifier.alive())).map_err(explain::service)?;
    tell(notifier.stopping());
    output.note("stopped; what was not sent whole is sent again at the next start");
    Ok(Exit::Done)
}
