//! A one-way link from end to end: `pouch-send`, a relay that does to datagrams what a bad wire does, `pouch-receive`.
//!
//! ```text
//! sender's namespace            receiver's namespace
//! pouch-send --> [wire] -----> impair --> [loopback] --> pouch-receive --> quarantine/arrived
//! ```
//! Where no namespaces can be made, all three are on one loopback. A link may have several lanes, with a relay each. Of root
//! the receiver becomes `nobody`, as it does in service: what leads to the folder must let it pass.

use crate::netns::{End, RECEIVER, SENDER, Wire};
use crate::process::{binary, command, is_root, run};
use jiff::{SignedDuration, Timestamp};
use pouch_link::receive::report::{Progress, Report, State};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take until it listens, or ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has become of a pouch once all of it was sent.
#[derive(Debug)]
pub enum Outcome {
    /// It has arrived, in this file.
    Arrived(PathBuf),
    /// Something of it is missing.
    Incomplete(Box<Progress>),
}

/// The link. Its processes end when it is dropped.
#[derive(Debug)]
pub struct Crossing {
    wire: Option<Wire>,
    folder: PathBuf,
    lanes: Vec<Lane>,
    receiver: Option<Child>,
}

/// One of its lanes.
#[derive(Debug)]
struct Lane {
    entry: SocketAddr,
    exit: SocketAddr,
    relay: Option<Child>,
}

impl Crossing {
    /// A link that impairs (`impair`'s words) and whose far end keeps everything in `folder`. Nobody receives yet.
    ///
    /// # Errors
    /// A program is not built, or does not start.
    pub fn create(folder: &Path, impairments: &[&str]) -> Result<Self, String> {
        Self::of_lanes(folder, &[impairments])
    }

    /// The same with a lane for each set of impairments.
    ///
    /// # Errors
    /// As [`Crossing::create`].
    pub fn of_lanes(folder: &Path, impairments: &[&[&str]]) -> Result<Self, String> {
        let wire = Wire::create(1500).ok();
        let end = RECEIVER.parse::<IpAddr>().map_err(|error| format!("{RECEIVER}: {error}"))?;
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut link = Self { wire, folder: folder.to_owned(), lanes: Vec::new(), receiver: None };
        for (port, words) in (4600..).step_by(2).zip(impairments) {
            let (entry, exit) = match &link.wire {
                Some(_) => (SocketAddr::new(end, port), SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port + 1)),
                None => (free_port()?, free_port()?),
            };
            link.lanes.push(Lane { entry, exit, relay: None });
            link.impair_lane(link.lanes.len() - 1, words)?;
        }
        Ok(link)
    }

    /// Puts another relay in the place of the present one, on the first lane.
    ///
    /// # Errors
    /// It does not start.
    pub fn impair(&mut self, impairments: &[&str]) -> Result<(), String> {
        self.impair_lane(0, impairments)
    }

    fn impair_lane(&mut self, number: usize, impairments: &[&str]) -> Result<(), String> {
        self.counts_of(number)?;
        let Some((entry, exit)) = self.lanes.get(number).map(|lane| (lane.entry, lane.exit)) else { return Ok(()) };
        let mut relay = self.at(End::Receiver, binary("impair")?);
        relay.args(["--listen", &entry.to_string(), "--to", &exit.to_string(), "--until-closed"]);
        relay.args(impairments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let relay = listening(&mut relay, entry)?;
        if let Some(lane) = self.lanes.get_mut(number) {
            lane.relay = Some(relay);
        }
        Ok(())
    }

    /// Starts the receiver; what it says goes to `receive.log` in the folder.
    ///
    /// # Errors
    /// It does not start.
    pub fn receive(&mut self, arguments: &[&str]) -> Result<(), String> {
        let log = self.folder.join("receive.log");
        let log =
            File::options().create(true).append(true).open(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let mut receive = self.at(End::Receiver, binary("pouch-receive")?);
        receive.args(["run", "--quarantine"]).arg(self.quarantine());
        receive.args(self.lanes.iter().flat_map(|lane| ["--listen".to_owned(), format!("udp:{}", lane.exit)]));
        if may_become_nobody() {
            receive.args(["--user", "nobody"]);
        }
        receive.args(arguments).stderr(log).stdout(Stdio::null());
        let last = self.lanes.last().ok_or("a link has a lane")?.exit;
        self.receiver = Some(listening(&mut receive, last)?);
        Ok(())
    }

    /// What the receiver has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("receive.log")).unwrap_or_default()
    }

    /// Waits for the end of the receiver and gives its exit code; of one that was killed there is none.
    ///
    /// # Errors
    /// It goes on, or there is none.
    pub fn ended(&mut self, patience: Duration) -> Result<Option<i32>, String> {
        let mut receiver = self.receiver.take().ok_or("nobody receives")?;
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = receiver.try_wait().map_err(|error| error.to_string())? {
                return Ok(status.code());
            }
            if Instant::now() > deadline {
                self.receiver = Some(receiver);
                return Err(format!("the receiver goes on; it said:\n{}", self.log()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Tells the receiver to end, and gives its exit code.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop_receiver(&mut self) -> Result<Option<i32>, String> {
        let number = self.receiver().ok_or("nobody receives")?.to_string();
        run(Command::new("kill").args(["-TERM", &number]))?;
        self.ended(PATIENCE)
    }

    /// The receiver's process.
    #[must_use]
    pub fn receiver(&self) -> Option<u32> {
        self.receiver.as_ref().map(Child::id)
    }

    /// `kill -9`.
    pub fn kill_receiver(&mut self) {
        if let Some(mut receiver) = self.receiver.take() {
            let _ = receiver.kill();
            let _ = receiver.wait();
        }
    }

    /// `pouch-send send`, to the link's beginning; pouches and further flags are to be added.
    ///
    /// # Errors
    /// It is not built.
    pub fn send(&self) -> Result<Command, String> {
        let mut send = self.at(End::Sender, binary("pouch-send")?);
        send.arg("send").args(self.lanes.iter().flat_map(|lane| ["--to".to_owned(), format!("udp:{}", lane.entry)]));
        Ok(send)
    }

    /// Where the receiver keeps what it has.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.folder.join("quarantine")
    }

    /// What the receiver last said of itself.
    ///
    /// # Errors
    /// It has said nothing.
    pub fn report(&self) -> Result<Report, String> {
        let path = self.quarantine().join("status.json");
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Waits until the receiver says of itself what is to hold.
    ///
    /// # Errors
    /// It does not after `patience`.
    pub fn report_of(&self, holds: impl Fn(&Report) -> bool, patience: Duration) -> Result<Report, String> {
        let deadline = Instant::now() + patience;
        loop {
            match self.report() {
                Ok(report) if holds(&report) => return Ok(report),
                report if Instant::now() > deadline => return Err(format!("it says {report:?}\n{}", self.log())),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Waits until the pouch has arrived; gives its file.
    ///
    /// # Errors
    /// It has not after `patience`: the message holds the end of the receiver's log.
    pub fn arrived(&self, pouch: &str, patience: Duration) -> Result<PathBuf, String> {
        let arrived = self.quarantine().join("arrived");
        let deadline = Instant::now() + patience;
        loop {
            let names = fs::read_dir(&arrived).into_iter().flatten().flatten().map(|entry| entry.path());
            let is_it = |path: &PathBuf| {
                let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
                name.starts_with(&format!("{pouch}-")) && name.ends_with(".tar")
            };
            if let Some(path) = names.into_iter().find(is_it) {
                return Ok(path);
            }
            if Instant::now() > deadline {
                let log = self.log();
                let last: Vec<&str> = log.lines().rev().take(20).collect();
                return Err(format!("{pouch} has not arrived; the receiver said, last first:\n{}", last.join("\n")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The wire itself, where there is one.
    #[must_use]
    pub fn wire(&self) -> Option<&Wire> {
        self.wire.as_ref()
    }

    /// Waits until the receiver has either all of a pouch whose sender has ended, or says what is missing.
    ///
    /// # Errors
    /// Neither after `patience`.
    pub fn outcome(&self, pouch: &str, patience: Duration) -> Result<Outcome, String> {
        let (deadline, called) = (Instant::now() + patience, Timestamp::now());
        loop {
            if let Ok(file) = self.arrived(pouch, Duration::ZERO) {
                return Ok(Outcome::Arrived(file));
            }
            // What was said before all was sent is not the last word.
            let report = self.report().ok();
            let report = report.filter(|report| report.updated > called + SignedDuration::from_millis(1_200));
            let streams = report.into_iter().flat_map(|report| report.streams);
            let mut missing = streams.filter(|stream| stream.pouch == pouch && stream.state == State::Incomplete);
            if let Some(stream) = missing.next() {
                return Ok(Outcome::Incomplete(Box::new(stream)));
            }
            if Instant::now() > deadline {
                return Err(format!("{pouch} is neither here nor missing: {:?}\n{}", self.report(), self.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Bytes that the quarantine takes on the disk.
    ///
    /// # Errors
    /// `du` says no.
    pub fn used(&self) -> Result<u64, String> {
        let text = run(command("du", "TERM").args(["--summarize", "--block-size=1"]).arg(self.quarantine()))?;
        let number = text.split_whitespace().next().and_then(|word| word.parse().ok());
        number.ok_or_else(|| format!("du says {text:?}"))
    }

    /// The most bytes that the receiver has had in memory.
    ///
    /// # Errors
    /// Nobody receives.
    pub fn peak(&self) -> Result<u64, String> {
        let number = self.receiver().ok_or("nobody receives")?;
        let status = fs::read_to_string(format!("/proc/{number}/status")).map_err(|error| error.to_string())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kibibytes.map(|number| number << 10).ok_or_else(|| format!("no VmHWM in {status}"))
    }

    /// Frames that the receiver's end of the wire has sent; none is known on loopback.
    ///
    /// # Errors
    /// They cannot be counted.
    pub fn frames_sent(&self) -> Result<Option<u64>, String> {
        self.wire.as_ref().map(|wire| wire.frames(End::Receiver).map(|frames| frames.sent)).transpose()
    }

    /// Where the link goes, in words.
    #[must_use]
    pub fn way(&self) -> String {
        match self.wire {
            Some(_) => format!("two network namespaces, {SENDER} to {RECEIVER}"),
            None => "loopback".to_owned(),
        }
    }

    /// Ends the relay of the first lane and gives what it did; nothing if there is none.
    ///
    /// # Errors
    /// It fails.
    pub fn counts(&mut self) -> Result<Value, String> {
        self.counts_of(0)
    }

    fn counts_of(&mut self, number: usize) -> Result<Value, String> {
        let relay = self.lanes.get_mut(number).and_then(|lane| lane.relay.take());
        let Some(mut relay) = relay else { return Ok(Value::Null) };
        drop(relay.stdin.take());
        let mut line = String::new();
        if let Some(mut out) = relay.stdout.take() {
            out.read_to_string(&mut line).map_err(|error| format!("impair: {error}"))?;
        }
        let status = relay.wait().map_err(|error| format!("impair: {error}"))?;
        serde_json::from_str(&line).map_err(|error| format!("impair: {status}, {error}"))
    }

    fn at(&self, end: End, program: PathBuf) -> Command {
        match &self.wire {
            Some(wire) => wire.at(end, program),
            None => command(program, "TERM"),
        }
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        for number in 0..self.lanes.len() {
            let _ = self.counts_of(number);
        }
        if let Some(receiver) = &self.receiver {
            // A receiver that is told to end writes down what it has.
            let _ = run(Command::new("kill").args(["-TERM", &receiver.id().to_string()]));
        }
        if let Some(mut receiver) = self.receiver.take() {
            let deadline = Instant::now() + PATIENCE;
            while matches!(receiver.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = receiver.kill();
            let _ = receiver.wait();
        }
    }
}

/// Root, where there is a `nobody`: in a namespace of users there may be none.
fn may_become_nobody() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let has = |line: &str| {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        matches!(numbers[..], [first, _, count] if (first..first + count).contains(&65_534))
    };
    is_root() && map.lines().any(has)
}

fn free_port() -> Result<SocketAddr, String> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.local_addr())
        .map_err(|error| format!("no free port: {error}"))
}

/// Starts a program and waits until it has bound the UDP port.
fn listening(program: &mut Command, address: SocketAddr) -> Result<Child, String> {
    let shown = program.get_program().to_string_lossy().into_owned();
    let mut child = program.spawn().map_err(|error| format!("{shown}: {error}"))?;
    let (table, port) = (format!("/proc/{}/net/udp", child.id()), format!(":{:04X} ", address.port()));
    let deadline = Instant::now() + PATIENCE;
    while !fs::read_to_string(&table).is_ok_and(|sockets| sockets.contains(&port)) {
        let ended = child.try_wait().map_err(|error| format!("{shown}: {error}"))?;
        if ended.is_some() || Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{} does not listen on {address}: {ended:?}", crate::process::show(program)));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(child)
}
