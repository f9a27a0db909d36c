//! The password file (PostgreSQL manual, 34.16): `host:port:database:user:password`, first match counts.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use pouch_platform::{Kind, file_metadata};
use zeroize::Zeroizing;

use super::conninfo::Settings;

/// Largest password file, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// Why a password file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum PassfileError {
    /// It cannot be read.
    #[error("cannot read password file {path:?}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others could read it.
    #[error("password file {path:?} has mode {mode:04o}; it must be 0600 or less, for others could read it")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a file, or a far too large one.
    #[error("password file {path:?} is a {kind} of {size} bytes, not a regular file of at most {FILE_BYTES}")]
    NotAFile {
        /// What is there.
        path: PathBuf,
        /// What it is.
        kind: Kind,
        /// Its size.
        size: u64,
    },
}

/// Where the password file is, if anywhere.
pub(super) fn path(settings: &Settings) -> Option<PathBuf> {
    settings.passfile.clone().or_else(|| Some(settings.home.as_ref()?.join(".pgpass")))
}

/// The password of `settings.user` for `database`, if the password file has one.
pub(super) fn find(settings: &Settings, database: &str) -> Result<Option<Zeroizing<Vec<u8>>>, PassfileError> {
    let Some(path) = path(settings) else { return Ok(None) };
    let fail = |source| PassfileError::Read { path: path.clone(), source };
    let file = match File::open(&path) {
        // The default file may be missing, one that was named may not.
        Err(e) if e.kind() == io::ErrorKind::NotFound && settings.passfile.is_none() => return Ok(None),
        opened => opened.map_err(fail)?,
    };
    let metadata = file_metadata(&file).map_err(fail)?;
    if metadata.kind != Kind::File || metadata.size > FILE_BYTES {
        return Err(PassfileError::NotAFile { path, kind: metadata.kind, size: metadata.size });
    }
    if metadata.mode & 0o077 != 0 {
        return Err(PassfileError::Mode { path, mode: metadata.mode });
    }
    // Room for all of it beforehand: a vector that grows leaves copies of the secret behind.
    let room = usize::try_from(metadata.size).unwrap_or(0).saturating_add(64);
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    file.take(FILE_BYTES).read_to_end(&mut content).map_err(fail)?;
    Ok(lookup(&content, &settings.passfile_hosts(), settings.port, database, &settings.user))
}

fn lookup(content: &[u8], hosts: &[String], port: u16, database: &str, user: &str) -> Option<Zeroizing<Vec<u8>>> {
    let port = port.to_string();
    content.split(|byte| *byte == b'\n').find_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"#") {
            return None;
        }
        let mut rest = line;
        let host = field(&mut rest)?;
        let matches = (host.any || hosts.iter().any(|name| name.as_bytes() == *host.value))
            && field(&mut rest)?.is(&port)
            && field(&mut rest)?.is(database)
            && field(&mut rest)?.is(user);
        matches.then(|| unescaped(rest))
    })
}

struct Field {
    value: Zeroizing<Vec<u8>>,
    /// A bare `*`.
    any: bool,
}

impl Field {
    fn is(&self, wanted: &str) -> bool {
        self.any || *self.value == wanted.as_bytes()
    }
}

/// Takes one field and its colon off the head of a line.
fn field(line: &mut &[u8]) -> Option<Field> {
    let mut escaped = false;
    let end = line.iter().position(|byte| {
        let colon = *byte == b':' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        colon
    })?;
    let (raw, rest) = line.split_at(end);
    *line = rest.get(1..)?;
    Some(Field { value: unescaped(raw), any: raw == b"*" })
}

/// `\:` and `\\` stand for the character itself.
fn unescaped(raw: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut value = Zeroizing::new(Vec::with_capacity(raw.len()));
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        let byte = if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte };
        value.push(*byte);
    }
    value
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn password(content: &str, host: &str, database: &str, user: &str) -> Option<String> {
        let found = lookup(content.as_bytes(), &[host.to_owned()], 5432, database, user)?;
        Some(String::from_utf8(found.to_vec()).unwrap())
    }

    #[test]
    fn first_match_counts() {
        let file = "# comment\n\nh:5432:db:u:one\nh:*:replication:*:two\r\n*:*:*:*:th\\:ree\\\\ä:x\n";
        assert_eq!(password(file, "h", "db", "u").as_deref(), Some("one"));
        assert_eq!(password(file, "h", "replication", "v").as_deref(), Some("two"));
        assert_eq!(password(file, "other", "db", "u").as_deref(), Some("th:ree\\ä:x"));
        assert_eq!(password("h:1:db:u:one\n", "h", "db", "u"), None);
        assert_eq!(password("a\\:b:*:*:*:p", "a:b", "db", "u").as_deref(), Some("p"));
        assert_eq!(password("h:5432:db\n", "h", "db", "u"), None);
    }

    #[test]
    fn the_file_must_be_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pass");
        let named = |path: &std::path::Path| {
            Settings::resolve(&format!("user=u host=h passfile='{}'", path.display()), &|_| None).unwrap()
        };
        assert!(matches!(find(&named(&path), "db"), Err(PassfileError::Read { .. })));
        std::fs::write(&path, "h:5432:db:u:secret\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(find(&named(&path), "db"), Err(PassfileError::Mode { mode: 0o640, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(find(&named(&path), "db").unwrap().unwrap().as_slice(), b"secret");
        assert!(matches!(find(&named(directory.path()), "db"), Err(PassfileError::NotAFile { .. })));
        let home = |_: &str| Some(directory.path().to_str().unwrap().to_owned());
        let settings =
            Settings::resolve("user=u host=h", &|name| (name == "HOME").then(|| home(name)).flatten()).unwrap();
        assert!(find(&settings, "db").unwrap().is_none(), "a missing ~/.pgpass is no fault");
    }
}
