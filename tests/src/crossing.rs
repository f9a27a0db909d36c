//! A one-way link from end to end: `pouch-send`, a relay that does to datagrams what a bad wire does, `pouch-receive`.
//!
//! ```text
//! sender's namespace            receiver's namespace
//! pouch-send --> [wire] -----> impair --> [loopback] --> pouch-receive --> quarantine/arrived
//! ```
//! Where no namespaces can be made, all three are on one loopback.

use crate::netns::{End, RECEIVER, SENDER, Wire};
use crate::process::{binary, command, is_root, run};
use pouch_link::receive::report::{Arrived, Report};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take until it listens, or ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// The link. Its processes end when it is dropped.
#[derive(Debug)]
pub struct Crossing {
    wire: Option<Wire>,
    folder: PathBuf,
    entry: SocketAddr,
    exit: SocketAddr,
    relay: Option<Child>,
    receiver: Option<Child>,
}

impl Crossing {
    /// A link that impairs (`impair`'s words) and whose far end keeps everything in `folder`. Nobody receives yet.
    ///
    /// # Errors
    /// A program is not built, or does not start.
    pub fn create(folder: &Path, impairments: &[&str]) -> Result<Self, String> {
        let wire = Wire::create(1500).ok();
        let end = wire.as_ref().map_or(Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)), |_| RECEIVER.parse::<IpAddr>());
        let end = end.map_err(|error| format!("{RECEIVER}: {error}"))?;
        let (entry, exit) = match &wire {
            Some(_) => (SocketAddr::new(end, 4600), SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 4601)),
            None => (free_port()?, free_port()?),
        };
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut link = Self { wire, folder: folder.to_owned(), entry, exit, relay: None, receiver: None };
        link.impair(impairments)?;
        Ok(link)
    }

    /// Puts another relay in the place of the present one.
    ///
    /// # Errors
    /// It does not start.
    pub fn impair(&mut self, impairments: &[&str]) -> Result<(), String> {
        self.counts()?;
        let mut relay = self.at(End::Receiver, binary("impair")?);
        relay.args(["--listen", &self.entry.to_string(), "--to", &self.exit.to_string(), "--until-closed"]);
        relay.args(impairments).stdin(Stdio::piped()).stdout(Stdio::piped());
        self.relay = Some(listening(&mut relay, self.entry)?);
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
        receive.args(["run", "--listen", &format!("udp:{}", self.exit), "--quarantine"]).arg(self.quarantine());
        if is_root() {
            receive.args(["--user", "nobody"]);
        }
        receive.args(arguments).stderr(log).stdout(Stdio::null());
        self.receiver = Some(listening(&mut receive, self.exit)?);
        Ok(())
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
        send.args(["send", "--to", &format!("udp:{}", self.entry)]);
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

    /// Waits until the receiver says that the pouch has arrived; gives its file, and what the receiver says of it.
    ///
    /// # Errors
    /// It has not after `patience`: the message holds the end of the receiver's log.
    pub fn arrived(&self, pouch: &str, patience: Duration) -> Result<(PathBuf, Arrived), String> {
        let deadline = Instant::now() + patience;
        loop {
            let arrived =
                self.report().ok().and_then(|report| report.arrived.into_iter().rfind(|one| one.pouch == pouch));
            if let Some(arrived) = arrived {
                return Ok((self.quarantine().join("arrived").join(&arrived.file), arrived));
            }
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.join("receive.log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(20).collect();
                return Err(format!("{pouch} has not arrived; the receiver said, last first:\n{}", last.join("\n")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
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

    /// Ends the relay and gives what it did; nothing if there is none.
    ///
    /// # Errors
    /// It fails.
    pub fn counts(&mut self) -> Result<Value, String> {
        let Some(mut relay) = self.relay.take() else { return Ok(Value::Null) };
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
        let _ = self.counts();
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
