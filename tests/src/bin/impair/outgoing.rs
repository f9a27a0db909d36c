//! The side that sends: datagrams of one size are gathered, for one call of the system each is too slow.

use pouch_platform::net::{UdpSender, UdpTo};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
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
    /// Where all of it is recorded.
    record: Option<BufWriter<File>>,
    failed: Option<io::Error>,
}

impl Outgoing {
    pub(crate) fn to(address: SocketAddr, record: Option<BufWriter<File>>) -> Result<Self, String> {
        let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let odd = UdpSocket::bind(any).and_then(|socket| socket.connect(address).map(|()| socket));
        let odd = odd.map_err(|error| format!("{address}: {error}"))?;
        let sender = UdpSender::open(&UdpTo::neighbour(address)).map_err(|error| error.to_string())?;
        let gathered = Vec::with_capacity(GATHERED);
        Ok(Self { sender, odd, gathered, size: 0, record, failed: None })
    }

    /// Sends a datagram, now or with those that follow; never in another order.
    pub(crate) fn send(&mut self, datagram: &[u8]) {
        if let Some(Err(error)) = self.record.as_mut().map(|record| crate::keep(record, datagram)) {
            (self.record, self.failed) = (None, Some(error));
        }
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

    /// Sends what was gathered, and ends the record.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.flush();
        match self.failed {
            Some(error) => Err(error),
            None => self.record.map_or(Ok(()), |mut record| record.flush()),
        }
    }
}
