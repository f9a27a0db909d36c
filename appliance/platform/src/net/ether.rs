//! What both ends of raw Ethernet share: addresses and the packet socket (packet(7)).

use std::{
    fmt,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    str::FromStr,
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
};

use super::NetError;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether it is of a group, broadcast included, and not of one interface.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl FromStr for Mac {
    type Err = NetError;

    /// Six pairs of hexadecimal digits with colons between.
    fn from_str(text: &str) -> Result<Self, NetError> {
        let refused = || NetError::Mac { text: text.to_owned() };
        let mut mac = [0; 6];
        let mut pairs = text.split(':');
        for (byte, pair) in mac.iter_mut().zip(&mut pairs) {
            let digits = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = u8::from_str_radix(pair, 16).ok().filter(|_| digits).ok_or_else(refused)?;
        }
        let whole = text.len() == 17 && pairs.next().is_none();
        if whole { Ok(Self(mac)) } else { Err(refused()) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A packet socket that takes nothing in until it is bound.
pub(super) fn open(kind: SockType) -> nix::Result<OwnedFd> {
    socket(AddressFamily::Packet, kind, SockFlag::SOCK_CLOEXEC, None)
}

/// Binds to an interface: takes in frames of `ethertype` that arrive there, or none at 0.
#[expect(unsafe_code, reason = "bind takes an address and a length")]
pub(super) fn bind(socket: BorrowedFd<'_>, ethertype: u16, index: u32) -> nix::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).map_err(|_| Errno::EAFNOSUPPORT)?,
        sll_protocol: ethertype.to_be(),
        sll_ifindex: i32::try_from(index).map_err(|_| Errno::ENODEV)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the kernel reads `length` bytes of an address that is as long and lives through the call.
    let done = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    Errno::result(done).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let mac: Mac = "02:fc:00:Ab:00:01".parse().unwrap();
        assert_eq!((mac.to_string().as_str(), mac.is_group()), ("02:fc:00:ab:00:01", false));
        assert!("01:00:5e:00:00:01".parse::<Mac>().unwrap().is_group());
        for bad in
            ["", "02:fc:00:ab:00", "02:fc:00:ab:00:01:02", "02:fc:00:ab:00:1", "+2:fc:00:ab:00:01", "02-fc-00-ab-00-01"]
        {
            assert!(matches!(bad.parse::<Mac>(), Err(NetError::Mac { .. })), "{bad}");
        }
    }
}
