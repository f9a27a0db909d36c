//! The public half of a token key, and how OpenPGP writes it.

use crate::OpenPgpKey;
use sequoia_openpgp::{
    crypto::mpi::{self, MPI},
    packet::{
        Key,
        key::{Key4, Key6, PublicParts, UnspecifiedRole},
    },
    types::{Curve, HashAlgorithm, PublicKeyAlgorithm, SymmetricAlgorithm},
};
use std::{fmt, time::SystemTime};

/// Version of OpenPGP key packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyVersion {
    /// RFC 4880, for GnuPG.
    V4,
    /// RFC 9580.
    V6,
}

/// Public key material of a kind that this crate can use.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// RSA.
    Rsa {
        /// Modulus, big endian, no leading zeros.
        n: Vec<u8>,
        /// Public exponent, big endian, no leading zeros.
        e: Vec<u8>,
    },
    /// NIST P-256: an uncompressed point, 65 bytes beginning with 4.
    P256(Vec<u8>),
    /// NIST P-384: an uncompressed point, 97 bytes beginning with 4.
    P384(Vec<u8>),
    /// Ed25519.
    Ed25519([u8; 32]),
    /// X25519.
    X25519([u8; 32]),
    /// The ML-DSA-65 half of a composite key (FIPS 204).
    MlDsa65(Box<[u8; 1952]>),
    /// The ML-KEM-768 half of a composite key (FIPS 203): the encapsulation key.
    MlKem768(Box<[u8; 1184]>),
}

impl PublicKey {
    /// Name of the algorithm, with the size for RSA.
    pub fn algorithm(&self) -> String {
        match self {
            Self::Rsa { n, .. } => format!("RSA {}", bits(n)),
            Self::P256(_) => "P-256".into(),
            Self::P384(_) => "P-384".into(),
            Self::Ed25519(_) => "Ed25519".into(),
            Self::X25519(_) => "X25519".into(),
            Self::MlDsa65(_) => "ML-DSA-65".into(),
            Self::MlKem768(_) => "ML-KEM-768".into(),
        }
    }

    /// Bits of an RSA modulus, `None` for curves.
    pub fn rsa_bits(&self) -> Option<usize> {
        match self {
            Self::Rsa { n, .. } => Some(bits(n)),
            _ => None,
        }
    }

    /// The material of an OpenPGP key, `None` for algorithms that no token of today holds, and for composite keys,
    /// which are two keys of a token ([`CompositePublic`](crate::CompositePublic)).
    pub fn of_openpgp(key: &OpenPgpKey) -> Option<Self> {
        match key.mpis() {
            mpi::PublicKey::RSA { e, n } => Some(Self::Rsa { n: strip(n.value()), e: strip(e.value()) }),
            mpi::PublicKey::ECDSA { curve, q } | mpi::PublicKey::ECDH { curve, q, .. } => match curve {
                Curve::NistP256 => uncompressed(q.value(), 65).map(Self::P256),
                Curve::NistP384 => uncompressed(q.value(), 97).map(Self::P384),
                Curve::Cv25519 => native(q.value()).map(Self::X25519),
                _ => None,
            },
            mpi::PublicKey::EdDSA { curve: Curve::Ed25519, q } => native(q.value()).map(Self::Ed25519),
            mpi::PublicKey::Ed25519 { a } => Some(Self::Ed25519(*a)),
            mpi::PublicKey::X25519 { u } => Some(Self::X25519(*u)),
            _ => None,
        }
    }

    /// The OpenPGP key for making signatures; `None` for X25519 and for halves of composite keys.
    ///
    /// Ed25519 becomes `EdDSALegacy` in a v4 key, which GnuPG 2.2 knows, and `Ed25519` in a v6 key, where RFC 9580
    /// section 9.1 forbids the old form.
    pub fn to_signing_key(&self, version: KeyVersion, created: SystemTime) -> Option<OpenPgpKey> {
        let (algorithm, mpis) = match self {
            Self::Rsa { n, e } => rsa(n, e),
            Self::P256(point) => ecdsa(Curve::NistP256, point),
            Self::P384(point) => ecdsa(Curve::NistP384, point),
            Self::Ed25519(a) => match version {
                KeyVersion::V4 => (
                    PublicKeyAlgorithm::EdDSA,
                    mpi::PublicKey::EdDSA { curve: Curve::Ed25519, q: MPI::new_compressed_point(a) },
                ),
                KeyVersion::V6 => (PublicKeyAlgorithm::Ed25519, mpi::PublicKey::Ed25519 { a: *a }),
            },
            Self::X25519(_) | Self::MlDsa65(_) | Self::MlKem768(_) => return None,
        };
        packet(version, created, algorithm, mpis)
    }

    /// The OpenPGP key for encryption; `None` for Ed25519 and for halves of composite keys.
    ///
    /// Hash and cipher of ECDH are those of RFC 9580 table 30. X25519 becomes ECDH over Curve25519 in a v4 key and
    /// `X25519` in a v6 key.
    pub fn to_encryption_key(&self, version: KeyVersion, created: SystemTime) -> Option<OpenPgpKey> {
        use {HashAlgorithm::*, SymmetricAlgorithm::*};
        let (algorithm, mpis) = match self {
            Self::Rsa { n, e } => rsa(n, e),
            Self::P256(point) => ecdh(Curve::NistP256, MPI::new(point), SHA256, AES128),
            Self::P384(point) => ecdh(Curve::NistP384, MPI::new(point), SHA384, AES192),
            Self::X25519(u) => match version {
                KeyVersion::V4 => ecdh(Curve::Cv25519, MPI::new_compressed_point(u), SHA256, AES128),
                KeyVersion::V6 => (PublicKeyAlgorithm::X25519, mpi::PublicKey::X25519 { u: *u }),
            },
            Self::Ed25519(_) | Self::MlDsa65(_) | Self::MlKem768(_) => return None,
        };
        packet(version, created, algorithm, mpis)
    }

    fn material(&self) -> &[u8] {
        match self {
            Self::Rsa { n, .. } => n,
            Self::P256(point) | Self::P384(point) => point,
            Self::Ed25519(bytes) | Self::X25519(bytes) => bytes,
            Self::MlDsa65(bytes) => bytes.as_slice(),
            Self::MlKem768(bytes) => bytes.as_slice(),
        }
    }
}

/// Algorithm and the first 20 bytes of the material: enough to compare by eye, short enough for one line.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.algorithm())?;
        self.material().iter().take(20).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

fn rsa(n: &[u8], e: &[u8]) -> (PublicKeyAlgorithm, mpi::PublicKey) {
    (PublicKeyAlgorithm::RSAEncryptSign, mpi::PublicKey::RSA { e: MPI::new(e), n: MPI::new(n) })
}

fn ecdsa(curve: Curve, point: &[u8]) -> (PublicKeyAlgorithm, mpi::PublicKey) {
    (PublicKeyAlgorithm::ECDSA, mpi::PublicKey::ECDSA { curve, q: MPI::new(point) })
}

fn ecdh(curve: Curve, q: MPI, hash: HashAlgorithm, sym: SymmetricAlgorithm) -> (PublicKeyAlgorithm, mpi::PublicKey) {
    (PublicKeyAlgorithm::ECDH, mpi::PublicKey::ECDH { curve, q, hash, sym })
}

/// `None` when the time does not fit the 32 bits of a key packet.
pub(crate) fn packet(
    version: KeyVersion,
    created: SystemTime,
    algorithm: PublicKeyAlgorithm,
    mpis: mpi::PublicKey,
) -> Option<OpenPgpKey> {
    match version {
        KeyVersion::V4 => Key4::<PublicParts, UnspecifiedRole>::new(created, algorithm, mpis).ok().map(Key::from),
        KeyVersion::V6 => Key6::<PublicParts, UnspecifiedRole>::new(created, algorithm, mpis).ok().map(Key::from),
    }
}

/// Number of significant bits of a big-endian number without leading zero bytes.
fn bits(n: &[u8]) -> usize {
    let leading = n.first().map_or(0, |byte| byte.leading_zeros());
    (n.len() * 8).saturating_sub(usize::try_from(leading).unwrap_or(0))
}

pub(crate) fn strip(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|&byte| byte == 0).collect()
}

fn uncompressed(point: &[u8], length: usize) -> Option<Vec<u8>> {
    (point.len() == length && point.first() == Some(&4)).then(|| point.to_vec())
}

/// The native encoding of RFC 9580 section 11.2.2: 0x40 and the bytes of the curve.
fn native(point: &[u8]) -> Option<[u8; 32]> {
    point.strip_prefix(&[0x40])?.try_into().ok()
}
