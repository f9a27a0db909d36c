//! Network interfaces by name and by address.

use std::{
    ffi::CString,
    net::IpAddr,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    ifaddrs::{InterfaceAddress, getifaddrs},
    libc,
    net::if_::{InterfaceFlags, if_nametoindex},
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
};

use super::{Mac, NetAction, NetError, Place};

/// A network interface, as it was when it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number.
    pub index: u32,
    /// Most bytes of an IP packet, or of a frame without its Ethernet header.
    pub mtu: usize,
    /// Its Ethernet address, if it has one.
    pub mac: Option<Mac>,
    /// Whether it leads back to this machine.
    pub loopback: bool,
    /// Whether it is up, and whether the link is.
    pub up: bool,
    /// Whether there is a carrier.
    pub running: bool,
}

impl Interface {
    /// The interface `name`.
    ///
    /// # Errors
    /// [`NetError::Name`], or [`NetError::System`] if there is none.
    pub fn named(name: &str) -> Result<Self, NetError> {
        let place = Place::Interface(check(name)?.to_owned());
        let failed = |errno| place.failed(NetAction::Read, errno);
        let index = if_nametoindex(name).map_err(failed)?;
        let mtu = mtu(name).map_err(failed)?;
        let of_it: Vec<InterfaceAddress> =
            getifaddrs().map_err(failed)?.filter(|found| found.interface_name == name).collect();
        let flags = of_it.first().map_or(InterfaceFlags::empty(), |found| found.flags);
        let mac = of_it.iter().find_map(|found| found.address?.as_link_addr()?.addr()).map(Mac);
        Ok(Self {
            name: name.to_owned(),
            index,
            mtu,
            mac,
            loopback: flags.contains(InterfaceFlags::IFF_LOOPBACK),
            up: flags.contains(InterfaceFlags::IFF_UP),
            running: flags.contains(InterfaceFlags::IFF_RUNNING),
        })
    }

    /// The interface that has this address of its own.
    ///
    /// # Errors
    /// [`NetError::Address`] if none has, [`NetError::System`].
    pub fn of(address: IpAddr) -> Result<Self, NetError> {
        let all = getifaddrs().map_err(|errno| Place::Network.failed(NetAction::Read, errno))?;
        let found = all.into_iter().find(|found| ip(found) == Some(address));
        Self::named(&found.ok_or(NetError::Address { address })?.interface_name)
    }
}

fn ip(found: &InterfaceAddress) -> Option<IpAddr> {
    let address = found.address?;
    let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
    four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
}

/// A name that may stand in a path below `/sys/class/net` and in the kernel's structures.
pub(super) fn check(name: &str) -> Result<&str, NetError> {
    let plain = (1..libc::IFNAMSIZ).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':'))
        && name != "."
        && name != "..";
    if plain { Ok(name) } else { Err(NetError::Name { name: name.to_owned() }) }
}

#[expect(unsafe_code, reason = "an ioctl takes an address, and gives a union")]
fn mtu(name: &str) -> nix::Result<usize> {
    let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
    let any: OwnedFd = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: all bytes zero are an interface request without a name.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.as_bytes()) {
        *to = from.cast_signed();
    }
    // SAFETY: the kernel reads the name, which ends with a zero since it is shorter than its field (`check`), and writes
    // to the request.
    let done = unsafe { libc::ioctl(any.as_raw_fd(), libc::SIOCGIFMTU, &raw mut request) };
    Errno::result(done)?;
    // SAFETY: after success it is this member of the union that was written.
    Ok(usize::try_from(unsafe { request.ifr_ifru.ifru_mtu }).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn loopback_is_found_by_name_and_by_address() {
        let by_name = Interface::named("lo").unwrap();
        assert_eq!(Interface::of(Ipv4Addr::LOCALHOST.into()).unwrap(), by_name);
        assert!(by_name.loopback && by_name.mtu >= 16_384 && by_name.index > 0, "{by_name:?}");
    }

    #[test]
    fn what_is_no_interface_is_refused() {
        for name in ["", ".", "..", "a/b", "sixteen-letters-", "a b", "a:1", "a\0"] {
            assert!(matches!(Interface::named(name), Err(NetError::Name { .. })), "{name:?}");
        }
        assert_eq!(Interface::named("none-such").unwrap_err().kind(), std::io::Error::from(Errno::ENODEV).kind());
        let unused = IpAddr::from([198, 51, 100, 7]);
        assert!(matches!(Interface::of(unused), Err(NetError::Address { address }) if address == unused));
    }
}
