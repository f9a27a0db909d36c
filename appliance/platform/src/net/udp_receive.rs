//! UDP, the receiving end.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    time::Duration,
};

use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, ppoll},
    sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, getsockname, setsockopt, socket, sockopt},
};

use super::{
    Batch, Interface, NetAction, NetError, Place, SocketLosses,
    messages::Arena,
    options::{dropped, receive_buffer, set},
};

/// Bytes of the largest message: what the kernel joins is never longer than an IP packet can say.
const MESSAGE: usize = 65_535;

/// Bytes of the receive buffer that are wanted unless another number is said.
pub const UDP_BUFFER: usize = 32 << 20;

/// Where to listen, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpListen {
    /// An address of this machine, all of them (`0.0.0.0`, `[::]`), or a multicast group, and the port. A group is joined,
    /// for which the system sends IGMP or MLD; an address does not have it send anything.
    pub address: SocketAddr,
    /// The interface to listen on; all, or where the routes say the group is, if none.
    pub interface: Option<String>,
    /// Bytes of the receive buffer wanted.
    pub buffer: usize,
}

impl UdpListen {
    /// Listening on `address` with a buffer of [`UDP_BUFFER`].
    #[must_use]
    pub const fn on(address: SocketAddr) -> Self {
        Self { address, interface: None, buffer: UDP_BUFFER }
    }
}

/// Receives datagrams. Its socket is never connected and never written.
#[derive(Debug)]
pub struct UdpReceiver {
    socket: OwnedFd,
    place: Place,
    address: SocketAddr,
    arena: Arena,
    buffer: usize,
    /// What the kernel's counter said, which begins anew after 2^32.
    said: u32,
    overflowed: u64,
}

impl UdpReceiver {
    /// A receiver on `at`; datagrams wait for it from now on.
    ///
    /// # Errors
    /// [`NetError::System`] if the address is not ours or taken; [`NetError`] of the interface.
    pub fn open(at: &UdpListen) -> Result<Self, NetError> {
        Self::with_buffers(at, MESSAGE)
    }

    fn with_buffers(at: &UdpListen, bytes: usize) -> Result<Self, NetError> {
        let place = Place::Udp(at.address);
        let failed = |action| {
            let place = place.clone();
            move |errno| place.failed(action, errno)
        };
        let set_failed = |name| failed(NetAction::Set(name));
        let family = if at.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(family, SockType::Datagram, flags, None).map_err(failed(NetAction::Open))?;
        if at.address.is_ipv6() {
            setsockopt(&socket, sockopt::Ipv6V6Only, &true).map_err(set_failed("IPV6_V6ONLY"))?;
        }
        if let Some(interface) = &at.interface {
            let name = super::interface::check(interface)?.into();
            setsockopt(&socket, sockopt::BindToDevice, &name).map_err(set_failed("SO_BINDTODEVICE"))?;
        }
        let buffer = receive_buffer(socket.as_fd(), at.buffer).map_err(set_failed("SO_RCVBUF"))?;
        // A kernel that does not join datagrams gives them one by one, which is slower and as good.
        let _ = setsockopt(&socket, sockopt::UdpGroSegment, &true);
        bind(socket.as_raw_fd(), &SockaddrStorage::from(at.address)).map_err(failed(NetAction::Bind))?;
        let index = at.interface.as_deref().map(Interface::named).transpose()?.map_or(0, |found| found.index);
        join(socket.as_fd(), at.address.ip(), index).map_err(failed(NetAction::Bind))?;
        let address = bound(&socket).map_err(failed(NetAction::Bind))?;
        let place = Place::Udp(address);
        Ok(Self { socket, place, address, arena: Arena::new(bytes), buffer, said: 0, overflowed: 0 })
    }

    /// The socket's number, for a filter that forbids to write to it.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Where it listens, with the port that the system chose if none was said.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes of the receive buffer that the system granted; perhaps fewer than wanted, for want of `net.core.rmem_max` or
    /// of the right to go beyond it (`CAP_NET_ADMIN`).
    #[must_use]
    pub const fn buffer(&self) -> usize {
        self.buffer
    }

    /// The datagrams that are there, or that come within `wait`; none if none do, or if a signal or
    /// what is of no use came before.
    ///
    /// # Errors
    /// [`NetError::System`].
    pub fn receive(&mut self, wait: Duration) -> Result<Batch<'_>, NetError> {
        match self.receive_now() {
            Err(Errno::EAGAIN) => {
                let ready = readable(self.socket.as_fd(), wait);
                ready.and_then(|ready| if ready { self.receive_now() } else { Ok(()) })
            }
            done => done,
        }
        .or_else(|errno| match errno {
            // A wrong check sum is found only after the wait was over.
            Errno::EAGAIN | Errno::EINTR => Ok(()),
            _ => Err(self.place.failed(NetAction::Receive, errno)),
        })?;
        Ok(self.arena.batch())
    }

    fn receive_now(&mut self) -> nix::Result<()> {
        self.arena.receive(self.socket.as_fd())
    }

    /// What this socket lost since it was opened. To be asked at least once in 2^32 losses.
    ///
    /// # Errors
    /// [`NetError::System`].
    pub fn losses(&mut self) -> Result<SocketLosses, NetError> {
        let failed = |errno| self.place.failed(NetAction::Read, errno);
        let says = dropped(self.socket.as_fd()).map_err(failed)?;
        self.overflowed = self.overflowed.saturating_add(says.wrapping_sub(self.said).into());
        self.said = says;
        Ok(SocketLosses { overflowed: self.overflowed, cut: self.arena.cut() })
    }
}

/// More than anybody waits, and within what the system takes.
const LONGEST: Duration = Duration::from_secs(3600);

/// Waits until something can be read, and says whether it can.
pub(super) fn readable(socket: BorrowedFd<'_>, wait: Duration) -> nix::Result<bool> {
    ppoll(&mut [PollFd::new(socket, PollFlags::POLLIN)], Some(wait.min(LONGEST).into()), None).map(|ready| ready > 0)
}

/// Joins a multicast group; any other address needs nothing.
fn join(socket: BorrowedFd<'_>, group: IpAddr, index: u32) -> nix::Result<()> {
    let index = i32::try_from(index).map_err(|_| Errno::ENODEV)?;
    match group {
        IpAddr::V4(group) if group.is_multicast() => {
            let group = libc::in_addr { s_addr: u32::from(group).to_be() };
            let any = libc::in_addr { s_addr: 0 };
            let request = libc::ip_mreqn { imr_multiaddr: group, imr_address: any, imr_ifindex: index };
            set(socket, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &request)
        }
        IpAddr::V6(group) if group.is_multicast() => {
            let group = libc::in6_addr { s6_addr: group.octets() };
            let request = libc::ipv6_mreq { ipv6mr_multiaddr: group, ipv6mr_interface: index.unsigned_abs() };
            set(socket, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &request)
        }
        _ => Ok(()),
    }
}

fn bound(socket: &OwnedFd) -> nix::Result<SocketAddr> {
    let name: SockaddrStorage = getsockname(socket.as_raw_fd())?;
    let four = name.as_sockaddr_in().map(|four| SocketAddr::V4((*four).into()));
    four.or_else(|| name.as_sockaddr_in6().map(|six| SocketAddr::V6((*six).into()))).ok_or(Errno::EAFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, UdpSocket};

    #[test]
    fn a_datagram_longer_than_a_buffer_is_counted_and_dropped() {
        let at = UdpListen::on((Ipv4Addr::LOCALHOST, 0).into());
        let mut receiver = UdpReceiver::with_buffers(&at, 100).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for length in [100, 101, 0, 99] {
            sender.send_to(&vec![7; length], receiver.address()).unwrap();
        }
        let lengths: Vec<usize> = receiver.receive(Duration::from_secs(5)).unwrap().map(<[u8]>::len).collect();
        assert_eq!(lengths, [100, 0, 99]);
        assert_eq!(receiver.losses().unwrap(), SocketLosses { overflowed: 0, cut: 1 });
    }
}
