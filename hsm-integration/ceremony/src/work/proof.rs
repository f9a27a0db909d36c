//! Whether the keys of a certificate do what they should: new ones before anybody relies on them, and older ones still.

use super::accept::load;
use crate::ceremony::{Ceremony, missing};
use crate::pin::log_in;
use crate::plan::Name;
use crate::transcript::Fact;
use openpgp_pkcs11::{LoggedIn, OpenPgpKey, PublicKey, Uri};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};
use sequoia_openpgp::Cert;
use sequoia_openpgp::crypto::{SessionKey, Signer as _};
use sequoia_openpgp::types::HashAlgorithm;

/// Bytes of a session key of AES-256.
const SESSION_KEY: usize = 32;

pub(super) fn prove(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let uses = ceremony.plan().uses(name).ok_or_else(|| missing("certificate", name))?;
    let cert = load(ceremony, name)?;
    let mut facts = Vec::new();
    for key in uses.primary.iter().chain(&uses.signing) {
        let (session, uri) = on_token(ceremony, key)?;
        signs(&session, &uri, &in_certificate(&cert, &session, &uri)?)?;
        facts.push(Fact::Proof { what: format!("key {key} signs, and its signature verifies") });
    }
    for key in &uses.encryption {
        let (session, uri) = on_token(ceremony, key)?;
        opens(&session, &uri, &in_certificate(&cert, &session, &uri)?)?;
        facts.push(Fact::Proof { what: format!("key {key} opens what was encrypted to the certificate") });
    }
    Ok(facts)
}

fn on_token(ceremony: &mut Ceremony<'_>, key: &Name) -> Result<(LoggedIn, Uri), Failure> {
    let token = ceremony.plan().key.get(key).ok_or_else(|| missing("key", key))?.token.clone();
    Ok((log_in(ceremony, &token)?, ceremony.key_uri(key)?))
}

/// The key of the certificate that a key of the token is.
pub(super) fn in_certificate(cert: &Cert, session: &LoggedIn, uri: &Uri) -> Result<OpenPgpKey, Failure> {
    let public = session.public_key(uri).map_err(explain::hsm)?;
    let mut keys = cert.keys().map(|key| key.key().clone().role_into_unspecified());
    keys.find(|key| PublicKey::of_openpgp(key).as_ref() == Some(&public)).ok_or_else(|| {
        Failure::new(
            "CEREMONY-PROOF",
            Exit::Refused,
            format!("certificate {} does not have this key", cert.fingerprint()),
        )
        .fact("key", uri.name_only())
        .hint("do not use the certificate; look at what was made, and begin anew")
    })
}

/// A signature over random bytes; the signer verifies it in software before it hands it out.
fn signs(session: &LoggedIn, uri: &Uri, key: &OpenPgpKey) -> Result<(), Failure> {
    let mut digest = [0; 64];
    sequoia_openpgp::crypto::random(&mut digest).map_err(|error| broken(&error.to_string()))?;
    let mut signer = session.signer(uri, key).map_err(explain::hsm)?;
    let signed = signer.sign(HashAlgorithm::SHA512, &digest);
    let signature = signed.map_err(|error| match error.downcast::<openpgp_pkcs11::SignError>() {
        Ok(error) => explain::hsm(error),
        Err(error) => broken(&error.to_string()),
    })?;
    key.verify(&signature, HashAlgorithm::SHA512, &digest).map_err(|error| broken(&error.to_string()))
}

fn opens(session: &LoggedIn, uri: &Uri, key: &OpenPgpKey) -> Result<(), Failure> {
    let secret = SessionKey::new(SESSION_KEY).map_err(|error| broken(&error.to_string()))?;
    let ciphertext = key.encrypt(&secret).map_err(|error| broken(&error.to_string()))?;
    let decryptor = session.decryptor(uri, key).map_err(explain::hsm)?;
    let opened = decryptor.try_decrypt(&ciphertext).map_err(explain::hsm)?;
    if opened == secret { Ok(()) } else { Err(broken("it opened to something else")) }
}

fn broken(reason: &str) -> Failure {
    Failure::new("CEREMONY-PROOF", Exit::Unavailable, format!("the key does not do what it should: {reason}"))
        .hint("do not use it; look at the token, and repeat the step or begin anew")
}
