//! Memory that the kernel fills with frames and we read: `TPACKET_V3` (packet_mmap of the kernel's documentation).
//!
//! The ring is blocks of one size, and each belongs either to the kernel or to us. The first word of state in a block
//! says to whom; we hand blocks back in turn.

use std::{
    fmt,
    num::NonZeroUsize,
    os::fd::{AsFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};

use nix::{
    errno::Errno,
    libc,
    sys::mman::{MapFlags, ProtFlags, mmap, munmap},
};

use super::{
    Mac,
    batch::{Batch, Extent},
    options::set,
};

/// Bytes of a block; a frame lies in one block.
pub(super) const BLOCK: usize = 256 * 1024;
/// Blocks that a ring has at least and at most.
const LEAST: usize = 4;
const MOST: usize = 128;
/// Milliseconds after which the kernel hands over a block that is not full.
const RETIRE: u32 = 10;
/// Where things lie in a block (`tpacket_block_desc`, `tpacket_hdr_v1`).
const STATUS: usize = 8;
const FRAMES: usize = 12;
const FIRST: usize = 16;
/// Where things lie in a frame's header (`tpacket3_hdr`, and behind it `sockaddr_ll`).
const NEXT: usize = 0;
const CAUGHT: usize = 12;
const LENGTH: usize = 16;
const DATA: usize = 24;
const ADDRESS: usize = 48;
const KIND: usize = ADDRESS + 10;
/// Bytes of the Ethernet header, which begins with the destination.
const HEADER: usize = 14;

/// The mapped ring of one packet socket.
pub(super) struct Ring {
    start: NonNull<u8>,
    length: NonZeroUsize,
    blocks: usize,
    /// The block that is ours now, or will be next.
    current: usize,
    /// Whether it is ours.
    held: bool,
    extents: Vec<Extent>,
    /// The only destination whose frames are taken, if one was said.
    to: Option<Mac>,
    /// Frames that were longer than a block takes.
    cut: u64,
}

impl Ring {
    /// Gives `socket`, which takes in whole frames, a ring of about `wanted` bytes.
    #[expect(unsafe_code, reason = "mmap hands out an address")]
    pub(super) fn of(socket: &OwnedFd, wanted: usize, to: Option<Mac>) -> nix::Result<Self> {
        let blocks = (wanted / BLOCK).clamp(LEAST, MOST);
        let frame = 2048;
        let number = |number: usize| u32::try_from(number).map_err(|_| Errno::EINVAL);
        let version = i32::try_from(libc::tpacket_versions::TPACKET_V3 as u32).map_err(|_| Errno::EINVAL)?;
        set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        let request = libc::tpacket_req3 {
            tp_block_size: number(BLOCK)?,
            tp_block_nr: number(blocks)?,
            tp_frame_size: number(frame)?,
            tp_frame_nr: number(blocks * (BLOCK / frame))?,
            tp_retire_blk_tov: RETIRE,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let length = NonZeroUsize::new(blocks * BLOCK).ok_or(Errno::EINVAL)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice, touches no memory of anybody.
        let start = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, socket, 0) }?.cast();
        Ok(Self { start, length, blocks, current: 0, held: false, extents: Vec::new(), to, cut: 0 })
    }

    /// Bytes of it.
    pub(super) const fn len(&self) -> usize {
        self.length.get()
    }

    /// Frames dropped so far because they were longer than a block takes.
    pub(super) const fn cut(&self) -> u64 {
        self.cut
    }

    /// The state of the current block.
    #[expect(unsafe_code, reason = "the kernel changes it while we look")]
    fn status(&self) -> &AtomicU32 {
        // SAFETY: the current block lies in the mapping, and the state 8 bytes into it, so aligned; it is only ever used
        // as an atomic here while the mapping lives.
        unsafe { AtomicU32::from_ptr(self.start.as_ptr().add(self.current * BLOCK + STATUS).cast()) }
    }

    /// Hands back the block held, takes the next if it is full, and says whether it was.
    pub(super) fn take(&mut self) -> bool {
        if self.held {
            self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.current = (self.current + 1) % self.blocks;
        }
        self.extents.clear();
        self.held = self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER != 0;
        if self.held {
            let mut extents = std::mem::take(&mut self.extents);
            self.cut += find(self.block(), self.to, &mut extents);
            self.extents = extents;
        }
        self.held
    }

    /// The datagrams of the block held.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch::new(self.block(), &self.extents)
    }

    /// The block held; no bytes if none is.
    #[expect(unsafe_code, reason = "the bytes lie in a mapping of our own")]
    fn block(&self) -> &[u8] {
        if !self.held {
            return &[];
        }
        // SAFETY: the block lies in the mapping and is ours, so the kernel does not write to it; it is handed back only by
        // `take` and `drop`, which borrow `self` mutably.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(self.current * BLOCK), BLOCK) }
    }
}

/// Finds the datagrams of a block that were sent to us, or to `to`; returns how many were cut short.
fn find(block: &[u8], to: Option<Mac>, extents: &mut Vec<Extent>) -> u64 {
    let (mut at, mut cut) = (word(block, FIRST), 0);
    for _ in 0..word(block, FRAMES) {
        let Some(header) = block.get(at..) else { break };
        let length = word(header, CAUGHT);
        let frame = header.get(DATA..DATA + 2).and_then(|data| data.try_into().ok()).map_or(0, u16::from_ne_bytes);
        let frame = usize::from(frame);
        if is_ours(header, frame, to) {
            if length < word(header, LENGTH) {
                cut += 1;
            } else if let Some(length) = length.checked_sub(HEADER) {
                let start = at.saturating_add(frame).saturating_add(HEADER);
                extents.push(Extent { start, length, segment: length });
            }
        }
        let next = word(header, NEXT);
        if next == 0 {
            break;
        }
        at = at.saturating_add(next);
    }
    cut
}

/// Not copies of what this machine sends; and by destination, or else what the kernel holds to be for this machine.
fn is_ours(header: &[u8], frame: usize, to: Option<Mac>) -> bool {
    let Some(kind) = header.get(KIND).copied() else { return false };
    match to {
        Some(Mac(to)) => {
            kind != libc::PACKET_OUTGOING && header.get(frame..).and_then(|frame| frame.get(..6)) == Some(&to[..])
        }
        None => [libc::PACKET_HOST, libc::PACKET_BROADCAST, libc::PACKET_MULTICAST].contains(&kind),
    }
}

fn word(bytes: &[u8], at: usize) -> usize {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_ne_bytes);
    usize::try_from(word).unwrap_or_default()
}

impl Drop for Ring {
    #[expect(unsafe_code, reason = "munmap takes an address")]
    fn drop(&mut self) {
        // SAFETY: the mapping is owned by `self`, which nobody can use any more.
        let _ = unsafe { munmap(self.start.cast(), self.length.get()) };
    }
}

#[expect(unsafe_code, reason = "a pointer is not Send by itself")]
// SAFETY: the mapping belongs to one `Ring` alone and to no thread in particular.
unsafe impl Send for Ring {}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} x {BLOCK})", self.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields read lie where the structures of the C interface have them.
    #[test]
    fn the_layout_is_that_of_the_kernel() {
        use std::mem::offset_of;
        assert_eq!(offset_of!(libc::tpacket_block_desc, hdr), STATUS);
        assert_eq!(offset_of!(libc::tpacket_hdr_v1, num_pkts), FRAMES - STATUS);
        assert_eq!(offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt), FIRST - STATUS);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_next_offset), NEXT);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_snaplen), CAUGHT);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_len), LENGTH);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_mac), DATA);
        assert_eq!(size_of::<libc::tpacket3_hdr>(), ADDRESS);
        assert_eq!(offset_of!(libc::sockaddr_ll, sll_pkttype), KIND - ADDRESS);
    }

    #[test]
    fn a_block_of_nonsense_gives_no_byte_beyond_it() {
        let mut extents = Vec::new();
        assert_eq!(find(&[0xff; 256], None, &mut extents), 0);
        assert_eq!(find(&[0xff; 256], Some(Mac([0xff; 6])), &mut extents), 0);
        let mut block = vec![0; 256];
        block[FRAMES] = 200;
        block[FIRST] = 48;
        block[48 + NEXT] = 0xff;
        block[48 + CAUGHT + 3] = 0x70;
        find(&block, None, &mut extents);
        assert!(Batch::new(&block, &extents).all(<[u8]>::is_empty));
    }
}
