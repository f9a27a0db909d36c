//! Options of sockets that `nix` does not know.

use std::{
    mem,
    os::fd::{AsRawFd, BorrowedFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{setsockopt, sockopt},
};

/// A plain structure of the C interface: any bytes are a value of it, and it holds no pointer.
///
/// # Safety
/// Just that must be so.
#[expect(unsafe_code, reason = "only who writes the list of types knows that they are plain")]
pub(super) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty),*) => {$(
        #[expect(unsafe_code, reason = "as said at the trait")]
        // SAFETY: integers only, arrays of them, and structures of them that the kernel reads and writes as bytes.
        unsafe impl Plain for $type {}
    )*};
}
plain!(
    libc::c_int,
    [u32; MEMORY],
    libc::ip_mreqn,
    libc::ipv6_mreq,
    libc::packet_mreq,
    libc::tpacket_req3,
    libc::tpacket_stats_v3
);

/// Sets an option to `value`.
#[expect(unsafe_code, reason = "setsockopt takes an address and a length")]
pub(super) fn set<T: Plain>(socket: BorrowedFd<'_>, level: i32, name: i32, value: &T) -> nix::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: `value` is plain, lives through the call, and has `length` bytes, which the kernel only reads.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length) };
    Errno::result(done).map(drop)
}

/// The value of an option; zero where the kernel knows less of it.
#[expect(unsafe_code, reason = "getsockopt takes an address and a length")]
pub(super) fn get<T: Plain>(socket: BorrowedFd<'_>, level: i32, name: i32) -> nix::Result<T> {
    let mut length = libc::socklen_t::try_from(size_of::<T>()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: all bytes zero are a value of a plain type.
    let mut value: T = unsafe { mem::zeroed() };
    let to = std::ptr::from_mut(&mut value).cast();
    // SAFETY: the kernel writes at most `length` bytes to `value`, which is as long and plain.
    let done = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, to, &raw mut length) };
    Errno::result(done).map(|_| value)
}

/// Words of `SO_MEMINFO` (`sock_diag(7)`), of which the last is that of dropped buffers.
const MEMORY: usize = 9;

/// Buffers that the kernel dropped at this socket since it was opened, modulo 2^32: what `SO_RXQ_OVFL` attaches to a
/// datagram, without a datagram.
pub(super) fn dropped(socket: BorrowedFd<'_>) -> nix::Result<u32> {
    get(socket, libc::SOL_SOCKET, libc::SO_MEMINFO).map(|words: [u32; MEMORY]| words[MEMORY - 1])
}

/// Asks for a receive buffer beyond the system's limit, or else within it; returns the bytes granted.
pub(super) fn receive_buffer(socket: BorrowedFd<'_>, wanted: usize) -> nix::Result<usize> {
    if setsockopt(&socket, sockopt::RcvBufForce, &wanted).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &wanted)?;
    }
    // The kernel counts its own bookkeeping too, and so says twice what it was asked for (socket(7)).
    nix::sys::socket::getsockopt(&socket, sockopt::RcvBuf).map(|granted| granted / 2)
}
