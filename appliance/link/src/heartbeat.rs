//! The heartbeat: that the sender lives, what it sent last, and how much.
//!
//! ```text
//!  0 sender's clock, nanoseconds since 1970   8 until the next one, milliseconds   12 busy   13 bytes of the registry's name
//! 14 zeros (2)   16 streams sent   24 datagrams sent   32 streams waiting   40 last stream   48 its sequence   56 its registry (32)
//! ```

use pouch_format::{PouchId, RegistryName, limits};

use crate::fields::Fields;

/// Bytes of a heartbeat.
pub const BYTES: usize = 88;

/// Why bytes are no heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a heartbeat: {reason}")]
pub struct HeartbeatError {
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A heartbeat. Nothing of it is to be trusted without a link key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The sender's clock, in nanoseconds since 1970.
    pub clock: u64,
    /// When the next one is due, in milliseconds from this one.
    pub next: u32,
    /// Whether the sender is sending a stream.
    pub busy: bool,
    /// Streams sent since the sender started.
    pub sent: u64,
    /// Datagrams sent since the sender started.
    pub datagrams: u64,
    /// Streams that wait.
    pub waiting: u64,
    /// The stream last finished, and its pouch.
    pub last: Option<(u64, PouchId)>,
}

impl Heartbeat {
    /// The payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let registry = self.last.as_ref().map_or("", |(_, pouch)| pouch.registry.as_str()).as_bytes();
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend(self.clock.to_be_bytes());
        bytes.extend(self.next.to_be_bytes());
        // At most 32.
        bytes.extend([u8::from(self.busy), u8::try_from(registry.len()).unwrap_or(0), 0, 0]);
        bytes.extend(self.sent.to_be_bytes());
        bytes.extend(self.datagrams.to_be_bytes());
        bytes.extend(self.waiting.to_be_bytes());
        bytes.extend(self.last.as_ref().map_or(0, |(stream, _)| *stream).to_be_bytes());
        bytes.extend(self.last.as_ref().map_or(0, |(_, pouch)| pouch.sequence).to_be_bytes());
        bytes.extend(registry);
        bytes.resize(BYTES, 0);
        bytes
    }

    /// Reads the payload of a heartbeat.
    ///
    /// # Errors
    /// [`HeartbeatError`].
    pub fn read(bytes: &[u8]) -> Result<Self, HeartbeatError> {
        let wrong = |reason| HeartbeatError { reason };
        if bytes.len() != BYTES {
            return Err(wrong("it has another size than 88 bytes"));
        }
        Self::fields(&mut Fields(bytes)).ok_or(wrong("a field is out of its range"))
    }

    fn fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (clock, next, busy) = (fields.u64()?, fields.u32()?, fields.u8()?);
        let name = usize::from(fields.u8()?);
        let zeros = fields.u16()?;
        let (sent, datagrams, waiting) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (stream, sequence, registry) = (fields.u64()?, fields.u64()?, fields.bytes::<32>()?);
        let (name, rest) = registry.split_at_checked(name)?;
        if zeros != 0 || busy > 1 || rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        let last = if name.is_empty() {
            (stream == 0 && sequence == 0).then_some(None)?
        } else {
            let registry: RegistryName = std::str::from_utf8(name).ok()?.parse().ok()?;
            (1..=limits::SEQUENCE).contains(&sequence).then_some(Some((stream, PouchId { registry, sequence })))?
        };
        Some(Self { clock, next, busy: busy == 1, sent, datagrams, waiting, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_read_as_it_was_written() {
        let last = Some((7, "land-000041".parse().unwrap()));
        let mut heartbeat = Heartbeat { clock: 1, next: 1000, busy: true, sent: 3, datagrams: 4, waiting: 5, last };
        for _ in 0..2 {
            let bytes = heartbeat.to_bytes();
            assert_eq!(bytes.len(), BYTES);
            assert_eq!(Heartbeat::read(&bytes).unwrap(), heartbeat);
            for (place, byte) in [(12, 2), (13, 33), (15, 1), (87, 1)] {
                let mut other = bytes.clone();
                other[place] = byte;
                Heartbeat::read(&other).unwrap_err();
            }
            heartbeat.last = None;
        }
        Heartbeat::read(&[0; 87]).unwrap_err();
        assert_eq!(Heartbeat::read(&[0; 88]).unwrap().last, None);
    }
}
