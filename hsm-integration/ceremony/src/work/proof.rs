//! Whether the keys of a certificate do what they should: new ones before anybody relies on them, and older ones still.

use super::accept::load;
use super::certificate::token_key;
use crate::ceremony::{Ceremony, missing};
use crate::plan::Name;
use crate::transcript::Fact;
use openpgp_pkcs11::{OpenPgpKey, TokenKey};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};
use sequoia_openpgp::Cert;
use sequoia_openpgp::crypto::{Decryptor as _, SessionKey, Signer as _};
use sequoia_openpgp::types::HashAlgorithm;

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
