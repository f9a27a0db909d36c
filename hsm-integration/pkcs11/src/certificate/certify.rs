//! One certificate vouches for another: at a rollover the old key for the new one, and the other way.

use super::{CertificateError, POLICY, TokenKey, assert_not_before, signature};
use sequoia_openpgp::{
    Cert, Packet,
    packet::{Signature, UserID},
    types::SignatureType,
};
use std::time::SystemTime;

/// `other` with the statement of `own`'s primary key that this user id and this key belong together
/// (generic certification, RFC 9580 section 5.2.1.4), and the statement itself. `user_id` is what the people compared.
///
/// # Errors
/// [`CertificateError`]: the key is not that of `own`, `own` is revoked, `other` has no such user id at that time, the time
/// is before one of the two certificates, or the token did not sign.
pub fn certify(
    primary: &TokenKey,
    own: &Cert,
    other: &Cert,
    user_id: &str,
    at: SystemTime,
) -> Result<(Cert, Signature), CertificateError> {
    assert_not_before(own, at)?;
    assert_not_before(other, at)?;
    super::amend::assert_not_revoked(own, at)?;
    super::amend::assert_not_revoked(other, at)?;
    let missing = || CertificateError::NoUserId { fingerprint: other.fingerprint().to_hex() };
    let mut bound = other.userids().with_policy(&POLICY, at).revoked(false);
    let user_id: UserID =
        bound.find(|bound| bound.userid().value() == user_id.as_bytes()).ok_or_else(missing)?.userid().clone();
    let mut signer = primary.signer_of(own)?;
    let statement = signature(SignatureType::GenericCertification, at)?.sign_userid_binding(
        &mut signer,
        other.primary_key().key(),
        &user_id,
    )?;
    let packets = [Packet::from(user_id), Packet::from(statement.clone())];
    Ok((other.clone().insert_packets(packets)?.0, statement))
}
