//! A wire between two networks that the test makes itself and that nothing else reaches: a sender's and a receiver's
//! namespace, and a veth pair as a one-way link has it. The receiver's end says nothing by itself, not even ARP.
//!
//! Each namespace lives in a process that does nothing, so it vanishes with the test, however that ends. Without root they
//! are made in a namespace of users, where the system allows that.

use crate::process::{is_root, run};
use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The sender's address.
pub const SENDER: &str = "192.0.2.1";
/// The receiver's address.
pub const RECEIVER: &str = "192.0.2.2";
/// The name of either end.
pub const INTERFACE: &str = "wire";
/// Hardware addresses, so that each end can be told the other's.
const MAC: [&str; 2] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];

/// An end of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where it begins.
    Sender,
    /// Where it ends.
    Receiver,
}

/// Two namespaces and the wire between them, until it is dropped.
#[derive(Debug)]
pub struct Wire {
    sender: Keeper,
    receiver: Keeper,
}

/// What an interface has carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Frames that came.
    pub received: u64,
    /// Frames that went.
    pub sent: u64,
    /// Frames that came and were dropped.
    pub dropped: u64,
}

impl Wire {
    /// A wire whose frames carry `mtu` bytes.
    ///
    /// # Errors
    /// The system does not let us, or `ip`, `nsenter`, `unshare` are not there.
    pub fn create(mtu: u32) -> Result<Self, String> {
        let mut unshare = Command::new("unshare");
        unshare.args(if is_root() { ["-n"] } else { ["-Urn"] });
        let sender = Keeper::start(&mut unshare)?;
        let mut nested = sender.enter();
        let receiver = Keeper::start(nested.args(["unshare", "-n"]))?;
        let wire = Self { sender, receiver };
        let peer = wire.receiver.number().to_string();
        let (mtu, name) = (mtu.to_string(), INTERFACE);
        let pair = ["link", "add", name, "mtu", &mtu, "address", MAC[0], "type", "veth", "peer", "name", name];
        let end = ["mtu", &mtu, "address", MAC[1], "netns", &peer];
        run(wire.at(End::Sender, "ip").args(pair).args(end))?;
        wire.set_up(End::Sender, SENDER)?;
        wire.set_up(End::Receiver, RECEIVER)?;
        // The sender must not ask who has the address: nobody would answer.
        run(wire.at(End::Sender, "ip").args([
            "neigh",
            "add",
            RECEIVER,
            "lladdr",
            MAC[1],
            "dev",
            name,
            "nud",
            "permanent",
        ]))?;
        Ok(wire)
    }

    /// A program that will run at an end, and is told to end should this one die.
    #[must_use]
    pub fn at(&self, end: End, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.keeper(end).enter();
        command.args(["setpriv", "--pdeathsig", "TERM", "--"]).arg(program).stdin(Stdio::null());
        command
    }

    /// What the interface of an end has carried since it was made.
    ///
    /// # Errors
    /// `ip` says something else than expected.
    pub fn frames(&self, end: End) -> Result<Frames, String> {
        let text = run(self.at(end, "ip").args(["-json", "-statistics", "link", "show", "dev", INTERFACE]))?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| format!("{error} in {text:?}"))?;
        let count = |pointer: &str| {
            let count = value.pointer(&format!("/0/stats64/{pointer}")).and_then(serde_json::Value::as_u64);
            count.ok_or_else(|| format!("no {pointer} in {text}"))
        };
        Ok(Frames { received: count("rx/packets")?, sent: count("tx/packets")?, dropped: count("rx/dropped")? })
    }

    /// From now on the receiver loses this many of 1000 UDP datagrams, by chance. They reach the interface, not the socket.
    ///
    /// # Errors
    /// `nft` is not there.
    pub fn lose(&self, of_1000: u32) -> Result<(), String> {
        let script = format!(
            "add table inet wire
             delete table inet wire
             add table inet wire
             add counter inet wire lost
             add chain inet wire in {{ type filter hook input priority 0; }}
             add rule inet wire in meta l4proto udp numgen random mod 1000 < {of_1000} counter name lost drop"
        );
        run(self.at(End::Receiver, "nft").arg(script)).map(drop)
    }

    /// Lets nothing out of the receiver, as an operator does: where nobody listens the system itself answers, by ICMP, that
    /// the port is closed, and a receiver that has just ended is nobody.
    ///
    /// # Errors
    /// `nft` is not there.
    pub fn silence(&self) -> Result<(), String> {
        let script = format!(
            "add table inet silence
             add chain inet silence out {{ type filter hook output priority 0; }}
             add rule inet silence out oifname {INTERFACE} drop"
        );
        run(self.at(End::Receiver, "nft").arg(script)).map(drop)
    }

    /// How many datagrams [`Wire::lose`] has taken since it was last called.
    ///
    /// # Errors
    /// It was never called.
    pub fn lost(&self) -> Result<u64, String> {
        let text = run(self.at(End::Receiver, "nft").args(["list", "counter", "inet", "wire", "lost"]))?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = words.iter().position(|word| *word == "packets").and_then(|at| words.get(at + 1)?.parse().ok());
        number.ok_or_else(|| format!("no packets in {text:?}"))
    }

    fn keeper(&self, end: End) -> &Keeper {
        match end {
            End::Sender => &self.sender,
            End::Receiver => &self.receiver,
        }
    }

    /// Takes away an end's own voice (IPv6 and its discovery, ARP), gives it its address, and turns it on.
    fn set_up(&self, end: End, address: &str) -> Result<(), String> {
        let script = format!(
            "set -e
             for key in all default {INTERFACE}; do
                 folder=/proc/sys/net/ipv6/conf/$key
                 if [ -d $folder ]; then echo 1 > $folder/disable_ipv6; echo 0 > $folder/accept_dad; fi
             done
             ip link set {INTERFACE} addrgenmode none arp off multicast off
             ip address add {address}/24 dev {INTERFACE} noprefixroute
             ip link set lo up
             ip link set {INTERFACE} up
             ip route add 192.0.2.0/24 dev {INTERFACE}"
        );
        run(self.at(end, "sh").args(["-c", &script])).map(drop)
    }
}

/// A process that keeps a namespace.
#[derive(Debug)]
struct Keeper(Child);

impl Keeper {
    /// `unshare` with its options; what it starts is the keeper.
    fn start(unshare: &mut Command) -> Result<Self, String> {
        let command = unshare.args(["setpriv", "--pdeathsig", "KILL", "--", "sleep", "infinity"]);
        let child = command.stdin(Stdio::null()).spawn().map_err(|error| format!("unshare: {error}"))?;
        let mut keeper = Self(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        let name = format!("/proc/{}/comm", keeper.number());
        while std::fs::read_to_string(&name).map_or(true, |name| name.trim() != "sleep") {
            let ended = keeper.0.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || Instant::now() > deadline {
                return Err("no network namespace can be made here: neither as root nor with one of users".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(keeper)
    }

    fn number(&self) -> u32 {
        self.0.id()
    }

    /// The beginning of a command that enters the namespace.
    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.number().to_string(), "-n"]);
        if !is_root() {
            command.args(["-U", "--preserve-credentials"]);
        }
        command
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};

    const LISTEN: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
s.bind(('0.0.0.0', 4600)); s.settimeout(1.0)
print('listening', flush=True)
n = 0
try:
    while True: s.recv(65536); n += 1
except TimeoutError: print(n)";

    const SEND: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[1])): s.sendto(bytes(int(sys.argv[2])), ('192.0.2.2', 4600))";

    /// Sends so many datagrams and gives how many came.
    fn carry(wire: &Wire, count: u32, size: u32) -> u64 {
        let mut listener =
            wire.at(End::Receiver, "python3").args(["-c", LISTEN]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("listening"));
        run(wire.at(End::Sender, "python3").args(["-c", SEND, &count.to_string(), &size.to_string()])).unwrap();
        let came = lines.next().unwrap().parse().unwrap();
        assert!(listener.wait().unwrap().success());
        came
    }

    #[test]
    fn a_wire_carries_one_way_and_its_end_is_silent() {
        let wire = Wire::create(9000).unwrap();
        assert_eq!(carry(&wire, 100, 8972), 100);
        let sender = wire.frames(End::Sender).unwrap();
        let receiver = wire.frames(End::Receiver).unwrap();
        assert_eq!((sender.sent, sender.received), (100, 0));
        assert_eq!((receiver.received, receiver.sent), (100, 0));

        wire.lose(200).unwrap();
        let came = carry(&wire, 2000, 100);
        assert_eq!(came + wire.lost().unwrap(), 2000);
        // Five standard deviations of 18.
        assert!((1510..1690).contains(&came), "{came}");
        assert_eq!(wire.frames(End::Receiver).unwrap().sent, 0);
    }

    #[test]
    fn a_receiver_that_is_not_there_answers_unless_silenced() {
        // A network each, for the system answers one peer only so often.
        for silenced in [false, true] {
            let wire = Wire::create(1500).unwrap();
            if silenced {
                wire.silence().unwrap();
            }
            run(wire.at(End::Sender, "python3").args(["-c", SEND, "10", "100"])).unwrap();
            let frames = wire.frames(End::Receiver).unwrap();
            assert_eq!((frames.received, frames.sent == 0), (10, silenced), "{frames:?}");
        }
    }

    #[test]
    fn a_wire_vanishes_with_the_test_also_when_it_panics() {
        let (sender, receiver) = (std::sync::Mutex::new(0), std::sync::Mutex::new(0));
        let outcome = std::panic::catch_unwind(|| {
            let wire = Wire::create(1500).unwrap();
            *sender.lock().unwrap() = wire.sender.number();
            *receiver.lock().unwrap() = wire.receiver.number();
            panic!("on purpose");
        });
        assert!(outcome.is_err());
        for keeper in [sender, receiver] {
            let number = keeper.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            assert!(number > 0 && !std::path::Path::new(&format!("/proc/{number}")).exists());
        }
    }
}
