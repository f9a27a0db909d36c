//! Tokens: looked at, and initialised with PINs that their holders have proven to hold.

use crate::ceremony::{Ceremony, missing};
use crate::pin::{about, log_in_with, make};
use crate::plan::{Custody, Name, State};
use crate::transcript::Fact;
use openpgp_pkcs11::{Token, initialise_token};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};

pub(super) fn look(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let plan = ceremony.plan().token.get(name).ok_or_else(|| missing("token", name))?.clone();
    match plan.state {
        State::Ready => look_ready(ceremony, name),
        State::Empty => look_empty(ceremony, name),
    }
}

pub(super) fn initialise(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let plan = ceremony.plan().token.get(name).ok_or_else(|| missing("token", name))?.clone();
    let bound = ceremony.binding.token.get(name).ok_or_else(|| missing("token", name))?.clone();
    let officer = plan.so_pin.unwrap_or(Custody::Typed);
    let so_pin = make(ceremony, name, "security officer", officer, bound.so_pin_file.as_deref())?;
    let user_pin = make(ceremony, name, "user", plan.user_pin, bound.user_pin_file.as_deref())?;
    let uri = ceremony.token_uri(name)?;
    let module = ceremony.binding.module.clone();
    let token = initialise_token(&uri, module.as_deref(), &plan.label, &so_pin.pin, &user_pin.pin).map_err(explain::hsm)?;
    let uri = token.uri().to_string();
    let fact = Fact::Token { token: name.clone(), uri };
    // From here on the token is known by its serial number, also to the login.
    ceremony.made.finish("", std::slice::from_ref(&fact));
    log_in_with(ceremony, name, Some(&user_pin.pin))?;
    let proof = Fact::Proof { what: format!("the {} opens the token", about("user", name)) };
    Ok([fact].into_iter().chain(so_pin.fact).chain(user_pin.fact).chain([proof]).collect())
}
