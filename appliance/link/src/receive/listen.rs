//! What a lane listens on, as an operator writes it: `udp:0.0.0.0:4100`, `udp:[ff02::4100]:4100%eth1`, `ether:eth1`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use pouch_platform::net::UdpListen;
use serde::{Deserialize, Serialize};

use crate::lower::ethernet::EthernetReceive;
use crate::lower::udp::UdpReceive;
use crate::lower::{LinkError, Receive};

/// Longest name of an interface (IFNAMSIZ without its zero).
const INTERFACE: usize = 15;
/// Bytes of the buffer of a raw link, which are memory of this process.
const RING: usize = 16 << 20;

/// One lane of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    /// Datagrams to a port: of one address, of all, or of a multicast group.
    Udp {
        /// The address and port.
        address: SocketAddr,
        /// The only interface that they may come on.
        interface: Option<String>,
    },
    /// Frames of EtherType 0x88B5, without any IP.
    Ethernet {
        /// The interface.
        interface: String,
        /// The only address that they may be sent to, if it is said.
        to: Option<[u8; 6]>,
    },
}

/// A text that names no lane.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is no lane: {reason}")]
pub struct ListenError {
    /// What was written.
    pub found: String,
    /// Why it is none.
    pub reason: &'static str,
}

impl Listen {
    /// The interface that it is bound to, if it is.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        match self {
            Self::Udp { interface, .. } => interface.as_deref(),
            Self::Ethernet { interface, .. } => Some(interface),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`LinkError`] if that is not possible.
    pub fn open(&self) -> Result<Box<dyn Receive>, LinkError> {
        Ok(match self {
            Self::Udp { address, interface } => {
                let at = UdpListen { interface: interface.clone(), ..UdpListen::on(*address) };
                Box::new(UdpReceive::open(&at)?)
            }
            Self::Ethernet { interface, to } => Box::new(EthernetReceive::open(interface, *to, RING)?),
        })
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if let Some(rest) = text.strip_prefix("udp:") {
            let (address, interface) =
                rest.split_once('%').map_or((rest, None), |(address, name)| (address, Some(name)));
            let address: SocketAddr = address
                .parse()
                .map_err(|_| "after \"udp:\" comes an address and a port, such as 0.0.0.0:4100 or [::]:4100")?;
            if address.port() == 0 {
                return Err("port 0 is none that a sender could send to");
            }
            let interface = interface.map(named).transpose()?;
            if address.ip().is_multicast() && interface.is_none() {
                return Err("a multicast group needs its interface, such as 239.1.1.1:4100%eth1");
            }
            return Ok(Self::Udp { address, interface });
        }
        let Some(rest) = text.strip_prefix("ether:") else {
            return Err("it begins with \"udp:\" or \"ether:\"");
        };
        let (interface, to) = rest.split_once('/').map_or((rest, None), |(name, to)| (name, Some(to)));
        Ok(Self::Ethernet { interface: named(interface)?, to: to.map(ethernet_address).transpose()? })
    }
}

fn named(name: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':' | '%');
    if name.is_empty() || name.len() > INTERFACE || matches!(name, "." | "..") || !name.chars().all(plain) {
        return Err("an interface has a name of 1 to 15 letters, such as eth1");
    }
    Ok(name.to_owned())
}

fn ethernet_address(text: &str) -> Result<[u8; 6], &'static str> {
    const WRONG: &str = "an Ethernet address has six pairs of hexadecimal digits, such as 03:00:5e:00:41:00";
    let mut address = [0; 6];
    let mut pairs = text.split(':');
    for byte in &mut address {
        let pair = pairs.next().filter(|pair| pair.len() == 2 && pair.chars().all(|c| c.is_ascii_hexdigit()));
        *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(WRONG)?;
    }
    if pairs.next().is_some() { Err(WRONG) } else { Ok(address) }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        Self::read(text).map_err(|reason| ListenError { found: text.to_owned(), reason })
    }
}

impl TryFrom<String> for Listen {
    type Error = ListenError;

    fn try_from(text: String) -> Result<Self, ListenError> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> String {
        listen.to_string()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp { address, interface: None } => write!(f, "udp:{address}"),
            Self::Udp { address, interface: Some(interface) } => write!(f, "udp:{address}%{interface}"),
            Self::Ethernet { interface, to: None } => write!(f, "ether:{interface}"),
            Self::Ethernet { interface, to: Some([a, b, c, d, e, g]) } => {
                write!(f, "ether:{interface}/{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_read_as_they_are_shown() {
        for text in [
            "udp:0.0.0.0:4100",
            "udp:[::]:4100",
            "udp:239.1.1.1:4100%eth1",
            "udp:[ff02::4100]:4100%eth1",
            "ether:eth1",
            "ether:eth1/03:00:5e:00:41:0a",
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_lane_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "begins with"),
            ("tcp:1.2.3.4:5", "begins with"),
            ("udp:localhost:4100", "an address and a port"),
            ("udp:0.0.0.0", "an address and a port"),
            ("udp:0.0.0.0:0", "port 0"),
            ("udp:239.1.1.1:4100", "needs its interface"),
            ("udp:0.0.0.0:1%", "name of 1 to 15"),
            ("ether:", "name of 1 to 15"),
            ("ether:..", "name of 1 to 15"),
            ("ether:sixteen-letters-", "name of 1 to 15"),
            ("ether:eth1/1:2:3:4:5:6", "six pairs"),
            ("ether:eth1/03:00:5e:00:41:0a:00", "six pairs"),
            ("ether:eth1/+3:00:5e:00:41:0a", "six pairs"),
        ] {
            let error = text.parse::<Listen>().unwrap_err();
            assert!(error.reason.contains(reason), "{error}");
        }
    }
}
