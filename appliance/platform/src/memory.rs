//! Memory for secrets.

use std::{fmt, num::NonZeroUsize, ptr::NonNull};

use nix::{
    errno::Errno,
    sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mlock, mmap_anonymous, munmap},
};
use zeroize::Zeroize;

/// Bytes that are never swapped, never in a core dump, and zero once dropped.
pub struct LockedBytes {
    start: NonNull<u8>,
    length: usize,
    /// Whole pages, at least `length`.
    mapped: NonZeroUsize,
}

/// Why memory could not be locked; the secret was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// No memory, or more than the limit of locked memory (`RLIMIT_MEMLOCK`).
    #[error("cannot lock {bytes} bytes of memory for a secret: {source}")]
    Lock {
        /// Bytes wanted.
        bytes: usize,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl LockedBytes {
    /// `length` zero bytes.
    ///
    /// # Errors
    /// [`MemoryError::Lock`].
    pub fn zeroed(length: usize) -> Result<Self, MemoryError> {
        let fail = |e: Errno| MemoryError::Lock { bytes: length, source: e.into() };
        let mapped = NonZeroUsize::new(length.max(1).next_multiple_of(4096)).ok_or_else(|| fail(Errno::EINVAL))?;
        let start = map(mapped).map_err(fail)?;
        // From here on dropping unmaps.
        let bytes = Self { start, length, mapped };
        bytes.lock().map_err(fail)?;
        Ok(bytes)
    }

    /// A copy of `secret`, which the caller then wipes.
    ///
    /// # Errors
    /// [`MemoryError::Lock`].
    pub fn copy_of(secret: &[u8]) -> Result<Self, MemoryError> {
        let mut bytes = Self::zeroed(secret.len())?;
        bytes.as_mut().copy_from_slice(secret);
        Ok(bytes)
    }

    /// Number of bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Keeps the first `length` bytes and wipes the rest.
    pub fn truncate(&mut self, length: usize) {
        if let Some(rest) = self.as_mut().get_mut(length..) {
            rest.zeroize();
            self.length = length;
        }
    }

    #[expect(unsafe_code, reason = "mlock and madvise take addresses")]
    fn lock(&self) -> nix::Result<()> {
        // SAFETY: the range is exactly the mapping that `self` owns; neither call changes what is in it.
        unsafe {
            mlock(self.start.cast(), self.mapped.get())?;
            madvise(self.start.cast(), self.mapped.get(), MmapAdvise::MADV_DONTDUMP)
        }
    }
}

#[expect(unsafe_code, reason = "mmap hands out an address")]
fn map(length: NonZeroUsize) -> nix::Result<NonNull<u8>> {
    let (prot, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE);
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no memory of anybody.
    Ok(unsafe { mmap_anonymous(None, length, prot, flags) }?.cast())
}

impl AsRef<[u8]> for LockedBytes {
    #[expect(unsafe_code, reason = "the bytes lie in a mapping of our own")]
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `length` bytes from `start` are mapped, initialised (zero at first) and owned by `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl AsMut<[u8]> for LockedBytes {
    #[expect(unsafe_code, reason = "the bytes lie in a mapping of our own")]
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_ref`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for LockedBytes {
    #[expect(unsafe_code, reason = "munmap takes an address")]
    fn drop(&mut self) {
        self.as_mut().zeroize();
        // SAFETY: the mapping is owned by `self`, which nobody can use any more.
        let _ = unsafe { munmap(self.start.cast(), self.mapped.get()) };
    }
}

#[expect(unsafe_code, reason = "a pointer is not Send by itself")]
// SAFETY: the mapping belongs to one `LockedBytes` alone and to no thread in particular.
unsafe impl Send for LockedBytes {}

#[expect(unsafe_code, reason = "a pointer is not Sync by itself")]
// SAFETY: a shared `LockedBytes` only hands out shared slices.
unsafe impl Sync for LockedBytes {}

impl fmt::Debug for LockedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedBytes(..)")
    }
}
