//! A network of one's own.

use nix::{
    sched::{CloneFlags, unshare},
    unistd::gettid,
};

use super::{NetAction, NetError, Place};

/// Moves this thread, and what it starts from now on, into a new network that is empty but for a loopback interface that
/// is down. Other threads stay where they are. Returns the thread's number, by which `ip link set NAME netns NUMBER` gives
/// the new network an interface.
///
/// # Errors
/// [`NetError::System`] without the right to (`CAP_SYS_ADMIN`).
pub fn own_network() -> Result<u32, NetError> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| Place::Network.failed(NetAction::Leave, errno))?;
    Ok(gettid().as_raw().unsigned_abs())
}
