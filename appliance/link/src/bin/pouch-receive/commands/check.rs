//! `pouch-receive check`

use std::path::Path;

use pouch_console::{Exit, Failure, Output};
use pouch_link::receive::check::{Check, Disk, DiskError, Machine, Verdict, assess};

use super::load;
use crate::cli::{CheckArgs, Cli};
use crate::output::check as shown;

pub(crate) fn run(cli: &Cli, arguments: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let lanes = if arguments.listen.is_empty() { config.listen } else { arguments.listen.clone() };
    let quarantine = arguments.place.quarantine.clone().unwrap_or(config.quarantine);
    let mut machine = Machine::read(Path::new("/"), &lanes);
    let mut checks = Vec::new();
    match Disk::measure(&quarantine) {
        Ok(disk) => machine.disk = Some(disk),
        Err(error) => checks.push(unmeasured(&error)),
    }
    checks.splice(0..0, assess(&machine, &lanes, arguments.rate.get()));
    output.rows(&checks, || shown::text(&checks))?;
    let sound = checks.iter().all(|check| check.verdict != Verdict::Change);
    Ok(if sound { Exit::Done } else { Exit::Findings })
}

fn unmeasured(error: &DiskError) -> Check {
    Check {
        what: "quarantine".to_owned(),
        verdict: Verdict::Change,
        says: error.to_string(),
        advice: Some(
            "create it for the receiver's user alone: install -d -m 0700 -o USER DIR; or name it with --quarantine"
                .to_owned(),
        ),
        now: None,
        for_good: None,
    }
}
