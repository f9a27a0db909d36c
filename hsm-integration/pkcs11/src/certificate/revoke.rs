//! Revocations: made at birth and locked away, or made when they are needed.
//!
//! A revocation does nothing before it is merged into the certificate (`Cert::insert_packets`).

use super::{CertificateError, POLICY, TokenKey, assert_not_before, error::MAX_TEXT, version};
use crate::public::KeyVersion;
use sequoia_openpgp::{
    Cert, Fingerprint, Packet,
    armor::{Kind, Writer},
    cert::{CertRevocationBuilder, SubkeyRevocationBuilder},
    packet::Signature,
    serialize::Serialize,
    types::{HashAlgorithm, ReasonForRevocation},
};
use std::{fmt, time::SystemTime};

/// Why a key ends (RFC 9580 section 5.2.3.31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Somebody else may have the key: all its signatures are worthless, old ones as well.
    Compromised,
    /// Another key took its place: what was signed before stays good.
    Superseded,
    /// The key is no longer used: what was signed before stays good.
    Retired,
    /// Nothing is said, so the worst is to be assumed.
    Unspecified,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Compromised, Self::Superseded, Self::Retired, Self::Unspecified];

    /// The word in plans and file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compromised => "compromised",
            Self::Superseded => "superseded",
            Self::Retired => "retired",
            Self::Unspecified => "unspecified",
        }
    }

    /// Whether signatures from before the revocation are worthless too. A revocation that is not hard is undone by
    /// any newer self-signature, such as [`extend`](super::extend) makes: then it has to be made anew.
    pub fn is_hard(self) -> bool {
        matches!(self, Self::Compromised | Self::Unspecified)
    }

    fn code(self) -> ReasonForRevocation {
        match self {
            Self::Compromised => ReasonForRevocation::KeyCompromised,
            Self::Superseded => ReasonForRevocation::KeySuperseded,
            Self::Retired => ReasonForRevocation::KeyRetired,
            Self::Unspecified => ReasonForRevocation::Unspecified,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a revocation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    reason: Reason,
    text: String,
    at: SystemTime,
}

impl Revocation {
    /// A revocation of this reason, in the words of whoever revokes (they may be none), at a time in whole seconds.
    ///
    /// # Errors
    /// [`CertificateError::ReasonText`]: over 255 bytes, or control characters.
    pub fn new(reason: Reason, text: &str, at: SystemTime) -> Result<Self, CertificateError> {
        if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            return Err(CertificateError::ReasonText { actual: text.len() });
        }
        Ok(Self { reason, text: text.to_owned(), at })
    }

    /// One for each reason, with the same words and time: to be made at the birth of a certificate.
    ///
    /// # Errors
    /// As for [`Revocation::new`].
    pub fn for_each_reason(text: &str, at: SystemTime) -> Result<Vec<Self>, CertificateError> {
        Reason::ALL.into_iter().map(|reason| Self::new(reason, text, at)).collect()
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

/// A signature of the primary key that revokes its certificate. `cert` itself is not changed.
///
/// # Errors
/// [`CertificateError`]: the key is not that of the certificate, the time is before it, or the token did not sign.
pub fn revoke(primary: &TokenKey, cert: &Cert, revocation: &Revocation) -> Result<Signature, CertificateError> {
    assert_not_before(cert, revocation.at)?;
    let mut signer = primary.signer_of(cert)?;
    Ok(CertRevocationBuilder::new()
        .set_reason_for_revocation(revocation.reason.code(), revocation.text.as_bytes())?
        .set_signature_creation_time(revocation.at)?
        .build(&mut signer, cert, HashAlgorithm::SHA512)?)
}

/// A signature of the primary key that revokes one of its subkeys. `cert` itself is not changed.
///
/// # Errors
/// As for [`revoke`]; [`CertificateError::NoSubkey`] also when the subkey is revoked already.
pub fn revoke_subkey(
    primary: &TokenKey,
    cert: &Cert,
    subkey: &Fingerprint,
    revocation: &Revocation,
) -> Result<Signature, CertificateError> {
    assert_not_before(cert, revocation.at)?;
    let missing = || CertificateError::NoSubkey { fingerprint: cert.fingerprint().to_hex(), subkey: subkey.to_hex() };
    let mut bound = cert.keys().subkeys().with_policy(&POLICY, revocation.at).revoked(false);
    let key = bound.find(|key| key.key().fingerprint() == *subkey).ok_or_else(missing)?;
    let mut signer = primary.signer_of(cert)?;
    Ok(SubkeyRevocationBuilder::new()
        .set_reason_for_revocation(revocation.reason.code(), revocation.text.as_bytes())?
        .set_signature_creation_time(revocation.at)?
        .build(&mut signer, cert, key.key(), HashAlgorithm::SHA512)?)
}

/// A revocation of `cert` as a file that OpenPGP programs import, with a comment that says what it does.
///
/// Version 4: the bare signature. Version 6: the primary key before it (RFC 9580 section 10.1.2).
///
/// # Errors
/// [`CertificateError::Build`]
pub fn armor_revocation(cert: &Cert, reason: Reason, revocation: &Signature) -> Result<Vec<u8>, CertificateError> {
    let comment = format!("REVOCATION ({reason}) of {}: importing this ends the certificate", cert.fingerprint());
    let failed = |error: std::io::Error| CertificateError::Build { reason: error.to_string() };
    let mut writer = Writer::with_headers(Vec::new(), Kind::PublicKey, [("Comment", comment)]).map_err(failed)?;
    if version(cert) == KeyVersion::V6 {
        Packet::from(cert.primary_key().key().clone()).serialize(&mut writer)?;
    }
    Packet::from(revocation.clone()).serialize(&mut writer)?;
    writer.finalize().map_err(failed)
}
