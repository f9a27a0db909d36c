//! The datagram: a head of 64 bytes and a payload.
//!
//! ```text
//!  0 magic "PLK1"   4 kind   5 lane   6 round   8 stream   16 transmission   24 sequence
//! 32 stream length  40 block  44 index  46 payload length  48 tag (16)  64 payload
//! ```
//! Numbers are in network order. Over IPv4 and Ethernet of 1500 bytes: 20 + 8 + 64 + 1408.

use crate::fields::Fields;
use crate::tag::{Tag, Tagger};

/// Bytes of the head.
pub const HEAD: usize = 64;
/// Bytes of the head before its tag.
pub const UNTAGGED: usize = 48;
/// The first bytes of every datagram: the protocol and its version.
pub const MAGIC: [u8; 4] = *b"PLK1";
/// Most bytes of a payload: the largest symbol.
pub const PAYLOAD_MOST: usize = pouch_carry::SYMBOL_MOST as usize;
/// The bit of [`Head::index`] that says: a repair symbol.
pub const REPAIR: u16 = 0x8000;

/// What a datagram carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is being sent: [`crate::announcement`].
    Announcement = 1,
    /// A symbol of a block.
    Symbol = 2,
    /// That the sender lives: [`crate::heartbeat`].
    Heartbeat = 3,
}

/// The head of a datagram, without magic, payload length and tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it carries.
    pub kind: Kind,
    /// Which of the parallel links it was sent on, from 0.
    pub lane: u8,
    /// The round, from 1; 0 in heartbeats.
    pub round: u16,
    /// The stream, [`crate::announcement::Stream::id`]; 0 in heartbeats.
    pub stream: u64,
    /// Which transmission of the stream: random for every pass.
    pub transmission: u64,
    /// Which datagram of its transmission, over all lanes, from 0.
    pub sequence: u64,
    /// Bytes of the stream; 0 in heartbeats.
    pub length: u64,
    /// The block, from 0; 0 unless a symbol.
    pub block: u32,
    /// The source symbol, from 0, or [`REPAIR`] and the repair symbol, from 0; 0 unless a symbol.
    pub index: u16,
}

/// Why bytes are no datagram of this link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Fewer bytes than a head.
    #[error("a datagram has at least {HEAD} bytes, not {found}")]
    Short {
        /// Bytes found.
        found: usize,
    },
    /// Other first bytes: something foreign on the wire.
    #[error("a datagram begins with \"PLK1\"")]
    Magic,
    /// A kind that is not known.
    #[error("kind {found} is not 1, 2 or 3")]
    Kind {
        /// The kind.
        found: u8,
    },
    /// The head states another length: cut short on the way, or longer.
    #[error("the head states a payload of {stated} bytes; there are {found}")]
    Length {
        /// Bytes stated.
        stated: u16,
        /// Bytes found.
        found: usize,
    },
    /// The tag is not the one of these bytes under this link's key.
    #[error("the tag is wrong: damaged on the way, or of another link key")]
    Tag,
}

impl Head {
    /// The 48 bytes before the tag.
    #[must_use]
    pub fn to_bytes(&self, payload: u16) -> [u8; UNTAGGED] {
        let mut bytes = [0; UNTAGGED];
        let mut rest = bytes.as_mut_slice();
        // Each copy has a length that is known when this is compiled.
        let mut put = |field: &[u8]| {
            if let Some((place, behind)) = std::mem::take(&mut rest).split_at_mut_checked(field.len()) {
                place.copy_from_slice(field);
                rest = behind;
            }
        };
        put(&MAGIC);
        put(&[self.kind as u8, self.lane]);
        put(&self.round.to_be_bytes());
        put(&self.stream.to_be_bytes());
        put(&self.transmission.to_be_bytes());
        put(&self.sequence.to_be_bytes());
        put(&self.length.to_be_bytes());
        put(&self.block.to_be_bytes());
        put(&self.index.to_be_bytes());
        put(&payload.to_be_bytes());
        bytes
    }

    /// Appends the whole datagram to `out`. A payload over [`PAYLOAD_MOST`] is never sent: nothing is appended.
    ///
    /// # Errors
    /// What OpenSSL says, with a link key.
    pub fn write(
        &self,
        payload: &[u8],
        tagger: &mut Tagger,
        out: &mut Vec<u8>,
    ) -> Result<(), openssl::error::ErrorStack> {
        let Some(length) = u16::try_from(payload.len()).ok().filter(|_| payload.len() <= PAYLOAD_MOST) else {
            return Ok(());
        };
        let head = self.to_bytes(length);
        let tag = tagger.tag(&head, payload, self.sequence)?;
        out.extend_from_slice(&head);
        out.extend_from_slice(&tag);
        out.extend_from_slice(payload);
        Ok(())
    }
}

/// A datagram whose head is in order. Its tag is still to be checked: [`crate::tag::Checker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The head.
    pub head: Head,
    /// The head's bytes before the tag.
    pub untagged: &'a [u8; UNTAGGED],
    /// The tag.
    pub tag: &'a Tag,
    /// The payload, at most [`PAYLOAD_MOST`] bytes.
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads a datagram, but for its tag.
    ///
    /// # Errors
    /// [`Refused`], in the order of its variants.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        let short = Refused::Short { found: bytes.len() };
        let (untagged, rest) = bytes.split_first_chunk::<UNTAGGED>().ok_or(short)?;
        let (tag, payload) = rest.split_first_chunk::<16>().ok_or(short)?;
        let mut fields = Fields(untagged);
        if fields.bytes().ok_or(short)? != MAGIC {
            return Err(Refused::Magic);
        }
        let kind = match fields.u8().ok_or(short)? {
            1 => Kind::Announcement,
            2 => Kind::Symbol,
            3 => Kind::Heartbeat,
            found => return Err(Refused::Kind { found }),
        };
        let head = Head {
            kind,
            lane: fields.u8().ok_or(short)?,
            round: fields.u16().ok_or(short)?,
            stream: fields.u64().ok_or(short)?,
            transmission: fields.u64().ok_or(short)?,
            sequence: fields.u64().ok_or(short)?,
            length: fields.u64().ok_or(short)?,
            block: fields.u32().ok_or(short)?,
            index: fields.u16().ok_or(short)?,
        };
        let stated = fields.u16().ok_or(short)?;
        if usize::from(stated) != payload.len() || payload.len() > PAYLOAD_MOST {
            return Err(Refused::Length { stated, found: payload.len() });
        }
        Ok(Self { head, untagged, tag, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Checker, LinkKey};

    const HEAD_OF_ALL: Head = Head {
        kind: Kind::Symbol,
        lane: 2,
        round: 3,
        stream: 4,
        transmission: 5,
        sequence: 6,
        length: 7,
        block: 8,
        index: REPAIR | 9,
    };

    fn written(key: Option<&LinkKey>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut tagger = Tagger::new(key, 4, 5).unwrap();
        HEAD_OF_ALL.write(b"payload", &mut tagger, &mut out).unwrap();
        out
    }

    #[test]
    fn a_datagram_is_read_as_it_was_written() {
        let bytes = written(None);
        assert_eq!(bytes.len(), 71);
        let datagram = Datagram::read(&bytes).unwrap();
        assert_eq!((datagram.head, datagram.payload), (HEAD_OF_ALL, &b"payload"[..]));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let key = LinkKey::new([7; 32]);
        for key in [None, Some(&key)] {
            let bytes = written(key);
            let mut checker = Checker::new(key);
            let mut good = |bytes: &[u8]| Datagram::read(bytes).and_then(|datagram| checker.check(&datagram));
            good(&bytes).unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                good(&flipped).unwrap_err();
            }
            for end in 0..bytes.len() {
                good(&bytes[..end]).unwrap_err();
            }
            good(&[&bytes[..], &[0]].concat()).unwrap_err();
        }
    }
}
