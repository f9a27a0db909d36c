//! The side that sends: datagrams of one size are gathered, for one call of the system each is too slow.

use pouch_platform::net::{UdpSender, UdpTo};
use std::net::{SocketAddr, UdpSocket};

/// Bytes that are gathered at most.
const GATHERED: usize = 256 << 10;

/// Where datagrams go out. A receiver that is not there, or a link that takes nothing, is a loss like any other.
pub(crate) struct Outgoing {
    sender: UdpSender,
    /// For those that the link carries only in pieces, and those without a byte.
    odd: UdpSocket,
    gathered: Vec<u8>,
    /// Bytes of each of them.
    size: usize,
}

impl Outgoing {
    pub(crate) fn to(address: SocketAddr) -> Result<Self, String> {
        let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let odd = UdpSocket::bind(any).and_then(|socket| socket.connect(address).map(|()| socket));
        let odd = odd.map_err(|error| format!("{address}: {error}"))?;
        let sender = UdpSender::open(&UdpTo::neighbour(address)).map_err(|error| error.to_string())?;
        Ok(Self { sender, odd, gathered: Vec::with_capacity(GATHERED), size: 0 })
    }

    /// Sends a datagram, now or with those that follow; never in another order.
    pub(crate) fn send(&mut self, datagram: &[u8]) {
        if datagram.len() != self.size || self.gathered.len() + datagram.len() > GATHERED {
            self.flush();
        }
        if datagram.is_empty() || datagram.len() > self.sender.largest() {
            let _ = self.odd.send(datagram);
            return;
        }
        self.size = datagram.len();
        self.gathered.extend_from_slice(datagram);
    }

    /// Sends what was gathered.
    pub(crate) fn flush(&mut self) {
        if !self.gathered.is_empty() {
            let _ = self.sender.send(&self.gathered, self.size);
            self.gathered.clear();
        }
    }
}
