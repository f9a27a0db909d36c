//! What is done, one file a verb.

pub(crate) mod config;
pub(crate) mod link_key;
pub(crate) mod run;
pub(crate) mod send;
pub(crate) mod status;

use std::path::Path;

use pouch_console::config as file;
use pouch_console::{Exit, Failure};
use pouch_link::key_file;
use pouch_link::send::config::{Config, DEFAULT_FILE};
use pouch_link::send::pace::{Rate, SystemClock};
use pouch_link::send::{Engine, Lanes, Pool};
use pouch_link::tag::LinkKey;

use crate::cli::Cli;
use crate::explain;

/// The configuration, with its paths made absolute.
pub(crate) fn load(cli: &Cli) -> Result<file::Config<Config>, Failure> {
    let named = cli.common.config.as_deref();
    let mut loaded = file::load::<Config>(named, Path::new(DEFAULT_FILE))?;
    let file = named.unwrap_or(Path::new(DEFAULT_FILE));
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    loaded.values.resolve(&file);
    Ok(loaded)
}

/// The link key, if there is to be one.
fn key(config: &Config) -> Result<Option<LinkKey>, Failure> {
    config.link_key.as_deref().map(key_file::read).transpose().map_err(explain::key)
}

/// The rate.
fn rate(config: &Config) -> Result<Rate, Failure> {
    let bits = config.rate.get();
    Rate::new(bits)
        .ok_or_else(|| Failure::new("CONFIG-VALUE", Exit::Config, format!("{bits} bits a second are no rate")))
}

/// The links, open.
fn lanes(config: &Config) -> Result<Lanes, Failure> {
    let mut lanes = Vec::new();
    for target in &config.to {
        let lane = target.open(config.mtu).map_err(explain::lane(target))?;
        let (largest, wanted) = (lane.largest(), target.sizes(config.mtu).0);
        if largest < wanted {
            tracing::warn!(rule = "LINK-LANE", lane = %target, largest, wanted, "the interface takes smaller datagrams only");
        }
        lanes.push((target.to_string(), lane));
    }
    Ok(Lanes::new(lanes))
}

/// What sends.
fn engine(config: &Config, lanes: Lanes) -> Result<Engine<SystemClock>, Failure> {
    let pool = Pool::new().map_err(|error| Failure::new("LINK-SEND", Exit::TryAgain, format!("no thread: {error}")))?;
    Engine::new(SystemClock::default(), lanes, rate(config)?, pool, key(config)?).map_err(explain::session)
}

/// The flag that SIGTERM and SIGINT set.
fn stop() -> Result<&'static std::sync::atomic::AtomicBool, Failure> {
    pouch_platform::stop_asked().map_err(|error| Failure::new("PROCESS", Exit::Unavailable, error))
}
