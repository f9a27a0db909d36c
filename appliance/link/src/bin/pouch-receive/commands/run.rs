//! `pouch-receive run`: everything that needs a right is done first, then all rights are given up, then it receives.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::path::Path;

use pouch_cli::explain::{dir, process};
use pouch_console::{Exit, Failure, Output};
use pouch_link::key_file;
use pouch_link::receive::config::Config;
use pouch_link::receive::{self, Lane};
use pouch_platform::confine::{Calls, ConfineError, Confined, Confinement};
use pouch_platform::handover::Handover;
use pouch_platform::{Dir, Notifier, stop_asked};

use super::service::{End, Surroundings};
use super::{lanes, load};
use crate::cli::{Cli, RunArgs};
use crate::explain;

/// What it may ask of the kernel once it receives, with a reason for each.
const CALLS: &str = include_str!("../../../../seccomp/receive.list");

/// Files that a stream has open, and a lane with its interface's counters; and all others that may be open at a time.
const FILES_OF_STREAM: u64 = 2;
const FILES_OF_LANE: u64 = 10;
const FILES: u64 = 64;

pub(crate) fn run(cli: &Cli, arguments: &RunArgs, output: &Output) -> Result<Exit, Failure> {
    let config = configured(cli, arguments)?;
    config.check().map_err(|error| explain::setting(&error))?;
    let key = config.link_key.as_deref().map(key_file::read).transpose().map_err(|error| explain::key(&error))?;
    if key.is_none() {
        output.note("there is no link key: whoever can send to this machine can announce streams");
    }
    let user = user(&config)?;
    make(&config.quarantine, user)?;
    let notifier = Notifier::from_environment()
        .map_err(|error| Failure::new("LINK-NOTIFY", Exit::Unavailable, error).hint("nothing was received"))?;
    let open: Result<Vec<Lane>, Failure> = config.listen.iter().map(lanes::open).collect();
    let open = open?;
    let hand_over = config.then.map(|_| hand_over(&config)).transpose()?;
    let stopped = stop_asked()
        .map_err(|error| Failure::new("LINK-SIGNAL", Exit::Unavailable, error).hint("nothing was received"))?;
    let root = Dir::open(&config.quarantine).map_err(dir)?;
    let mute = open.iter().filter_map(|lane| lane.receive.descriptor()).collect();
    let calls = Calls::parse(CALLS).map_err(|error| Failure::new("BUG", Exit::Software, error))?;
    let confined = confine(&config, user)?;
    let root = root.into_private().map_err(dir)?;
    let hand_over = hand_over.map(receive::hand_over).transpose().map_err(explain::thread)?;
    let end = End { once: arguments.once, timeout: arguments.timeout };
    let sealing = (confined, calls, mute);
    let mut around = Surroundings::new(output, notifier, sealing, stopped, end, hand_over.is_some());
    receive::run(config.settings(key), root, open, stopped, hand_over, &mut around).map_err(explain::receive)?;
    around.outcome()
}

/// The configuration, with what the command line says instead.
fn configured(cli: &Cli, arguments: &RunArgs) -> Result<Config, Failure> {
    let mut config = load(cli)?.values;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if !arguments.listen.is_empty() {
        config.listen.clone_from(&arguments.listen);
    }
    if let Some(quarantine) = &arguments.place.quarantine {
        config.quarantine = absolute(quarantine);
    }
    if let Some(file) = &arguments.link_key {
        config.link_key = Some(absolute(file));
    }
    config.user = arguments.user.clone().or(config.user);
    config.then = arguments.then.or(config.then);
    config.silence = arguments.silence.unwrap_or(config.silence);
    let limits = &mut config.limits;
    limits.streams = arguments.streams.unwrap_or(limits.streams);
    limits.stream_size = arguments.stream_size.unwrap_or(limits.stream_size);
    limits.share = arguments.share.unwrap_or(limits.share);
    limits.workers = arguments.workers.unwrap_or(limits.workers);
    Ok(config)
}

/// User and group to become, if this is root.
fn user(config: &Config) -> Result<Option<(u32, u32)>, Failure> {
    if pouch_platform::effective_uid() != 0 {
        return Ok(None);
    }
    // Before anything is made that would then belong to root.
    let name = config.user.as_ref().ok_or_else(|| explain::confine(&ConfineError::StaysRoot))?;
    let found = pouch_platform::user(name).map_err(process)?;
    found.map(Some).ok_or_else(|| {
        Failure::new("CONFIG-USER", Exit::Config, format!("there is no user \"{name}\""))
            .hint("nothing was opened; correct `user`, or create it: useradd --system NAME")
    })
}

/// Makes the quarantine if it is not there, for the user that will own it; its parent must be.
fn make(quarantine: &Path, user: Option<(u32, u32)>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new("DISK", Exit::from(&error), format!("cannot create {}: {error}", quarantine.display()))
            .hint("nothing was received; correct `quarantine`, or create its parent")
    };
    match DirBuilder::new().mode(0o700).create(quarantine) {
        Ok(()) => match user {
            Some((uid, gid)) => chown(quarantine, Some(uid), Some(gid)).map_err(failed),
            None => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Starts the process that hands over what has arrived.
fn hand_over(config: &Config) -> Result<Handover, Failure> {
    let program = &config.import.program;
    // Better now than when the first pouch has arrived.
    let runs = |metadata: std::fs::Metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    if !std::fs::metadata(program).is_ok_and(runs) {
        let message = format!("{} is no program that can be run", program.display());
        return Err(Failure::new("CONFIG-VALUE", Exit::Config, message)
            .hint("nothing was received; correct `program` under [import], or leave out --then"));
    }
    let own = std::env::current_exe()
        .map_err(|error| Failure::new("LINK-IMPORT", Exit::Unavailable, error).hint("nothing was received"))?;
    let mut arguments: Vec<OsString> = vec!["--quiet".into(), "clerk".into()];
    arguments.extend([config.quarantine.join("arrived").into(), config.import.program.clone().into()]);
    arguments.extend(config.import.arguments.iter().map(OsString::from));
    arguments.push("import".into());
    Handover::start(own, &arguments).map_err(|error| explain::hand_over(&error))
}

/// Gives up user, privileges and all files but the quarantine.
fn confine(config: &Config, user: Option<(u32, u32)>) -> Result<Confined, Failure> {
    let lanes = u64::try_from(config.listen.len()).unwrap_or(u64::MAX);
    let files = FILES + u64::from(config.limits.streams) * FILES_OF_STREAM + lanes * FILES_OF_LANE;
    let mut confinement = Confinement::new().writable(&config.quarantine).descriptors(files);
    if let Some((uid, gid)) = user {
        confinement = confinement.user(uid, gid);
    }
    let confined = confinement.enter().map_err(|error| explain::confine(&error))?;
    tracing::info!(privileges = ?confined.privileges(), landlock = confined.landlock(), "confined");
    Ok(confined)
}
