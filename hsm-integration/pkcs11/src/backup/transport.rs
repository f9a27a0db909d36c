//! By which mechanisms a key can go from one token to another.
//!
//! The binding knows `CKM_AES_KEY_WRAP_PAD`, which SoftHSM and older tokens mean as RFC 5649, but not the newer name of
//! that, `CKM_AES_KEY_WRAP_KWP`, which is all that kryoptic has. There AES-GCM carries the key.

use super::BackupError;
use crate::{device::DeviceError, open::Token};
use cryptoki::mechanism::{MechanismInfo, MechanismType};
use std::fmt;

/// How a private key is wrapped, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrapping {
    /// `CKM_AES_KEY_WRAP_PAD`, RFC 5649.
    AesKeyWrapPad,
    /// `CKM_AES_GCM`, with a fresh key and nonce and 128 bits of tag.
    AesGcm,
}

impl Wrapping {
    const ALL: [Self; 2] = [Self::AesKeyWrapPad, Self::AesGcm];

    /// The mechanism's name in the standard.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AesKeyWrapPad => "CKM_AES_KEY_WRAP_PAD",
            Self::AesGcm => "CKM_AES_GCM",
        }
    }

    fn kind(self) -> MechanismType {
        match self {
            Self::AesKeyWrapPad => MechanismType::AES_KEY_WRAP_PAD,
            Self::AesGcm => MechanismType::AES_GCM,
        }
    }
}

/// How a key was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transport {
    /// How the private key was wrapped, by an AES-256 key.
    pub wrapping: Wrapping,
    /// Whether the AES key was wrapped with RSA-OAEP over SHA-256; else over SHA-1, which is no weakness in OAEP.
    pub oaep_sha256: bool,
    /// Bits of the RSA key of the second token.
    pub rsa_bits: usize,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = if self.oaep_sha256 { "SHA-256" } else { "SHA-1" };
        write!(f, "{} with AES-256, CKM_RSA_PKCS_OAEP ({hash}) with RSA {}", self.wrapping.as_str(), self.rsa_bits)
    }
}

/// What the two tokens have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offers {
    pub(super) wrapping: Wrapping,
    pub(super) rsa_bits: usize,
}

impl Offers {
    pub(super) fn of(from: &Token, to: &Token) -> Result<Self, BackupError> {
        let (wraps, first_lacks) = Side::read(from)?.wraps();
        let (unwraps, rsa_bits, second_lacks) = Side::read(to)?.unwraps();
        let common = Wrapping::ALL.into_iter().find(|way| wraps.contains(way) && unwraps.contains(way));
        let lack = match (first_lacks, second_lacks, common) {
            (None, None, Some(wrapping)) => return Ok(Self { wrapping, rsa_bits }),
            (Some(lack), ..) => format!("the first {lack}"),
            (_, Some(lack), _) => format!("the second {lack}"),
            _ => "they have no wrapping in common".into(),
        };
        Err(BackupError::NotOffered { from: from.uri().clone(), to: to.uri().clone(), lack, wraps, unwraps })
    }
}

/// How a private key would be wrapped; refuses a token from which none could be carried.
pub(crate) fn assert_wraps(token: &Token) -> Result<Wrapping, BackupError> {
    let (wraps, lack) = Side::read(token)?.wraps();
    let lack = match (lack, wraps.first()) {
        (None, Some(best)) => return Ok(*best),
        (None, None) => "it has no way to wrap a private key".into(),
        (Some(lack), _) => format!("it {lack}"),
    };
    Err(BackupError::CannotWrap { token: token.uri().clone(), lack, wraps })
}

/// What one token offers for this.
struct Side(Vec<(MechanismType, MechanismInfo)>);

impl Side {
    fn read(token: &Token) -> Result<Self, BackupError> {
        let read = token.ask(token.deadlines.answer, "reading mechanisms", |token| {
            let needed = [
                MechanismType::AES_KEY_GEN,
                MechanismType::RSA_PKCS_KEY_PAIR_GEN,
                MechanismType::RSA_PKCS_OAEP,
                MechanismType::AES_KEY_WRAP_PAD,
                MechanismType::AES_GCM,
            ];
            let listed = token.module.get_mechanism_list(token.slot)?;
            let listed = needed.into_iter().filter(|kind| listed.contains(kind));
            let read = listed.map(|kind| Ok((kind, token.module.get_mechanism_info(token.slot, kind)?)));
            read.collect::<Result<Vec<_>, DeviceError>>()
        });
        Ok(Self(read?))
    }

    fn find(&self, kind: MechanismType, can: impl Fn(&MechanismInfo) -> bool) -> Option<&MechanismInfo> {
        self.0.iter().find(|(known, info)| *known == kind && can(info)).map(|(_, info)| info)
    }

    /// How it can wrap private keys, and what else it lacks to be the first token.
    fn wraps(&self) -> (Vec<Wrapping>, Option<String>) {
        let ways = Wrapping::ALL.into_iter().filter(|way| self.find(way.kind(), MechanismInfo::wrap).is_some());
        let lack = if self.find(MechanismType::AES_KEY_GEN, MechanismInfo::generate).is_none() {
            Some("makes no AES keys (CKM_AES_KEY_GEN)".to_owned())
        } else if self.find(MechanismType::RSA_PKCS_OAEP, MechanismInfo::wrap).is_none() {
            Some("does not wrap with CKM_RSA_PKCS_OAEP".to_owned())
        } else {
            None
        };
        (ways.collect(), lack)
    }

    /// How it can unwrap private keys, the size of its transport key, and what it lacks to be the second token.
    fn unwraps(&self) -> (Vec<Wrapping>, usize, Option<String>) {
        let ways = Wrapping::ALL.into_iter().filter(|way| self.find(way.kind(), MechanismInfo::unwrap).is_some());
        let maker = self.find(MechanismType::RSA_PKCS_KEY_PAIR_GEN, MechanismInfo::generate_key_pair);
        let fits = |bits: usize| {
            maker.is_some_and(|info| {
                info.max_key_size() == 0 || (info.min_key_size()..=info.max_key_size()).contains(&bits)
            })
        };
        let bits = [3072, 4096].into_iter().find(|&bits| fits(bits));
        let lack = if bits.is_none() {
            Some("makes no RSA keys of 3072 bits or more".to_owned())
        } else if self.find(MechanismType::RSA_PKCS_OAEP, MechanismInfo::unwrap).is_none() {
            Some("does not unwrap with CKM_RSA_PKCS_OAEP".to_owned())
        } else {
            None
        };
        (ways.collect(), bits.unwrap_or_default(), lack)
    }
}
