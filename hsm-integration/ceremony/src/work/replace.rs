//! One certificate after another: the old key vouches for the new one; a certificate is revoked.

use super::accept::{file_name, load};
use super::certificate::token_key;
use crate::ceremony::{Ceremony, missing, now};
use crate::plan::{Name, Rollover};
use crate::transcript::Fact;
use jiff::{SignedDuration, Timestamp};
use openpgp_pkcs11::certificate::{Revocation, TokenKey, certify, revoke};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::{Cert, Packet};

/// Each of the two certificates with the statement of the other's key: whoever trusts one finds the other.
pub(super) fn rollover(ceremony: &mut Ceremony<'_>) -> Result<Vec<Fact>, Failure> {
    let plan = ceremony.plan().rollover.clone();
    let plan = plan.ok_or_else(|| Failure::new("CEREMONY-PLAN", Exit::Software, "the plan has no rollover"))?;
    let (from, to) = (load(ceremony, &plan.from)?, load(ceremony, &plan.to)?);
    let (old, new) = (primary_of(ceremony, &plan.from)?, primary_of(ceremony, &plan.to)?);
    let at = now().into();
    let (to_vouched, _) = certify(&old, &from, &to, &user_id(&to)?, at).map_err(explain::hsm)?;
    let (from_vouched, _) = certify(&new, &to, &from, &user_id(&from)?, at).map_err(explain::hsm)?;
    let until = overlap_end(&plan).strftime("%Y-%m-%d");
    Ok(vec![
        write(ceremony, &format!("{}.vouched.pgp", plan.to), &to_vouched)?,
        write(ceremony, &format!("{}.vouched.pgp", plan.from), &from_vouched)?,
        Fact::Proof {
            what: format!("{} and {} vouch for each other; both are good until {until}", plan.from, plan.to),
        },
    ])
}

/// Until when both certificates are good.
pub(super) fn overlap_end(rollover: &Rollover) -> Timestamp {
    let overlap = SignedDuration::from_hours(i64::from(rollover.overlap_days).saturating_mul(24));
    now().saturating_add(overlap).unwrap_or_else(|_| now())
}

/// The certificate with its revocation, to be given to everybody who has it.
pub(super) fn revoke_one(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let plan = ceremony.plan().revoke.get(name).ok_or_else(|| missing("revocation", name))?.clone();
    let cert = load(ceremony, name)?;
    let primary = primary_of(ceremony, name)?;
    let revocation = Revocation::new(plan.reason, &plan.text, now().into()).map_err(explain::hsm)?;
    let signature = revoke(&primary, &cert, &revocation).map_err(explain::hsm)?;
    let (revoked, _) = cert.insert_packets([Packet::from(signature)]).map_err(|error| unserialisable(&error))?;
    Ok(vec![write(ceremony, &format!("{name}.revoked.pgp"), &revoked)?])
}

/// The primary key of a certificate that was made here or before.
pub(super) fn primary_of(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<TokenKey, Failure> {
    let plan = ceremony.plan();
    let made = plan.certificate.get(name).map(|certificate| &certificate.primary);
    let primary = made.or_else(|| plan.known.get(name)?.primary.as_ref()).cloned();
    token_key(ceremony, &primary.ok_or_else(|| missing("certificate", name))?)
}

fn user_id(cert: &Cert) -> Result<String, Failure> {
    let first = cert.userids().next().map(|id| String::from_utf8_lossy(id.userid().value()).into_owned());
    first.ok_or_else(|| {
        Failure::new("CEREMONY-CERTIFICATE", Exit::Data, format!("certificate {} has no user id", cert.fingerprint()))
            .hint("nothing was signed")
    })
}

fn write(ceremony: &Ceremony<'_>, name: &str, cert: &Cert) -> Result<Fact, Failure> {
    let bytes = cert.armored().to_vec().map_err(|error| unserialisable(&error))?;
    ceremony.write_file(name, &bytes)
}

fn unserialisable(error: &sequoia_openpgp::anyhow::Error) -> Failure {
    Failure::new("CEREMONY-CERTIFICATE", Exit::Software, format!("the certificate cannot be written: {error}"))
}

/// The newest form of a certificate that this ceremony has.
pub(super) fn newest(ceremony: &Ceremony<'_>, name: &Name) -> String {
    let forms = [format!("{name}.revoked.pgp"), format!("{name}.vouched.pgp")];
    forms.into_iter().find(|file| ceremony.made.file(file).is_some()).unwrap_or_else(|| file_name(name))
}
