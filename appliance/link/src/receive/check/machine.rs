//! What the kernel says of this machine.

use std::collections::BTreeMap;
use std::path::Path;

use pouch_platform::card_settings;

use super::Disk;
use crate::receive::listen::Listen;

/// The bit of CAP_NET_ADMIN (linux/capability.h).
const NET_ADMIN: u32 = 12;

/// A machine that is to receive. What is `None` cannot be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// `net.core.rmem_max`, in bytes.
    pub rmem_max: Option<u64>,
    /// `net.core.netdev_max_backlog`, in packets.
    pub backlog: Option<u64>,
    /// Packets dropped for it since the machine started.
    pub backlog_dropped: Option<u64>,
    /// Whether this process may go beyond `rmem_max`.
    pub net_admin: bool,
    /// Whether Landlock is on.
    pub landlock: Option<bool>,
    /// Whether there is seccomp.
    pub seccomp: Option<bool>,
    /// The interfaces that there are, of those that were asked for.
    pub cards: BTreeMap<String, Card>,
    /// The disk under the quarantine.
    pub disk: Option<Disk>,
}

/// An interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Card {
    /// Its state, as the kernel names it: `up`, `down`, ...; `unknown` of one that has none.
    pub state: Option<String>,
    /// Bits in a second.
    pub speed: Option<u64>,
    /// Most bytes of a packet.
    pub mtu: Option<u64>,
    /// Entries of its receive ring, and the most that it may have.
    pub ring: Option<(u64, u64)>,
    /// Whether it joins packets (generic receive offload).
    pub gro: Option<bool>,
}

impl Machine {
    /// Looks at the machine whose `proc` and `sys` are beneath `root`, which is `/`; at the disk looks [`Disk::measure`].
    #[must_use]
    pub fn read(root: &Path, lanes: &[Listen]) -> Self {
        let text = |path: &str| std::fs::read_to_string(root.join(path)).ok();
        let number = |path: &str| text(path)?.trim().parse().ok();
        let names = lanes.iter().filter_map(Listen::interface);
        let cards = names.filter_map(|name| Some((name.to_owned(), Card::read(root, name)?)));
        Self {
            rmem_max: number("proc/sys/net/core/rmem_max"),
            backlog: number("proc/sys/net/core/netdev_max_backlog"),
            backlog_dropped: text("proc/net/softnet_stat").as_deref().and_then(dropped),
            net_admin: text("proc/self/status").as_deref().is_some_and(|text| may(text, NET_ADMIN)),
            landlock: text("sys/kernel/security/lsm").map(|text| text.trim().split(',').any(|name| name == "landlock")),
            seccomp: text("proc/sys/kernel/seccomp/actions_avail")
                .map(|text| text.split_whitespace().any(|action| action == "kill_process")),
            cards: cards.collect(),
            disk: None,
        }
    }
}

impl Card {
    fn read(root: &Path, name: &str) -> Option<Self> {
        let folder = root.join("sys/class/net").join(name);
        if !folder.is_dir() {
            return None;
        }
        let text = |file: &str| Some(std::fs::read_to_string(folder.join(file)).ok()?.trim().to_owned());
        // In Mb/s; -1 or an error of one that has no carrier.
        let speed =
            text("speed").and_then(|text| text.parse::<u64>().ok()).and_then(|speed| speed.checked_mul(1_000_000));
        let (mtu, settings) = (text("mtu").and_then(|text| text.parse().ok()), card_settings(name));
        Some(Self { state: text("operstate"), speed, mtu, ring: settings.ring, gro: settings.gro })
    }
}

/// The sum of the second column of `/proc/net/softnet_stat`, in hexadecimal: a line for each processor.
fn dropped(text: &str) -> Option<u64> {
    let of = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
    text.lines().map(of).try_fold(0_u64, |sum, dropped| sum.checked_add(dropped?))
}

/// Whether the process with this `/proc/PID/status` has a capability.
fn may(status: &str, capability: u32) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set >> capability & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read_from_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (file, text) in [
            ("proc/sys/net/core/rmem_max", "212992\n"),
            ("proc/sys/net/core/netdev_max_backlog", "1000\n"),
            ("proc/net/softnet_stat", "0001 0a 00\n0002 01 00\n"),
            ("proc/self/status", "Name:\tx\nCapEff:\t0000000000001000\n"),
            ("sys/kernel/security/lsm", "capability,landlock,yama\n"),
            ("proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread\n"),
            ("sys/class/net/eth9/operstate", "down\n"),
            ("sys/class/net/eth9/speed", "-1\n"),
            ("sys/class/net/eth9/mtu", "9000\n"),
        ] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let lanes = ["ether:eth9", "ether:eth8"].map(|lane| lane.parse().unwrap());
        let machine = Machine::read(root, &lanes);
        let card = Card { state: Some("down".into()), mtu: Some(9000), ..Card::default() };
        let expected = Machine {
            rmem_max: Some(212_992),
            backlog: Some(1000),
            backlog_dropped: Some(11),
            net_admin: true,
            landlock: Some(true),
            seccomp: Some(true),
            cards: BTreeMap::from([("eth9".into(), card)]),
            disk: None,
        };
        assert_eq!(machine, expected);
    }

    #[test]
    fn what_cannot_be_seen_is_not_guessed() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Machine::read(folder.path(), &["ether:eth9".parse().unwrap()]), Machine::default());
        assert!(!may("CapEff:\t0000000000000fff", NET_ADMIN) && !may("", NET_ADMIN));
    }
}
