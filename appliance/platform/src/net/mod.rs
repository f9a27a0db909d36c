//! Datagrams in one direction, at the rate of the wire: UDP and raw Ethernet, and what a machine tells of its links.
//!
//! A sender never reads and a receiver never transmits. Both move many datagrams in a system call. Start reading at
//! [`UdpSender`] and [`UdpReceiver`]; [`EtherSender`] and [`EtherReceiver`] do the same without an IP stack.

mod batch;
mod error;
mod ether;
mod ether_receive;
mod ether_send;
mod interface;
mod messages;
mod namespace;
mod options;
mod patience;
mod ring;
mod tell;
mod udp_receive;
mod udp_send;

pub use batch::Batch;
pub use error::{NetAction, NetError, Place};
pub use ether::Mac;
pub use ether_receive::{EtherListen, EtherReceiver};
pub use ether_send::{EtherSender, EtherTo};
pub use interface::Interface;
pub use namespace::own_network;
pub use tell::{Counters, FrameCounts, Limits, UdpCounters, UdpCounts};
pub use udp_receive::{UDP_BUFFER, UdpListen, UdpReceiver};
pub use udp_send::{UdpSender, UdpTo};

/// Most bytes of a UDP datagram over IPv4, and of all datagrams that the kernel cuts out of one message (RFC 768).
pub const UDP_MOST: usize = 65_507;

/// Datagrams that were lost at the receiving socket since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketLosses {
    /// Dropped by the kernel because the buffer was full. Over UDP a run of datagrams that the kernel had joined counts
    /// as one, so this says that datagrams were lost here and at least how many.
    pub overflowed: u64,
    /// Dropped by us because they were longer than a buffer.
    pub cut: u64,
}
