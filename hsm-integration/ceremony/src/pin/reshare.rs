//! A new PIN under new shares: a custodian left, a paper was lost or seen by another.

use super::{about, collect, log_in_with, make};
use crate::ceremony::Ceremony;
use crate::plan::{Custody, Name};
use crate::transcript::Fact;
use pouch_cli::explain;
use pouch_console::Failure;

/// Gives the token another user PIN. The new words are handed out and typed back before the token has it; the old ones open it
/// until then. Interrupted behind the change, the step is repeated with the new words.
pub(crate) fn reshare(ceremony: &mut Ceremony<'_>, token: &Name) -> Result<Vec<Fact>, Failure> {
    ceremony.dialog.say("\nFirst those come who hold words of the present PIN.\n")?;
    let old = collect(ceremony, &about("user", token))?;
    let session = log_in_with(ceremony, token, Some(&old))?;
    ceremony.dialog.say("\nNow everybody gets new words. The old papers are kept until this step is done.\n")?;
    let new = make(ceremony, token, "user", Custody::Quorum, None)?;
    session.set_pin(&old, &new.pin).map_err(explain::hsm)?;
    // Signers of the old login are of no use any more.
    ceremony.sessions.remove(token);
    drop(session);
    log_in_with(ceremony, token, Some(&new.pin))?;
    let proof = format!("the new {} opens it; papers of the old one are void: destroy them", about("user", token));
    Ok(new.fact.into_iter().chain([Fact::Proof { what: proof }]).collect())
}
