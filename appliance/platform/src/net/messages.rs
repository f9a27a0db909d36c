//! Many messages in one system call: `sendmmsg` and `recvmmsg`.

use std::{
    fmt, mem,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use nix::{errno::Errno, libc};

use super::batch::{Batch, Extent};

/// Most messages in one `sendmmsg`.
pub(super) const MESSAGES: usize = 64;

const NOTHING: libc::iovec = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };

/// Sends `bytes` in messages of `piece` bytes each, the last perhaps shorter, every one behind `head`; at most
/// [`MESSAGES`]. Returns how many went.
#[expect(unsafe_code, reason = "sendmmsg takes structures of addresses")]
pub(super) fn send(socket: BorrowedFd<'_>, head: &[u8], bytes: &[u8], piece: usize) -> nix::Result<usize> {
    let mut vectors = [[NOTHING; 2]; MESSAGES];
    // SAFETY: a message header is integers and pointers, for which zero and null mean "none".
    let mut headers: [libc::mmsghdr; MESSAGES] = unsafe { mem::zeroed() };
    let mut count = 0;
    for ((piece, vector), header) in bytes.chunks(piece.max(1)).zip(&mut vectors).zip(&mut headers) {
        *vector = [from(head), from(piece)];
        header.msg_hdr.msg_iov = vector.as_mut_ptr();
        header.msg_hdr.msg_iovlen = vector.len();
        count += 1;
    }
    // SAFETY: the first `count` headers point to vectors and those to slices that all live through the call; the kernel
    // only reads what they point to, and writes to the headers alone.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
    Errno::result(sent).map(|sent| usize::try_from(sent).unwrap_or_default())
}

fn from(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

/// Buffers for the messages of one `recvmmsg`, used again and again.
pub(super) struct Arena {
    bytes: Box<[u8]>,
    /// Bytes of each buffer, and from one buffer to the next.
    slot: usize,
    stride: usize,
    extents: Vec<Extent>,
    /// Datagrams that were longer than a buffer.
    cut: u64,
}

/// Buffers of an arena: all of them together are about as large as a processor's second cache.
const SLOTS: usize = 16;
/// One cache line from one buffer to the next, lest the first lines of all share one place of the first cache.
const APART: usize = 64;
/// Room for the one control message that we ask for, `UDP_GRO` with an integer.
const CONTROL: usize = 4;
type Control = [u64; CONTROL];

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({SLOTS} x {})", self.slot)
    }
}

impl Arena {
    /// Buffers of `slot` bytes.
    pub(super) fn new(slot: usize) -> Self {
        let stride = slot.next_multiple_of(APART).saturating_add(APART);
        let bytes = vec![0; stride.saturating_mul(SLOTS)].into_boxed_slice();
        Self { bytes, slot, stride, extents: Vec::with_capacity(SLOTS), cut: 0 }
    }

    /// What the last call received.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch::new(&self.bytes, &self.extents)
    }

    /// Datagrams dropped so far because they were longer than a buffer.
    pub(super) const fn cut(&self) -> u64 {
        self.cut
    }

    /// Receives what is there, without waiting.
    ///
    /// # Errors
    /// `EAGAIN` if nothing is there.
    #[expect(unsafe_code, reason = "recvmmsg takes structures of addresses")]
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> nix::Result<()> {
        self.extents.clear();
        let mut vectors = [NOTHING; SLOTS];
        let mut controls = [Control::default(); SLOTS];
        // SAFETY: as in `send`.
        let mut headers: [libc::mmsghdr; SLOTS] = unsafe { mem::zeroed() };
        let slots = self.bytes.chunks_exact_mut(self.stride);
        for (((slot, vector), control), header) in slots.zip(&mut vectors).zip(&mut controls).zip(&mut headers) {
            *vector = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: self.slot };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = size_of::<Control>();
        }
        let (fd, most) = (socket.as_raw_fd(), libc::c_uint::try_from(SLOTS).unwrap_or_default());
        // SAFETY: every header points to a vector and a control buffer of its own, every vector to a slot of its own of
        // at least `self.slot` bytes; all live through the call and nothing else reads or writes them meanwhile.
        let received = unsafe { libc::recvmmsg(fd, headers.as_mut_ptr(), most, libc::MSG_DONTWAIT, ptr::null_mut()) };
        let received = usize::try_from(Errno::result(received)?).unwrap_or_default();
        for (number, header) in headers.iter().take(received).enumerate() {
            if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                self.cut += 1;
                continue;
            }
            let length = usize::try_from(header.msg_len).unwrap_or_default();
            let segment = segment(&header.msg_hdr).unwrap_or(length);
            self.extents.push(Extent { start: number.saturating_mul(self.stride), length, segment });
        }
        Ok(())
    }
}

/// Bytes of each datagram of a message that the kernel joined (`UDP_GRO`, udp(7)).
#[expect(unsafe_code, reason = "control messages lie at addresses inside a buffer")]
fn segment(message: &libc::msghdr) -> Option<usize> {
    // SAFETY: the kernel filled in `message`, whose control buffer is alive, aligned for a header, and as long as it says.
    let first = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    if first.cmsg_level != libc::SOL_UDP || first.cmsg_type != libc::UDP_GRO {
        return None;
    }
    // SAFETY: a `UDP_GRO` message holds one integer, and the buffer has room for it: were it cut short, the kernel would
    // have given no more than our own zeroes there.
    let size = unsafe { libc::CMSG_DATA(first).cast::<libc::c_int>().read_unaligned() };
    usize::try_from(size).ok().filter(|size| *size > 0)
}
