//! Keys: made in a token, copied into a second one, destroyed.

use super::accept::load;
use super::certificate::token_key;
use super::proof::in_certificate;
use crate::ceremony::{Ceremony, missing, now};
use crate::people::Role;
use crate::pin::log_in;
use crate::plan::{Key, KeyKind, Name, State};
use crate::transcript::Fact;
use openpgp_pkcs11::{Algorithm, LoggedIn, Uri, back_up};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};

pub(super) fn generate(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    let session = log_in(ceremony, &key.token)?;
    let second = key.pq_token.as_ref().map(|second| log_in(ceremony, second)).transpose()?;
    let mut facts = Vec::new();
    let made = match make(&key, &session, second.as_ref()) {
        Err(failure) if failure.id == "HSM-KEY-EXISTS" && initialised_here(ceremony, &key.token) => {
            facts.push(clear(ceremony, name, &key, &session)?);
            make(&key, &session, second.as_ref())
        }
        made => made,
    };
    let made = made?;
    facts.extend(made.iter().map(|(uri, algorithm)| fact(name, uri, algorithm.clone())));
    let warning = format!("the two halves of key {name} are in two tokens, which is weaker than both in one");
    facts.extend(second.map(|_| Fact::Proof { what: warning }));
    Ok(facts)
}

/// Makes a key as the plan says, its post-quantum half in `second` if there is one: URI and algorithm of what was made.
pub(crate) fn make(key: &Key, session: &LoggedIn, second: Option<&LoggedIn>) -> Result<Vec<(Uri, String)>, Failure> {
    let one = |token: &LoggedIn, algorithm: Algorithm| {
        let made = if key.exportable {
            token.generate_for_backup(algorithm, &key.label, key.id.bytes()).map_err(explain::hsm)
        } else {
            token.generate(algorithm, &key.label, key.id.bytes()).map_err(explain::hsm)
        };
        made.map(|made| (made.uri, made.public.algorithm()))
    };
    match (key.algorithm, second) {
        (KeyKind::Single(algorithm), _) => Ok(vec![one(session, algorithm)?]),
        (KeyKind::Composite(composite), None) => {
            let made = session.generate_composite(composite, &key.label, key.id.bytes()).map_err(explain::hsm)?;
            Ok(vec![(made.uri, composite.to_string())])
        }
        (KeyKind::Composite(composite), Some(second)) => {
            let [classical, post_quantum] = composite.halves();
            // What one token has made, the other cannot undo: so it is asked before.
            second.token().offers(post_quantum).map_err(explain::hsm)?;
            Ok(vec![one(session, classical)?, one(second, post_quantum)?])
        }
    }
}

fn fact(name: &Name, uri: &Uri, algorithm: String) -> Fact {
    Fact::Key { key: name.clone(), uri: uri.name_only().to_string(), algorithm, created: now() }
}

/// The copy in the backup token; after this the original cannot leave its token any more.
pub(super) fn backup(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    let second = key.backup.clone().ok_or_else(|| missing("backup", name))?;
    let (from, to) = (log_in(ceremony, &key.token)?, log_in(ceremony, &second)?);
    let made = back_up(&from, &ceremony.key_uri(name)?, &to).map_err(explain::hsm)?;
    let proof =
        format!("the copy of key {name} in token {second} does what the key does, and neither can leave its token");
    Ok(vec![fact(name, &made.copy, made.public.algorithm()), Fact::Proof { what: proof }])
}

/// Nothing was in a token that this ceremony initialised: what is there was made here. In any other token a key of this
/// name may be an old one that somebody needs.
fn initialised_here(ceremony: &Ceremony<'_>, token: &Name) -> bool {
    ceremony.plan().token.get(token).is_some_and(|token| token.state != State::Ready)
}

/// Destroys the key of an attempt that was interrupted before it was written down, if the people say so. When it was made is
/// not known, and the fingerprint depends on that; and nobody saw it being made.
fn clear(ceremony: &mut Ceremony<'_>, name: &Name, key: &Key, session: &LoggedIn) -> Result<Fact, Failure> {
    let uri = ceremony.key_uri(name)?.with_id(key.id.bytes());
    let found = session.find_key(&uri).map_err(|error| {
        Failure::new(
            "CEREMONY-HALF-KEY",
            Exit::Refused,
            format!("an attempt that was interrupted left half a key: {error}"),
        )
        .fact("key", uri.name_only())
        .hint(
            "nothing was done; close this ceremony as failed, and begin anew in a new folder with this token as \
                 state = \"used\", which erases it",
        )
    })?;
    let there = found.uri().name_only().to_string();
    let question = format!(
        "The token holds a key with this label and id that the transcript does not know:\n{there}\n\
         An attempt at this step made it and was interrupted. It is destroyed, and the key is made anew."
    );
    ceremony.confirm(Role::Administrator, &question)?;
    found.destroy().map_err(explain::hsm)?;
    Ok(Fact::Destroyed { key: name.clone(), uri: there })
}

/// A label is soon given to two keys: what is destroyed must be the key of the certificates that it is said to be of.
fn assert_its_certificates(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<(), Failure> {
    for certificate in ceremony.plan().known.keys().cloned().collect::<Vec<_>>() {
        let uses = ceremony.plan().uses(&certificate).unwrap_or_default();
        if uses.primary.iter().chain(&uses.signing).chain(&uses.encryption).any(|key| key == name) {
            let held = token_key(ceremony, name)?;
            in_certificate(&load(ceremony, &certificate)?, &held, name)?;
        }
    }
    Ok(())
}

pub(super) fn retire(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    if key.algorithm.is_composite() {
        let message = format!("key {name} has two halves, which this version does not destroy");
        return Err(Failure::new("CEREMONY-RETIRE", Exit::Refused, message).hint("erase the token as a whole"));
    }
    let session = log_in(ceremony, &key.token)?;
    assert_its_certificates(ceremony, name)?;
    let found = session.find_key(&ceremony.key_uri(name)?.with_id(key.id.bytes())).map_err(explain::hsm)?;
    let uri = found.uri().name_only().to_string();
    found.destroy().map_err(explain::hsm)?;
    Ok(vec![Fact::Destroyed { key: name.clone(), uri }])
}
