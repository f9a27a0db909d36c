//! UDP, the sending end.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt},
};

use super::{
    NetAction, NetError, Place, UDP_MOST, messages,
    options::{get, set},
    patience::Patience,
};

/// Most datagrams that the kernel cuts out of one message (`UDP_MAX_SEGMENTS` of its older releases).
const SEGMENTS: usize = 64;
/// Bytes of the send buffer asked for: milliseconds at the rate of a fast wire, and fewer packets than the 1000 that an
/// interface queues by default, for what does not fit there is dropped without a word.
const BUFFER: usize = 1024 * 1024;

/// Where to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpTo {
    /// A unicast or multicast address and its port.
    pub address: SocketAddr,
    /// The interface to send by; the routes say if none.
    pub interface: Option<String>,
    /// Routers that a datagram may pass, plus one (TTL, hop limit).
    pub hops: u8,
}

impl UdpTo {
    /// To the neighbour at `address`: one hop, by the interface that the routes say.
    #[must_use]
    pub const fn neighbour(address: SocketAddr) -> Self {
        Self { address, interface: None, hops: 1 }
    }
}

/// Sends datagrams to one address and never reads anything.
#[derive(Debug)]
pub struct UdpSender {
    socket: OwnedFd,
    place: Place,
    largest: usize,
    /// Whether the kernel still takes many datagrams as one message.
    joined: bool,
    /// Bytes at which the kernel cuts a message now; 0: nowhere.
    segment: usize,
    refusals: u64,
}

impl UdpSender {
    /// A sender to `to`; nothing is sent yet.
    ///
    /// # Errors
    /// [`NetError::System`] if there is no way there.
    pub fn open(to: &UdpTo) -> Result<Self, NetError> {
        let place = Place::Udp(to.address);
        let failed = |action| {
            let place = place.clone();
            move |errno| place.failed(action, errno)
        };
        let set_failed = |name| failed(NetAction::Set(name));
        let family = if to.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(family, SockType::Datagram, flags, None).map_err(failed(NetAction::Open))?;
        if let Some(interface) = &to.interface {
            let name = super::interface::check(interface)?.into();
            setsockopt(&socket, sockopt::BindToDevice, &name).map_err(set_failed("SO_BINDTODEVICE"))?;
        }
        only_forward(&socket, to).map_err(set_failed("hop limit and fragmentation"))?;
        if setsockopt(&socket, sockopt::SndBufForce, &BUFFER).is_err() {
            setsockopt(&socket, sockopt::SndBuf, &BUFFER).map_err(set_failed("SO_SNDBUF"))?;
        }
        // Nobody reads, so nothing needs to be held for reading: the kernel's least.
        setsockopt(&socket, sockopt::RcvBuf, &0).map_err(set_failed("SO_RCVBUF"))?;
        // Sends nothing: it only fixes the way, so that the kernel does not look for it anew for every message.
        connect(socket.as_raw_fd(), &SockaddrStorage::from(to.address)).map_err(failed(NetAction::Route))?;
        let largest = largest(&socket, to.address).map_err(failed(NetAction::Route))?;
        Ok(Self { socket, place, largest, joined: true, segment: 0, refusals: 0 })
    }

    /// Bytes that a datagram may have at most, to go over the first link whole.
    #[must_use]
    pub const fn largest(&self) -> usize {
        self.largest
    }

    /// Datagrams of `size` bytes that one system call takes at most.
    #[must_use]
    pub fn burst(&self, size: usize) -> usize {
        messages::MESSAGES.saturating_mul(if self.joined { joined(size) } else { 1 })
    }

    /// Whether many datagrams still go as one message (`UDP_SEGMENT`), or the system has refused that.
    #[must_use]
    pub const fn joins(&self) -> bool {
        self.joined
    }

    /// How often the far end, or something on the way, answered that it takes nothing. That is ignored.
    #[must_use]
    pub const fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Sends datagrams of `size` bytes that lie one behind the other, the last perhaps shorter. Waits only for room in
    /// this machine.
    ///
    /// # Errors
    /// [`NetError::Size`]; [`NetError::System`] if the link is down, or took nothing for two seconds.
    pub fn send(&mut self, datagrams: &[u8], size: usize) -> Result<(), NetError> {
        if size == 0 || size > self.largest {
            return Err(NetError::Size { size, most: self.largest, place: self.place.clone() });
        }
        let (mut rest, mut patience, mut again) = (datagrams, Patience::default(), false);
        while !rest.is_empty() {
            let piece = size.saturating_mul(self.cut_at(size));
            match messages::send(self.socket.as_fd(), &[], rest, piece) {
                Ok(sent) => {
                    rest = rest.get(piece.saturating_mul(sent)..).unwrap_or_default();
                    patience.renew();
                    again = false;
                }
                // An answer of the network to something sent earlier. The one that met it was not sent.
                Err(Errno::ECONNREFUSED) => self.refusals += 1,
                // The same, if it does not come twice: "too long" of a router, which the first link does not mind.
                Err(Errno::EMSGSIZE) if !again => again = true,
                // What a kernel says whose device, or whose encryption below IP, cannot cut messages.
                Err(Errno::EIO | Errno::EINVAL) if self.segment > 0 => self.stop_joining()?,
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::ENOMEM) if patience.pause() => {}
                Err(errno) => return Err(self.place.failed(NetAction::Send, errno)),
            }
        }
        Ok(())
    }

    /// How many datagrams of `size` bytes a message has, after the kernel was told to cut it there.
    fn cut_at(&mut self, size: usize) -> usize {
        if !self.joined {
            return 1;
        }
        if self.segment != size {
            let told =
                i32::try_from(size).is_ok_and(|size| setsockopt(&self.socket, sockopt::UdpGsoSegment, &size).is_ok());
            self.joined = told;
            self.segment = if told { size } else { 0 };
        }
        if self.joined { joined(size) } else { 1 }
    }

    fn stop_joining(&mut self) -> Result<(), NetError> {
        (self.joined, self.segment) = (false, 0);
        let failed = |errno| self.place.failed(NetAction::Set("UDP_SEGMENT"), errno);
        setsockopt(&self.socket, sockopt::UdpGsoSegment, &0).map_err(failed)
    }
}

/// How many datagrams of `size` bytes go as one message.
fn joined(size: usize) -> usize {
    UDP_MOST.checked_div(size).unwrap_or(1).clamp(1, SEGMENTS)
}

/// The hop limit; never in fragments, whatever a router answers; and a send that finds the buffer full comes back.
fn only_forward(socket: &OwnedFd, to: &UdpTo) -> nix::Result<()> {
    let fd = socket.as_fd();
    let hops = i32::from(to.hops);
    if to.address.is_ipv4() {
        set(fd, libc::IPPROTO_IP, libc::IP_TTL, &hops)?;
        set(fd, libc::IPPROTO_IP, libc::IP_MULTICAST_TTL, &hops)?;
        set(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, &libc::IP_PMTUDISC_PROBE)?;
    } else {
        set(fd, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, &hops)?;
        set(fd, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS, &hops)?;
        set(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, &libc::IPV6_PMTUDISC_PROBE)?;
    }
    setsockopt(socket, sockopt::SendTimeout, &nix::sys::time::TimeVal::new(0, 100_000))
}

/// Bytes of the largest datagram over the first link, whose IP packet has no options.
fn largest(socket: &OwnedFd, to: SocketAddr) -> nix::Result<usize> {
    let (level, name, head) = match to.ip() {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU, 20 + 8),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MTU, 40 + 8),
    };
    let mtu: i32 = get(socket.as_fd(), level, name)?;
    Ok(usize::try_from(mtu).unwrap_or_default().saturating_sub(head).min(UDP_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    /// Without check sums the kernel cuts no messages, as on a device that cannot: it says so, and all goes one by one.
    #[test]
    fn where_messages_are_not_cut_datagrams_go_one_by_one() {
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sender = UdpSender::open(&UdpTo::neighbour(far.local_addr().unwrap())).unwrap();
        set(sender.socket.as_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, &1).unwrap();
        let bytes: Vec<u8> = (0..100 * 500 + 7).map(|at| u8::try_from(at % 251).unwrap()).collect();
        sender.send(&bytes, 500).unwrap();
        assert!(!sender.joins());
        let mut buffer = [0; 1000];
        for datagram in bytes.chunks(500) {
            let length = far.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], datagram);
        }
    }
}
