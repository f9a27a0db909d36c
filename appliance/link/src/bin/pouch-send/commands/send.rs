//! `pouch-send send`

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pouch_carry::missing::Gaps;
use pouch_console::{Exit, Failure, Output, Progress};
use pouch_format::PouchId;
use pouch_link::send::config::Config;
use pouch_link::send::pace::SystemClock;
use pouch_link::send::{Ended, Engine, Outgoing, Plan, PouchStream, Target};
use pouch_platform::Dir;

use super::{engine, lanes, load, stop};
use crate::cli::{Cli, SendArgs};
use crate::explain;
use crate::output::plan::{Planned, Wire};
use crate::output::{plan, sent};

/// After so long without any link that works it is given up.
const GIVE_UP: Duration = Duration::from_secs(30);

pub(crate) fn run(cli: &Cli, arguments: &SendArgs, output: &Output) -> Result<Exit, Failure> {
    let config = arguments.over(load(cli)?.values);
    config.check().map_err(explain::setting)?;
    if arguments.dry_run {
        let wire = wire(&config);
        let planned: Result<Vec<Planned>, Failure> = arguments
            .pouches
            .iter()
            .map(|pouch| Ok(Planned::of(&outgoing(pouch, &config, wire.largest, arguments)?, &wire, arguments.loss)))
            .collect();
        return plan::show(&planned?, output);
    }
    let lanes = lanes(&config)?;
    let largest = lanes.largest();
    let outgoing: Result<Vec<Outgoing>, Failure> =
        arguments.pouches.iter().map(|pouch| outgoing(pouch, &config, largest, arguments)).collect();
    let outgoing = outgoing?;
    let mut engine = engine(&config, lanes)?;
    let total = outgoing.iter().map(bytes).sum();
    let progress = Progress::bytes(output, "sending", Some(total));
    let mut all = Vec::new();
    for outgoing in outgoing {
        all.push(one(&mut engine, Arc::new(outgoing), &progress)?);
    }
    drop(progress);
    sent::show(&all, output)
}

/// Bytes of all symbols of all rounds.
fn bytes(outgoing: &Outgoing) -> u64 {
    let plan = outgoing.plan();
    plan.symbols() * u64::from(plan.rounds()) * u64::from(plan.layout().shape().symbol())
}

/// What a datagram may have, and costs, on the links that are configured: as their interfaces say, as far as they are here
/// and may be opened.
fn wire(config: &Config) -> Wire {
    let sizes = || config.to.iter().map(|target| target.sizes(config.mtu));
    let open = |target: &Target| target.open(config.mtu).map(|lane| lane.largest());
    let largest = |target: &Target| open(target).unwrap_or_else(|_| target.sizes(config.mtu).0);
    Wire {
        largest: config.to.iter().map(largest).min().unwrap_or(0),
        overhead: sizes().map(|(_, overhead)| overhead).max().unwrap_or(0),
        rate: config.rate.get() * config.to.len() as u64,
    }
}

/// The pouch in a directory, or of this id in the spool, and what is sent of it.
fn outgoing(pouch: &Path, config: &Config, largest: usize, arguments: &SendArgs) -> Result<Outgoing, Failure> {
    let id = pouch.to_str().and_then(|text| text.parse::<PouchId>().ok());
    let dir = match id {
        Some(id) if arguments.spool.is_some() || !pouch.exists() => {
            Dir::open(&config.spool).and_then(|spool| spool.subdir(id.to_string()))
        }
        _ => Dir::open(pouch),
    };
    let source = PouchStream::open(dir.map_err(pouch_cli::explain::dir)?).map_err(explain::stream)?;
    let settings = config.settings(largest);
    let Some(code) = &arguments.only else {
        let plan = Plan::whole(source.length(), &settings).map_err(explain::plan)?;
        return Ok(Outgoing::new(source, plan));
    };
    let (hint, gaps) = Gaps::decode(code).map_err(explain::code)?;
    let plan = Plan::only(source.length(), &settings, &gaps).map_err(explain::plan)?;
    let outgoing = Outgoing::new(source, plan);
    if !hint.is(outgoing.id()) {
        let message = format!("the code is not of {} as it would be sent now", outgoing.stream().pouch);
        return Err(Failure::new("LINK-CODE", Exit::Usage, message)
            .hint("nothing was sent; name the pouch that the receiver shows, and the --mtu with which it was sent"));
    }
    Ok(outgoing)
}

/// Sends one pouch.
fn one(engine: &mut Engine<SystemClock>, outgoing: Arc<Outgoing>, progress: &Progress) -> Result<Ended, Failure> {
    let stop = stop()?;
    let symbol = u64::from(outgoing.plan().layout().shape().symbol());
    let symbols = outgoing.plan().symbols() * u64::from(outgoing.plan().rounds());
    engine.start(outgoing, 1).map_err(explain::session)?;
    let mut told = 0;
    loop {
        let ended = engine.turn().map_err(explain::session)?.pop();
        let now = engine.progress().first().map_or(symbols, |progress| progress.sent.symbols);
        progress.add((now - told) * symbol);
        told = now;
        match ended {
            Some(Ended { error: Some(error), .. }) => return Err(explain::session(error)),
            Some(ended) => return Ok(ended),
            None => {}
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::new("INTERRUPTED", Exit::TryAgain, "it was interrupted")
                .fact("symbols", format!("{now} of {symbols}"))
                .hint("not all was sent; send it again, or what the receiver's code names"));
        }
        if let Some(down) = engine.down().filter(|down| *down >= GIVE_UP) {
            let lanes: Vec<String> = engine.lanes().into_iter().map(|lane| lane.name).collect();
            let message = format!("no link has worked for {}", pouch_console::duration(down));
            return Err(Failure::new("LINK-LANE", Exit::Unavailable, message)
                .fact("lanes", lanes.join(", "))
                .fact("symbols", format!("{now} of {symbols}"))
                .hint("not all was sent; look at cable and interface, then send what the receiver's code names"));
        }
    }
}
