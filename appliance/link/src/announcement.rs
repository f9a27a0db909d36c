//! The announcement: which stream is being sent, and how.
//!
//! ```text
//! lasting, 120 bytes: the stream's name is made of them
//!   0 version   2 symbol bytes   4 source symbols   6 bytes of the registry's name   7 zero   8 length   16 sequence
//!  24 SHA-256 of manifest.json   56 SHA-256 of manifest.json.sig   88 registry, zeros (32)
//! of this pass, 36 bytes
//! 120 phase   121 zero   122 rounds   124 depth   126 repair symbols a block   128 blocks   132 zeros (4)
//! 136 symbols   144 sender's clock, nanoseconds since 1970   152 zeros (4)
//! ```

use pouch_carry::{Context, Layout, LayoutError, Shape};
use pouch_format::{PouchId, RegistryName, Sha256Digest, limits};

use crate::fields::Fields;

/// Bytes of an announcement.
pub const BYTES: usize = 156;
/// Bytes of it that name the stream.
const LASTING: usize = 120;
/// The version of announcements.
const VERSION: u16 = 1;
/// Most blocks of a window.
pub const DEPTH_MOST: u16 = 1024;

/// Why bytes are no announcement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncementError {
    /// Another size than [`BYTES`].
    #[error("an announcement has {BYTES} bytes, not {found}")]
    Size {
        /// Bytes found.
        found: usize,
    },
    /// A version that this receiver does not know.
    #[error("an announcement has version {VERSION}, not {found}")]
    Version {
        /// The version.
        found: u16,
    },
    /// A registry's name that is none, or bytes behind it.
    #[error("an announcement names a registry, followed by zeros")]
    Registry,
    /// A sequence number out of its range.
    #[error("sequence {found} is not from 1 to {}", limits::SEQUENCE)]
    Sequence {
        /// The number.
        found: u64,
    },
    /// Symbols or a length for which there are no blocks.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A number of this pass that cannot be.
    #[error("a pass cannot have {name} {found}")]
    Pass {
        /// Which number.
        name: &'static str,
        /// What it is.
        found: u64,
    },
    /// Bytes that must be zero and are not.
    #[error("reserved bytes of an announcement are zero")]
    Reserved,
    /// A datagram whose head names another stream than its payload.
    #[error("the head names stream {head:016x}, the announcement is of stream {stated:016x}")]
    Stream {
        /// What the head says.
        head: u64,
        /// What follows from the payload.
        stated: u64,
    },
}

/// A stream: what identifies a pouch in transit, however often and on however many links it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The pouch.
    pub pouch: PouchId,
    /// Of its `manifest.json`.
    pub manifest: Sha256Digest,
    /// Of its `manifest.json.sig`.
    pub signatures: Sha256Digest,
    /// How its tar is cut into blocks.
    pub layout: Layout,
}

impl Stream {
    fn lasting(&self) -> Vec<u8> {
        let registry = self.pouch.registry.as_str().as_bytes();
        let shape = self.layout.shape();
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(shape.symbol().to_be_bytes());
        bytes.extend(shape.source().to_be_bytes());
        // At most 32.
        bytes.extend([u8::try_from(registry.len()).unwrap_or(0), 0]);
        bytes.extend(self.layout.length().to_be_bytes());
        bytes.extend(self.pouch.sequence.to_be_bytes());
        bytes.extend(self.manifest.0);
        bytes.extend(self.signatures.0);
        bytes.extend(registry);
        bytes.resize(LASTING, 0);
        bytes
    }

    /// What the hashes of its blocks are bound to: BLAKE3 in its key derivation mode, context "pouch link 1 stream", of the
    /// lasting bytes.
    #[must_use]
    pub fn context(&self) -> Context {
        blake3::derive_key("pouch link 1 stream", &self.lasting())
    }

    /// The stream's name on the wire: the first 8 bytes of [`Stream::context`], big-endian.
    #[must_use]
    pub fn id(&self) -> u64 {
        let context = self.context();
        context.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }
}

/// Where in a pass an announcement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before its first symbol.
    Start = 0,
    /// Among its symbols.
    During = 1,
    /// After its last symbol.
    End = 2,
}

/// What a pass sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Where in the pass this was sent.
    pub phase: Phase,
    /// Rounds planned in all, at least 1.
    pub rounds: u16,
    /// Blocks of a window, at most [`DEPTH_MOST`].
    pub depth: u16,
    /// Repair symbols of a block in this pass.
    pub repair: u16,
    /// Blocks that this pass sends something of.
    pub blocks: u32,
    /// Symbols that this pass sends.
    pub symbols: u64,
    /// The sender's clock, in nanoseconds since 1970; not to be trusted.
    pub clock: u64,
}

/// An announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// What is sent.
    pub stream: Stream,
    /// How, this time.
    pub pass: Pass,
}

impl Announcement {
    /// The payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.stream.lasting();
        let pass = &self.pass;
        bytes.extend([pass.phase as u8, 0]);
        bytes.extend(pass.rounds.to_be_bytes());
        bytes.extend(pass.depth.to_be_bytes());
        bytes.extend(pass.repair.to_be_bytes());
        bytes.extend(pass.blocks.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(pass.symbols.to_be_bytes());
        bytes.extend(pass.clock.to_be_bytes());
        bytes.extend([0; 4]);
        bytes
    }

    /// Reads the payload of a datagram whose head names `stream`.
    ///
    /// # Errors
    /// [`AnnouncementError`].
    pub fn read(bytes: &[u8], stream: u64) -> Result<Self, AnnouncementError> {
        let size = AnnouncementError::Size { found: bytes.len() };
        if bytes.len() != BYTES {
            return Err(size);
        }
        let mut fields = Fields(bytes);
        let read = Self { stream: lasting(&mut fields, &size)?, pass: pass(&mut fields, &size)? };
        let stated = read.stream.id();
        if stated != stream {
            return Err(AnnouncementError::Stream { head: stream, stated });
        }
        let blocks = read.stream.layout.blocks();
        if read.pass.blocks > blocks {
            return Err(AnnouncementError::Pass { name: "blocks", found: read.pass.blocks.into() });
        }
        Ok(read)
    }
}

fn lasting(fields: &mut Fields<'_>, size: &AnnouncementError) -> Result<Stream, AnnouncementError> {
    let short = || size.clone();
    let version = fields.u16().ok_or_else(short)?;
    if version != VERSION {
        return Err(AnnouncementError::Version { found: version });
    }
    let (symbol, source) = (fields.u16().ok_or_else(short)?, fields.u16().ok_or_else(short)?);
    let name = usize::from(fields.u8().ok_or_else(short)?);
    if fields.u8().ok_or_else(short)? != 0 {
        return Err(AnnouncementError::Reserved);
    }
    let (length, sequence) = (fields.u64().ok_or_else(short)?, fields.u64().ok_or_else(short)?);
    if !(1..=limits::SEQUENCE).contains(&sequence) {
        return Err(AnnouncementError::Sequence { found: sequence });
    }
    let manifest = Sha256Digest(fields.bytes().ok_or_else(short)?);
    let signatures = Sha256Digest(fields.bytes().ok_or_else(short)?);
    let registry = fields.bytes::<32>().ok_or_else(short)?;
    let (name, rest) = registry.split_at_checked(name).ok_or(AnnouncementError::Registry)?;
    let name = std::str::from_utf8(name).ok().and_then(|name| name.parse::<RegistryName>().ok());
    let Some(registry) = name.filter(|_| rest.iter().all(|byte| *byte == 0)) else {
        return Err(AnnouncementError::Registry);
    };
    let layout = Layout::new(Shape::new(symbol, source)?, length)?;
    Ok(Stream { pouch: PouchId { registry, sequence }, manifest, signatures, layout })
}

fn pass(fields: &mut Fields<'_>, size: &AnnouncementError) -> Result<Pass, AnnouncementError> {
    let short = || size.clone();
    let impossible = |name, found: u64| AnnouncementError::Pass { name, found };
    let phase = match fields.u8().ok_or_else(short)? {
        0 => Phase::Start,
        1 => Phase::During,
        2 => Phase::End,
        found => return Err(impossible("phase", found.into())),
    };
    let zero = fields.u8().ok_or_else(short)?;
    let (rounds, depth) = (fields.u16().ok_or_else(short)?, fields.u16().ok_or_else(short)?);
    let (repair, blocks) = (fields.u16().ok_or_else(short)?, fields.u32().ok_or_else(short)?);
    let zeros = fields.u32().ok_or_else(short)?;
    let (symbols, clock) = (fields.u64().ok_or_else(short)?, fields.u64().ok_or_else(short)?);
    if zero != 0 || zeros != 0 || fields.u32().ok_or_else(short)? != 0 {
        return Err(AnnouncementError::Reserved);
    }
    if rounds == 0 {
        return Err(impossible("rounds", 0));
    }
    if !(1..=DEPTH_MOST).contains(&depth) {
        return Err(impossible("depth", depth.into()));
    }
    if repair > pouch_carry::REPAIR_MOST {
        return Err(impossible("repair symbols", repair.into()));
    }
    let most = u64::from(blocks) * u64::from(pouch_carry::SOURCE_MOST + pouch_carry::REPAIR_MOST);
    if blocks == 0 || symbols == 0 || symbols > most {
        return Err(impossible("symbols", symbols));
    }
    Ok(Pass { phase, rounds, depth, repair, blocks, symbols, clock })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement() -> Announcement {
        let layout = Layout::even(Shape::new(1408, 1024).unwrap(), 10_000_000).unwrap();
        let pouch = "land-000041".parse().unwrap();
        let stream = Stream { pouch, manifest: Sha256Digest([1; 32]), signatures: Sha256Digest([2; 32]), layout };
        let pass =
            Pass { phase: Phase::Start, rounds: 2, depth: 64, repair: 64, blocks: 7, symbols: 7000, clock: 1 << 60 };
        Announcement { stream, pass }
    }

    #[test]
    fn an_announcement_is_read_as_it_was_written() {
        let written = announcement();
        let bytes = written.to_bytes();
        assert_eq!(bytes.len(), BYTES);
        assert_eq!(Announcement::read(&bytes, written.stream.id()).unwrap(), written);
    }

    #[test]
    fn every_lasting_byte_names_the_stream() {
        let written = announcement();
        let (bytes, id) = (written.to_bytes(), written.stream.id());
        for place in 0..LASTING {
            let mut other = bytes.clone();
            other[place] ^= 1;
            Announcement::read(&other, id).unwrap_err();
        }
        for end in 0..BYTES {
            assert_eq!(Announcement::read(&bytes[..end], id), Err(AnnouncementError::Size { found: end }));
        }
    }

    #[test]
    fn numbers_of_a_pass_are_bounded() {
        let (written, id) = (announcement(), announcement().stream.id());
        for (place, byte) in
            [(120, 3), (121, 1), (123, 0), (124, 255), (126, 255), (128, 1), (132, 1), (136, 1), (155, 1)]
        {
            let mut bytes = written.to_bytes();
            bytes[place] = byte;
            Announcement::read(&bytes, id).unwrap_err();
        }
    }
}
