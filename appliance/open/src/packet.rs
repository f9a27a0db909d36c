//! The heads of OpenPGP packets, in the one form that a pouch may use.
//!
//! RFC 9580 section 4.2.1 with everything optional taken away: current format only, definite length only, and the
//! shortest length that says it. So a message has one encoding, and no two readers can differ about it.

use pouch_format::Rule;

/// Why bytes are not the head of a packet of a pouch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The bytes end within a head or a body.
    #[error("packet at byte {at} is cut off: it needs {needed} bytes, {left} are left")]
    Truncated {
        /// Where the packet starts.
        at: usize,
        /// Bytes it says it has.
        needed: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// Not the current packet format (bits 7 and 6 set).
    #[error("byte {at} is {found:#04x}, which starts no packet of the current format")]
    Format {
        /// Where the packet starts.
        at: usize,
        /// The byte found.
        found: u8,
    },
    /// A partial body length.
    #[error("packet at byte {at} has a partial length")]
    Partial {
        /// Where the packet starts.
        at: usize,
    },
    /// A length in a longer form than it needs.
    #[error("packet at byte {at} spells its length {length} in a longer form than it needs")]
    LongForm {
        /// Where the packet starts.
        at: usize,
        /// The length.
        length: u32,
    },
    /// Another packet than the one that must stand here.
    #[error("packet at byte {at} has tag {found}, where {expected} must stand")]
    Tag {
        /// Where the packet starts.
        at: usize,
        /// The tag found.
        found: u8,
        /// What must stand there.
        expected: &'static str,
    },
}

impl PacketError {
    /// The rule that refuses.
    #[must_use]
    pub fn rule(&self) -> Rule {
        Rule::OpenpgpGrammar
    }
}

/// A packet within a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawPacket<'a> {
    pub(crate) tag: u8,
    pub(crate) body: &'a [u8],
    /// Head and body.
    pub(crate) whole: &'a [u8],
}

/// Reads packets one after the other out of a slice.
pub(crate) struct Packets<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Packets<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next packet starts.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The next packet, or nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RawPacket<'a>>, PacketError> {
        let at = self.at;
        let rest = self.bytes.get(at..).unwrap_or_default();
        let Some(&first) = rest.first() else { return Ok(None) };
        if first & 0xC0 != 0xC0 {
            return Err(PacketError::Format { at, found: first });
        }
        let (head, length) = body_length(rest, at)?;
        // A length that does not fit memory is one that the slice cannot hold either.
        let needed = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(head);
        let whole = rest.get(..needed).ok_or(PacketError::Truncated { at, needed, left: rest.len() })?;
        self.at += needed;
        Ok(Some(RawPacket { tag: first & 0x3F, body: whole.get(head..).unwrap_or_default(), whole }))
    }
}

/// Bytes of the head, and the length of the body.
fn body_length(rest: &[u8], at: usize) -> Result<(usize, u32), PacketError> {
    let cut = |needed| PacketError::Truncated { at, needed, left: rest.len() };
    let octet = |n: usize| rest.get(n).copied().map(u32::from).ok_or(cut(n + 1));
    let (head, length, shortest) = match octet(1)? {
        first @ 0..192 => (2, first, true),
        first @ 192..224 => (3, ((first - 192) << 8) + octet(2)? + 192, true),
        255 => {
            let length = octet(2)? << 24 | octet(3)? << 16 | octet(4)? << 8 | octet(5)?;
            (6, length, length >= 8384)
        }
        _ => return Err(PacketError::Partial { at }),
    };
    if shortest { Ok((head, length)) } else { Err(PacketError::LongForm { at, length }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bytes: &[u8]) -> Result<Option<(u8, usize)>, PacketError> {
        Packets::new(bytes).next().map(|p| p.map(|p| (p.tag, p.body.len())))
    }

    #[test]
    fn every_length_form_reads() {
        assert_eq!(one(&[0xD2, 0]), Ok(Some((18, 0))));
        assert_eq!(one(&[&[0xD2, 192, 0][..], &[7; 192]].concat()), Ok(Some((18, 192))));
        assert_eq!(one(&[&[0xD2, 255, 0, 0, 0x20, 0xC0][..], &[7; 8384]].concat()), Ok(Some((18, 8384))));
        assert_eq!(one(&[]), Ok(None));
    }

    #[test]
    fn all_other_forms_are_refused() {
        assert_eq!(one(&[0x84, 0]), Err(PacketError::Format { at: 0, found: 0x84 }));
        assert_eq!(one(&[0xD2, 224]), Err(PacketError::Partial { at: 0 }));
        assert_eq!(one(&[0xD2, 255, 0, 0, 0, 1, 9]), Err(PacketError::LongForm { at: 0, length: 1 }));
        assert_eq!(one(&[0xD2, 3, 1, 2]), Err(PacketError::Truncated { at: 0, needed: 5, left: 4 }));
        assert_eq!(one(&[0xD2]), Err(PacketError::Truncated { at: 0, needed: 2, left: 1 }));
        assert!(one(&[0xD2, 255, 255, 255, 255, 255]).is_err());
    }
}
