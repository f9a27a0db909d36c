//! Where a lane goes, as an operator writes it: `udp:10.0.0.2:4100`, `udp:[ff02::4100]:4100%eth1`, `ether:eth1`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use pouch_platform::net::UdpTo;
use serde::{Deserialize, Serialize};

use crate::lower::ethernet::EthernetTransmit;
use crate::lower::udp::{self, UdpTransmit};
use crate::lower::{FRAME, LinkError, Transmit};
use crate::receive::listen::{Listen, ListenError};

/// Where frames go if no address is said: to whoever is at the other end.
const BROADCAST: [u8; 6] = [0xff; 6];

/// One lane of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target(Listen);

impl Target {
    /// Bytes that a datagram may have, and that it costs besides, in frames of at most `mtu` bytes of content.
    #[must_use]
    pub fn sizes(&self, mtu: u16) -> (usize, usize) {
        let head = match &self.0 {
            Listen::Udp { address, .. } => udp::head(address),
            Listen::Ethernet { .. } => 0,
        };
        (usize::from(mtu).saturating_sub(head), FRAME + head)
    }

    /// Opens the lane; nothing is sent yet. `mtu`: most bytes of an Ethernet frame's content.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn open(&self, mtu: u16) -> Result<Box<dyn Transmit>, LinkError> {
        let (most, _) = self.sizes(mtu);
        Ok(match &self.0 {
            Listen::Udp { address, interface } => {
                let to = UdpTo { interface: interface.clone(), ..UdpTo::neighbour(*address) };
                Box::new(Capped { transmit: UdpTransmit::open(&to)?, most })
            }
            Listen::Ethernet { interface, to } => {
                let transmit = EthernetTransmit::open(interface, to.unwrap_or(BROADCAST), false)?;
                Box::new(Capped { transmit, most })
            }
        })
    }
}

impl FromStr for Target {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let lane: Listen = text.parse()?;
        let nobody = |ip: IpAddr| ip.is_unspecified();
        match &lane {
            Listen::Udp { address, .. } if nobody(address.ip()) => {
                Err(ListenError { found: text.to_owned(), reason: "it names no receiver: the address is that of all" })
            }
            _ => Ok(Self(lane)),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = ListenError;

    fn try_from(text: String) -> Result<Self, ListenError> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> String {
        target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lane whose datagrams are no larger than the way takes, whatever this end's interface would take.
struct Capped<T> {
    transmit: T,
    most: usize,
}

impl<T: Transmit> Transmit for Capped<T> {
    fn largest(&self) -> usize {
        self.most.min(self.transmit.largest())
    }

    fn overhead(&self) -> usize {
        self.transmit.overhead()
    }

    fn burst(&self) -> usize {
        self.transmit.burst()
    }

    fn send(&mut self, datagrams: &[u8], size: usize) -> Result<(), LinkError> {
        self.transmit.send(datagrams, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_read_as_they_are_shown_and_nobody_is_no_receiver() {
        for (text, largest, overhead) in [
            ("udp:10.0.0.2:4100", 1472, 66),
            ("udp:[ff02::4100]:4100%eth1", 1452, 86),
            ("ether:eth1", 1500, 38),
            ("ether:eth1/03:00:5e:00:41:0a", 1500, 38),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.to_string().as_str(), target.sizes(1500)), (text, (largest, overhead)));
        }
        for text in ["udp:0.0.0.0:4100", "udp:[::]:4100", "udp:example.org:4100", "udp:239.1.1.1:4100", "eth1", ""] {
            text.parse::<Target>().unwrap_err();
        }
    }
}
