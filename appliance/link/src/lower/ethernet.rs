//! Datagrams in frames of their own, without IP: no stack, no addresses to look up, nothing that answers.

use std::{os::fd::RawFd, time::Duration};

use pouch_platform::net::{EtherListen, EtherReceiver, EtherSender, EtherTo, Mac};

use super::{Batch, Card, FRAME, LinkError, Losses, Receive, Transmit};

/// The EtherType of the frames: the first that IEEE 802 sets aside for local experiments.
pub const ETHERTYPE: u16 = 0x88b5;

/// Sends by Ethernet.
#[derive(Debug)]
pub struct EthernetTransmit(EtherSender);

impl EthernetTransmit {
    /// Opens `interface` to send to `mac`; nothing is sent yet. `direct` leaves out the system's queue.
    ///
    /// # Errors
    /// [`LinkError`] without the interface or the right to (`CAP_NET_RAW`).
    pub fn open(interface: &str, mac: [u8; 6], direct: bool) -> Result<Self, LinkError> {
        let to = EtherTo { interface: interface.to_owned(), mac: Mac(mac), ethertype: ETHERTYPE, direct };
        EtherSender::open(&to).map(Self)
    }
}

impl Transmit for EthernetTransmit {
    fn largest(&self) -> usize {
        self.0.largest()
    }

    fn overhead(&self) -> usize {
        FRAME
    }

    fn burst(&self) -> usize {
        self.0.burst()
    }

    fn send(&mut self, datagrams: &[u8], size: usize) -> Result<(), LinkError> {
        self.0.send(datagrams, size)
    }
}

/// Receives by Ethernet.
#[derive(Debug)]
pub struct EthernetReceive {
    receiver: EtherReceiver,
    card: Option<Card>,
}

impl EthernetReceive {
    /// Listens on `interface` from now on, for frames to the address `to` alone if it is said, with a buffer of about
    /// `buffer` bytes, which count as memory of this process.
    ///
    /// # Errors
    /// [`LinkError`] without the interface or the right to (`CAP_NET_RAW`).
    pub fn open(interface: &str, to: Option<[u8; 6]>, buffer: usize) -> Result<Self, LinkError> {
        let at = EtherListen { interface: interface.to_owned(), to: to.map(Mac), ethertype: ETHERTYPE, buffer };
        Ok(Self { receiver: EtherReceiver::open(&at)?, card: Card::of(interface) })
    }
}

impl Receive for EthernetReceive {
    fn receive(&mut self, wait: Duration) -> Result<Batch<'_>, LinkError> {
        Ok(Batch { datagrams: self.receiver.receive(wait)?, padded: true })
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
