//! `pouch-receive run`: opens the lanes, gives away every privilege, and receives until told to stop.

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pouch_cli::explain::dir;
use pouch_console::{Exit, Failure, Output};
use pouch_link::key_file;
use pouch_link::receive::config::{Config, Then};
use pouch_link::receive::report::Report;
use pouch_link::receive::{Lane, Service, hand_over, run as receive};
use pouch_platform::confine::{Calls, Confined, Confinement, Privileges};
use pouch_platform::handover::Handover;
use pouch_platform::{Dir, Notifier, effective_uid, stop_asked, user};

use super::load;
use crate::cli::{Cli, RunArgs};
use crate::explain;

/// What it may ask of the kernel once it receives, with a reason each.
const CALLS: &str = include_str!("../../../../seccomp/receive.list");

pub(crate) fn run(cli: &Cli, arguments: &RunArgs, output: &Output) -> Result<Exit, Failure> {
    let config = arguments.over(load(cli)?.values);
    config.check().map_err(explain::setting)?;
    let key = config.link_key.as_deref().map(key_file::read).transpose().map_err(explain::key)?;
    let calls = Calls::parse(CALLS).map_err(|error| Failure::new("BUG", Exit::Software, error))?;
    let stop = stop_asked().map_err(|error| Failure::new("PROCESS-SIGNAL", Exit::Software, error))?;
    let notifier = Notifier::from_environment()
        .map_err(|error| Failure::new("PROCESS-NOTIFY", Exit::Config, error).hint("correct the unit's NotifyAccess"))?;
    let lanes = lanes(&config)?;
    let mute = lanes.iter().filter_map(|lane| lane.receive.descriptor()).collect();
    let clerk = clerk(&config)?;
    let become_user = become_user(&config)?;
    let root = match become_user {
        Some(_) => Dir::open(&config.quarantine),
        None => Dir::open_private(&config.quarantine),
    };
    let root = root.map_err(dir)?;

    let mut confinement = Confinement::new().writable(&config.quarantine);
    if let Some((uid, gid)) = become_user {
        confinement = confinement.user(uid, gid);
    }
    let confined = confinement.enter().map_err(explain::confine)?;
    let root = root.into_private().map_err(|error| explain::quarantine(error, config.user.as_deref()))?;
    tell(output, &config, &confined);
    let hand_over = clerk.map(hand_over).transpose().map_err(explain::thread)?;
    let mut service = Process {
        sealing: Some((confined, calls, mute)),
        notifier,
        watchdog: Instant::now(),
        once: arguments.once.then(|| Once { stop, until: arguments.timeout.map(|limit| Instant::now() + limit) }),
        exit: Exit::Done,
    };
    receive(config.settings(key), root, lanes, stop, hand_over, &mut service).map_err(explain::receive)?;
    output.note("stopped; what has come is kept, and goes on at the next start");
    Ok(service.exit)
}

/// The lanes, open and bound.
fn lanes(config: &Config) -> Result<Vec<Lane>, Failure> {
    let open = |listen: &pouch_link::receive::listen::Listen| {
        let receive = listen.open().map_err(explain::lane(listen))?;
        Ok(Lane { listen: listen.to_string(), receive })
    };
    config.listen.iter().map(open).collect()
}

/// Who hands pouches to `pouch-import`. Started now, for a confined process starts nothing.
fn clerk(config: &Config) -> Result<Option<Handover>, Failure> {
    let Some(Then::Import) = config.then else { return Ok(None) };
    let program = std::env::current_exe().map_err(explain::thread)?;
    let mut arguments: Vec<OsString> =
        vec!["hand-over".into(), "--program".into(), config.import.program.clone().into()];
    arguments.extend(["--directory".into(), config.quarantine.join("arrived").into(), "--".into()]);
    arguments.extend(config.import.arguments.iter().map(OsString::from));
    arguments.push("import".into());
    Handover::start(program, &arguments).map(Some).map_err(|error| {
        Failure::new("LINK-IMPORT", Exit::Unavailable, error).hint("nothing is received yet; start it without --then")
    })
}

/// The user that it becomes: one must be named for root.
fn become_user(config: &Config) -> Result<Option<(u32, u32)>, Failure> {
    let Some(name) = &config.user else { return Ok(None) };
    let found = user(name).map_err(|error| Failure::new("CONFIG-VALUE", Exit::Config, error))?;
    let ids = found.ok_or_else(|| {
        Failure::new("CONFIG-VALUE", Exit::Config, format!("there is no user \"{name}\""))
            .hint("nothing was done; make one that owns the quarantine and nothing else")
    })?;
    Ok((effective_uid() == 0).then_some(ids))
}

fn tell(output: &Output, config: &Config, confined: &Confined) {
    let lanes: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    output.note(format!("receiving on {} into {}", lanes.join(", "), config.quarantine.display()));
    if matches!(confined.privileges(), Privileges::NotRoot { .. }) {
        output.note("not root: user and group stay as they are");
    }
}

/// Ends after the first pouch, or after a time.
struct Once {
    stop: &'static AtomicBool,
    until: Option<Instant>,
}

/// What surrounds the engine: confinement, the service manager, `--once`.
struct Process {
    sealing: Option<(Confined, Calls, Vec<RawFd>)>,
    notifier: Notifier,
    watchdog: Instant,
    once: Option<Once>,
    exit: Exit,
}

impl Process {
    /// A manager that does not listen now is told again in a second.
    fn told(told: io::Result<()>) {
        told.unwrap_or_else(|error| tracing::debug!(%error, "the manager does not hear"));
    }
}

impl Service for Process {
    fn begun(&mut self) -> io::Result<()> {
        if let Some((confined, calls, mute)) = self.sealing.take() {
            confined.seal(&calls, &mute).map_err(io::Error::other)?;
        }
        Self::told(self.notifier.ready());
        Ok(())
    }

    fn reported(&mut self, report: &Report) {
        if self.notifier.watchdog().is_some_and(|every| self.watchdog.elapsed() >= every.min(Duration::from_secs(1))) {
            self.watchdog = Instant::now();
            Self::told(self.notifier.alive());
        }
        let Some(once) = &self.once else { return };
        let arrived = report.arrived.iter().any(|arrived| arrived.at >= report.since);
        let over = once.until.is_some_and(|until| Instant::now() >= until);
        if arrived || over {
            self.exit = if arrived { Exit::Done } else { Exit::Findings };
            once.stop.store(true, Ordering::Relaxed);
        }
    }
}
