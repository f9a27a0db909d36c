//! The certificate of new keys, its self-signatures made by the token.

use super::accept::{self, facts};
use crate::ceremony::{Ceremony, missing, now, version};
use crate::pin::log_in;
use crate::plan::{KeyKind, Name};
use crate::rehearsal::DEMO;
use crate::transcript::{Fact, Mode};
use openpgp_pkcs11::CompositePlace;
use openpgp_pkcs11::certificate::{Builder, Keys, Revocation, TokenKey, armor_revocation, revoke};
use pouch_cli::explain;
use pouch_console::Failure;
use std::time::Duration;

const DAY: u64 = 86_400;

pub(super) fn make(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let certificate = ceremony.plan().certificate.get(name).ok_or_else(|| missing("certificate", name))?.clone();
    let version = version(ceremony.plan().profile);
    let user_id = match ceremony.mode {
        Mode::Rehearsal => format!("{DEMO}{}", certificate.user_id),
        Mode::Run => certificate.user_id.clone(),
    };
    let builder = Builder::new(version, &user_id, now().into()).map_err(explain::hsm)?;
    let builder = match certificate.valid_days {
        Some(days) => builder.validity(Duration::from_secs(u64::from(days).saturating_mul(DAY))),
        None => builder,
    };
    let primary = token_key(ceremony, &certificate.primary)?;
    let mut keys = match &certificate.signing {
        Some(signing) => Keys::certifying(primary).with_signing(token_key(ceremony, signing)?),
        None => Keys::certifying_and_signing(primary),
    };
    for key in &certificate.encryption {
        keys = keys.with_encryption(token_key(ceremony, key)?);
    }
    let cert = builder.build(&keys).map_err(explain::hsm)?;
    facts(ceremony, name, &cert)
}

/// A key of the plan, on its token, or on two.
pub(super) fn token_key(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<TokenKey, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    let session = log_in(ceremony, &key.token)?;
    let uri = ceremony.key_uri(name)?;
    Ok(match (key.algorithm, &key.pq_token) {
        (KeyKind::Single(_), _) => session.key(&uri),
        (KeyKind::Composite(_), None) => CompositePlace::one(&session, &uri).into(),
        (KeyKind::Composite(_), Some(second)) => {
            let second_session = log_in(ceremony, second)?;
            let second_uri = ceremony.token_uri(second)?.with_object(&key.label);
            CompositePlace::split((&session, &uri), (&second_session, &second_uri)).into()
        }
    })
}

/// Revocations for each reason, while the key is at hand: on the day they are needed it may not be.
pub(super) fn revocations(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let certificate = ceremony.plan().certificate.get(name).ok_or_else(|| missing("certificate", name))?.clone();
    let cert = accept::load(ceremony, name)?;
    let primary = token_key(ceremony, &certificate.primary)?;
    let all = Revocation::for_each_reason("made at the birth of the key", now().into()).map_err(explain::hsm)?;
    let mut facts = Vec::new();
    for revocation in all {
        let reason = revocation.reason();
        let signature = revoke(&primary, &cert, &revocation).map_err(explain::hsm)?;
        let bytes = armor_revocation(&cert, reason, &signature).map_err(explain::hsm)?;
        facts.push(ceremony.write_file(&format!("{name}.revocation-{reason}.asc"), &bytes)?);
    }
    Ok(facts)
}
