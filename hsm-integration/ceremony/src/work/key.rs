//! Keys: made in a token, copied into a second one, destroyed.

use crate::ceremony::{Ceremony, missing, now};
use crate::pin::log_in;
use crate::plan::Name;
use crate::transcript::Fact;
use pouch_cli::explain;
use pouch_console::Failure;

pub(super) fn generate(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    let session = log_in(ceremony, &key.token)?;
    let made = session.generate(key.algorithm, &key.label, key.id.bytes()).map_err(explain::hsm)?;
    Ok(vec![Fact::Key {
        key: name.clone(),
        uri: made.uri.name_only().to_string(),
        algorithm: made.public.algorithm(),
        created: now(),
    }])
}

pub(super) fn retire(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let key = ceremony.plan().key.get(name).ok_or_else(|| missing("key", name))?.clone();
    let session = log_in(ceremony, &key.token)?;
    let found = session.find_key(&ceremony.key_uri(name)?).map_err(explain::hsm)?;
    let uri = found.uri().name_only().to_string();
    found.destroy().map_err(explain::hsm)?;
    Ok(vec![Fact::Destroyed { key: name.clone(), uri }])
}
