//! What carries datagrams: UDP ([`udp`]) or frames of Ethernet ([`ethernet`]).

pub mod ethernet;
pub mod udp;

use std::os::fd::RawFd;
use std::time::Duration;

use pouch_platform::net::{self, Counters, FrameCounts, SocketLosses};

use crate::datagram::{HEAD, UNTAGGED};

pub use pouch_platform::net::NetError as LinkError;

/// Bytes that a frame takes of an Ethernet wire besides its content: preamble 8, header 14, check sum 4, gap 12.
pub(crate) const FRAME: usize = 38;

/// Sends bursts of datagrams of equal size, one way.
pub trait Transmit: Send {
    /// Bytes that a datagram may have at most.
    fn largest(&self) -> usize;

    /// Bytes of an Ethernet wire that a datagram takes besides its own.
    fn overhead(&self) -> usize;

    /// Datagrams that go well in one call.
    fn burst(&self) -> usize;

    /// Sends `datagrams` of `size` bytes, one behind the other; the last may be shorter. Waits only for room in this
    /// machine.
    ///
    /// # Errors
    /// [`LinkError::Size`]; [`LinkError::System`] if the link is down or took nothing for two seconds.
    fn send(&mut self, datagrams: &[u8], size: usize) -> Result<(), LinkError>;
}

/// Receives datagrams and never sends anything.
pub trait Receive: Send {
    /// The datagrams that are there, or that come within `wait`; perhaps none, and perhaps earlier.
    ///
    /// # Errors
    /// [`LinkError::System`], also if the interface went down.
    fn receive(&mut self, wait: Duration) -> Result<Batch<'_>, LinkError>;

    /// What was lost in this machine since the link was opened.
    ///
    /// # Errors
    /// [`LinkError`] if the system does not tell.
    fn losses(&mut self) -> Result<Losses, LinkError>;

    /// Bytes of the buffer that the system granted.
    fn buffer(&self) -> usize;

    /// The number of the socket below, for a filter that forbids to write to it; none if there is no socket.
    fn descriptor(&self) -> Option<RawFd>;
}

/// What was lost in the receiving machine since the link was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// At the socket.
    pub socket: SocketLosses,
    /// What the interface counted; none if it is not known which one it is, or it tells nothing.
    pub card: Option<FrameCounts>,
}

impl Losses {
    /// Datagrams that the kernel dropped because the socket's buffer was full.
    #[must_use]
    pub const fn overflowed(&self) -> u64 {
        self.socket.overflowed
    }

    /// Frames that the card dropped or found damaged.
    #[must_use]
    pub fn card(&self) -> u64 {
        self.card.map_or(0, |card| card.lost())
    }
}

/// The datagrams that one call received.
#[derive(Clone, Debug, Default)]
pub struct Batch<'a> {
    datagrams: net::Batch<'a>,
    /// Whether there may be padding behind a datagram.
    padded: bool,
}

impl<'a> Batch<'a> {
    /// Datagrams of `size` bytes, one behind the other; the last may be shorter.
    #[must_use]
    pub fn of(bytes: &'a [u8], size: usize) -> Self {
        Self { datagrams: net::Batch::of(bytes, size), padded: false }
    }
}

impl<'a> Iterator for Batch<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let datagram = self.datagrams.next()?;
        Some(if self.padded { trimmed(datagram) } else { datagram })
    }
}

/// A datagram without what lies behind the payload that its head states.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let stated = bytes.get(UNTAGGED - 2..UNTAGGED).and_then(|stated| stated.try_into().ok()).map(u16::from_be_bytes);
    stated.and_then(|stated| bytes.get(..HEAD + usize::from(stated))).unwrap_or(bytes)
}

/// The counters of an interface, and what they said at first.
#[derive(Debug)]
struct Card {
    counters: Counters,
    first: FrameCounts,
}

impl Card {
    /// Of the interface `name`; none if it tells nothing.
    fn of(name: &str) -> Option<Self> {
        let counters = Counters::open(name).ok()?;
        let first = counters.read().ok()?;
        Some(Self { counters, first })
    }

    /// What it counted since; nothing if it is gone.
    fn since(&self) -> Option<FrameCounts> {
        Some(self.counters.read().ok()?.since(&self.first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_goes_and_what_is_no_datagram_stays() {
        let mut bytes = vec![7; 100];
        bytes[46..48].copy_from_slice(&10_u16.to_be_bytes());
        assert_eq!(trimmed(&bytes).len(), 74);
        assert_eq!(trimmed(&bytes[..74]).len(), 74);
        assert_eq!(trimmed(&bytes[..73]).len(), 73, "cut short: for whoever reads it to refuse");
        assert_eq!(trimmed(&bytes[..47]).len(), 47);
        assert_eq!(trimmed(&[]).len(), 0);
    }
}
