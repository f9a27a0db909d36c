//! Whether this machine keeps up with a link, found out before the first pouch, and what to change.
//!
//! [`Machine::read`] looks, [`assess`] judges; the second is a function of what the first found and of nothing else.

mod disk;
mod machine;

use pouch_console::{duration, size};
use serde::Serialize;
use std::time::Duration;

use super::listen::Listen;
pub use disk::{Disk, DiskError};
pub use machine::{Card, Machine};

/// Bytes that a receiver asks for as the buffer of a socket.
pub const BUFFER: u64 = pouch_platform::net::UDP_BUFFER as u64;
/// How long a receiver may be held up by the rest of its machine: so much of the link must fit its socket's buffer.
const PAUSE_MS: u64 = 100;
/// How long a processor may be held up: so many packets must fit its backlog.
const BACKLOG_MS: u64 = 10;
/// Bits of a full Ethernet frame on the wire, at an MTU of 1500.
const FRAME: u64 = 1538 * 8;
/// What the disk must write more than arrives, in percent: it also reads back, repairs and notes.
const SPARE: u64 = 125;
/// Bits a second that no link exceeds.
const RATE: u64 = 1_000_000_000_000;
/// Least free space.
const FREE: u64 = 1 << 30;
/// Entries of a card's ring that hold a millisecond of a link of 1 Gb/s.
const RING: u64 = 512;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It cannot be seen from here.
    Unknown,
    /// To be changed.
    Change,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub what: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found, with what is needed.
    pub says: String,
    /// What to do, if anything.
    pub advice: Option<String>,
    /// A command that changes it now.
    pub now: Option<String>,
    /// What changes it for good: a line, and the file that it belongs in.
    pub for_good: Option<String>,
}

impl Check {
    fn new(what: impl Into<String>, verdict: Verdict, says: impl Into<String>) -> Self {
        Self { what: what.into(), verdict, says: says.into(), advice: None, now: None, for_good: None }
    }

    fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Changed by a setting of the kernel.
    fn sysctl(mut self, key: &str, value: u64) -> Self {
        self.now = Some(format!("sysctl -w {key}={value}"));
        self.for_good = Some(format!("{key} = {value}    in /etc/sysctl.d/90-pouch.conf"));
        self
    }
}

/// Judges a machine that is to receive so many bits a second on these lanes.
#[must_use]
pub fn assess(machine: &Machine, lanes: &[Listen], rate: u64) -> Vec<Check> {
    let rate = rate.min(RATE);
    let mut checks = vec![buffer(machine, lanes, rate), backlog(machine, rate)];
    if lanes.is_empty() {
        let check = Check::new("lanes", Verdict::Change, "none is configured")
            .advice("add `listen` to the configuration, or --listen LANE here");
        checks.push(check);
    }
    for lane in lanes {
        checks.extend(interface(machine, lane, rate));
    }
    checks.push(landlock(machine));
    checks.push(seccomp(machine));
    checks.extend(disk(machine.disk.as_ref(), rate));
    checks
}

/// The buffer that holds what arrives while the receiver is held up.
fn buffer(machine: &Machine, lanes: &[Listen], rate: u64) -> Check {
    const WHAT: &str = "socket buffer";
    const KEY: &str = "net.core.rmem_max";
    if !lanes.is_empty() && lanes.iter().all(|lane| matches!(lane, Listen::Ethernet { .. })) {
        return Check::new(WHAT, Verdict::Good, "raw Ethernet has a ring of its own, and does not need it");
    }
    let pause = rate / 8 * PAUSE_MS / 1000;
    let needed = pause.clamp(4 << 20, BUFFER).next_multiple_of(1 << 20);
    if machine.net_admin {
        let says =
            format!("a receiver started like this gets {BUFFER} bytes, whatever {KEY} is: {}", holds(BUFFER, rate));
        return Check::new(WHAT, Verdict::Good, says);
    }
    let Some(most) = machine.rmem_max else {
        return Check::new(WHAT, Verdict::Unknown, format!("{KEY} cannot be seen from here"))
            .advice(format!("look on the host: it should be at least {needed}"));
    };
    if most >= needed {
        let got = most.min(BUFFER);
        return Check::new(WHAT, Verdict::Good, format!("{KEY} is {most}: {}", holds(got, rate)));
    }
    let says = format!("{KEY} is {most}, {needed} are needed: {}", holds(most, rate));
    Check::new(WHAT, Verdict::Change, says)
        .advice("or start the receiver with CAP_NET_ADMIN, as its unit does: it then goes beyond the limit (SO_RCVBUFFORCE)")
        .sysctl(KEY, needed)
}

fn holds(bytes: u64, rate: u64) -> String {
    let time =
        Duration::from_millis(u64::try_from(u128::from(bytes) * 8000 / u128::from(rate.max(1))).unwrap_or(u64::MAX));
    format!("it holds {} of this link", duration(time))
}

/// Packets that wait for a processor.
fn backlog(machine: &Machine, rate: u64) -> Check {
    const WHAT: &str = "backlog";
    const KEY: &str = "net.core.netdev_max_backlog";
    let needed = (rate / FRAME * BACKLOG_MS / 1000).max(1000).next_multiple_of(1000);
    let Some(most) = machine.backlog else {
        return Check::new(WHAT, Verdict::Unknown, format!("{KEY} cannot be seen from here"))
            .advice(format!("look on the host: it should be at least {needed}"));
    };
    let dropped = match machine.backlog_dropped {
        Some(dropped) if dropped > 0 => format!("; {dropped} packets were dropped for it since the machine started"),
        _ => String::new(),
    };
    if most >= needed {
        return Check::new(WHAT, Verdict::Good, format!("{KEY} is {most}{dropped}"));
    }
    Check::new(WHAT, Verdict::Change, format!("{KEY} is {most}, {needed} are needed{dropped}")).sysctl(KEY, needed)
}

/// The card that a lane is bound to.
fn interface(machine: &Machine, lane: &Listen, rate: u64) -> Vec<Check> {
    let Some(name) = lane.interface() else {
        let check =
            Check::new(lane.to_string(), Verdict::Unknown, "it is bound to no interface, so no card is looked at")
                .advice("write it with its interface, such as udp:0.0.0.0:4100%eth2");
        return vec![check];
    };
    let Some(card) = machine.cards.get(name) else {
        let check = Check::new(name, Verdict::Change, "there is no such interface").advice("see: ip -br link");
        return vec![check];
    };
    let mut checks = vec![state(name, card), speed(name, card, rate), mtu(name, card), ring(name, card, rate)];
    if matches!(lane, Listen::Udp { .. }) {
        checks.push(gro(name, card));
    }
    checks
}

fn state(name: &str, card: &Card) -> Check {
    let what = format!("{name} link");
    match card.state.as_deref() {
        Some("up" | "unknown") => Check::new(what, Verdict::Good, "up"),
        Some(state) => Check::new(what, Verdict::Change, state).advice(format!(
            "ip link set {name} up; a card behind a diode sees no partner: it may have to be told its speed \
             (ethtool -s {name} autoneg off)"
        )),
        None => Check::new(what, Verdict::Unknown, "its state cannot be seen"),
    }
}

fn speed(name: &str, card: &Card, rate: u64) -> Check {
    let what = format!("{name} speed");
    match card.speed {
        Some(speed) if speed >= rate => Check::new(what, Verdict::Good, format!("{} Mb/s", speed / 1_000_000)),
        Some(speed) => {
            let says = format!("{} Mb/s, {} Mb/s are to arrive", speed / 1_000_000, rate / 1_000_000);
            Check::new(what, Verdict::Change, says).advice("send slower, or over several links")
        }
        None => Check::new(what, Verdict::Unknown, "the card does not say"),
    }
}

fn mtu(name: &str, card: &Card) -> Check {
    let what = format!("{name} MTU");
    match card.mtu {
        Some(mtu) if mtu >= 1500 => {
            let says = format!("{mtu}; the sender's --mtu must not be larger");
            Check::new(what, Verdict::Good, says)
        }
        Some(mtu) => {
            let mut check = Check::new(what, Verdict::Change, format!("{mtu}; 1500 is the least"));
            check.now = Some(format!("ip link set {name} mtu 1500"));
            check
        }
        None => Check::new(what, Verdict::Unknown, "it cannot be seen"),
    }
}

fn ring(name: &str, card: &Card, rate: u64) -> Check {
    let what = format!("{name} ring");
    let Some((now, most)) = card.ring else {
        return Check::new(what, Verdict::Unknown, "the card does not say; a virtual one has none");
    };
    let needed = (rate / 1_000_000_000).max(1).saturating_mul(RING);
    if now >= needed.min(most) {
        return Check::new(what, Verdict::Good, format!("{now} of at most {most}"));
    }
    let wanted = needed.next_power_of_two().min(most);
    let mut check = Check::new(what, Verdict::Change, format!("{now} of at most {most}, {wanted} are needed"));
    check.now = Some(format!("ethtool -G {name} rx {wanted}"));
    check.for_good = Some(format!("RxBufferSize={wanted}    in the [Link] section of a file in /etc/systemd/network/"));
    check
}

fn gro(name: &str, card: &Card) -> Check {
    let what = format!("{name} GRO");
    match card.gro {
        Some(true) => Check::new(what, Verdict::Good, "on"),
        Some(false) => {
            let says = "off; without it every datagram costs a passage through the kernel of its own";
            let mut check = Check::new(what, Verdict::Change, says);
            check.now = Some(format!("ethtool -K {name} gro on"));
            check
        }
        None => Check::new(what, Verdict::Unknown, "it cannot be seen"),
    }
}

fn landlock(machine: &Machine) -> Check {
    match machine.landlock {
        Some(true) => Check::new("Landlock", Verdict::Good, "there"),
        Some(false) => Check::new("Landlock", Verdict::Change, "the kernel does not have it on")
            .advice("add landlock to lsm= of the kernel's command line; the receiver refuses to run without it"),
        None => Check::new("Landlock", Verdict::Unknown, "/sys/kernel/security cannot be read"),
    }
}

fn seccomp(machine: &Machine) -> Check {
    match machine.seccomp {
        Some(true) => Check::new("seccomp", Verdict::Good, "there"),
        Some(false) => Check::new("seccomp", Verdict::Change, "the kernel does not have it")
            .advice("take a kernel with CONFIG_SECCOMP_FILTER; the receiver refuses to run without it"),
        None => Check::new("seccomp", Verdict::Unknown, "/proc/sys/kernel/seccomp cannot be read"),
    }
}

fn disk(disk: Option<&Disk>, rate: u64) -> Vec<Check> {
    let Some(disk) = disk else { return Vec::new() };
    let needed = u64::try_from(u128::from(rate) / 8 * u128::from(SPARE) / 100).unwrap_or(u64::MAX);
    let writes = format!("writes {} a second, {} are needed", size(disk.speed), size(needed));
    let speed = if disk.speed >= needed {
        Check::new("disk speed", Verdict::Good, writes)
    } else {
        Check::new("disk speed", Verdict::Change, writes).advice("send slower, or put the quarantine on a faster disk")
    };
    let free = if disk.free >= FREE {
        Check::new("disk space", Verdict::Good, format!("{} free", size(disk.free)))
    } else {
        Check::new(
            "disk space",
            Verdict::Change,
            format!("{} free, at least {} are needed", size(disk.free), size(FREE)),
        )
        .advice("free some space: a pouch needs its whole size from its first datagram on")
    };
    vec![speed, free]
}

#[cfg(test)]
mod tests;
