//! Small files, read whole and never beyond a bound.

use std::io::{self, Read};
use std::path::Path;

use crate::{Action, Dir, DirError};

impl Dir {
    /// The whole content of the regular file `name`, which must have at most `limit` bytes.
    ///
    /// # Errors
    /// [`DirError`]; a longer file is a [`DirError::System`] of kind `FileTooLarge`.
    pub fn read_bounded(&self, name: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, DirError> {
        let name = name.as_ref();
        let fail = |source| DirError::System { action: Action::Read, path: self.path().join(name), source };
        let mut bytes = Vec::new();
        self.open_file(name)?.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > limit {
            let reason = format!("it has more than {limit} bytes");
            return Err(fail(io::Error::new(io::ErrorKind::FileTooLarge, reason)));
        }
        Ok(bytes)
    }
}
