//! Datagrams of UDP, over IPv4 or IPv6.

use std::{net::SocketAddr, os::fd::RawFd, time::Duration};

use pouch_platform::net::{Interface, UdpListen, UdpReceiver, UdpSender, UdpTo};

use super::{Batch, Card, FRAME, LinkError, Losses, Receive, Transmit};

/// Datagrams in one call: what the kernel cuts out of one message, so that a burst goes down to the card as a whole.
const BURST: usize = 64;

/// Bytes of the heads of IP and UDP.
#[must_use]
pub const fn head(address: &SocketAddr) -> usize {
    if address.is_ipv4() { 20 + 8 } else { 40 + 8 }
}

/// Sends by UDP.
#[derive(Debug)]
pub struct UdpTransmit {
    sender: UdpSender,
    overhead: usize,
}

impl UdpTransmit {
    /// Opens the way to `to`; nothing is sent yet.
    ///
    /// # Errors
    /// [`LinkError`] if there is none.
    pub fn open(to: &UdpTo) -> Result<Self, LinkError> {
        Ok(Self { sender: UdpSender::open(to)?, overhead: FRAME + head(&to.address) })
    }
}

impl Transmit for UdpTransmit {
    fn largest(&self) -> usize {
        self.sender.largest()
    }

    fn overhead(&self) -> usize {
        self.overhead
    }

    fn burst(&self) -> usize {
        BURST
    }

    fn send(&mut self, datagrams: &[u8], size: usize) -> Result<(), LinkError> {
        self.sender.send(datagrams, size)
    }
}

/// Receives by UDP.
#[derive(Debug)]
pub struct UdpReceive {
    receiver: UdpReceiver,
    card: Option<Card>,
}

impl UdpReceive {
    /// Listens on `at` from now on.
    ///
    /// # Errors
    /// [`LinkError`] if that is not possible.
    pub fn open(at: &UdpListen) -> Result<Self, LinkError> {
        let receiver = UdpReceiver::open(at)?;
        let of_address = || Interface::of(at.address.ip()).ok().map(|interface| interface.name);
        let name = at.interface.clone().or_else(of_address);
        Ok(Self { receiver, card: name.as_deref().and_then(Card::of) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.receiver.address()
    }
}

impl Receive for UdpReceive {
    fn receive(&mut self, wait: Duration) -> Result<Batch<'_>, LinkError> {
        Ok(Batch { datagrams: self.receiver.receive(wait)?, padded: false })
    }

    fn losses(&mut self) -> Result<Losses, LinkError> {
        Ok(Losses { socket: self.receiver.losses()?, card: self.card.as_ref().and_then(Card::since) })
    }

    fn buffer(&self) -> usize {
        self.receiver.buffer()
    }

    fn descriptor(&self) -> Option<RawFd> {
        Some(self.receiver.descriptor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn datagrams_cross_and_the_interface_counts_them() {
        let mut far = UdpReceive::open(&UdpListen::on((Ipv4Addr::LOCALHOST, 0).into())).unwrap();
        let mut near: Box<dyn Transmit> = Box::new(UdpTransmit::open(&UdpTo::neighbour(far.address())).unwrap());
        assert_eq!(near.overhead() + 1472, 1538, "as a full frame takes of the wire");
        assert!(near.largest() >= 1472);
        let bytes: Vec<u8> = (0..near.burst() * 100 + 3).map(|at| u8::try_from(at % 251).unwrap()).collect();
        near.send(&bytes, 100).unwrap();
        let mut arrived = Vec::new();
        while arrived.len() < near.burst() + 1 {
            let before = arrived.len();
            arrived.extend(far.receive(Duration::from_secs(1)).unwrap().map(<[u8]>::to_vec));
            assert!(arrived.len() > before, "only {before} arrived");
        }
        assert!(arrived == bytes.chunks(100).collect::<Vec<_>>());
        let losses = far.losses().unwrap();
        assert_eq!(losses.socket, Default::default());
        assert!(losses.card.unwrap().received > 0 && far.buffer() > 0);
    }
}
