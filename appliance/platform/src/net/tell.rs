//! What the system tells of lost packets: counters of an interface and of UDP, and the limits that an operator can raise.
//!
//! Counters hold their files open, so that they can still be read by a process that may open none any more.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{NetAction, NetError, Place, interface::check};

/// Most bytes read of such a file.
const MOST: usize = 16 * 1024;

/// A small file of the kernel that is made anew whenever it is read from its start.
#[derive(Debug)]
struct Tell {
    path: PathBuf,
    file: File,
}

impl Tell {
    fn open(path: &Path) -> Result<Self, NetError> {
        let file = File::open(path).map_err(|source| failed(path, source))?;
        Ok(Self { path: path.to_owned(), file })
    }

    fn text(&self) -> Result<String, NetError> {
        let mut bytes = vec![0; MOST];
        let length = self.file.read_at(&mut bytes, 0).map_err(|source| failed(&self.path, source))?;
        bytes.truncate(length);
        String::from_utf8(bytes).map_err(|_| self.lacks("text"))
    }

    fn number(&self) -> Result<u64, NetError> {
        self.text()?.trim().parse().map_err(|_| self.lacks("a number"))
    }

    fn lacks(&self, wanted: &'static str) -> NetError {
        NetError::Unreadable { path: self.path.clone(), wanted }
    }
}

fn failed(path: &Path, source: io::Error) -> NetError {
    NetError::System { action: NetAction::Read, place: Place::File(path.to_owned()), source }
}

/// Frames that an interface counted since it was made (`/sys/class/net/*/statistics`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Taken in.
    pub received: u64,
    /// Sent.
    pub sent: u64,
    /// Dropped by the system although they had arrived whole.
    pub dropped: u64,
    /// Dropped by the card because the system had not fetched those before them: its ring was full.
    pub missed: u64,
    /// Dropped because the card's own store was full.
    pub fifo: u64,
    /// With a wrong check sum: damaged on the wire.
    pub damaged: u64,
    /// Of another length than they may have.
    pub length: u64,
    /// All frames refused for any error, those above included.
    pub errors: u64,
}

impl FrameCounts {
    /// Frames that reached the machine and not its network stack, or reached it damaged.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.dropped.saturating_add(self.missed).saturating_add(self.errors)
    }

    /// What was counted since `before`.
    #[must_use]
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            sent: self.sent.saturating_sub(before.sent),
            dropped: self.dropped.saturating_sub(before.dropped),
            missed: self.missed.saturating_sub(before.missed),
            fifo: self.fifo.saturating_sub(before.fifo),
            damaged: self.damaged.saturating_sub(before.damaged),
            length: self.length.saturating_sub(before.length),
            errors: self.errors.saturating_sub(before.errors),
        }
    }
}

/// The counters of one interface.
#[derive(Debug)]
pub struct Counters([Tell; 8]);

impl Counters {
    /// Of the interface `name`.
    ///
    /// # Errors
    /// [`NetError`] if there is none, or if the mounted `/sys` is that of another network namespace.
    pub fn open(name: &str) -> Result<Self, NetError> {
        let folder = Path::new("/sys/class/net").join(check(name)?).join("statistics");
        let open = |file: &str| Tell::open(&folder.join(file));
        Ok(Self([
            open("rx_packets")?,
            open("tx_packets")?,
            open("rx_dropped")?,
            open("rx_missed_errors")?,
            open("rx_fifo_errors")?,
            open("rx_crc_errors")?,
            open("rx_length_errors")?,
            open("rx_errors")?,
        ]))
    }

    /// What they say now.
    ///
    /// # Errors
    /// [`NetError`] if the interface is gone.
    pub fn read(&self) -> Result<FrameCounts, NetError> {
        let [received, sent, dropped, missed, fifo, damaged, length, errors] = &self.0;
        Ok(FrameCounts {
            received: received.number()?,
            sent: sent.number()?,
            dropped: dropped.number()?,
            missed: missed.number()?,
            fifo: fifo.number()?,
            damaged: damaged.number()?,
            length: length.number()?,
            errors: errors.number()?,
        })
    }
}

/// What UDP counted since the system started, over all sockets (`/proc/net/snmp`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpCounts {
    /// Datagrams given to sockets.
    pub received: u64,
    /// Datagrams to a port where nobody listened.
    pub unheard: u64,
    /// Dropped because a socket's buffer was full.
    pub overflowed: u64,
    /// Dropped for a wrong check sum.
    pub damaged: u64,
}

/// The counters of UDP over IPv4 and IPv6.
#[derive(Debug)]
pub struct UdpCounters {
    four: Tell,
    /// None in a kernel without IPv6.
    six: Option<Tell>,
}

impl UdpCounters {
    /// Of this process's network.
    ///
    /// # Errors
    /// [`NetError`] if they cannot be read.
    pub fn open() -> Result<Self, NetError> {
        let four = Tell::open(Path::new("/proc/thread-self/net/snmp"))?;
        let six = match Tell::open(Path::new("/proc/thread-self/net/snmp6")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened?),
        };
        Ok(Self { four, six })
    }

    /// What they say now, both added up.
    ///
    /// # Errors
    /// [`NetError`] if they cannot be read.
    pub fn read(&self) -> Result<UdpCounts, NetError> {
        let four = self.four.text()?;
        let four = |name| named_column(&four, "Udp:", name).ok_or_else(|| self.four.lacks("counters of UDP"));
        let six = self.six.as_ref().map(Tell::text).transpose()?.unwrap_or_default();
        let six = |name| named_line(&six, name).unwrap_or_default();
        Ok(UdpCounts {
            received: four("InDatagrams")?.saturating_add(six("Udp6InDatagrams")),
            unheard: four("NoPorts")?.saturating_add(six("Udp6NoPorts")),
            overflowed: four("RcvbufErrors")?.saturating_add(six("Udp6RcvbufErrors")),
            damaged: four("InCsumErrors")?.saturating_add(six("Udp6InCsumErrors")),
        })
    }
}

/// The number below `name`, of the two lines that begin with `head`.
fn named_column(text: &str, head: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(head));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let column = names.split_ascii_whitespace().position(|found| found == name)?;
    numbers.split_ascii_whitespace().nth(column)?.parse().ok()
}

/// The number behind `name`.
fn named_line(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Limits of the system that decide how much a socket and the stack can hold back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `net.core.rmem_max`: most bytes of a receive buffer without privilege. None where it cannot be seen.
    pub rmem_max: Option<u64>,
    /// `net.core.wmem_max`: the same of a send buffer.
    pub wmem_max: Option<u64>,
    /// `net.core.netdev_max_backlog`: packets that wait for a processor.
    pub netdev_max_backlog: Option<u64>,
    /// Packets dropped since the system started because that was too little (`/proc/net/softnet_stat`).
    pub backlog_dropped: Option<u64>,
}

impl Limits {
    /// What they are now.
    #[must_use]
    pub fn read() -> Self {
        let limit = |name: &str| Tell::open(&Path::new("/proc/sys/net/core").join(name)).ok()?.number().ok();
        let softnet = Tell::open(Path::new("/proc/thread-self/net/softnet_stat")).and_then(|tell| tell.text());
        Self {
            rmem_max: limit("rmem_max"),
            wmem_max: limit("wmem_max"),
            netdev_max_backlog: limit("netdev_max_backlog"),
            backlog_dropped: softnet.ok().as_deref().and_then(second_column),
        }
    }
}

/// The sum of the second column, in hexadecimal: a line for each processor.
fn second_column(text: &str) -> Option<u64> {
    let second = |line: &str| u64::from_str_radix(line.split_ascii_whitespace().nth(1)?, 16).ok();
    text.lines().map(second).try_fold(0_u64, |sum, number| sum.checked_add(number?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_lines_are_found_by_name() {
        let text = "Ip: Forwarding\nIp: 1\nUdp: InDatagrams NoPorts RcvbufErrors\nUdp: 7 8 9\nUdpLite: InDatagrams\nUdpLite: 3\n";
        assert_eq!(named_column(text, "Udp:", "RcvbufErrors"), Some(9));
        assert_eq!(named_column(text, "Udp:", "Other"), None);
        assert_eq!(named_column(text, "Tcp:", "NoPorts"), None);
        assert_eq!(named_line("Udp6InDatagrams   \t4\nUdp6RcvbufErrors 5\n", "Udp6RcvbufErrors"), Some(5));
        assert_eq!(second_column("0001 0a 0\n0002 01 0\n"), Some(11));
        assert_eq!(second_column("0001\n"), None);
    }

    #[test]
    fn the_counters_of_loopback_grow() {
        let (counters, udp) = (Counters::open("lo").unwrap(), UdpCounters::open().unwrap());
        let (before, udp_before) = (counters.read().unwrap(), udp.read().unwrap());
        let to = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..10 {
            to.send_to(b"hello", to.local_addr().unwrap()).unwrap();
            to.recv(&mut [0; 8]).unwrap();
        }
        let grown = counters.read().unwrap().since(&before);
        assert!(grown.received >= 10 && grown.sent >= 10, "{grown:?}");
        assert!(udp.read().unwrap().received >= udp_before.received + 10);
        assert!(Limits::read().netdev_max_backlog.is_none_or(|most| most > 0));
    }

    #[test]
    fn an_interface_that_is_not_there_has_no_counters() {
        assert_eq!(Counters::open("none-such").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(matches!(Counters::open("../lo"), Err(NetError::Name { .. })));
    }
}
