//! Keys: made in a token, copied into a second one, destroyed.

use super::accept::load;
use super::certificate::token_key;
use super::proof::in_certificate;
use crate::ceremony::{Ceremony, missing, now};
use crate::people::Role;
use crate::pin::log_in;
use crate::plan::{Key, KeyKind, Name, State};
use crate::transcript::Fact;
use openpgp_pkcs11::{Algorithm, FoundKey, KeyError, LoggedIn, Uri, back_up};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};

pub(super) fn generate(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    let session = log_in(ceremony, &key.token)?;
    let second = key.pq_token.as_ref().map(|second| log_in(ceremony, second)).transpose()?;
    let mut facts = Vec::new();
    let made = match make(&key, &session, second.as_ref()) {
        Err(failure) if failure.id == "HSM-KEY-EXISTS" && initialised_here(ceremony, &key) => {
            facts.extend(clear(ceremony, name, &key, [Some(&session), second.as_ref()])?);
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
            // Asked before anything is made in the first.
            second.token().offers(post_quantum).map_err(explain::hsm)?;
            let first = one(session, classical)?;
            match one(second, post_quantum) {
                Ok(other) => Ok(vec![first, other]),
                Err(failure) => Err(without_half(session, &first.0, failure)),
            }
        }
    }
}

/// Takes the half of a composite key away again whose other half was not made: it would take the name.
fn without_half(session: &LoggedIn, half: &Uri, failure: Failure) -> Failure {
    let gone = session.find_key(half).map_err(explain::hsm).and_then(|found| found.destroy().map_err(explain::hsm));
    match gone {
        Ok(()) => failure,
        Err(error) => failure.fact("left behind", half.name_only()).fact("because", error.message),
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

/// Nothing was in tokens that this ceremony initialised: what is there was made here. In any other token a key of this
/// name may be an old one that somebody needs.
fn initialised_here(ceremony: &Ceremony<'_>, key: &Key) -> bool {
    [Some(&key.token), key.pq_token.as_ref()]
        .into_iter()
        .flatten()
        .all(|token| ceremony.plan().token.get(token).is_some_and(|token| token.state != State::Ready))
}

/// Destroys the key of an attempt that was interrupted before it was written down, if the people say so. When it was made is
/// not known, and the fingerprint depends on that; and nobody saw it being made.
fn clear(
    ceremony: &mut Ceremony<'_>,
    name: &Name,
    key: &Key,
    tokens: [Option<&LoggedIn>; 2],
) -> Result<Vec<Fact>, Failure> {
    let mut found = Vec::new();
    for session in tokens.into_iter().flatten() {
        match session.find_key(&name_in(key, session)) {
            Ok(there) => found.push(there),
            // Of two tokens, the attempt may have come to the first only.
            Err(KeyError::NotFound { .. }) if key.pq_token.is_some() => {}
            Err(error) => return Err(half_key(&name_in(key, session), &error.to_string())),
        }
    }
    if found.is_empty() {
        return Err(half_key(&ceremony.key_uri(name)?, "no private key is to be seen"));
    }
    let there: Vec<String> = found.iter().map(|found| found.uri().name_only().to_string()).collect();
    let question = format!(
        "The token holds a key with this label and id that the transcript does not know:\n{}\n\
         An attempt at this step made it and was interrupted. It is destroyed, and the key is made anew.",
        there.join("\n")
    );
    ceremony.confirm(Role::Administrator, &question)?;
    destroy(name, found)
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

fn half_key(uri: &Uri, why: &str) -> Failure {
    let message = format!("an attempt that was interrupted left half a key: {why}");
    Failure::new("CEREMONY-HALF-KEY", Exit::Refused, message).fact("key", uri.name_only()).hint(
        "nothing was done; close this ceremony as failed, and begin anew in a new folder with this token as state = \
         \"used\", which erases it",
    )
}

/// The key of the plan by label and id, in the token of this session.
fn name_in(key: &Key, session: &LoggedIn) -> Uri {
    session.token().uri().with_object(&key.label).and_id(key.id.bytes())
}

fn destroy(name: &Name, found: Vec<FoundKey>) -> Result<Vec<Fact>, Failure> {
    let mut facts = Vec::new();
    for found in found {
        let uri = found.uri().name_only().to_string();
        found.destroy().map_err(explain::hsm)?;
        facts.push(Fact::Destroyed { key: name.clone(), uri });
    }
    Ok(facts)
}

/// Both halves of a composite key, in one token or in two. All are found before any is destroyed.
pub(super) fn retire(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    let session = log_in(ceremony, &key.token)?;
    assert_its_certificates(ceremony, name)?;
    let second = key.pq_token.as_ref().map(|second| log_in(ceremony, second)).transpose()?;
    let find = |session: &LoggedIn| session.find_key(&name_in(&key, session));
    let found = match (find(&session), second.as_ref().map(find).transpose()) {
        // An attempt that was interrupted between the two tokens.
        (Err(KeyError::NotFound { .. }), Ok(Some(other))) => vec![other],
        (first, other) => {
            let first = first.map_err(explain::hsm)?;
            [Some(first), other.map_err(explain::hsm)?].into_iter().flatten().collect()
        }
    };
    destroy(name, found)
}
