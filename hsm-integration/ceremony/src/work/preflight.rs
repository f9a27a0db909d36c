//! Before anything is touched: who, when, with what.

use crate::ceremony::{Ceremony, now};
use crate::dialog::spoken;
use crate::people::Role;
use crate::transcript::Fact;
use pouch_console::{Exit, Failure};
use std::collections::BTreeMap;

pub(super) fn people(ceremony: &mut Ceremony<'_>) -> Result<Vec<Fact>, Failure> {
    let mut names = BTreeMap::new();
    for role in Role::all(ceremony.plan().people) {
        let name = ceremony.ask(role, &format!("Name of the {role}:"), &format!("DEMO {role}"))?;
        let name = name.trim().to_owned();
        if name.is_empty() || names.values().any(|other| *other == name) {
            let message = format!("the {role} has no name, or that of somebody else here");
            return Err(Failure::new("CEREMONY-PEOPLE", Exit::Usage, message)
                .hint("one person has one role; repeat the step with the names of all"));
        }
        names.insert(role, name);
    }
    Ok(vec![Fact::People { names }])
}

pub(super) fn clock(ceremony: &mut Ceremony<'_>) -> Result<Vec<Fact>, Failure> {
    let shown = now().strftime("%A, %d %B %Y, %H:%M UTC").to_string();
    let question = format!("The clock of this machine says {shown}.\nRead it aloud and compare it with two others.");
    ceremony.confirm(Role::Administrator, &question)?;
    Ok(vec![Fact::Proof { what: format!("the clock was compared aloud at {shown}") }])
}

pub(super) fn digests(ceremony: &mut Ceremony<'_>) -> Result<Vec<Fact>, Failure> {
    let (tool, plan) = (ceremony.tool, ceremony.reviewed.digest);
    let paper =
        |what: &str, digest: pouch_format::Sha256Digest| format!("{what} {digest}\n{}", spoken(&digest.words()));
    let question = format!(
        "Compare with the paper from the review, reading the words aloud.\n\n{}\n{}",
        paper("plan:", plan),
        paper("tool:", tool)
    );
    ceremony.confirm(Role::Administrator, &question)?;
    Ok(vec![Fact::Proof { what: format!("plan {plan} and tool {tool} are those of the review") }])
}
