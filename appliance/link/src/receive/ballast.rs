//! Room that is kept for the report, so that a full disk can be reported on it.

use std::io::ErrorKind;

use pouch_platform::{Dir, DirError};

/// A file of zeros.
const BALLAST: &str = ".ballast";
/// Its bytes: a few reports.
const BYTES: u64 = 256 << 10;

/// Takes the room, if it is not taken and there is some.
pub(crate) fn take(root: &Dir) {
    let taken = root.open_or_create(BALLAST).map_err(std::io::Error::other);
    if let Err(error) = taken.and_then(|file| pouch_platform::allocate(&file, BYTES)) {
        tracing::debug!(%error, "no room can be kept for the report");
    }
}

/// Renews a file; gives the room up if there is no other.
pub(crate) fn renew(root: &Dir, name: &str, bytes: &[u8]) -> Result<(), DirError> {
    match root.renew_file(name, bytes) {
        Err(error) if error.kind() == ErrorKind::StorageFull && root.remove_file(BALLAST).is_ok() => {
            root.renew_file(name, bytes)
        }
        other => other,
    }
}
