//! The session key of a pouch: asked of the token once, kept in locked memory, the same for every part.
//!
//! SPEC.md section 5.

use pouch_format::{Manifest, Part, Profile, Recipient, Rule};
use pouch_platform::LockedBytes;
use sequoia_openpgp::crypto::Decryptor;
use sequoia_openpgp::packet::PKESK;
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::types::SymmetricAlgorithm;
use sequoia_openpgp::{KeyHandle, Packet};

use crate::ordered::StreamError;
use crate::packet::Packets;
use crate::segment::{KEY_BYTES, OTHER_PROFILE, PartError, PartOpener, SealedPart};

/// The session key of one pouch, got from its first part; every other part must carry the very same packets.
pub struct PouchKey {
    pub(crate) profile: Profile,
    pub(crate) key: LockedBytes,
    pub(crate) pkesks: Vec<u8>,
}

/// Why a session key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The part that should carry it is refused.
    #[error(transparent)]
    Part(#[from] PartError),
    /// No encrypted session key is for this key.
    #[error("none of the {count} encrypted session keys is for key {key}")]
    NotForUs {
        /// Encrypted session keys found.
        count: usize,
        /// Fingerprint of the key asked.
        key: String,
    },
    /// The token's answer is not a session key.
    #[error("key {key} does not decrypt the session key of {part}")]
    Refused {
        /// The part's file.
        part: String,
        /// Fingerprint of the key asked.
        key: String,
    },
    /// No memory can be locked for the session key.
    #[error("locking memory for the session key: {0}")]
    Memory(#[from] pouch_platform::MemoryError),
}

impl KeyError {
    /// The rule that refuses; none if the machine does.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            KeyError::Part(error) => Some(error.rule()),
            KeyError::NotForUs { .. } | KeyError::Refused { .. } => Some(Rule::OpenpgpPkesk),
            KeyError::Memory(_) => None,
        }
    }
}

impl PouchKey {
    /// Asks `decryptor` for the session key of the pouch of `manifest`: one operation of the token. `bytes` are those of
    /// `part`, its first.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn obtain(
        manifest: &Manifest,
        part: &Part,
        bytes: &[u8],
        decryptor: &mut dyn Decryptor,
    ) -> Result<Self, KeyError> {
        let profile = manifest.profile;
        let sealed = SealedPart::parse(profile, part, bytes)?;
        let mut pkesks = Vec::new();
        let mut packets = Packets::new(sealed.pkesks);
        while let Ok(Some(packet)) = packets.next() {
            let wrong = || PartError::Pkesk { part: part.name.clone(), flaw: OTHER_PROFILE };
            pkesks.push(read_pkesk(profile, packet.whole).ok_or_else(wrong)?);
        }
        let stated = pkesks.len() == manifest.recipients.len()
            && pkesks.iter().zip(&manifest.recipients).all(|(pkesk, recipient)| is_for(pkesk, recipient));
        if !stated {
            // Else somebody could read it of whom the signed manifest says nothing.
            let flaw = "encrypted session keys for others than the recipients that the manifest names";
            return Err(PartError::Pkesk { part: part.name.clone(), flaw }.into());
        }
        let ours = decryptor.public().fingerprint();
        let handle = KeyHandle::from(&ours);
        let key = || ours.to_hex();
        let for_us = pkesks.iter().find(|pkesk| pkesk.recipient().is_some_and(|to| to.aliases(&handle)));
        let pkesk = for_us.ok_or_else(|| KeyError::NotForUs { count: pkesks.len(), key: key() })?;
        let refused = || KeyError::Refused { part: part.name.clone(), key: key() };
        let (cipher, session_key) = pkesk.decrypt(decryptor, Some(SymmetricAlgorithm::AES256)).ok_or_else(refused)?;
        if cipher.is_some_and(|cipher| cipher != SymmetricAlgorithm::AES256) || session_key.len() != KEY_BYTES {
            return Err(refused());
        }
        Ok(Self { profile, key: LockedBytes::copy_of(&session_key)?, pkesks: sealed.pkesks.to_vec() })
    }

    /// Takes a session key that [`PouchKey::export`] gave, for the pouch whose first part is given.
    ///
    /// # Errors
    /// [`KeyError::Part`], [`KeyError::Memory`].
    pub fn from_session_key(
        profile: Profile,
        key: &[u8; KEY_BYTES],
        part: &Part,
        bytes: &[u8],
    ) -> Result<Self, KeyError> {
        let sealed = SealedPart::parse(profile, part, bytes)?;
        Ok(Self { profile, key: LockedBytes::copy_of(key)?, pkesks: sealed.pkesks.to_vec() })
    }

    /// Opens one part alone. Memory: at most twice its size.
    ///
    /// # Errors
    /// [`StreamError::Part`], [`StreamError::SetUp`].
    pub fn open(&self, part: &Part, bytes: Vec<u8>) -> Result<Vec<u8>, StreamError> {
        let mut content = Vec::new();
        let mut opener = PartOpener::new(self).map_err(StreamError::SetUp)?;
        opener.decrypt(part, bytes)?;
        opener.decompress(part, &mut content)?;
        Ok(content)
    }

    /// The key as `gpg --override-session-key` and `sq decrypt --session-key` take it: cipher number, colon, hex.
    /// Whoever holds this text can read the pouch.
    #[must_use]
    pub fn export(&self) -> String {
        use std::fmt::Write;
        let mut text = String::from("9:");
        for byte in self.key.as_ref() {
            // Writing into a string cannot fail.
            let _ = write!(text, "{byte:02X}");
        }
        text
    }
}

/// Version 6 names its recipient by fingerprint, version 3 by key id.
fn is_for(pkesk: &PKESK, recipient: &Recipient) -> bool {
    let stated = recipient.key.as_str().parse::<KeyHandle>();
    pkesk.recipient().zip(stated.ok()).is_some_and(|(to, stated)| to.aliases(&stated))
}

/// One encrypted session key of the version that the profile demands.
fn read_pkesk(profile: Profile, whole: &[u8]) -> Option<PKESK> {
    match (Packet::from_bytes(whole).ok()?, profile) {
        (Packet::PKESK(pkesk @ PKESK::V6(_)), Profile::Rfc9580 | Profile::Rfc9980) => Some(pkesk),
        (Packet::PKESK(pkesk @ PKESK::V3(_)), Profile::Rfc4880) => Some(pkesk),
        _ => None,
    }
}
