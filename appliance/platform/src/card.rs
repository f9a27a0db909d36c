//! What a network card says of itself (ethtool; linux/ethtool.h, linux/sockios.h).

use std::os::fd::{AsFd, AsRawFd};

use nix::libc::{SIOCETHTOOL, c_char, c_ulong, ifreq, ioctl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// `ETHTOOL_GRINGPARAM`: how large its rings are.
const GET_RING: u32 = 0x10;
/// `ETHTOOL_GGRO`: whether it joins packets.
const GET_GRO: u32 = 0x2b;

/// What a card is set to; `None` where it does not say, as one without hardware.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardSettings {
    /// Entries of its receive ring, and the most that it may have.
    pub ring: Option<(u64, u64)>,
    /// Whether it joins packets that it receives (generic receive offload).
    pub gro: Option<bool>,
}

/// `struct ethtool_ringparam`: command, the most of four rings, then what they are; the first is the receive ring.
type Ring = [u32; 9];
/// `struct ethtool_value`: command, value.
type Value = [u32; 2];

/// Asks the card of the interface `name`; changes nothing and needs no privilege.
#[must_use]
pub fn card_settings(name: &str) -> CardSettings {
    let mut ring: Ring = [GET_RING, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut gro: Value = [GET_GRO, 0];
    let ring = ask(name, &mut ring).then_some(ring);
    let gro = ask(name, &mut gro).then_some(gro);
    CardSettings {
        ring: ring.and_then(|[_, most, _, _, _, now, ..]| (most > 0).then(|| (now.into(), most.into()))),
        gro: gro.map(|[_, on]| on != 0),
    }
}

/// Whether the card answered into `data`, which is what its command, the first of its numbers, says.
fn ask<const N: usize>(name: &str, data: &mut [u32; N]) -> bool {
    let Ok(any) = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None) else { return false };
    request(&any, name, data).unwrap_or(false)
}

#[expect(unsafe_code, reason = "nix has no call for SIOCETHTOOL")]
fn request<const N: usize>(any: &impl AsFd, name: &str, data: &mut [u32; N]) -> Option<bool> {
    // SAFETY: all zeros is a valid `ifreq`: it holds numbers, characters and pointers that may be null.
    let mut request: ifreq = unsafe { std::mem::zeroed() };
    // The last one stays zero.
    let places = request.ifr_name.split_last_mut()?.1;
    if name.is_empty() || name.len() > places.len() {
        return None;
    }
    for (place, byte) in places.iter_mut().zip(name.bytes()) {
        *place = c_char::from_ne_bytes([byte]);
    }
    request.ifr_ifru.ifru_data = data.as_mut_ptr().cast();
    // SAFETY: the request points to `data`, which both commands of this file fill and do not exceed; the kernel copies as
    // many bytes as the command's structure has, and keeps no pointer.
    Some(
        unsafe { ioctl(any.as_fd().as_raw_fd(), c_ulong::from(SIOCETHTOOL) as _, std::ptr::from_mut(&mut request)) }
            == 0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_no_ring_and_strange_names_have_nothing() {
        assert_eq!(card_settings("lo").ring, None);
        for name in ["", "no-such-card", "a name that is longer than any"] {
            assert_eq!(card_settings(name), CardSettings::default());
        }
    }
}
