//! What a service tells the manager that started it (`sd_notify(3)`).

use std::{
    env,
    ffi::OsStr,
    fs::File,
    io::{self, Write},
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    process,
    time::Duration,
};

/// Bytes of a status that are sent on; a screen line is shorter.
const STATUS: usize = 512;

/// Tells the manager how the service does; says nothing where no manager listens.
///
/// The socket is connected when this is made and written to by `write`, so it goes on working in a process that may no
/// longer make, connect or send on sockets. Never waits: what a manager that does not listen has no room for is an
/// error.
#[derive(Debug)]
pub struct Notifier {
    socket: Option<File>,
    watchdog: Option<Duration>,
}

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The address of the manager's socket is none that we know.
    #[error("NOTIFY_SOCKET is {address:?}, which is neither a path nor an abstract name")]
    Address {
        /// What stands there.
        address: String,
    },
    /// The manager's socket cannot be reached.
    #[error("cannot connect to NOTIFY_SOCKET {address:?}: {source}")]
    Connect {
        /// Its address.
        address: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The watchdog's interval is no number of microseconds above 0.
    #[error("WATCHDOG_USEC is {value:?}, not a number of microseconds")]
    Watchdog {
        /// What stands there.
        value: String,
    },
}

impl Notifier {
    /// As `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` say.
    ///
    /// They stay in the environment; processes that the service starts must not get them.
    ///
    /// # Errors
    /// [`NotifyError`]: a manager waits, and will not hear that the service is ready.
    pub fn from_environment() -> Result<Self, NotifyError> {
        let text = |name| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let socket = env::var_os("NOTIFY_SOCKET").map(|address| connect(&address)).transpose()?;
        let ours = text("WATCHDOG_PID").is_none_or(|pid| pid == process::id().to_string());
        let watchdog = match text("WATCHDOG_USEC") {
            Some(value) if ours && socket.is_some() => Some(interval(value)?),
            _ => None,
        };
        Ok(Self { socket, watchdog })
    }

    /// Tells nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self { socket: None, watchdog: None }
    }

    /// How often to say [`alive`](Self::alive): half of the time after which the manager ends a silent service. None if
    /// it does not watch.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
    }

    /// The service does its work from now on.
    ///
    /// # Errors
    /// What `write` says, as of all that follows. `WouldBlock` if the manager does not listen.
    pub fn ready(&self) -> io::Result<()> {
        self.tell("READY=1")
    }

    /// One line for `systemctl status`; control characters become spaces, and what is long is cut.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn status(&self, line: &str) -> io::Result<()> {
        let short = line.get(..line.floor_char_boundary(STATUS)).unwrap_or_default();
        let plain: String = short.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.tell(&format!("STATUS={plain}"))
    }

    /// The service is not stuck.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn alive(&self) -> io::Result<()> {
        self.tell("WATCHDOG=1")
    }

    /// The service is about to end.
    ///
    /// # Errors
    /// See [`ready`](Self::ready).
    pub fn stopping(&self) -> io::Result<()> {
        self.tell("STOPPING=1")
    }

    fn tell(&self, message: &str) -> io::Result<()> {
        // One write is one datagram.
        self.socket.as_ref().map_or(Ok(()), |mut socket| socket.write(message.as_bytes()).map(|_| ()))
    }
}

fn connect(address: &OsStr) -> Result<File, NotifyError> {
    let shown = || address.to_string_lossy().into_owned();
    let to = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(address),
        _ => return Err(NotifyError::Address { address: shown() }),
    };
    let connected = to.and_then(|to| {
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&to)?;
        socket.set_nonblocking(true)?;
        Ok(File::from(OwnedFd::from(socket)))
    });
    connected.map_err(|source| NotifyError::Connect { address: shown(), source })
}

fn interval(value: String) -> Result<Duration, NotifyError> {
    match value.parse() {
        Ok(microseconds @ 1..) => Ok(Duration::from_micros(microseconds)),
        _ => Err(NotifyError::Watchdog { value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_to_tell_is_checked() {
        assert!(matches!(connect(OsStr::new("vsock:2:1")), Err(NotifyError::Address { .. })));
        assert!(matches!(connect(OsStr::new("")), Err(NotifyError::Address { .. })));
        assert!(matches!(connect(OsStr::new("/no/such/socket")), Err(NotifyError::Connect { .. })));
        for value in ["", "0", "-1", "5s", "99999999999999999999"] {
            assert!(matches!(interval(value.to_owned()), Err(NotifyError::Watchdog { .. })), "{value}");
        }
        assert_eq!(interval("3000000".to_owned()).unwrap(), Duration::from_secs(3));
    }

    #[test]
    fn nobody_is_told_nothing() {
        let silent = Notifier::silent();
        silent.ready().unwrap();
        silent.status("fine").unwrap();
        assert_eq!(silent.watchdog(), None);
    }

    #[test]
    fn one_datagram_a_word_and_never_a_wait() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier { socket: Some(connect(path.as_os_str()).unwrap()), watchdog: None };
        notifier.ready().unwrap();
        notifier.status(&format!("one\nSTOPPING=1{}", "é".repeat(600))).unwrap();
        notifier.alive().unwrap();
        notifier.stopping().unwrap();
        let mut buffer = [0; 2048];
        let mut heard = || {
            let length = manager.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        assert_eq!(heard(), "READY=1");
        let status = heard();
        assert!(status.starts_with("STATUS=one STOPPING=1é") && status.len() <= 7 + STATUS, "{status}");
        assert_eq!((heard(), heard()), ("WATCHDOG=1".to_owned(), "STOPPING=1".to_owned()));
        let refused = (0..100_000).find_map(|_| notifier.alive().err()).expect("the queue ends somewhere");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    }
}
