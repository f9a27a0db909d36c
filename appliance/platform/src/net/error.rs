//! What can go wrong at a link.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

use nix::errno::Errno;

/// Why something could not be done at a link.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The system refused.
    #[error("cannot {action} {place}: {source}")]
    System {
        /// What was tried.
        action: NetAction,
        /// Where.
        place: Place,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A datagram of no bytes, or of more than the link takes whole.
    #[error("a datagram of {size} bytes does not go to {place}: at most {most} and at least one")]
    Size {
        /// Its bytes.
        size: usize,
        /// Bytes that go.
        most: usize,
        /// Where to.
        place: Place,
    },
    /// A name that no interface can have.
    #[error("{name:?} is not the name of a network interface")]
    Name {
        /// The name.
        name: String,
    },
    /// No interface has this address.
    #[error("no network interface has the address {address}")]
    Address {
        /// The address.
        address: std::net::IpAddr,
    },
    /// Text that is no Ethernet address.
    #[error("{text:?} is not an Ethernet address such as 02:00:5e:10:00:01")]
    Mac {
        /// The text.
        text: String,
    },
    /// A file of the system that says something else than counters.
    #[error("{path:?} does not state {wanted}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
}

impl NetError {
    /// The sort of system error; `InvalidInput` for the others.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::System { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidInput,
        }
    }
}

/// Where something was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A UDP address.
    Udp(SocketAddr),
    /// A network interface.
    Interface(String),
    /// A file of the system.
    File(PathBuf),
    /// The network of this thread as a whole.
    Network,
}

impl Place {
    /// An error of the system at this place.
    pub(super) fn failed(&self, action: NetAction, errno: Errno) -> NetError {
        NetError::System { action, place: self.clone(), source: errno.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Interface(name) => write!(f, "interface {name:?}"),
            Self::File(path) => write!(f, "{path:?}"),
            Self::Network => f.write_str("the network of this thread"),
        }
    }
}

/// What was tried at a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetAction {
    /// Open a socket for it.
    Open,
    /// Set the socket's option of this name.
    Set(&'static str),
    /// Bind the socket, or join the group.
    Bind,
    /// Find the way there.
    Route,
    /// Send.
    Send,
    /// Receive.
    Receive,
    /// Read counters or settings.
    Read,
    /// Leave.
    Leave,
}

impl fmt::Display for NetAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open a socket for",
            Self::Set(name) => return write!(f, "set {name} of the socket for"),
            Self::Bind => "listen on",
            Self::Route => "find the way to",
            Self::Send => "send to",
            Self::Receive => "receive from",
            Self::Read => "read",
            Self::Leave => "leave",
        })
    }
}
