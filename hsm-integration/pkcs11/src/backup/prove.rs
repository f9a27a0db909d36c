//! A copy shows that it is the key: it signs, or it opens what was encrypted to the public half.

use super::{Backup, BackupError};
use crate::{
    OpenPgpKey,
    error::Error,
    key::{KeyError, Usage},
    public::KeyVersion,
    session::LoggedIn,
};
use sequoia_openpgp::{crypto::SessionKey, types::HashAlgorithm};
use std::time::SystemTime;

/// Each use that the key is for, on the second token.
pub(super) fn prove(to: &LoggedIn, backup: &Backup, usages: &[Usage]) -> Result<(), BackupError> {
    usages.iter().try_for_each(|usage| match usage {
        Usage::Sign => signs(to, backup),
        Usage::Decrypt | Usage::Derive => opens(to, backup),
        // Half of a composite key, which proves nothing alone.
        Usage::Decapsulate => Err(unknown(backup)),
    })
}

fn signs(to: &LoggedIn, backup: &Backup) -> Result<(), BackupError> {
    let key = backup.public.to_signing_key(KeyVersion::V6, SystemTime::UNIX_EPOCH);
    let key = key.ok_or_else(|| unknown(backup))?;
    let mut challenge = [0; 64];
    random(backup, &mut challenge)?;
    let signer = to.signer(&backup.copy, &key).map_err(|error| unproven(backup, error.into()))?;
    // Verified in software before it comes out.
    let signed = signer.try_sign(HashAlgorithm::SHA512, &challenge);
    signed.map(drop).map_err(|error| unproven(backup, error.into()))
}

fn opens(to: &LoggedIn, backup: &Backup) -> Result<(), BackupError> {
    let key: Option<OpenPgpKey> = backup.public.to_encryption_key(KeyVersion::V4, SystemTime::UNIX_EPOCH);
    let key = key.ok_or_else(|| unknown(backup))?;
    let mut secret = SessionKey::from(vec![0; 35]);
    random(backup, &mut secret)?;
    let sealed = key.encrypt(&secret).map_err(|_| unknown(backup))?;
    let decryptor = to.decryptor(&backup.copy, &key).map_err(|error| unproven(backup, error.into()))?;
    let opened = decryptor.try_decrypt(&sealed).map_err(|error| unproven(backup, error.into()))?;
    if opened == secret { Ok(()) } else { Err(BackupError::OpensWrongly { copy: backup.copy.clone() }) }
}

fn random(backup: &Backup, bytes: &mut [u8]) -> Result<(), BackupError> {
    sequoia_openpgp::crypto::random(bytes).map_err(|_| unknown(backup))
}

fn unproven(backup: &Backup, source: Error) -> BackupError {
    BackupError::NotProven { copy: backup.copy.clone(), source: Box::new(source) }
}

fn unknown(backup: &Backup) -> BackupError {
    let algorithm = backup.public.algorithm();
    unproven(backup, KeyError::Unsupported { key: backup.copy.to_string(), algorithm }.into())
}
