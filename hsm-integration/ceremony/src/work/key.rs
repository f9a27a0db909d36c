//! Keys: made in a token, copied into a second one, destroyed.

use crate::ceremony::{Ceremony, missing, now};
use crate::pin::log_in;
use crate::plan::{Key, KeyKind, Name};
use crate::transcript::Fact;
use openpgp_pkcs11::{Algorithm, LoggedIn, Uri, back_up};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};

pub(super) fn generate(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    let session = log_in(ceremony, &key.token)?;
    let second = key.pq_token.as_ref().map(|second| log_in(ceremony, second)).transpose()?;
    let made = make(&key, &session, second.as_ref())?;
    let facts = made.iter().map(|(uri, algorithm)| fact(name, uri, algorithm.clone()));
    let warning = format!("the two halves of key {name} are in two tokens, which is weaker than both in one");
    Ok(facts.chain(second.map(|_| Fact::Proof { what: warning })).collect())
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

pub(super) fn retire(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    if key.algorithm.is_composite() {
        let message = format!("key {name} has two halves, which this version does not destroy");
        return Err(Failure::new("CEREMONY-RETIRE", Exit::Refused, message).hint("erase the token as a whole"));
    }
    let session = log_in(ceremony, &key.token)?;
    let found = session.find_key(&ceremony.key_uri(name)?).map_err(explain::hsm)?;
    let uri = found.uri().name_only().to_string();
    found.destroy().map_err(explain::hsm)?;
    Ok(vec![Fact::Destroyed { key: name.clone(), uri }])
}
