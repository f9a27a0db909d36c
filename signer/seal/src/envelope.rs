//! One session key for a whole pouch, and the OpenPGP message around each of its parts.
//!
//! SPEC.md section 5. All messages of a pouch carry the same session key and the same encrypted-session-key packets;
//! each has a random salt (or prefix) of its own, which makes that sound. So a pouch costs the embassy's token one
//! decryption, however many parts it has.
//!
//! ```text
//! rfc9580   PKESK v6 *      SEIPD v2: version, AES-256, OCB, 1 MiB chunks, salt, { literal { frame } } + tags
//! pqc       the same, each PKESK of algorithm 35, ML-KEM-768+X25519
//! rfc4880   PKESK v3 *      SEIPD v1: version, CFB { prefix, literal { frame }, MDC }
//! ```

use std::io::{self, Write};

use openssl::sha::Sha1;
use openssl::symm::{Cipher, Crypter, Mode};
use pouch_format::Profile;
use pouch_platform::LockedBytes;
use sequoia_openpgp::crypto::SessionKey;
use sequoia_openpgp::crypto::aead::{Encryptor, SEIPv2Schedule};
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};
use sequoia_openpgp::packet::{Key, PKESK};
use sequoia_openpgp::packet::{pkesk::PKESK3, pkesk::PKESK6};
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use sequoia_openpgp::{Packet, crypto};

/// Bytes of a session key for AES-256.
const KEY_BYTES: usize = 32;
/// Plaintext bytes of one AEAD chunk (RFC 9580 section 5.13.2): large, because each chunk costs a set-up.
const CHUNK_BYTES: usize = 1 << 20;
/// The octet that says [`CHUNK_BYTES`]: the chunk size is 2^(octet + 6).
const CHUNK_OCTET: u8 = 14;
const TAG_BYTES: usize = 16;
const SALT_BYTES: usize = 32;

/// Why a message could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The file or pipe it goes to fails.
    #[error("writing a sealed part: {0}")]
    Write(#[from] io::Error),
    /// No memory can be locked for the session key.
    #[error("locking memory for the session key: {0}")]
    Memory(#[from] pouch_platform::MemoryError),
    /// The OpenPGP library refuses, e.g. to encrypt to a key.
    #[error("{doing}: {reason}")]
    Openpgp {
        /// What was being done.
        doing: &'static str,
        /// What the library says.
        reason: String,
    },
}

/// Names what was being done when the OpenPGP library or OpenSSL refused.
fn while_<E: std::fmt::Display>(doing: &'static str) -> impl Fn(E) -> EnvelopeError {
    move |error| EnvelopeError::Openpgp { doing, reason: error.to_string() }
}

/// The session key of one pouch, with the packets that give it to the recipients.
pub(crate) struct Envelope {
    profile: Profile,
    key: LockedBytes,
    pkesks: Vec<u8>,
}

impl Envelope {
    /// Draws a session key and encrypts it to each recipient.
    ///
    /// # Errors
    /// When memory cannot be locked, or a key cannot be encrypted to.
    pub(crate) fn new(
        profile: Profile,
        recipients: &[Key<PublicParts, UnspecifiedRole>],
    ) -> Result<Self, EnvelopeError> {
        let session_key = SessionKey::new(KEY_BYTES).map_err(while_("drawing a session key"))?;
        let mut pkesks = Vec::new();
        for recipient in recipients {
            let pkesk = match profile {
                Profile::Rfc9580 | Profile::Rfc9980 => PKESK6::for_recipient(&session_key, recipient).map(PKESK::from),
                Profile::Rfc4880 => {
                    PKESK3::for_recipient(SymmetricAlgorithm::AES256, &session_key, recipient).map(PKESK::from)
                }
            };
            let packet = pkesk.and_then(|pkesk| Packet::from(pkesk).to_vec());
            pkesks.extend(packet.map_err(while_("encrypting the session key to a recipient"))?);
        }
        Ok(Self { profile, key: LockedBytes::copy_of(&session_key)?, pkesks })
    }

    /// Writes the whole message around `frame`.
    ///
    /// # Errors
    /// When `out` fails, or the system has no random bytes.
    pub(crate) fn seal(&self, frame: &[u8], out: &mut impl Write) -> Result<(), EnvelopeError> {
        out.write_all(&self.pkesks)?;
        match self.profile {
            Profile::Rfc9580 | Profile::Rfc9980 => self.seal_v2(frame, out),
            Profile::Rfc4880 => self.seal_v1(frame, out),
        }
    }

    /// SEIPD version 2 (RFC 9580 section 5.13.2).
    fn seal_v2(&self, frame: &[u8], out: &mut impl Write) -> Result<(), EnvelopeError> {
        let literal = literal_head(frame.len())?;
        let plain = literal.len() + frame.len();
        let body = 4 + SALT_BYTES + plain + plain.div_ceil(CHUNK_BYTES) * TAG_BYTES + TAG_BYTES;
        let mut salt = [0; SALT_BYTES];
        crypto::random(&mut salt).map_err(while_("drawing a salt"))?;
        let (cipher, aead) = (SymmetricAlgorithm::AES256, AEADAlgorithm::OCB);
        let schedule = SEIPv2Schedule::new(&SessionKey::from(self.key.as_ref()), cipher, aead, CHUNK_BYTES, &salt)
            .map_err(while_("deriving the message key"))?;

        out.write_all(&packet_head(SEIPD_TAG, body)?)?;
        out.write_all(&[2, cipher.into(), aead.into(), CHUNK_OCTET])?;
        out.write_all(&salt)?;
        let mut encryptor = Encryptor::new(cipher, aead, CHUNK_BYTES, schedule, out).map_err(while_("encrypting"))?;
        encryptor.write_all(&literal)?;
        encryptor.write_all(frame)?;
        encryptor.finalize().map_err(while_("encrypting"))?;
        Ok(())
    }

    /// SEIPD version 1 (RFC 9580 section 5.13.1), the only one that GnuPG 2.2 knows.
    fn seal_v1(&self, frame: &[u8], out: &mut impl Write) -> Result<(), EnvelopeError> {
        const BLOCK: usize = 16;
        let literal = literal_head(frame.len())?;
        let mut prefix = [0; BLOCK + 2];
        let (random, repeated) = prefix.split_at_mut(BLOCK);
        crypto::random(&mut *random).map_err(while_("drawing a prefix"))?;
        repeated.copy_from_slice(random.last_chunk::<2>().unwrap_or(&[0; 2]));
        let mdc_head = [0xD3, 0x14];
        let mut mdc = Sha1::new();
        [&prefix[..], &literal, frame, &mdc_head].iter().for_each(|bytes| mdc.update(bytes));
        let mdc = mdc.finish();

        let body = 1 + prefix.len() + literal.len() + frame.len() + mdc_head.len() + mdc.len();
        out.write_all(&packet_head(SEIPD_TAG, body)?)?;
        out.write_all(&[1])?;
        let mut cfb = Crypter::new(Cipher::aes_256_cfb128(), Mode::Encrypt, self.key.as_ref(), Some(&[0; BLOCK]))
            .map_err(while_("encrypting"))?;
        let mut buffer = vec![0; CHUNK_BYTES + BLOCK];
        for bytes in [&prefix[..], &literal, frame, &mdc_head, &mdc] {
            for piece in bytes.chunks(CHUNK_BYTES) {
                let done = cfb.update(piece, &mut buffer).map_err(while_("encrypting"))?;
                out.write_all(buffer.get(..done).unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

const SEIPD_TAG: u8 = 18;
const LITERAL_TAG: u8 = 11;

/// The head of a packet in the current format with the shortest definite length (RFC 9580 section 4.2.1).
fn packet_head(tag: u8, body: usize) -> io::Result<Vec<u8>> {
    let length = u32::try_from(body).map_err(|_| io::Error::other("a packet of more than 4 GiB"))?;
    let mut head = vec![0xC0 | tag];
    match length {
        0..192 => head.push(length.to_be_bytes()[3]),
        192..8384 => head.extend(&(length - 192 + (192 << 8)).to_be_bytes()[2..]),
        _ => {
            head.push(0xFF);
            head.extend(length.to_be_bytes());
        }
    }
    Ok(head)
}

/// Head of a literal data packet: binary, no file name, no date.
fn literal_head(content: usize) -> io::Result<Vec<u8>> {
    let mut head = packet_head(LITERAL_TAG, content + 6)?;
    head.extend([b'b', 0, 0, 0, 0, 0]);
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_their_shortest_form() {
        for (body, head) in [
            (0, vec![0xD2, 0]),
            (191, vec![0xD2, 191]),
            (192, vec![0xD2, 192, 0]),
            (8383, vec![0xD2, 223, 255]),
            (8384, vec![0xD2, 255, 0, 0, 0x20, 0xC0]),
        ] {
            assert_eq!(packet_head(SEIPD_TAG, body).unwrap(), head, "{body}");
        }
    }

    #[test]
    fn a_packet_over_4_gib_is_an_error() {
        assert!(packet_head(SEIPD_TAG, 1 << 32).is_err());
    }
}
