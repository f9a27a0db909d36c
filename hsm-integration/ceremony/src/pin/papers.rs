//! All custodians, not only a quorum of them: whether each still holds the right words.

use super::quorum::Words;
use super::{about, log_in_with};
use crate::ceremony::Ceremony;
use crate::people::Role;
use crate::plan::Name;
use crate::transcript::Fact;
use openpgp_pkcs11::secrecy::{ExposeSecret as _, SecretString};
use pouch_cli::quorum_pin;
use pouch_console::{Exit, Failure};
use pouch_shares::Collector;

/// How often one custodian may mistype before the step fails.
const PATIENCE: usize = 5;

/// Every custodian types the words for the user PIN of `token`. The first few of them give the PIN, which the token must take;
/// each further one must give the same together with all but one of the first.
pub(crate) fn show(ceremony: &mut Ceremony<'_>, token: &Name) -> Result<Vec<Fact>, Failure> {
    let people = ceremony.plan().people;
    let (about, threshold) = (about("user", token), usize::from(people.threshold));
    ceremony.dialog.say(&format!("\nAll {} custodians show their words for the {about}.\n", people.custodians))?;
    let mut papers = Vec::new();
    for number in 1..=people.custodians {
        papers.push(typed(ceremony, Role::Custodian(number), number, &about)?);
    }
    let first = combine(papers.iter().take(threshold))?;
    for (at, paper) in papers.iter().enumerate().skip(threshold) {
        let others = papers.iter().take(threshold.saturating_sub(1));
        if combine(others.chain([paper]))?.expose_secret() != first.expose_secret() {
            let message = format!("the words of custodian {} give another PIN", at.saturating_add(1));
            return Err(Failure::new("CEREMONY-QUORUM", Exit::Data, message)
                .hint("no PIN was tried; look at the papers, and repeat the step"));
        }
    }
    log_in_with(ceremony, token, Some(&first))?;
    let what = format!("each of {} custodians holds right words for the {about}, which opens it", people.custodians);
    Ok(vec![Fact::Proof { what }])
}

/// The words of one custodian, who may bring the wrong paper.
fn typed(ceremony: &mut Ceremony<'_>, role: Role, number: u8, about: &str) -> Result<Words, Failure> {
    let name = ceremony.made.name(role).unwrap_or("whose name was not taken").to_owned();
    ceremony.dialog.say(&format!("{name}, {role}, comes to the private terminal; nobody else looks.\n"))?;
    for _ in 0..PATIENCE {
        let share = ceremony.dialog.ask_share(role, about)?;
        if share.number() == number {
            return Ok(Words::of(&share));
        }
        ceremony.dialog.say(&format!("This is the share of custodian {}.\n", share.number()))?;
    }
    let message = format!("the {role} did not type right words for the {about} in {PATIENCE} tries");
    Err(Failure::new("CEREMONY-QUORUM", Exit::Usage, message)
        .hint("no PIN was tried; if the paper is lost, close the ceremony and plan a rollover"))
}

fn combine<'p>(papers: impl Iterator<Item = &'p Words>) -> Result<SecretString, Failure> {
    let refused = |reason: String| {
        Failure::new("CEREMONY-QUORUM", Exit::Data, format!("the shares give no PIN: {reason}"))
            .hint("no PIN was tried; use the papers of one and the same step")
    };
    let mut collector = Collector::default();
    for paper in papers {
        let share = paper.share().map_err(|error| refused(error.to_string()))?;
        collector.add(share).map_err(|error| refused(error.to_string()))?;
    }
    quorum_pin(&collector)
}
