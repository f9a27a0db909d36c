//! The file of the link key: 64 hexadecimal digits, which nobody else may read.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::tag::LinkKey;

/// Bytes of a key.
const BYTES: usize = 32;
/// Most bytes of the file: the digits, and a line's end.
const FILE: usize = 2 * BYTES + 2;

/// Why there is no link key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Others may read or change the file.
    #[error("{} has owner {owner} and mode {mode:04o}; it must have owner {user} and mode 0600 or 0400", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permission bits.
        mode: u32,
        /// The user of this process.
        user: u32,
    },
    /// Another content.
    #[error("{} does not hold 64 hexadecimal digits", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the link key from a file of this user or of root that has no rights for anybody else.
///
/// # Errors
/// [`KeyFileError`]; no error shows anything of the content.
pub fn read(path: &Path) -> Result<LinkKey, KeyFileError> {
    let failed = |source| KeyFileError::Read { path: path.to_owned(), source };
    let regular = |metadata: Metadata| match metadata.is_file() {
        true => Ok(metadata),
        false => Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))),
    };
    // Before it is opened too: who opens a pipe waits for somebody to write into it.
    regular(std::fs::metadata(path).map_err(failed)?)?;
    let file = File::open(path).map_err(failed)?;
    let metadata = regular(file.metadata().map_err(failed)?)?;
    let (owner, mode, user) = (metadata.uid(), metadata.mode() & 0o7777, pouch_platform::effective_uid());
    if mode & 0o7177 != 0 || (owner != user && owner != 0) {
        return Err(KeyFileError::Open { path: path.to_owned(), owner, mode, user });
    }
    // As large as it may be, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE + 1));
    file.take(FILE as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    let digits = text.strip_suffix(b"\n").unwrap_or(&text);
    let digits = digits.strip_suffix(b"\r").unwrap_or(digits);
    key(digits).ok_or_else(|| KeyFileError::Content { path: path.to_owned() })
}

fn key(digits: &[u8]) -> Option<LinkKey> {
    if digits.len() != 2 * BYTES {
        return None;
    }
    let mut bytes = Zeroizing::new([0; BYTES]);
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
        *byte = high? << 4 | low?;
    }
    Some(LinkKey::new(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn with(content: &str, mode: u32) -> Result<LinkKey, KeyFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        read(&path)
    }

    #[test]
    fn a_private_file_of_64_digits_is_a_key() {
        let digits = "0123456789abcdefABCDEF".repeat(3)[..64].to_owned();
        for (content, mode) in
            [(digits.clone(), 0o600), (digits.clone() + "\n", 0o400), (digits.clone() + "\r\n", 0o600)]
        {
            with(&content, mode).unwrap();
        }
        for mode in [0o644, 0o640, 0o604, 0o620, 0o700, 0o4600] {
            assert!(matches!(with(&digits, mode), Err(KeyFileError::Open { mode: found, .. }) if found == mode));
        }
    }

    #[test]
    fn another_content_is_refused_and_not_shown() {
        for content in
            ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"+0".repeat(32), &"0".repeat(4000)]
        {
            let error = with(content, 0o600).unwrap_err();
            assert!(matches!(error, KeyFileError::Content { .. }) && !error.to_string().contains("000"), "{error}");
        }
        assert!(matches!(read(Path::new("/dev/null")), Err(KeyFileError::Read { .. })));
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(read(&pipe), Err(KeyFileError::Read { .. })), "nobody is waited for");
    }
}
