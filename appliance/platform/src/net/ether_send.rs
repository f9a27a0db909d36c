//! Raw Ethernet, the sending end.

use std::os::fd::{AsFd, OwnedFd};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{SockType, setsockopt, sockopt},
};

use super::{
    Interface, Mac, NetAction, NetError, Place,
    ether::{bind, open},
    messages,
    options::set,
    patience::Patience,
};

/// Bytes of the header: destination, source, EtherType (IEEE 802.3).
const HEADER: usize = 14;
/// As for UDP, and here the queue's limit is said when it is met.
const BUFFER: usize = 1024 * 1024;

/// Where to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtherTo {
    /// The interface to send by.
    pub interface: String,
    /// The receiver's address, or that of a group.
    pub mac: Mac,
    /// What the frames carry.
    pub ethertype: u16,
    /// Gives frames to the card without the system's queue (`PACKET_QDISC_BYPASS`): less work, but nothing smooths bursts.
    pub direct: bool,
}

/// Sends datagrams as frames, without IP and ARP, and never reads anything.
#[derive(Debug)]
pub struct EtherSender {
    socket: OwnedFd,
    place: Place,
    header: [u8; HEADER],
    largest: usize,
}

impl EtherSender {
    /// A sender to `to`; nothing is sent yet.
    ///
    /// # Errors
    /// [`NetError::System`] without the interface, or without the right to (`CAP_NET_RAW`).
    pub fn open(to: &EtherTo) -> Result<Self, NetError> {
        let interface = Interface::named(&to.interface)?;
        let place = Place::Interface(to.interface.clone());
        let failed = |action| {
            let place = &place;
            move |errno| place.failed(action, errno)
        };
        let socket = open(SockType::Raw).map_err(failed(NetAction::Open))?;
        bind(socket.as_fd(), 0, interface.index).map_err(failed(NetAction::Bind))?;
        if setsockopt(&socket, sockopt::SndBufForce, &BUFFER).is_err() {
            setsockopt(&socket, sockopt::SndBuf, &BUFFER).map_err(failed(NetAction::Set("SO_SNDBUF")))?;
        }
        if to.direct {
            set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, &1)
                .map_err(failed(NetAction::Set("PACKET_QDISC_BYPASS")))?;
        }
        let wait = nix::sys::time::TimeVal::new(0, 100_000);
        setsockopt(&socket, sockopt::SendTimeout, &wait).map_err(failed(NetAction::Set("SO_SNDTIMEO")))?;
        let mut header = [0; HEADER];
        let source = interface.mac.map_or([0; 6], |mac| mac.0);
        let bytes = to.mac.0.into_iter().chain(source).chain(to.ethertype.to_be_bytes());
        header.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        Ok(Self { socket, place, header, largest: interface.mtu })
    }

    /// Bytes that a datagram may have at most: the interface's MTU.
    #[must_use]
    pub const fn largest(&self) -> usize {
        self.largest
    }

    /// Datagrams that one system call takes at most.
    #[must_use]
    pub const fn burst(&self) -> usize {
        messages::MESSAGES
    }

    /// Sends datagrams of `size` bytes that lie one behind the other, the last perhaps shorter. Waits only for room in
    /// this machine. The card pads frames of less than 60 bytes, so a datagram must state its own length.
    ///
    /// # Errors
    /// [`NetError::Size`]; [`NetError::System`] if the link is down, or took nothing for two seconds.
    pub fn send(&mut self, datagrams: &[u8], size: usize) -> Result<(), NetError> {
        if size == 0 || size > self.largest {
            return Err(NetError::Size { size, most: self.largest, place: self.place.clone() });
        }
        let (mut rest, mut patience) = (datagrams, Patience::default());
        while !rest.is_empty() {
            match messages::send(self.socket.as_fd(), &self.header, rest, size) {
                Ok(sent) => {
                    rest = rest.get(size.saturating_mul(sent)..).unwrap_or_default();
                    patience.renew();
                }
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::ENOMEM) if patience.pause() => {}
                Err(errno) => return Err(self.place.failed(NetAction::Send, errno)),
            }
        }
        Ok(())
    }
}
