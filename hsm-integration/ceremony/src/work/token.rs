//! Tokens: looked at, and initialised with PINs that their holders have proven to hold.

use crate::ceremony::{Ceremony, missing};
use crate::people::Role;
use crate::pin::{PRESENT, about, collect, log_in_with, make};
use crate::plan::{Custody, KeyKind, Name, State, Token as TokenPlan};
use crate::transcript::Fact;
use openpgp_pkcs11::{
    Algorithm, Contents, LoginError, PinState, PublicKey, SlotState, Token, TokenStatus, Uri, initialise_slot,
    reset_token, slots,
};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};

/// Whether the token is as the plan says. Changes nothing.
pub(super) fn look(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let plan = ceremony.plan().token.get(name).ok_or_else(|| missing("token", name))?.clone();
    no_pin_files(ceremony, name, plan.state)?;
    if plan.state == State::Empty {
        return look_empty(ceremony, name);
    }
    let token = open(ceremony, name)?;
    let status = token.status().map_err(explain::hsm)?;
    pins_can_be_tried(plan.state, &status, ceremony.last_try).map_err(explain::hsm)?;
    offers_what_is_made(ceremony, name, &token)?;
    let contents = token.contents().map_err(explain::hsm)?;
    let mut facts = vec![
        Fact::Token { token: name.clone(), uri: token.uri().to_string() },
        Fact::Proof { what: format!("token {name} is there: {contents} to be seen without its PIN") },
    ];
    if plan.state == State::Ready {
        if status.label != plan.label {
            return Err(Failure::new("CEREMONY-TOKEN", Exit::Refused, format!("token {name} has another label"))
                .fact("there", &status.label)
                .fact("plan", &plan.label)
                .hint("nothing was done; insert the right token, or correct the binding"));
        }
        facts.extend(look_at_keys(ceremony, name, &token)?);
    }
    Ok(facts)
}

/// A token that will not take its PIN later stops the ceremony now, before anything was erased or made.
fn pins_can_be_tried(state: State, status: &TokenStatus, last_try: bool) -> Result<(), LoginError> {
    let token = status.uri();
    match if state == State::Ready { status.pin } else { status.so_pin } {
        PinState::Locked => Err(LoginError::Locked { token }),
        // The flag is for the user's PIN alone.
        PinState::FinalTry if state == State::Ready && last_try => Ok(()),
        PinState::FinalTry => Err(LoginError::FinalTry { token }),
        PinState::Good | PinState::CountLow | PinState::Unknown => Ok(()),
    }
}

/// So does one that cannot make the keys that it is meant for.
fn offers_what_is_made(ceremony: &Ceremony<'_>, name: &Name, token: &Token) -> Result<(), Failure> {
    for key in ceremony.plan().key.values().filter(|key| !key.before) {
        let second = key.pq_token.as_ref().unwrap_or(&key.token);
        let parts = match key.algorithm {
            KeyKind::Single(algorithm) => vec![(&key.token, algorithm)],
            KeyKind::Composite(composite) => {
                let [classical, post_quantum] = composite.halves();
                vec![(&key.token, classical), (second, post_quantum)]
            }
        };
        for (_, algorithm) in parts.into_iter().filter(|(holder, _)| *holder == name) {
            token.offers(algorithm).map_err(explain::hsm)?;
        }
    }
    Ok(())
}

/// The keys from before that are in this token, or one of whose halves is.
fn look_at_keys(ceremony: &Ceremony<'_>, name: &Name, token: &Token) -> Result<Vec<Fact>, Failure> {
    let mut facts = Vec::new();
    for (key, plan) in ceremony.plan().key.iter().filter(|(_, plan)| plan.before) {
        let uri = token.uri().with_object(&plan.label);
        let here = plan.token == *name;
        let shown = match (plan.algorithm, &plan.pq_token) {
            (KeyKind::Single(_), _) if here => vec![token.check(&uri, None).map_err(explain::hsm)?.public],
            (KeyKind::Composite(composite), None) if here => halves(token, &uri, &composite.halves())?,
            (KeyKind::Composite(composite), Some(second)) => match composite.halves() {
                [classical, _] if here => halves(token, &uri, &[classical])?,
                [_, post_quantum] if second == name => halves(token, &uri, &[post_quantum])?,
                _ => continue,
            },
            _ => continue,
        };
        let word = |public: Option<PublicKey>| {
            public.map_or_else(|| "shown only after login".to_owned(), |public| public.algorithm())
        };
        let seen = shown.into_iter().map(word).collect::<Vec<_>>().join(" and ");
        facts.push(Fact::Proof { what: format!("key {key} (label \"{}\"): {seen}", plan.label) });
    }
    Ok(facts)
}

fn halves(token: &Token, uri: &Uri, algorithms: &[Algorithm]) -> Result<Vec<Option<PublicKey>>, Failure> {
    algorithms.iter().map(|&half| token.public_half(uri, half).map_err(explain::hsm)).collect()
}

fn look_empty(ceremony: &Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let there = slots_of(ceremony, &ceremony.token_uri(name)?)?;
    let empty = |slot: &&SlotState| matches!(slot.contents, Ok(Contents::Uninitialised));
    if let Some(slot) = there.iter().find(empty) {
        let what = format!("token {name} is empty: {}", slot.uri());
        return Ok(vec![Fact::Proof { what }]);
    }
    let failure = Failure::new("CEREMONY-TOKEN", Exit::Refused, format!("token {name} is not empty, or not there"));
    let failure = there.iter().fold(failure, |failure, slot| {
        let contents = slot.contents.as_ref().map_or_else(ToString::to_string, ToString::to_string);
        failure.fact("there", format!("{} ({contents})", slot.status.uri()))
    });
    Err(failure.hint("nothing was done; insert an empty token, or say state = \"used\" in a plan that erases it"))
}

/// A PIN is never written over a file that may hold the PIN of another token.
fn no_pin_files(ceremony: &Ceremony<'_>, name: &Name, state: State) -> Result<(), Failure> {
    let bound = ceremony.binding.token.get(name).ok_or_else(|| missing("token", name))?;
    let files = [&bound.user_pin_file, &bound.so_pin_file].into_iter().flatten();
    match files.into_iter().find(|file| state != State::Ready && file.exists()) {
        None => Ok(()),
        Some(file) => {
            Err(Failure::new("CEREMONY-PIN-FILE", Exit::CannotCreate, format!("{} is there already", file.display()))
                .hint("nothing was done; it may hold the PIN of another token: move it away, or name another file"))
        }
    }
}

/// Looks for the token of an attempt that was interrupted before it was written down, before anybody copies words to paper.
fn no_half_token(ceremony: &Ceremony<'_>, name: &Name, plan: &TokenPlan) -> Result<(), Failure> {
    // In all slots: some modules move a token to another one when it is initialised.
    let there = slots_of(ceremony, &Uri::default().reached_as(&ceremony.token_uri(name)?))?;
    let ours =
        |slot: &&SlotState| slot.status.label == plan.label && !matches!(slot.contents, Ok(Contents::Uninitialised));
    match there.iter().find(ours) {
        Some(slot) if plan.state == State::Empty => Err(Failure::new(
            "CEREMONY-HALF-TOKEN",
            Exit::Refused,
            format!("token {name} is initialised, and the transcript does not know it: an attempt was interrupted"),
        )
        .fact("token", slot.status.uri())
        .hint(
            "nothing was done, and no key is in it; close this ceremony as failed, and begin anew in a new folder with \
             another empty token, or erase this one: state = \"used\" in the plan, and the security officer's PIN from the \
             papers of that attempt (present_so_pin = \"quorum\"). If that PIN was not set yet, its maker's tool erases it",
        )),
        _ => Ok(()),
    }
}

fn open(ceremony: &Ceremony<'_>, name: &Name) -> Result<Token, Failure> {
    let (uri, module) = (ceremony.token_uri(name)?, ceremony.binding.module.as_deref());
    Token::open_within(&uri, module, ceremony.deadlines).map_err(explain::hsm)
}

fn slots_of(ceremony: &Ceremony<'_>, uri: &Uri) -> Result<Vec<SlotState>, Failure> {
    slots(uri, ceremony.binding.module.as_deref(), ceremony.deadlines).map_err(explain::hsm)
}

pub(super) fn initialise(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let plan = ceremony.plan().token.get(name).ok_or_else(|| missing("token", name))?.clone();
    let bound = ceremony.binding.token.get(name).ok_or_else(|| missing("token", name))?.clone();
    no_half_token(ceremony, name, &plan)?;
    let officer = plan.so_pin.unwrap_or(Custody::Typed);
    let so_pin = make(ceremony, name, "security officer", officer, bound.so_pin_file.as_deref())?;
    let user_pin = make(ceremony, name, "user", plan.user_pin, bound.user_pin_file.as_deref())?;
    let (uri, module) = (ceremony.token_uri(name)?, ceremony.binding.module.clone());
    let (module, deadlines, label) = (module.as_deref(), ceremony.deadlines, &plan.label);
    let token = if plan.state == State::Used {
        let present = match plan.present_so_pin {
            Some(Custody::Quorum) => collect(ceremony, &about(PRESENT, name))?,
            _ => {
                let question = format!("Present security officer PIN of token {name}, which is erased:");
                ceremony.dialog.ask_pin(Role::Administrator, &question)?
            }
        };
        let there = open(ceremony, name)?;
        let contents = there.contents().map_err(explain::hsm)?;
        let question = format!("ERASED is now: {}\nIn it, as far as is seen without its PIN: {contents}.", there.uri());
        drop(there);
        ceremony.confirm(Role::Administrator, &question)?;
        let token = reset_token(&uri, module, label, &present, &user_pin.pin, deadlines);
        let token = token.map_err(explain::hsm)?;
        // Its label is another now, by which a further attempt finds it.
        ceremony.made.learn(&Fact::Token { token: name.clone(), uri: token.uri().to_string() });
        token.set_so_pin(&present, &so_pin.pin).map_err(explain::hsm)?;
        token
    } else {
        let token = initialise_slot(&uri, module, label, &so_pin.pin, &user_pin.pin, deadlines);
        token.map_err(explain::hsm)?
    };
    let fact = Fact::Token { token: name.clone(), uri: token.uri().to_string() };
    // From here on the token is known by its serial number, also to the login.
    ceremony.made.learn(&fact);
    log_in_with(ceremony, name, Some(&user_pin.pin))?;
    let proof = Fact::Proof { what: format!("the {} opens it, and nothing is in it", about("user", name)) };
    Ok([fact].into_iter().chain(so_pin.fact).chain(user_pin.fact).chain([proof]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_that_would_not_be_tried_stops_the_look() {
        let status = |pin, so_pin| TokenStatus {
            label: "t".to_owned(),
            manufacturer: String::new(),
            model: String::new(),
            serial: "1".to_owned(),
            slot: 0,
            pin,
            so_pin,
            pin_set: true,
            pin_length: (4, 255),
            login_required: true,
            pinpad: false,
            write_protected: false,
            fault: false,
        };
        let tried = |state, pin, so_pin| pins_can_be_tried(state, &status(pin, so_pin), false).is_ok();
        for bad in [PinState::Locked, PinState::FinalTry] {
            assert!(!tried(State::Ready, bad, PinState::Good) && tried(State::Ready, PinState::Good, bad));
            assert!(!tried(State::Used, PinState::Good, bad) && tried(State::Used, bad, PinState::Good));
        }
        assert!(tried(State::Ready, PinState::CountLow, PinState::Good));
    }
}
