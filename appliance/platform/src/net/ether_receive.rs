//! Raw Ethernet, the receiving end.

use std::{
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use nix::{errno::Errno, libc, sys::socket::SockType};

use super::{
    Batch, Interface, Mac, NetAction, NetError, Place, SocketLosses,
    ether::{bind, open},
    options::{get, set},
    ring::Ring,
    udp_receive::readable,
};

/// Where to listen, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtherListen {
    /// The interface. Frames to its own address and to everybody are taken in; it is not made promiscuous.
    pub interface: String,
    /// A group whose frames the card shall let in too. Unlike a group of IP, joining it sends nothing.
    pub group: Option<Mac>,
    /// What the frames carry.
    pub ethertype: u16,
    /// Bytes of the buffer wanted, from 1 to 32 MiB. They count as memory of this process.
    pub buffer: usize,
}

/// Receives datagrams from frames, without IP and ARP. Nothing is ever sent, by nobody.
#[derive(Debug)]
pub struct EtherReceiver {
    // Before the socket, which the memory belongs to.
    ring: Ring,
    socket: OwnedFd,
    place: Place,
    overflowed: u64,
}

impl EtherReceiver {
    /// A receiver on `at`; frames wait for it from now on.
    ///
    /// # Errors
    /// [`NetError::System`] without the interface, or without the right to (`CAP_NET_RAW`); [`NetError::NotAGroup`].
    pub fn open(at: &EtherListen) -> Result<Self, NetError> {
        let interface = Interface::named(&at.interface)?;
        let place = Place::Interface(at.interface.clone());
        let failed = |action| {
            let place = &place;
            move |errno| place.failed(action, errno)
        };
        // Without the Ethernet header: what is for us the kernel knows.
        let socket = open(SockType::Datagram).map_err(failed(NetAction::Open))?;
        let ring = Ring::of(&socket, at.buffer).map_err(failed(NetAction::Set("PACKET_RX_RING")))?;
        bind(socket.as_fd(), at.ethertype, interface.index).map_err(failed(NetAction::Bind))?;
        if let Some(group) = at.group {
            let request = membership(&interface, group)?;
            set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
                .map_err(failed(NetAction::Set("PACKET_ADD_MEMBERSHIP")))?;
        }
        Ok(Self { ring, socket, place, overflowed: 0 })
    }

    /// Bytes of the buffer.
    #[must_use]
    pub const fn buffer(&self) -> usize {
        self.ring.len()
    }

    /// The datagrams that are there, or that come within `wait`; none if none do, or if a signal or what is not for us came
    /// before. Those of short frames
    /// have the padding of the frame behind them. A datagram is handed over up to 10 ms after it came.
    ///
    /// # Errors
    /// [`NetError::System`], also if the interface went down.
    pub fn receive(&mut self, wait: Duration) -> Result<Batch<'_>, NetError> {
        if !self.ring.take() {
            match readable(self.socket.as_fd(), wait) {
                Ok(true) if !self.ring.take() => self.trouble()?,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(self.place.failed(NetAction::Receive, errno)),
            }
        }
        Ok(self.ring.batch())
    }

    /// What happened to the interface: a ring is never read, so nothing else would say it, and waiting would be over at
    /// once again and again.
    fn trouble(&self) -> Result<(), NetError> {
        match get(self.socket.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR) {
            Ok(0) => Ok(()),
            Ok(error) => Err(self.place.failed(NetAction::Receive, Errno::from_raw(error))),
            Err(errno) => Err(self.place.failed(NetAction::Receive, errno)),
        }
    }

    /// What this socket lost since it was opened.
    ///
    /// # Errors
    /// [`NetError::System`].
    pub fn losses(&mut self) -> Result<SocketLosses, NetError> {
        // Each question sets the kernel's counters to nought.
        let since: libc::tpacket_stats_v3 = get(self.socket.as_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS)
            .map_err(|errno| self.place.failed(NetAction::Read, errno))?;
        self.overflowed = self.overflowed.saturating_add(since.tp_drops.into());
        Ok(SocketLosses { overflowed: self.overflowed, cut: self.ring.cut() })
    }
}

fn membership(interface: &Interface, group: Mac) -> Result<libc::packet_mreq, NetError> {
    if !group.is_group() {
        return Err(NetError::NotAGroup { mac: group });
    }
    let [a, b, c, d, e, f] = group.0;
    Ok(libc::packet_mreq {
        mr_ifindex: i32::try_from(interface.index).unwrap_or_default(),
        mr_type: u16::try_from(libc::PACKET_MR_MULTICAST).unwrap_or_default(),
        mr_alen: 6,
        mr_address: [a, b, c, d, e, f, 0, 0],
    })
}
