//! What each step does. Nothing here talks to a token without the step having been announced and confirmed by the
//! [engine](crate::engine).

mod accept;
mod certificate;
pub(crate) mod close;
pub(crate) mod key;
mod preflight;
mod proof;
mod replace;
mod token;
mod trust;

pub use accept::read as certificate_file;

use crate::ceremony::Ceremony;
use crate::steps::Work;
use crate::transcript::Fact;
use pouch_console::{Exit, Failure};

/// Does the work of a step and says what came of it.
pub(crate) fn perform(ceremony: &mut Ceremony<'_>, work: &Work) -> Result<Vec<Fact>, Failure> {
    match work {
        Work::People => preflight::people(ceremony),
        Work::Clock => preflight::clock(ceremony),
        Work::Digests => preflight::digests(ceremony),
        Work::Look(name) => token::look(ceremony, name),
        Work::Accept(name) => accept::accept(ceremony, name),
        Work::Papers(name) => crate::pin::show_papers(ceremony, name),
        Work::Reshare(name) => crate::pin::reshare(ceremony, name),
        Work::Initialise(name) => token::initialise(ceremony, name),
        Work::Generate(name) => key::generate(ceremony, name),
        Work::Backup(name) => key::backup(ceremony, name),
        Work::Certify(name) => certificate::make(ceremony, name),
        Work::Prove(name) => proof::prove(ceremony, name),
        Work::Revocations(name) => certificate::revocations(ceremony, name),
        Work::Rollover => replace::rollover(ceremony),
        Work::Revoke(name) => replace::revoke_one(ceremony, name),
        Work::Trust => trust::write(ceremony),
        Work::Retire(name) => key::retire(ceremony, name),
        // Writes its own last line.
        Work::Close => Err(Failure::new("CEREMONY-ORDER", Exit::Software, "closing is not done like other steps")),
    }
}
