//! One sealed part: from the bytes that travelled to the content that the manifest states, or a refusal.
//!
//! SPEC.md sections 5 and 6. The order is fixed: size and SHA-256 by the signed manifest, packet grammar, integrity of
//! the whole ciphertext, then the zstd frame. No byte is decompressed that is not authenticated.

use std::ops::Range;

use openssl::sha::{Sha1, sha256};
use openssl::symm::{Cipher, Crypter, Mode};
use pouch_format::{Part, Profile, Rule, Sha256Digest, limits};
use pouch_platform::LockedBytes;
use sequoia_openpgp::crypto::SessionKey;
use sequoia_openpgp::crypto::aead::{DecryptionContext, SEIPv2Schedule, Schedule};
use sequoia_openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use zstd::bulk::Decompressor;

use crate::frame::{self, FrameError};
use crate::key::PouchKey;
use crate::ordered::{Fetch, StreamError};
use crate::packet::{PacketError, Packets};
use crate::pkesk;

const PKESK_TAG: u8 = 1;
const LITERAL_TAG: u8 = 11;
const SEIPD_TAG: u8 = 18;
pub(crate) const KEY_BYTES: usize = 32;
const CHUNK_BYTES: usize = 1 << 20;
const CHUNK_OCTET: u8 = 14;
const TAG_BYTES: usize = 16;
const SALT_BYTES: usize = 32;
const BLOCK_BYTES: usize = 16;
pub(crate) const OTHER_PROFILE: &str = "an encrypted session key that is not of the profile";

/// Why a sealed part is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// Another size than the manifest states.
    #[error("{part} has {found} bytes, the manifest states {stated}")]
    Size {
        /// The part's file.
        part: String,
        /// Bytes found.
        found: u64,
        /// Bytes stated.
        stated: u64,
    },
    /// Another SHA-256 than the manifest states.
    #[error("{part} has SHA-256 {found}, the manifest states {stated}")]
    Digest {
        /// The part's file.
        part: String,
        /// SHA-256 found.
        found: Sha256Digest,
        /// SHA-256 stated.
        stated: Sha256Digest,
    },
    /// Not a packet where one must stand.
    #[error("{part}: {reason}")]
    Packet {
        /// The part's file.
        part: String,
        /// What is wrong.
        reason: PacketError,
    },
    /// Packets of the right form that do not make the one message of the profile.
    #[error("{part}: {flaw}")]
    Grammar {
        /// The part's file.
        part: String,
        /// What is wrong.
        flaw: &'static str,
    },
    /// Encrypted session keys that are missing, too many, too large, or others than those of the first part.
    #[error("{part}: {flaw}")]
    Pkesk {
        /// The part's file.
        part: String,
        /// What is wrong.
        flaw: &'static str,
    },
    /// The ciphertext does not authenticate.
    #[error("{part} does not authenticate: {flaw}")]
    Integrity {
        /// The part's file.
        part: String,
        /// Where it fails.
        flaw: &'static str,
    },
    /// The zstd frame within.
    #[error("{part}: {reason}")]
    Frame {
        /// The part's file.
        part: String,
        /// What is wrong.
        reason: FrameError,
    },
}

impl PartError {
    /// The rule that refuses.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            PartError::Size { .. } => Rule::SegmentSize,
            PartError::Digest { .. } => Rule::SegmentDigest,
            PartError::Packet { reason, .. } => reason.rule(),
            PartError::Grammar { .. } => Rule::OpenpgpGrammar,
            PartError::Pkesk { .. } => Rule::OpenpgpPkesk,
            PartError::Integrity { .. } => Rule::OpenpgpIntegrity,
            PartError::Frame { reason, .. } => reason.rule(),
        }
    }
}

/// A sealed part whose bytes are the ones that the manifest states, split by the grammar of the profile.
pub(crate) struct SealedPart<'a> {
    /// The encrypted-session-key packets, whole.
    pub(crate) pkesks: &'a [u8],
    /// Body of the one SEIPD packet.
    seipd: &'a [u8],
}

impl<'a> SealedPart<'a> {
    /// Checks size, digest and the outer grammar: one or more PKESK, one SEIPD, nothing else.
    pub(crate) fn parse(profile: Profile, part: &Part, bytes: &'a [u8]) -> Result<Self, PartError> {
        let name = || part.name.clone();
        // SEGMENT-SIZE, SEGMENT-DIGEST
        if bytes.len() as u64 != part.size {
            return Err(PartError::Size { part: name(), found: bytes.len() as u64, stated: part.size });
        }
        let found = Sha256Digest(sha256(bytes));
        if found != part.sha256 {
            return Err(PartError::Digest { part: name(), found, stated: part.sha256 });
        }
        // OPENPGP-GRAMMAR, OPENPGP-PKESK
        let mut packets = Packets::new(bytes);
        let mut recipients = 0;
        loop {
            let start = packets.position();
            let packet = packets.next().map_err(|reason| PartError::Packet { part: name(), reason })?;
            let Some(packet) = packet else {
                return Err(PartError::Grammar { part: name(), flaw: "no encrypted data packet" });
            };
            match packet.tag {
                PKESK_TAG => {
                    recipients += 1;
                    if recipients > limits::RECIPIENTS {
                        return Err(PartError::Pkesk { part: name(), flaw: "more than 16 encrypted session keys" });
                    }
                    if packet.body.len() > limits::PKESK_BYTES {
                        return Err(PartError::Pkesk {
                            part: name(),
                            flaw: "an encrypted session key over 4096 bytes",
                        });
                    }
                    if !pkesk::is_of_profile(profile, packet.body) {
                        return Err(PartError::Pkesk { part: name(), flaw: OTHER_PROFILE });
                    }
                }
                SEIPD_TAG if recipients == 0 => {
                    return Err(PartError::Pkesk { part: name(), flaw: "no encrypted session key" });
                }
                SEIPD_TAG if packets.position() == bytes.len() => {
                    let pkesks = bytes.get(..start).unwrap_or_default();
                    return Ok(Self { pkesks, seipd: packet.body });
                }
                SEIPD_TAG => {
                    return Err(PartError::Grammar { part: name(), flaw: "bytes follow the encrypted data packet" });
                }
                _ => {
                    return Err(PartError::Grammar { part: name(), flaw: "a packet that is no part of the message" });
                }
            }
        }
    }
}

/// Opens parts one after the other, with its buffers kept. One per thread.
pub(crate) struct PartOpener<'k> {
    key: &'k PouchKey,
    /// The part that was decrypted last, in the place of its ciphertext.
    bytes: Vec<u8>,
    /// Where in it the literal packet lies.
    plain: Range<usize>,
    /// One piece on its way from ciphertext to plaintext.
    piece: Vec<u8>,
    decompressor: Decompressor<'static>,
}

impl<'k> PartOpener<'k> {
    pub(crate) fn new(key: &'k PouchKey) -> std::io::Result<Self> {
        let piece = vec![0; CHUNK_BYTES + BLOCK_BYTES];
        Ok(Self { key, bytes: Vec::new(), plain: 0..0, piece, decompressor: Decompressor::new()? })
    }

    /// Gets and decrypts a part, into the place of the one before.
    pub(crate) fn fetch(&mut self, part: &Part, fetch: &Fetch<'_>) -> Result<(), StreamError> {
        let mut bytes = std::mem::take(&mut self.bytes);
        fetch(part, &mut bytes)?;
        Ok(self.decrypt(part, bytes)?)
    }

    /// Decrypts the bytes of a part. What is decrypted is kept here, once all of it is authenticated.
    pub(crate) fn decrypt(&mut self, part: &Part, mut bytes: Vec<u8>) -> Result<(), PartError> {
        let sealed = SealedPart::parse(self.key.profile, part, &bytes)?;
        if sealed.pkesks != self.key.pkesks {
            let flaw = "other encrypted session keys than the first part has";
            return Err(PartError::Pkesk { part: part.name.clone(), flaw });
        }
        // Nothing follows the body of the encrypted data.
        let start = bytes.len() - sealed.seipd.len();
        let body = bytes.get_mut(start..).unwrap_or_default();
        let plain = match self.key.profile {
            Profile::Rfc9580 | Profile::Rfc9980 => decrypt_v2(&self.key.key, part, body, &mut self.piece),
            Profile::Rfc4880 => decrypt_v1(&self.key.key, part, body, &mut self.piece),
        }?;
        (self.bytes, self.plain) = (bytes, start + plain.start..start + plain.end);
        Ok(())
    }

    /// Decompresses what was decrypted last: `content` becomes exactly `part.content` bytes; what it held before is gone.
    pub(crate) fn decompress(&mut self, part: &Part, content: &mut Vec<u8>) -> Result<(), PartError> {
        let frame = literal_content(part, self.bytes.get(self.plain.clone()).unwrap_or_default())?;
        frame::decompress(&mut self.decompressor, frame, part.content, content)
            .map_err(|reason| PartError::Frame { part: part.name.clone(), reason })
    }

    /// Gives the memory of the last part back.
    pub(crate) fn shrink(&mut self) {
        (self.bytes, self.plain) = (Vec::new(), 0..0);
    }
}

/// SEIPD version 2 (RFC 9580 section 5.13.2): every chunk's tag, then the tag over the whole length.
///
/// Decrypts `body` in its place by way of `piece` and says where the plaintext lies; without a result it is worthless.
fn decrypt_v2(key: &LockedBytes, part: &Part, body: &mut [u8], piece: &mut [u8]) -> Result<Range<usize>, PartError> {
    const HEAD: usize = 4 + SALT_BYTES;
    let grammar = |flaw| PartError::Grammar { part: part.name.clone(), flaw };
    let integrity = |flaw| PartError::Integrity { part: part.name.clone(), flaw };
    let (head, rest) = body.split_first_chunk_mut::<4>().ok_or(grammar("the encrypted data packet has no head"))?;
    if *head != [2, 9, 2, CHUNK_OCTET] {
        return Err(grammar("the encrypted data is not version 2, AES-256, OCB, chunks of 1 MiB"));
    }
    let (salt, rest) = rest.split_first_chunk_mut::<SALT_BYTES>().ok_or(grammar("the encrypted data has no salt"))?;
    let (chunks, last_tag) =
        rest.split_last_chunk_mut::<TAG_BYTES>().ok_or(grammar("the encrypted data has no tag"))?;

    let (cipher, aead) = (SymmetricAlgorithm::AES256, AEADAlgorithm::OCB);
    let schedule = SEIPv2Schedule::new(&SessionKey::from(key.as_ref()), cipher, aead, CHUNK_BYTES, salt)
        .map_err(|_| integrity("no message key"))?;
    let mut context = |key: &SessionKey, nonce: &[u8], data: &[u8]| -> sequoia_openpgp::Result<DecryptionContext> {
        aead.context(cipher, key, data, nonce)?.for_decryption()
    };
    let (mut done, mut index) = (0, 0u64);
    for start in (0..chunks.len()).step_by(CHUNK_BYTES + TAG_BYTES) {
        let end = chunks.len().min(start + CHUNK_BYTES + TAG_BYTES);
        let chunk = chunks.get(start..end).unwrap_or_default();
        // An empty chunk behind a full one would be a second encoding of the same.
        let size = chunk.len().checked_sub(TAG_BYTES).filter(|size| *size > 0);
        let size = size.ok_or(integrity("a chunk without content"))?;
        let out = piece.get_mut(..size).ok_or(integrity("a chunk too long"))?;
        schedule
            .chunk(index, &mut context)
            .and_then(|mut context| context.decrypt_verify(out, chunk))
            .map_err(|_| integrity("the tag of a chunk is wrong"))?;
        chunks.get_mut(done..done + size).ok_or(integrity("a chunk too many"))?.copy_from_slice(out);
        done += size;
        index += 1;
    }
    schedule
        .finalizer(index, done as u64, &mut context)
        .and_then(|mut context| context.decrypt_verify(&mut [], last_tag))
        .map_err(|_| integrity("the last tag is wrong"))?;
    Ok(HEAD..HEAD + done)
}

/// SEIPD version 1 (RFC 9580 section 5.13.1): the repeated prefix and the SHA-1 over everything. Otherwise as
/// [`decrypt_v2`].
fn decrypt_v1(key: &LockedBytes, part: &Part, body: &mut [u8], piece: &mut [u8]) -> Result<Range<usize>, PartError> {
    const PREFIX: usize = BLOCK_BYTES + 2;
    const MDC: usize = 22;
    let grammar = |flaw| PartError::Grammar { part: part.name.clone(), flaw };
    let integrity = |flaw| PartError::Integrity { part: part.name.clone(), flaw };
    let (&mut version, body) = body.split_first_mut().ok_or(grammar("the encrypted data packet has no head"))?;
    if version != 1 {
        return Err(grammar("the encrypted data is not version 1"));
    }
    let end = body.len().checked_sub(MDC).filter(|end| *end >= PREFIX);
    let end = end.ok_or(grammar("the encrypted data is shorter than its prefix and digest"))?;
    let mut cfb = Crypter::new(Cipher::aes_256_cfb128(), Mode::Decrypt, key.as_ref(), Some(&[0; BLOCK_BYTES]))
        .map_err(|_| integrity("no decryption"))?;
    for bytes in body.chunks_mut(CHUNK_BYTES) {
        let done = cfb.update(bytes, piece).map_err(|_| integrity("no decryption"))?;
        let out = piece.get(..done).filter(|out| out.len() == bytes.len());
        bytes.copy_from_slice(out.ok_or(integrity("no decryption"))?);
    }
    let (covered, digest) = body.split_last_chunk::<20>().ok_or(integrity("no digest"))?;
    let mut sha1 = Sha1::new();
    sha1.update(covered);
    if !openssl::memcmp::eq(&sha1.finish(), digest) || !covered.ends_with(&[0xD3, 0x14]) {
        return Err(integrity("the modification detection code is wrong"));
    }
    Ok(1 + PREFIX..1 + end)
}

/// The content of the one literal data packet: binary, no file name, no date (RFC 9580 section 5.9).
fn literal_content<'a>(part: &Part, plain: &'a [u8]) -> Result<&'a [u8], PartError> {
    let grammar = |flaw| PartError::Grammar { part: part.name.clone(), flaw };
    let mut packets = Packets::new(plain);
    let packet = packets.next().map_err(|reason| PartError::Packet { part: part.name.clone(), reason })?;
    let packet = packet.ok_or(grammar("the encrypted data is empty"))?;
    if packet.tag != LITERAL_TAG {
        return Err(grammar("the encrypted data is not a literal packet"));
    }
    if packets.position() != plain.len() {
        return Err(grammar("something follows the literal packet"));
    }
    let frame = packet.body.strip_prefix(&[b'b', 0, 0, 0, 0, 0]);
    let frame = frame.ok_or(grammar("the literal packet is not binary without name and date"))?;
    if frame.len() as u64 == part.frame {
        Ok(frame)
    } else {
        Err(grammar("the zstd frame has another size than stated"))
    }
}
