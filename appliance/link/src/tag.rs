//! The tag of a datagram: a filter against noise, or with a link key also against floods and forgeries. It is not what a
//! pouch is trusted by; that is the signed manifest.
//!
//! ```text
//! without a key   CRC32C of (head before the tag, payload), big-endian; 12 zeros
//! with a key      AES-256-GMAC of (head before the tag, payload), nonce = 4 zeros, sequence (8, big-endian), under
//!                 BLAKE3 keyed hash (link key; "pouch link 1", stream (8), transmission (8))
//! ```
//! A transmission's number is random, and within it no sequence is used twice, so no nonce is ever used twice
//! (NIST SP 800-38D, section 8).

use std::fmt;

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use crate::datagram::{Datagram, Refused, UNTAGGED};

/// The 16 bytes of a tag.
pub type Tag = [u8; 16];

/// Transmissions whose keys a receiver has at hand.
const REMEMBERED: usize = 8;

/// The key that both ends of a link share: 32 random bytes.
#[derive(Clone)]
pub struct LinkKey(Zeroizing<[u8; 32]>);

impl LinkKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

/// Makes the tags of one transmission.
pub struct Tagger(Option<CipherCtx>);

impl Tagger {
    /// For a transmission of a stream, under the link key if there is one.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn new(key: Option<&LinkKey>, stream: u64, transmission: u64) -> Result<Self, ErrorStack> {
        let Some(key) = key else { return Ok(Self(None)) };
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        hasher.update(b"pouch link 1").update(&stream.to_be_bytes()).update(&transmission.to_be_bytes());
        let own = Zeroizing::new(*hasher.finalize().as_bytes());
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(Cipher::aes_256_gcm()), Some(own.as_slice()), None)?;
        Ok(Self(Some(context)))
    }

    /// The tag of a datagram.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn tag(&mut self, head: &[u8; UNTAGGED], payload: &[u8], sequence: u64) -> Result<Tag, ErrorStack> {
        let mut tag = [0; 16];
        let Some(context) = &mut self.0 else {
            let sum = crc32c::crc32c_append(crc32c::crc32c(head), payload).to_be_bytes();
            for (place, byte) in tag.iter_mut().zip(sum) {
                *place = byte;
            }
            return Ok(tag);
        };
        let mut nonce = [0; 12];
        for (place, byte) in nonce.iter_mut().skip(4).zip(sequence.to_be_bytes()) {
            *place = byte;
        }
        context.encrypt_init(None, None, Some(&nonce))?;
        context.cipher_update(head, None)?;
        context.cipher_update(payload, None)?;
        context.cipher_final(&mut [])?;
        context.tag(&mut tag)?;
        Ok(tag)
    }
}

/// Checks the tags of whatever arrives.
pub struct Checker {
    key: Option<LinkKey>,
    plain: Tagger,
    /// The latest transmissions of which a tag was good, newest last.
    known: Vec<((u64, u64), Tagger)>,
}

impl Checker {
    /// Under the link key if there is one: then nothing without a tag of it passes.
    #[must_use]
    pub fn new(key: Option<&LinkKey>) -> Self {
        Self { key: key.cloned(), plain: Tagger(None), known: Vec::new() }
    }

    /// Whether the tag is the datagram's.
    ///
    /// # Errors
    /// [`Refused::Tag`].
    pub fn check(&mut self, datagram: &Datagram<'_>) -> Result<(), Refused> {
        let head = &datagram.head;
        let Some(key) = &self.key else {
            let tag = self.plain.tag(datagram.untagged, datagram.payload, head.sequence);
            return if tag.is_ok_and(|tag| tag == *datagram.tag) { Ok(()) } else { Err(Refused::Tag) };
        };
        let name = (head.stream, head.transmission);
        let mut new = None;
        let tagger = match self.known.iter_mut().find(|(known, _)| *known == name) {
            Some((_, tagger)) => tagger,
            None => new.insert(Tagger::new(Some(key), head.stream, head.transmission).map_err(|_| Refused::Tag)?),
        };
        let tag = tagger.tag(datagram.untagged, datagram.payload, head.sequence).map_err(|_| Refused::Tag)?;
        if !openssl::memcmp::eq(&tag, datagram.tag) {
            return Err(Refused::Tag);
        }
        // Only a transmission with a good tag is remembered, so that forged ones push out nothing.
        if let Some(tagger) = new {
            if self.known.len() == REMEMBERED {
                self.known.remove(0);
            }
            self.known.push((name, tagger));
        }
        Ok(())
    }
}
