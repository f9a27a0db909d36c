//! Raw Ethernet, the receiving end.

use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
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
    /// The interface. It is not made promiscuous.
    pub interface: String,
    /// The only address that frames may be sent to: the interface's own, another, or a group's. The card is told to let
    /// it in; unlike with a group of IP, that sends nothing. If none, what is for this machine or for everybody.
    pub to: Option<Mac>,
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
    /// [`NetError::System`] without the interface, or without the right to (`CAP_NET_RAW`).
    pub fn open(at: &EtherListen) -> Result<Self, NetError> {
        let interface = Interface::named(&at.interface)?;
        let place = Place::Interface(at.interface.clone());
        let failed = |action| {
            let place = &place;
            move |errno| place.failed(action, errno)
        };
        let socket = open(SockType::Raw).map_err(failed(NetAction::Open))?;
        let ring = Ring::of(&socket, at.buffer, at.to).map_err(failed(NetAction::Set("PACKET_RX_RING")))?;
        bind(socket.as_fd(), at.ethertype, interface.index).map_err(failed(NetAction::Bind))?;
        if let Some(to) = at.to.filter(|to| Some(*to) != interface.mac) {
            set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership(&interface, to))
                .map_err(failed(NetAction::Set("PACKET_ADD_MEMBERSHIP")))?;
        }
        Ok(Self { ring, socket, place, overflowed: 0 })
    }

    /// The socket's number, for a filter that forbids to write to it.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
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

fn membership(interface: &Interface, to: Mac) -> libc::packet_mreq {
    let [a, b, c, d, e, f] = to.0;
    let kind = if to.is_group() { libc::PACKET_MR_MULTICAST } else { libc::PACKET_MR_UNICAST };
    libc::packet_mreq {
        mr_ifindex: i32::try_from(interface.index).unwrap_or_default(),
        mr_type: u16::try_from(kind).unwrap_or_default(),
        mr_alen: 6,
        mr_address: [a, b, c, d, e, f, 0, 0],
    }
}
