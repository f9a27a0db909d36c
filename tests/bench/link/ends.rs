//! The two ends at work: a receiver that is watched from outside, a sender that is timed.

use crate::data::Data;
use acceptance::netns::{End, RECEIVER, Wire};
use acceptance::process::{binary, command, is_root, run, show};
use jiff::Timestamp;
use pouch_link::receive::report::{Report, State};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Where the receiver listens.
pub(crate) const PORT: u16 = 4600;
/// Where a relay listens, at the sender's end.
pub(crate) const RELAY: u16 = 4700;
/// How long a receiver may take to write what it has after the sender has ended.
pub(crate) const SETTLE: Duration = Duration::from_secs(20);

/// After so long a receiver that says that something is missing is believed: it waits a second for what comes late.
const SURE: Duration = Duration::from_secs(2);

/// What a process took: seconds of processor, and most MiB resident.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: f64,
    pub(crate) memory: f64,
}

/// A program in the background, told to end when this is dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) log: PathBuf,
}

impl Running {
    /// Starts it with everything it says in `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let both = file.try_clone().map_err(|error| error.to_string())?;
        let child = command.stdout(both).stderr(file).spawn();
        Ok(Self { child: child.map_err(|error| format!("{}: {error}", show(command)))?, log: log.to_owned() })
    }

    /// What it took so far.
    pub(crate) fn usage(&self) -> Result<Usage, String> {
        usage(self.child.id())
    }

    /// Whether it is still there.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The number of one that has ended may be another's by now.
        if !self.lives() {
            return;
        }
        let _ = run(command("kill", "TERM").args(["-TERM", &self.child.id().to_string()]));
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.lives() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same of any process. `/proc` counts in hundredths of a second.
fn usage(number: u32) -> Result<Usage, String> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{number}/{name}")).map_err(|error| error.to_string());
    let (stat, status) = (read("stat")?, read("status")?);
    // The name, in parentheses, may hold anything; behind it user and system time are the 12th and 13th word.
    let words: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
    match (ticks(11), ticks(12), peak) {
        (Some(user), Some(system), Some(kibibytes)) => {
            Ok(Usage { cpu: (user + system) / 100.0, memory: kibibytes / 1024.0 })
        }
        _ => Err(format!("/proc/{number} says something else than expected")),
    }
}

/// Whether both ends can run before all that is not urgent on this machine. Elsewhere the load of others is measured too.
pub(crate) fn can_be_urgent() -> bool {
    static URGENT: OnceLock<bool> = OnceLock::new();
    *URGENT.get_or_init(|| run(command("chrt", "TERM").args(["--rr", "2", "true"])).is_ok())
}

/// A program at an end, before all others if that can be. The receiver comes before the sender: on a link each has its own
/// processors, and only a sender can wait.
pub(crate) fn urgent(wire: &Wire, end: End, program: PathBuf) -> Command {
    if !can_be_urgent() {
        return wire.at(end, program);
    }
    let mut command = wire.at(end, "chrt");
    command.args(["--rr", if end == End::Receiver { "2" } else { "1" }]).arg(program);
    command
}

/// `pouch-receive` at the far end of a wire.
pub(crate) struct Receiver {
    pub(crate) running: Running,
    pub(crate) quarantine: PathBuf,
}

impl Receiver {
    /// Starts it, as nobody where that can be, and waits until it receives.
    pub(crate) fn start(wire: &Wire, quarantine: &Path) -> Result<Self, String> {
        let begun = Timestamp::now();
        let mut receive = urgent(wire, End::Receiver, binary("pouch-receive")?);
        receive.args(["run", "--listen", &format!("udp:{RECEIVER}:{PORT}"), "--quarantine"]).arg(quarantine);
        if is_root() {
            receive.args(["--user", "nobody"]);
        }
        let running = Running::start(&mut receive, &quarantine.with_extension("log"))?;
        let mut receiver = Self { running, quarantine: quarantine.to_owned() };
        let started = Instant::now();
        while !receiver.report().is_ok_and(|report| report.since >= begun) {
            if !receiver.running.lives() || started.elapsed() > Duration::from_secs(10) {
                return Err(format!("pouch-receive does not receive: {}", receiver.running.said()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(receiver)
    }

    /// What it says of itself.
    pub(crate) fn report(&self) -> Result<Report, String> {
        let text = fs::read_to_string(self.quarantine.join("status.json")).map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    /// The file that has arrived, within `patience`; none as soon as the receiver says that something is missing.
    pub(crate) fn arrived(&mut self, patience: Duration) -> Option<PathBuf> {
        let (deadline, called) = (Instant::now() + patience, Timestamp::now());
        let mut look = Instant::now() + SURE;
        loop {
            let entries = fs::read_dir(self.quarantine.join("arrived")).into_iter().flatten().flatten();
            let tar = entries.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "tar"));
            if tar.is_some() || Instant::now() > deadline || !self.running.lives() {
                return tar;
            }
            if Instant::now() > look {
                look = Instant::now() + Duration::from_millis(200);
                let lacks = |report: &Report| report.streams.iter().any(|one| one.state == State::Incomplete);
                let late = |report: &Report| report.updated.duration_since(called).as_secs_f64() > SURE.as_secs_f64();
                if self.report().is_ok_and(|report| late(&report) && lacks(&report)) {
                    return None;
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// `pouch-send` at the near end: `to` is where, `words` are further options. Not yet run.
pub(crate) fn sender(wire: &Wire, data: &Data, to: &str, words: &[&str]) -> Result<Command, String> {
    let mut send = urgent(wire, End::Sender, binary("pouch-send")?);
    send.args(["send", "--to", to]).args(words).arg(&data.folder);
    Ok(send)
}

/// One transfer without a relay: seconds until the file has arrived, and what both took.
pub(crate) struct Transfer {
    pub(crate) seconds: f64,
    pub(crate) send: Usage,
    pub(crate) receive: Usage,
    pub(crate) right: bool,
    /// Share of the processors that others had meanwhile.
    pub(crate) others: f64,
}

/// Carries the data once with `pouch-send` and `pouch-receive`.
pub(crate) fn transfer(wire: &Wire, data: &Data, folder: &Path, words: &[&str]) -> Result<Transfer, String> {
    let quarantine = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
    let mut receiver = Receiver::start(wire, &quarantine.path().join("quarantine"))?;
    let before = receiver.running.usage()?;
    let mut send = sender(wire, data, &format!("udp:{RECEIVER}:{PORT}"), words)?;
    let (started, clock) = (Instant::now(), Processors::now()?);
    let log = quarantine.path().join("send.log");
    // A file may have arrived before the sender has said so often enough that it was the last.
    let (sent, tar, seconds) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| timed(&mut send, &log));
        let mut tar = None;
        while tar.is_none() && !sending.is_finished() {
            tar = receiver.arrived(Duration::ZERO);
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut seconds = started.elapsed().as_secs_f64();
        let sent = sending.join().map_err(|_| "a thread of this program died".to_owned())?;
        if tar.is_none() {
            tar = receiver.arrived(SETTLE);
            seconds = started.elapsed().as_secs_f64();
        }
        sent.map(|sent| (sent, tar, seconds))
    })?;
    let (status, sent) = sent;
    if !status {
        return Err(format!("pouch-send: {}", fs::read_to_string(&log).unwrap_or_default()));
    }
    let after = receiver.running.usage()?;
    let receive = Usage { cpu: after.cpu - before.cpu, memory: after.memory };
    let others = clock.others(sent.cpu + receive.cpu)?;
    let right = match &tar {
        Some(tar) => data.is_in(tar)?,
        None => false,
    };
    Ok(Transfer { seconds, send: sent, receive, right, others })
}

/// What all processors together did, in hundredths of a second.
pub(crate) struct Processors {
    busy: f64,
    all: f64,
}

impl Processors {
    pub(crate) fn now() -> Result<Self, String> {
        let text = fs::read_to_string("/proc/stat").map_err(|error| error.to_string())?;
        // user nice system idle iowait irq softirq steal: what follows is counted in these.
        let words = text.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
        let times: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
        let [.., idle, waiting, _, _, _] = times[..] else { return Err(format!("/proc/stat says {text:?}")) };
        let all = times.iter().sum();
        Ok(Self { busy: all - idle - waiting, all })
    }

    /// The share that had since neither been idle nor gone to us, who took so many seconds.
    pub(crate) fn others(&self, ours: f64) -> Result<f64, String> {
        let now = Self::now()?;
        Ok(((now.busy - self.busy - ours * 100.0) / (now.all - self.all)).max(0.0))
    }
}

/// Runs a command to its end under GNU time. Says whether it ended well, and what it took with its children.
pub(crate) fn timed(inner: &mut Command, log: &Path) -> Result<(bool, Usage), String> {
    let report = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let mut time = command("/usr/bin/time", "TERM");
    time.args(["--quiet", "--format", "%U %S %M", "--output"]).arg(report.path());
    time.arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
    let mut running = Running::start(&mut time, log)?;
    let status = running.child.wait().map_err(|error| error.to_string())?;
    let text = fs::read_to_string(report.path()).map_err(|error| error.to_string())?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [user, system, kibibytes] = numbers[..] else {
        return Err(format!("GNU time says {text:?} of {}; it said: {}", show(inner), running.said()));
    };
    Ok((status.success(), Usage { cpu: user + system, memory: kibibytes / 1024.0 }))
}
