//! Sealed parts, made packet by packet so that each can be wrong.

use std::io::Write as _;

use openssl::sha::{Sha1, sha256};
use openssl::symm::{Cipher, Crypter, Mode};
use pouch_format::{Part, Profile, Sha256Digest};
use sequoia_openpgp::Cert;
use sequoia_openpgp::anyhow::Context as _;
use sequoia_openpgp::crypto::SessionKey;
use sequoia_openpgp::crypto::aead::{Encryptor, SEIPv2Schedule, Schedule as _};
use sequoia_openpgp::packet::{PKESK, pkesk::PKESK3, pkesk::PKESK6};
use sequoia_openpgp::serialize::MarshalInto as _;
use sequoia_openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use super::{Result, hex};

/// Tag of an encrypted session key.
pub const PKESK_TAG: u8 = 1;
/// Tag of compressed data.
pub const COMPRESSED_TAG: u8 = 8;
/// Tag of a marker.
pub const MARKER_TAG: u8 = 10;
/// Tag of literal data.
pub const LITERAL_TAG: u8 = 11;
/// Tag of encrypted data.
pub const SEIPD_TAG: u8 = 18;
/// Tag of padding.
pub const PADDING_TAG: u8 = 21;

/// The head of the encrypted data of `rfc9580`: version 2, AES-256, OCB, chunks of 1 MiB.
pub const HEAD_V2: [u8; 4] = [2, 9, 2, 14];

const SALT: usize = 32;

/// A session key and the packets that give it to its holders.
#[derive(Clone, Debug)]
pub struct Sealer {
    /// Which packets.
    pub profile: Profile,
    /// The session key.
    pub key: [u8; 32],
    /// The packets in front of the encrypted data.
    pub pkesks: Vec<u8>,
}

impl Sealer {
    /// A fresh session key for these certificates.
    ///
    /// # Errors
    /// The library refuses.
    pub fn new(profile: Profile, recipients: &[&Cert]) -> Result<Self> {
        let mut key = [0; 32];
        openssl::rand::rand_bytes(&mut key)?;
        let mut pkesks = Vec::new();
        for cert in recipients {
            pkesks.extend(pkesk(profile, &key, cert)?);
        }
        Ok(Self { profile, key, pkesks })
    }

    /// A session key that is given to nobody: its packet holds no key.
    #[must_use]
    pub fn for_nobody(profile: Profile) -> Self {
        let body = match profile {
            Profile::Rfc9580 => vec![6, 0, 25, 0],
            Profile::Rfc4880 => vec![3, 0, 0, 0],
            Profile::Rfc9980 => [&[6, 33, 6][..], &[0; 32], &[35], &[0; 32 + 1088], &[40], &[0; 40]].concat(),
        };
        Self { profile, key: [0x5A; 32], pkesks: packet(PKESK_TAG, &body) }
    }

    /// The whole message around a frame.
    ///
    /// # Errors
    /// The library refuses.
    pub fn seal(&self, frame: &[u8]) -> Result<Vec<u8>> {
        self.around(&literal(frame))
    }

    /// The whole message around any decrypted bytes.
    ///
    /// # Errors
    /// The library refuses.
    pub fn around(&self, plain: &[u8]) -> Result<Vec<u8>> {
        Ok([self.pkesks.clone(), packet(SEIPD_TAG, &self.encrypted(plain)?)].concat())
    }

    /// The body of the encrypted data packet.
    ///
    /// # Errors
    /// The library refuses.
    pub fn encrypted(&self, plain: &[u8]) -> Result<Vec<u8>> {
        match self.profile {
            Profile::Rfc9580 | Profile::Rfc9980 => self.encrypted_v2(HEAD_V2, plain),
            Profile::Rfc4880 => self.encrypted_v1(plain),
        }
    }

    /// The same for version 2 with this head; a chunk has as many bytes as the head says.
    ///
    /// # Errors
    /// The library refuses.
    pub fn encrypted_v2(&self, head: [u8; 4], plain: &[u8]) -> Result<Vec<u8>> {
        let [_, cipher, aead, octet] = head;
        let (cipher, aead) = (SymmetricAlgorithm::from(cipher), AEADAlgorithm::from(aead));
        let mut body = head.to_vec();
        let mut salt = [0; SALT];
        openssl::rand::rand_bytes(&mut salt)?;
        body.extend(salt);
        let chunk = 1usize << (octet + 6);
        let schedule = SEIPv2Schedule::new(&SessionKey::from(&self.key[..]), cipher, aead, chunk, &salt)?;
        let mut encryptor = Encryptor::new(cipher, aead, chunk, schedule, &mut body)?;
        encryptor.write_all(plain)?;
        encryptor.finalize()?;
        Ok(body)
    }

    /// Version 2, chunk by chunk, with or without a chunk of nothing at the end.
    ///
    /// # Errors
    /// The library refuses.
    pub fn encrypted_in_chunks(&self, plain: &[u8], empty: bool) -> Result<Vec<u8>> {
        let (cipher, aead) = (SymmetricAlgorithm::AES256, AEADAlgorithm::OCB);
        let salt = [7; SALT];
        let schedule = SEIPv2Schedule::new(&SessionKey::from(&self.key[..]), cipher, aead, 1 << 20, &salt)?;
        let mut context =
            |key: &SessionKey, nonce: &[u8], data: &[u8]| aead.context(cipher, key, data, nonce)?.for_encryption();
        let nothing: &[u8] = &[];
        let mut body = [&HEAD_V2[..], &salt].concat();
        let mut index = 0;
        for chunk in plain.chunks(1 << 20).chain(empty.then_some(nothing)) {
            let mut sealed = vec![0; chunk.len() + 16];
            schedule.chunk(index, &mut context)?.encrypt_seal(&mut sealed, chunk)?;
            body.extend(sealed);
            index += 1;
        }
        let mut tag = [0; 16];
        schedule.finalizer(index, plain.len() as u64, &mut context)?.encrypt_seal(&mut tag, nothing)?;
        body.extend(tag);
        Ok(body)
    }

    fn encrypted_v1(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let mut prefix = [0; 16];
        openssl::rand::rand_bytes(&mut prefix)?;
        let mut covered = prefix.to_vec();
        covered.extend(prefix.last_chunk::<2>().context("a prefix of 16 bytes")?);
        covered.extend(plain);
        covered.extend([0xD3, 0x14]);
        self.encrypted_v1_as_is(&covered)
    }

    /// Version 1 around a prefix, packets and the head of the MDC packet as given; its digest is right.
    ///
    /// # Errors
    /// The library refuses.
    pub fn encrypted_v1_as_is(&self, covered: &[u8]) -> Result<Vec<u8>> {
        let mut sha1 = Sha1::new();
        sha1.update(covered);
        let clear = [covered, &sha1.finish()].concat();
        let mut cfb = Crypter::new(Cipher::aes_256_cfb128(), Mode::Encrypt, &self.key, Some(&[0; 16]))?;
        let mut secret = vec![0; clear.len() + 16];
        let done = cfb.update(&clear, &mut secret)?;
        secret.truncate(done);
        Ok([vec![1], secret].concat())
    }

    /// The session key as header lines carry it.
    #[must_use]
    pub fn key_hex(&self) -> String {
        hex(&self.key)
    }
}

/// An encrypted session key.
///
/// # Errors
/// The library refuses.
pub fn pkesk(profile: Profile, key: &[u8; 32], cert: &Cert) -> Result<Vec<u8>> {
    let session_key = SessionKey::from(&key[..]);
    let recipient = cert.keys().subkeys().next().context("no subkey")?.key().clone().role_into_unspecified();
    let pkesk = match profile {
        Profile::Rfc9580 | Profile::Rfc9980 => PKESK::from(PKESK6::for_recipient(&session_key, &recipient)?),
        Profile::Rfc4880 => PKESK::from(PKESK3::for_recipient(SymmetricAlgorithm::AES256, &session_key, &recipient)?),
    };
    sequoia_openpgp::Packet::from(pkesk).to_vec()
}

/// A packet in the current format with the shortest definite length.
#[must_use]
pub fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut packet = vec![0xC0 | tag];
    match length {
        0..192 => packet.extend(length.to_be_bytes().last()),
        192..8384 => packet.extend((length - 192 + (192 << 8)).to_be_bytes().iter().skip(2)),
        _ => return long_packet(tag, body),
    }
    packet.extend(body);
    packet
}

/// A packet whose length takes five bytes.
#[must_use]
pub fn long_packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&[0xC0 | tag, 0xFF][..], &length.to_be_bytes(), body].concat()
}

/// A packet in the legacy format, its length in four bytes.
#[must_use]
pub fn legacy_packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&[0x80 | tag << 2 | 2][..], &length.to_be_bytes(), body].concat()
}

/// A literal packet as a pouch has it.
#[must_use]
pub fn literal(frame: &[u8]) -> Vec<u8> {
    packet(LITERAL_TAG, &[&[b'b', 0, 0, 0, 0, 0], frame].concat())
}

/// A zstd frame as a pouch has it.
///
/// # Errors
/// The library refuses.
pub fn frame(content: &[u8]) -> Result<Vec<u8>> {
    frame_with(content, &[CParameter::ChecksumFlag(true)])
}

/// A zstd frame made with these parameters.
///
/// # Errors
/// The library refuses.
pub fn frame_with(content: &[u8], parameters: &[CParameter]) -> Result<Vec<u8>> {
    let mut compressor = Compressor::new(3)?;
    for parameter in parameters {
        compressor.set_parameter(*parameter)?;
    }
    Ok(compressor.compress(content)?)
}

/// What a manifest states of these sealed bytes.
#[must_use]
pub fn part(name: String, sealed: &[u8], frame: u64, content: u64) -> Part {
    Part { name, size: sealed.len() as u64, sha256: Sha256Digest(sha256(sealed)), frame, content }
}
