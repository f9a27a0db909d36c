//! The loop of a ceremony: announce, confirm, do, write down. Whatever happens, the transcript knows before anybody goes on.

use crate::ceremony::Ceremony;
use crate::people::Role;
use crate::steps::{self, Step, Work};
use crate::transcript::{Ending, Event, UNWRITTEN};
use crate::work;
use pouch_console::{Exit, Failure};

/// What the people want after a step failed.
enum Choice {
    Again,
    Exception(String),
    Close(String),
}

/// Does every step that is not done yet, and closes the ceremony.
///
/// # Errors
/// The ceremony stopped and can be resumed (`CEREMONY-STOPPED`, or the transcript cannot be written), or it was closed as
/// failed (`CEREMONY-FAILED`).
pub fn hold(ceremony: &mut Ceremony<'_>) -> Result<(), Failure> {
    let held = sit(ceremony);
    held.map_err(|failure| if stops(&failure) { to_note(ceremony, failure) } else { failure })
}

/// What the people note down, and compare when they go on.
fn to_note(ceremony: &Ceremony<'_>, failure: Failure) -> Failure {
    let (end, lines) = ceremony.record();
    failure.fact("note down: lines", lines).fact("digest of the last one", end).fact("in words", end.words())
}

fn sit(ceremony: &mut Ceremony<'_>) -> Result<(), Failure> {
    if ceremony.closed {
        return work::close::sign_closed(ceremony);
    }
    for step in steps::of(&ceremony.reviewed.plan) {
        if !ceremony.made.is_finished(&step.work.to_string()) {
            pass(ceremony, &step)?;
        }
    }
    Ok(())
}

/// One step, until it is done or left out.
fn pass(ceremony: &mut Ceremony<'_>, step: &Step) -> Result<(), Failure> {
    loop {
        announce(ceremony, step)?;
        let failure = match attempt(ceremony, step) {
            Ok(()) => return Ok(()),
            // Behind the last line nothing may be written.
            Err(failure) if stops(&failure) || ceremony.closed => return Err(failure),
            Err(failure) => failure,
        };
        let id = step.work.to_string();
        ceremony.write(&Event::Failure {
            step: id.clone(),
            error: failure.id.clone(),
            message: failure.message.clone(),
        })?;
        ceremony.dialog.say(&format!("\n{}", failure.render(false)))?;
        match choose(ceremony, step)? {
            Choice::Again if LOST.contains(&failure.id.as_str()) => ceremony.sessions.clear(),
            Choice::Again => {}
            Choice::Exception(reason) => {
                ceremony.write(&Event::Exception { step: id.clone(), role: step.role, reason })?;
                ceremony.made.finish(&id, &[]);
                return Ok(());
            }
            Choice::Close(reason) => return close_failed(ceremony, step, reason),
        }
    }
}

/// Ids of failures after which an open session is of no use any more: the token, once it is well again, wants another one, and
/// a new login if it forgot the old one.
const LOST: [&str; 4] = ["HSM-SILENT", "HSM-REMOVED", "HSM-ABSENT", "HSM-NOT-LOGGED-IN"];

/// Nobody answers any more, or there is nothing left to repeat but the signature.
fn stops(failure: &Failure) -> bool {
    ["CEREMONY-STOPPED", "CEREMONY-DIALOG", UNWRITTEN, work::close::UNSIGNED].contains(&failure.id.as_str())
}

fn announce(ceremony: &mut Ceremony<'_>, step: &Step) -> Result<(), Failure> {
    let total = steps::of(&ceremony.reviewed.plan).len();
    let line = format!("\n=== step {} of {total}: {}\n    {}\n", step.number, step.title, step.work);
    ceremony.dialog.say(&line)?;
    ceremony.write(&Event::Step { number: step.number, step: step.work.to_string(), title: step.title.clone() })
}

fn attempt(ceremony: &mut Ceremony<'_>, step: &Step) -> Result<(), Failure> {
    ceremony.step = step.work.to_string();
    if let Some(what) = &step.irreversible {
        ceremony.confirm(step.role, &format!("This cannot be undone: {what}."))?;
    }
    if step.work == Work::Close {
        return work::close::close(ceremony);
    }
    let facts = work::perform(ceremony, &step.work)?;
    let id = step.work.to_string();
    ceremony.write(&Event::Done { step: id.clone(), facts: facts.clone() })?;
    ceremony.made.finish(&id, &facts);
    let shown: Vec<String> =
        facts.iter().flat_map(crate::transcript::fact).map(|(k, v)| format!("  {k:18}{v}")).collect();
    ceremony.dialog.say(&format!("{}\ndone\n", shown.join("\n")))
}

/// Asks what to do about a step that failed, until the answer is one of those offered.
fn choose(ceremony: &mut Ceremony<'_>, step: &Step) -> Result<Choice, Failure> {
    let offer = if step.optional { "again, exception or close" } else { "again or close; later steps need this one" };
    loop {
        let answer = ceremony.ask_noting(step.role, &format!("The step failed. Type {offer}:"), "close", |answer| {
            ["again", "exception", "close"].contains(&answer)
        })?;
        match (answer.as_str(), step.optional) {
            ("again", _) => return Ok(Choice::Again),
            ("exception", true) => return reason(ceremony, step.role).map(Choice::Exception),
            ("close", _) => return reason(ceremony, step.role).map(Choice::Close),
            _ => ceremony.dialog.say("That is none of the words.\n")?,
        }
    }
}

fn reason(ceremony: &mut Ceremony<'_>, role: Role) -> Result<String, Failure> {
    loop {
        let reason =
            ceremony.ask(role, "Why, in one line, for the record:", "the step failed in an unattended rehearsal")?;
        if !reason.trim().is_empty() {
            return Ok(reason);
        }
        ceremony.dialog.say("A reason is needed.\n")?;
    }
}

fn close_failed(ceremony: &mut Ceremony<'_>, step: &Step, reason: String) -> Result<(), Failure> {
    ceremony.write(&Event::Close { ending: Ending::Failed, reason: Some(reason), signed_by: None })?;
    let message = format!("the ceremony was closed as failed at step {}, {}", step.number, step.work);
    Err(Failure::new("CEREMONY-FAILED", Exit::Unavailable, message).hint(
        "the folder is the record of it; whatever was made in a token is still there: begin anew with empty tokens",
    ))
}
