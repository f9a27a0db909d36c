//! Where the server is and who we are: libpq's connection string, the `PG*` environment, libpq's defaults.
//!
//! PostgreSQL manual, 34.1.1.1 (keyword/value connection strings), 34.1.2 (parameter keywords), 34.15 (environment).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where Debian and Red Hat builds of PostgreSQL have their socket.
const SOCKET_DIRECTORY: &str = "/run/postgresql";
const DEFAULT_PORT: u16 = 5432;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest connection string, in bytes.
const CONNINFO_BYTES: usize = 16 << 10;

/// Keys that are understood, with the variable that stands in for each.
const KEYS: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("dbname", "PGDATABASE"),
    ("passfile", "PGPASSFILE"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
];

/// What is wrong with the connection settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConninfoError {
    /// Not of the keyword=value form.
    #[error("conninfo, byte {at}: {expected}")]
    Syntax {
        /// From 0.
        at: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A secret where it does not belong.
    #[error("conninfo holds a password")]
    Password,
    /// A key that is not understood.
    #[error("conninfo: key \"{}\" is not one of host, hostaddr, port, user, dbname, passfile, sslmode, sslrootcert, \
             connect_timeout", pouch_format::escaped(key.as_bytes()))]
    Key {
        /// The key.
        key: String,
    },
    /// The same key again.
    #[error("conninfo: key \"{key}\" stands twice")]
    Twice {
        /// The key.
        key: &'static str,
    },
    /// A value out of range.
    #[error("conninfo: {key} must be {expected}, not \"{}\"", pouch_format::escaped(found.as_bytes()))]
    Value {
        /// The key, or the variable that stands in for it.
        key: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A service file is asked for.
    #[error("PGSERVICE is set, and service files are not read")]
    Service,
    /// Nobody to connect as.
    #[error("no user to connect as: neither conninfo nor PGUSER names one, and user id {uid} is not in /etc/passwd")]
    NoUser {
        /// The effective user of this process.
        uid: u32,
    },
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// The directory of a Unix socket.
    Socket(PathBuf),
    /// A host, and the address to use instead of looking up its name.
    Tcp { name: String, address: Option<String> },
}

/// How much TLS to insist on, as in libpq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Everything needed to connect, except the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) database: String,
    /// As named by the operator; otherwise `~/.pgpass`.
    pub(super) passfile: Option<PathBuf>,
    pub(super) home: Option<PathBuf>,
    pub(super) tls: TlsMode,
    pub(super) root_cert: Option<PathBuf>,
    pub(super) timeout: Duration,
}

impl fmt::Display for Settings {
    /// The server, for messages; safe for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Socket(directory) => {
                let directory = directory.as_os_str().as_encoded_bytes();
                write!(f, "{}, port {}", pouch_format::escaped(directory), self.port)
            }
            Host::Tcp { name, .. } => write!(f, "{}, port {}", pouch_format::escaped(name.as_bytes()), self.port),
        }
    }
}

/// Reads one environment variable; a parameter, so that tests have one of their own.
pub(super) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Settings from a connection string, then the environment, then defaults.
    pub(super) fn resolve(conninfo: &str, environment: Environment<'_>) -> Result<Self, ConninfoError> {
        let mut given = parse(conninfo)?;
        if environment("PGSERVICE").is_some() {
            return Err(ConninfoError::Service);
        }
        for (key, variable) in KEYS {
            if let Some(value) = environment(variable).filter(|value| !value.is_empty()) {
                given.entry(key).or_insert(value);
            }
        }
        let mut take = |key: &'static str| given.remove(key).filter(|value| !value.is_empty());
        let host = host(take("host"), take("hostaddr"))?;
        let port = take("port").map_or(Ok(DEFAULT_PORT), |text| number("port", "a number from 1 to 65535", text))?;
        let root_cert = take("sslrootcert").map(PathBuf::from);
        let tls = match (take("sslmode"), &host) {
            // Not libpq's `prefer`: whoever sits between could hand us a registry of his own, and we would sign it.
            (None, Host::Tcp { .. }) => TlsMode::VerifyFull,
            (text, _) => tls_mode(text, root_cert.as_deref())?,
        };
        let timeout = take("connect_timeout")
            .map(|text| number::<u32>("connect_timeout", "a number of seconds", text))
            .transpose()?
            .map_or(DEFAULT_TIMEOUT, |seconds| Duration::from_secs(u64::from(seconds.max(2))));
        Ok(Self {
            host,
            port: if port == 0 { DEFAULT_PORT } else { port },
            user: take("user").map_or_else(own_user, Ok)?,
            database: take("dbname").unwrap_or_else(|| "postgres".to_owned()),
            passfile: take("passfile").map(PathBuf::from),
            home: environment("HOME").map(PathBuf::from),
            tls,
            root_cert,
            timeout,
        })
    }

    /// The socket of a Unix domain server.
    pub(super) fn socket_path(&self) -> Option<PathBuf> {
        match &self.host {
            Host::Socket(directory) => Some(directory.join(format!(".s.PGSQL.{}", self.port))),
            Host::Tcp { .. } => None,
        }
    }

    /// The name under which a password file knows the server.
    pub(super) fn passfile_hosts(&self) -> Vec<String> {
        match &self.host {
            Host::Socket(directory) => {
                let mut names = vec![directory.to_string_lossy().into_owned()];
                if matches!(directory.to_str(), Some(SOCKET_DIRECTORY | "/var/run/postgresql" | "/tmp")) {
                    names.push("localhost".to_owned());
                }
                names
            }
            Host::Tcp { name, .. } => vec![name.clone()],
        }
    }
}

fn host(host: Option<String>, address: Option<String>) -> Result<Host, ConninfoError> {
    let one = |key, value: String| {
        let expected = "one host, or the directory of a socket";
        if value.contains(',') { Err(ConninfoError::Value { key, expected, found: value }) } else { Ok(value) }
    };
    let host = host.map(|value| one("host", value)).transpose()?;
    let address = address.map(|value| one("hostaddr", value)).transpose()?;
    Ok(match (host, address) {
        (Some(name), None) if name.starts_with('/') => Host::Socket(PathBuf::from(name)),
        (Some(name), address) => Host::Tcp { name, address },
        (None, Some(address)) => Host::Tcp { name: address.clone(), address: Some(address) },
        (None, None) => Host::Socket(PathBuf::from(SOCKET_DIRECTORY)),
    })
}

/// As in libpq, a root certificate turns `require` into `verify-ca`.
fn tls_mode(text: Option<String>, root_cert: Option<&Path>) -> Result<TlsMode, ConninfoError> {
    Ok(match text.as_deref() {
        None | Some("prefer") => TlsMode::Prefer,
        Some("disable") => TlsMode::Disable,
        Some("require") if root_cert.is_some() => TlsMode::VerifyCa,
        Some("require") => TlsMode::Require,
        Some("verify-ca") => TlsMode::VerifyCa,
        Some("verify-full") => TlsMode::VerifyFull,
        Some(other) => {
            let expected = "disable, prefer, require, verify-ca or verify-full";
            return Err(ConninfoError::Value { key: "sslmode", expected, found: other.to_owned() });
        }
    })
}

fn number<N: std::str::FromStr>(key: &'static str, expected: &'static str, text: String) -> Result<N, ConninfoError> {
    text.parse().map_err(|_| ConninfoError::Value { key, expected, found: text })
}

/// The name of the effective user, as in libpq.
fn own_user() -> Result<String, ConninfoError> {
    let uid = pouch_platform::effective_uid();
    let missing = ConninfoError::NoUser { uid };
    let Ok(table) = std::fs::read_to_string("/etc/passwd") else { return Err(missing) };
    let own = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    };
    table.lines().find_map(own).ok_or(missing)
}

/// Splits a `key = 'value'` string; nothing of it is repeated in an error but a key.
fn parse(text: &str) -> Result<BTreeMap<&'static str, String>, ConninfoError> {
    if text.len() > CONNINFO_BYTES {
        return Err(ConninfoError::Syntax { at: CONNINFO_BYTES, expected: "a connection string has at most 16 KiB" });
    }
    let mut given = BTreeMap::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let Some((key, value)) = rest.split_once('=') else {
            return Err(ConninfoError::Syntax { at, expected: "key=value is expected (and no postgresql:// address)" });
        };
        let key = known(key.trim_end(), at)?;
        let (value, after) = value_of(value.trim_start(), text.len())?;
        if given.insert(key, value).is_some() {
            return Err(ConninfoError::Twice { key });
        }
        rest = after.trim_start();
    }
    Ok(given)
}

fn known(key: &str, at: usize) -> Result<&'static str, ConninfoError> {
    match key {
        "password" | "sslpassword" => Err(ConninfoError::Password),
        _ if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            Err(ConninfoError::Syntax { at, expected: "a key of letters, digits and '_' is expected" })
        }
        _ => KEYS
            .iter()
            .find_map(|(known, _)| (*known == key).then_some(*known))
            .ok_or_else(|| ConninfoError::Key { key: key.to_owned() }),
    }
}

/// The value at the head of `text` and what follows it; `whole` is the length of the string that `text` ends.
fn value_of(text: &str, whole: usize) -> Result<(String, &str), ConninfoError> {
    let (quoted, body) = text.strip_prefix('\'').map_or((false, text), |body| (true, body));
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        let (_, after) = body.split_at(at);
        match character {
            '\\' => match characters.next() {
                Some((_, escaped)) => value.push(escaped),
                None => {
                    return Err(ConninfoError::Syntax { at: whole, expected: "a character after '\\' is expected" });
                }
            },
            '\'' if quoted => return Ok((value, after.get(1..).unwrap_or_default())),
            space if !quoted && space.is_whitespace() => return Ok((value, after)),
            plain => value.push(plain),
        }
    }
    if quoted {
        return Err(ConninfoError::Syntax { at: whole, expected: "a closing quote is expected" });
    }
    Ok((value, ""))
}

#[cfg(test)]
mod tests;
