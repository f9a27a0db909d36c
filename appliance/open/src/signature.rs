//! The signature file, read by one strict grammar before any other code sees it.
//!
//! SPEC.md section 3.2; RFC 9580 sections 4.2 (packet heads) and 5.2 (signatures). From 1 to 16 packets, all of them
//! signatures over binary data, version 4 or 6, and nothing between or after them. What OpenPGP leaves open is closed:
//! a length has its shortest form, what is not signed has one form, and whatever is unknown and critical is refused.

use pouch_format::{Fingerprint, limits};

use crate::VerifyError;

const SIGNATURE_TAG: u8 = 2;
const BINARY: u8 = 0x00;
const CREATION_TIME: u8 = 2;
const EXPIRATION_TIME: u8 = 3;
const ISSUER: u8 = 16;
const ISSUER_FINGERPRINT: u8 = 33;
const INTENDED_RECIPIENT: u8 = 35;

/// One signature, as far as it can be read without any cryptography.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawSignature<'a> {
    /// Body of the packet.
    pub(crate) body: &'a [u8],
    /// Public-key algorithm (RFC 9580 section 9.1).
    pub(crate) key_algorithm: u8,
    /// Hash algorithm (RFC 9580 section 9.5).
    pub(crate) hash_algorithm: u8,
    /// Fingerprint of the key, as the signature says.
    pub(crate) key: Fingerprint,
    /// When it was made, in seconds since 1970, as the signature says.
    pub(crate) made: u32,
    /// Fingerprints of the certificates that it is meant for; none if it does not say.
    pub(crate) intended: Vec<Fingerprint>,
}

/// Reads a signature file.
pub(crate) fn parse(file: &[u8]) -> Result<Vec<RawSignature<'_>>, VerifyError> {
    let mut rest = Bytes { bytes: file, at: 0 };
    let mut signatures = Vec::new();
    while !rest.bytes.is_empty() {
        if signatures.len() == limits::SIGNATURES {
            return rest.refuse("more than 16 signatures");
        }
        signatures.push(packet(&mut rest)?);
    }
    if signatures.is_empty() { rest.refuse("no signature") } else { Ok(signatures) }
}

fn packet<'a>(rest: &mut Bytes<'a>) -> Result<RawSignature<'a>, VerifyError> {
    let before = rest.clone();
    let length = head(rest)?;
    let mut body = rest.take(length)?;
    let whole = body.bytes;
    let version = body.octet()?;
    // The fields of both versions differ only in the width of these lengths, and in the salt.
    let width = match version {
        4 => 2,
        6 => 4,
        _ => return before.refuse("a signature of neither version 4 nor 6"),
    };
    if body.octet()? != BINARY {
        return before.refuse("a signature of another type than binary data");
    }
    let (key_algorithm, hash_algorithm) = (body.octet()?, body.octet()?);
    let length = body.number(width)?;
    let signed = signed_area(body.take(length)?, version)?;
    let length = body.number(width)?;
    unsigned_area(&body.take(length)?, version, &signed.key)?;
    body.take(2)?;
    if version == 6 {
        let length = body.octet()?;
        body.take(length.into())?;
    }
    cryptogram(body, key_algorithm)?;
    Ok(RawSignature {
        body: whole,
        key_algorithm,
        hash_algorithm,
        key: signed.key,
        made: signed.made,
        intended: signed.intended,
    })
}

/// The head of a signature packet; returns the length of its body.
fn head(rest: &mut Bytes<'_>) -> Result<usize, VerifyError> {
    let start = rest.clone();
    let first = rest.octet()?;
    let (tag, length, least) = match first >> 6 {
        0b11 => {
            let (length, least) = current_length(rest)?;
            (first & 0x3F, length, least)
        }
        0b10 => {
            let (width, least) = match first & 0x03 {
                0 => (1, 0),
                1 => (2, 0x100),
                2 => (4, 0x1_0000),
                _ => return start.refuse("a packet of indeterminate length"),
            };
            ((first >> 2) & 0x0F, rest.number(width)?, least)
        }
        _ => return start.refuse("not an OpenPGP packet"),
    };
    if tag != SIGNATURE_TAG {
        return start.refuse("another packet than a signature");
    }
    if length < least { start.refuse("a length in a longer form than it needs") } else { Ok(length) }
}

/// A length of the current format (RFC 9580 section 4.2.1), and the least that needs this form.
fn current_length(rest: &mut Bytes<'_>) -> Result<(usize, usize), VerifyError> {
    let start = rest.clone();
    match rest.octet()? {
        first @ 0..192 => Ok((first.into(), 0)),
        first @ 192..224 => Ok(((usize::from(first) - 192) * 256 + usize::from(rest.octet()?) + 192, 192)),
        255 => Ok((rest.number(4)?, 8384)),
        _ => start.refuse("a partial length"),
    }
}

/// What the hashed subpackets say.
struct Signed {
    key: Fingerprint,
    made: u32,
    intended: Vec<Fingerprint>,
}

fn signed_area(mut area: Bytes<'_>, version: u8) -> Result<Signed, VerifyError> {
    let (mut key, mut made, mut key_id, mut intended) = (None, None, None, Vec::new());
    let start = area.clone();
    while !area.bytes.is_empty() {
        let here = area.clone();
        let (kind, critical, mut body) = subpacket(&mut area)?;
        match kind {
            CREATION_TIME => once(&here, &mut made, body.exactly(4)?)?,
            ISSUER if version == 4 => once(&here, &mut key_id, body.exactly(8)?)?,
            ISSUER_FINGERPRINT => {
                let of_version = body.octet()?;
                if of_version != version {
                    return here.refuse("a signature by a key of another version");
                }
                once(&here, &mut key, fingerprint(&body, of_version)?)?;
            }
            INTENDED_RECIPIENT if intended.len() < limits::RECIPIENTS => {
                let of_version = body.octet()?;
                intended.push(fingerprint(&body, of_version)?);
            }
            INTENDED_RECIPIENT => return here.refuse("more than 16 intended recipients"),
            EXPIRATION_TIME => return here.refuse("a signature that expires"),
            _ if critical => return here.refuse("an unknown critical subpacket"),
            _ => {}
        }
    }
    let Some(key) = key else { return start.refuse("no issuer fingerprint") };
    let Some(made) = made.and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?))) else {
        return start.refuse("no creation time");
    };
    match key_id {
        Some(id) if hex(id) != key_id_of(&key) => start.refuse("an issuer that is not the issuer fingerprint's"),
        _ => Ok(Signed { key, made, intended }),
    }
}

/// Nobody signs this area, so only what GnuPG puts there may stand in it, in the one form that GnuPG gives it.
fn unsigned_area(area: &Bytes<'_>, version: u8, key: &Fingerprint) -> Result<(), VerifyError> {
    match area.bytes {
        [] => Ok(()),
        [9, ISSUER, id @ ..] if version == 4 && id.len() == 8 && hex(id) == key_id_of(key) => Ok(()),
        _ => area.refuse("an unsigned subpacket"),
    }
}

/// Kind, whether it is critical, body (RFC 9580 section 5.2.3.7).
fn subpacket<'a>(area: &mut Bytes<'a>) -> Result<(u8, bool, Bytes<'a>), VerifyError> {
    let length = match area.octet()? {
        first @ 0..192 => first.into(),
        first @ 192..255 => (usize::from(first) - 192) * 256 + usize::from(area.octet()?) + 192,
        255 => area.number(4)?,
    };
    let mut body = area.take(length)?;
    let kind = body.octet()?;
    Ok((kind & 0x7F, kind & 0x80 != 0, body))
}

/// The numbers of the signature itself, to the last byte of the packet.
fn cryptogram(mut body: Bytes<'_>, algorithm: u8) -> Result<(), VerifyError> {
    const RSA: u8 = 1;
    const ECDSA: u8 = 19;
    const EDDSA_LEGACY: u8 = 22;
    const ED25519: u8 = 27;
    const MLDSA65_ED25519: u8 = 30;
    match algorithm {
        RSA => number_of_bits(&mut body)?,
        ECDSA | EDDSA_LEGACY => {
            number_of_bits(&mut body)?;
            number_of_bits(&mut body)?;
        }
        ED25519 => {
            body.take(64)?;
        }
        // RFC 9980 section 5.3.1: the Ed25519 signature, then the one of ML-DSA-65.
        MLDSA65_ED25519 => {
            body.take(64 + 3309)?;
        }
        // Refused as too weak later, by a message that names the algorithm.
        _ => return Ok(()),
    }
    if body.bytes.is_empty() { Ok(()) } else { body.refuse("bytes after the signature") }
}

/// A multiprecision integer in its one form: as many bits as it says, and not none (RFC 9580 section 3.2).
fn number_of_bits(body: &mut Bytes<'_>) -> Result<(), VerifyError> {
    let start = body.clone();
    let bits = body.number(2)?;
    let bytes = body.take(bits.div_ceil(8))?;
    let top = bytes.bytes.first().map_or(0, |first| bytes.bytes.len() * 8 - first.leading_zeros() as usize);
    if bits > 0 && top == bits { Ok(()) } else { start.refuse("a number of another length than it says") }
}

fn once<T>(here: &Bytes<'_>, slot: &mut Option<T>, value: T) -> Result<(), VerifyError> {
    if slot.replace(value).is_some() { here.refuse("a subpacket that stands there twice") } else { Ok(()) }
}

fn fingerprint(body: &Bytes<'_>, version: u8) -> Result<Fingerprint, VerifyError> {
    let length = match version {
        4 => 20,
        6 => 32,
        _ => return body.refuse("a fingerprint of neither version 4 nor 6"),
    };
    hex(body.exactly(length)?).parse().or_else(|_| body.refuse("not a fingerprint"))
}

/// The key id that belongs to a fingerprint of version 4: its last 8 bytes.
fn key_id_of(key: &Fingerprint) -> String {
    key.as_str().get(24..40).unwrap_or_default().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Bytes still to be read, and where in the file they start.
#[derive(Debug, Clone)]
struct Bytes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Result<Bytes<'a>, VerifyError> {
        let Some((taken, rest)) = self.bytes.split_at_checked(length) else {
            return self.refuse("more bytes are announced than are there");
        };
        let taken = Bytes { bytes: taken, at: self.at };
        self.bytes = rest;
        self.at += length;
        Ok(taken)
    }

    fn octet(&mut self) -> Result<u8, VerifyError> {
        Ok(self.take(1)?.bytes.first().copied().unwrap_or_default())
    }

    /// A big-endian number of `width` bytes, at most 4.
    fn number(&mut self, width: usize) -> Result<usize, VerifyError> {
        Ok(self.take(width)?.bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// All the bytes, of which there must be so many.
    fn exactly(&self, length: usize) -> Result<&'a [u8], VerifyError> {
        if self.bytes.len() == length { Ok(self.bytes) } else { self.refuse("a subpacket of the wrong size") }
    }

    fn refuse<T>(&self, flaw: &'static str) -> Result<T, VerifyError> {
        Err(VerifyError::Grammar { at: self.at, flaw })
    }
}
