//! Open files and pipes.

use std::{fs::File, io, os::fd::AsFd};

use nix::{
    errno::Errno,
    fcntl::{FallocateFlags, FcntlArg, OFlag, fallocate, fcntl},
    sys::{stat::futimens, time::TimeSpec},
};

/// Sets a file's time of change, in seconds since 1970.
///
/// # Errors
/// What `futimens` says.
pub fn set_file_mtime(file: &File, seconds: i64) -> io::Result<()> {
    let (atime, mtime) = mtime_only(TimeSpec::new(seconds, 0));
    Ok(futimens(file, &atime, &mtime)?)
}

/// The pair of times that leaves the time of access alone.
pub(crate) fn mtime_only(mtime: TimeSpec) -> (TimeSpec, TimeSpec) {
    (TimeSpec::UTIME_OMIT, mtime)
}

/// Takes room on the disk for the first `length` bytes of a file, and makes it that long if it is shorter, so that writing
/// there needs no more room. On a file system that cannot do it the file only gets the length.
///
/// # Errors
/// What `fallocate` says, e.g. `ENOSPC`.
pub fn allocate(file: &File, length: u64) -> io::Result<()> {
    let bytes = i64::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    if bytes == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) if file.metadata()?.len() < length => file.set_len(length),
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Starts writing `length` bytes at `offset` to disk, and does not wait.
///
/// So that little is left to do when the file is made durable. Promises nothing; it is `fsync` that counts.
///
/// # Errors
/// What `sync_file_range` says.
pub(crate) fn sync_range_start(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let overflow = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let offset = i64::try_from(offset).map_err(overflow)?;
    let length = i64::try_from(length).map_err(overflow)?;
    sync_file_range(file, offset, length)
}

#[expect(unsafe_code, reason = "nix has no sync_file_range")]
fn sync_file_range(file: &File, offset: i64, length: i64) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: the call takes numbers only, and the descriptor is open as long as `file` is borrowed.
    let done =
        unsafe { nix::libc::sync_file_range(file.as_raw_fd(), offset, length, nix::libc::SYNC_FILE_RANGE_WRITE) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Switches direct I/O, which goes around the page cache, on or off for an open file.
///
/// While it is on, memory, offset and length of every write must be multiples of the sector size; else, or on a file
/// system that cannot do it, the write fails with `EINVAL`.
///
/// # Errors
/// What `fcntl(F_SETFL)` says: `EINVAL` from a file system that cannot do it.
pub(crate) fn set_direct(file: &File, on: bool) -> io::Result<()> {
    let mut flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_DIRECT, on);
    fcntl(file, FcntlArg::F_SETFL(flags))?;
    Ok(())
}

/// Asks for a pipe of at least `bytes`; returns what it holds now.
///
/// # Errors
/// What `fcntl(F_SETPIPE_SZ)` says, e.g. `EPERM` above `/proc/sys/fs/pipe-max-size`.
pub fn set_pipe_size(pipe: &impl AsFd, bytes: usize) -> io::Result<usize> {
    let wanted = i32::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let got = fcntl(pipe.as_fd(), FcntlArg::F_SETPIPE_SZ(wanted))?;
    usize::try_from(got).map_err(io::Error::other)
}
