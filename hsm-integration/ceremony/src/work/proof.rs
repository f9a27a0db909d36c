//! Whether the keys of a certificate do what they should: new ones before anybody relies on them, and older ones still.

use super::accept::load;
use super::certificate::token_key;
use crate::ceremony::{Ceremony, missing};
use crate::plan::Name;
use crate::transcript::Fact;
use openpgp_pkcs11::{OpenPgpKey, TokenKey};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};
use sequoia_openpgp::crypto::{Decryptor as _, SessionKey, Signer as _};
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::{HashAlgorithm, RevocationStatus};
use sequoia_openpgp::{Cert, Fingerprint};

/// Bytes of a session key of AES-256.
const SESSION_KEY: usize = 32;

pub(super) fn prove(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let uses = ceremony.plan().uses(name).ok_or_else(|| missing("certificate", name))?;
    let cert = load(ceremony, name)?;
    let mut facts = Vec::new();
    for key in uses.primary.iter().chain(&uses.signing) {
        let held = token_key(ceremony, key)?;
        signs(&held, &in_certificate(&cert, &held, key)?)?;
        facts.push(Fact::Proof { what: format!("key {key} signs, and its signature verifies") });
    }
    for key in &uses.encryption {
        let held = token_key(ceremony, key)?;
        opens(&held, &in_certificate(&cert, &held, key)?)?;
        facts.push(Fact::Proof { what: format!("key {key} opens what was encrypted to the certificate") });
    }
    Ok(facts)
}

/// The key of the certificate that a key of the token is.
pub(super) fn in_certificate(cert: &Cert, key: &TokenKey, name: &Name) -> Result<OpenPgpKey, Failure> {
    key.in_certificate(cert).map_err(explain::hsm)?.ok_or_else(|| {
        let message = format!("certificate {} does not have key {name}", cert.fingerprint());
        Failure::new("CEREMONY-PROOF", Exit::Refused, message)
            .hint("do not use the certificate; look at what was made, and begin anew")
    })
}

/// The keys whose signatures count for a certificate now. Revoked and expired ones have none.
pub(super) fn signing_keys(cert: &Cert) -> Vec<Fingerprint> {
    let policy = StandardPolicy::new();
    let Ok(valid) = cert.with_policy(&policy, None) else { return Vec::new() };
    if valid.alive().is_err() || matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
        return Vec::new();
    }
    let keys = valid.keys().alive().revoked(false).for_signing();
    keys.map(|key| key.key().fingerprint()).collect()
}

/// What a certificate signs that no signature counts for proves nothing.
pub(super) fn no_signer(cert: &Cert) -> Failure {
    let message =
        format!("certificate {} does not sign now, at least not with its key in the token", cert.fingerprint());
    Failure::new("CEREMONY-PROOF", Exit::Refused, message).hint(
        "nothing was done in this step; it may be expired, revoked, or have another key that signs: name that in the plan, or \
         have another certificate sign the transcript",
    )
}

/// A signature over random bytes; the signer verifies it in software before it hands it out.
fn signs(held: &TokenKey, key: &OpenPgpKey) -> Result<(), Failure> {
    let mut digest = [0; 64];
    sequoia_openpgp::crypto::random(&mut digest).map_err(|error| broken(&error.to_string()))?;
    let mut signer = held.signer(key).map_err(explain::hsm)?;
    let signed = signer.sign(HashAlgorithm::SHA512, &digest);
    let signature = signed.map_err(|error| match error.downcast::<openpgp_pkcs11::SignError>() {
        Ok(error) => explain::hsm(error),
        Err(error) => broken(&error.to_string()),
    })?;
    key.verify(&signature, HashAlgorithm::SHA512, &digest).map_err(|error| broken(&error.to_string()))
}

fn opens(held: &TokenKey, key: &OpenPgpKey) -> Result<(), Failure> {
    let secret = SessionKey::new(SESSION_KEY).map_err(|error| broken(&error.to_string()))?;
    let ciphertext = key.encrypt(&secret).map_err(|error| broken(&error.to_string()))?;
    let mut decryptor = held.decryptor(key).map_err(explain::hsm)?;
    let opened = decryptor
        .decrypt(&ciphertext, Some(SESSION_KEY))
        .map_err(|error| decryptor.take_failure().map_or_else(|| broken(&error.to_string()), explain::hsm))?;
    if opened == secret { Ok(()) } else { Err(broken("it opened to something else")) }
}

fn broken(reason: &str) -> Failure {
    Failure::new("CEREMONY-PROOF", Exit::Unavailable, format!("the key does not do what it should: {reason}"))
        .hint("do not use it; look at the token, and repeat the step or begin anew")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sequoia_openpgp::cert::CertBuilder;
    use sequoia_openpgp::types::KeyFlags;
    use std::time::{Duration, SystemTime};

    #[test]
    fn only_keys_that_sign_now_sign() {
        let builder =
            || CertBuilder::new().add_userid("u").set_primary_key_flags(KeyFlags::empty().set_certification());
        let (cert, revocation) = builder().add_signing_subkey().generate().unwrap();
        let subkey = cert.keys().subkeys().next().unwrap().key().fingerprint();
        assert_eq!(signing_keys(&cert), [subkey]);
        assert!(signing_keys(&builder().generate().unwrap().0).is_empty());
        assert!(signing_keys(&cert.insert_packets([revocation]).unwrap().0).is_empty());

        let (year, day) = (Duration::from_secs(365 * 86_400), Duration::from_secs(86_400));
        let old = builder().add_signing_subkey().set_creation_time(SystemTime::now() - year).set_validity_period(day);
        assert!(signing_keys(&old.generate().unwrap().0).is_empty());
    }
}
