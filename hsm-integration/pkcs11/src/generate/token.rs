//! New tokens, and old ones made new. What a token says of its initialisation is not believed: it is looked at.

use super::{GenerateError, assert_name};
use crate::{
    contents::count,
    deadline::{Deadlines, within},
    module,
    open::{Token, slot_is_named_by},
    pin::assert_fit,
    session::LOGIN,
    status::{PinState, TokenStatus},
    uri::Uri,
};
use cryptoki::{
    context::Pkcs11,
    error::{Error as Binding, RvError},
    session::UserType,
    slot::Slot,
};
use secrecy::SecretString;
use std::{
    path::{Path, PathBuf},
    sync::PoisonError,
};

/// The label of a token is a field of 32 bytes; what is longer is cut without a word.
const TOKEN_LABEL_BYTES: usize = 32;

/// Initialises an empty token of the module, the first there is: label, security officer's PIN, user PIN.
///
/// `module` names the module only. A token that has a label is never touched. Afterwards the token is looked at: flags and
/// label are right and there is no object, before and after a login.
///
/// # Errors
/// [`GenerateError`]: the label does not fit 32 bytes or is taken, a PIN does not fit the token, there is no empty token,
/// or it is not as it should be afterwards.
pub fn initialise_token(
    module: &Uri,
    default_module: Option<&Path>,
    label: &str,
    so_pin: &SecretString,
    user_pin: &SecretString,
) -> Result<Token, GenerateError> {
    Request::new(Target::FirstEmpty, module, label, so_pin, user_pin)?.run(default_module, Deadlines::default())
}

/// As [`initialise_token`], for exactly one empty token: the one in the slot that `uri` names (`slot-id`), else the only one
/// of the module. Of `uri`, the attributes of slot, serial, model and manufacturer count, not the token's label. `deadlines` are for this and for the token
/// that comes of it.
///
/// # Errors
/// As for [`initialise_token`]; [`GenerateError::TwoFreeSlots`] when several empty tokens match, and
/// [`GenerateError::TokenExists`] when the token in the slot is in use.
pub fn initialise_slot(
    uri: &Uri,
    default_module: Option<&Path>,
    label: &str,
    so_pin: &SecretString,
    user_pin: &SecretString,
    deadlines: Deadlines,
) -> Result<Token, GenerateError> {
    Request::new(Target::OnlyEmpty, uri, label, so_pin, user_pin)?.run(default_module, deadlines)
}

/// ERASES the one token that `uri` names, with all its keys, and initialises it anew (factory reset). `so_pin` is the
/// security officer's PIN of now, which stays; it is tried once. `deadlines` as for [`initialise_slot`].
///
/// # Errors
/// As for [`initialise_token`]; no token or several match, a session with the token is open, or the security officer's PIN
/// is wrong or locked.
pub fn reset_token(
    uri: &Uri,
    default_module: Option<&Path>,
    label: &str,
    so_pin: &SecretString,
    user_pin: &SecretString,
    deadlines: Deadlines,
) -> Result<Token, GenerateError> {
    Request::new(Target::Named, uri, label, so_pin, user_pin)?.run(default_module, deadlines)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    FirstEmpty,
    OnlyEmpty,
    Named,
}

struct Request {
    target: Target,
    uri: Uri,
    label: String,
    so_pin: SecretString,
    user_pin: SecretString,
}

impl Request {
    fn new(
        target: Target,
        uri: &Uri,
        label: &str,
        so_pin: &SecretString,
        user_pin: &SecretString,
    ) -> Result<Self, GenerateError> {
        assert_name("token label", label, TOKEN_LABEL_BYTES)?;
        let (label, so_pin, user_pin) = (label.to_owned(), so_pin.clone(), user_pin.clone());
        Ok(Self { target, uri: uri.clone(), label, so_pin, user_pin })
    }

    fn run(self, default_module: Option<&Path>, deadlines: Deadlines) -> Result<Token, GenerateError> {
        let open = |uri: &Uri| Token::open_within(uri, default_module, deadlines);
        let old = if self.target == Target::Named { Some(open(&self.uri)?.slot) } else { None };
        let path = module::locate(&self.uri, default_module)?;
        let reached = self.uri.clone();
        let initialise = move || {
            let _one_at_a_time = LOGIN.lock().unwrap_or_else(PoisonError::into_inner);
            self.initialise(path, old)
        };
        let made = within(deadlines.making, "initialising a token", initialise)??;
        Ok(open(&made.reached_as(&reached))?)
    }

    /// The URI of the new token.
    fn initialise(&self, path: PathBuf, old: Option<Slot>) -> Result<Uri, GenerateError> {
        let library = module::load(&path)?;
        let slot = self.slot(&library, &path, old)?;
        let status = TokenStatus::new(slot, &library.get_token_info(slot)?);
        self.assert_pins_fit(&status, old.is_some())?;
        library.init_token(slot, &self.so_pin, &self.label).map_err(|error| match error {
            Binding::Pkcs11(RvError::ArgumentsBad | RvError::FunctionNotSupported, _) if old.is_some() => {
                GenerateError::NoReset { token: status.uri(), source: error.into() }
            }
            error => error.into(),
        })?;
        let session = library.open_rw_session(slot)?;
        session.login(UserType::So, Some(&self.so_pin))?;
        session.init_pin(&self.user_pin)?;
        session.logout()?;
        drop(session);
        self.look(&library, slot)
    }

    /// The slot to work on, when no other token has the label.
    fn slot(&self, library: &Pkcs11, path: &Path, old: Option<Slot>) -> Result<Slot, GenerateError> {
        let named = self.uri.with(|uri| uri.token = None);
        let (mut empty, mut used) = (Vec::new(), Vec::new());
        for slot in library.get_slots_with_token()? {
            let Ok(info) = library.get_token_info(slot) else { continue };
            let status = TokenStatus::new(slot, &info);
            let in_slot = status.uri().with(|uri| uri.slot_id = Some(slot.id()));
            if info.token_initialized() && status.label == self.label && Some(slot) != old {
                return Err(GenerateError::TokenExists { token: status.uri() });
            }
            let wanted = self.target == Target::FirstEmpty
                || status.is_named_by(&named) && slot_is_named_by(&named, library, slot);
            match (wanted, info.token_initialized()) {
                (true, true) => used.push(status.uri()),
                (true, false) => empty.push((slot, in_slot)),
                (false, _) => {}
            }
        }
        if let Some(old) = old {
            return Ok(old);
        }
        match (empty.as_slice(), used.into_iter().next()) {
            ([(slot, _), ..], _) if self.target == Target::FirstEmpty => Ok(*slot),
            ([(slot, _)], _) => Ok(*slot),
            ([], Some(token)) if self.uri.0.slot_id.is_some() => Err(GenerateError::TokenExists { token }),
            ([], _) => Err(GenerateError::NoFreeSlot { module: path.display().to_string() }),
            _ => Err(GenerateError::TwoFreeSlots { found: empty.into_iter().map(|(_, uri)| uri).collect() }),
        }
    }

    /// What is known before anything is changed: a token made with one PIN and without the other is of no use.
    fn assert_pins_fit(&self, status: &TokenStatus, tries_officer: bool) -> Result<(), GenerateError> {
        assert_fit(&self.so_pin, "the security officer", status)?;
        assert_fit(&self.user_pin, "the user", status)?;
        if tries_officer {
            crate::pin::assert_state(status, status.so_pin, false)?;
        }
        Ok(())
    }

    /// Looks whether the token is what was asked for: initialised, with its user PIN, and empty.
    fn look(&self, library: &Pkcs11, slot: Slot) -> Result<Uri, GenerateError> {
        let info = library.get_token_info(slot)?;
        let status = TokenStatus::new(slot, &info);
        let wrong = |what: &str| GenerateError::NotInitialised { token: status.uri(), what: what.to_owned() };
        let flags = [
            (!info.token_initialized(), "it is not initialised"),
            (status.label != self.label, "it has another label"),
            (!status.pin_set, "it has no user PIN"),
            (status.pin != PinState::Good || status.so_pin != PinState::Good, "it knows of wrong PINs"),
            (status.write_protected, "it is write-protected"),
            (status.fault, "it is in its error state"),
        ];
        if let Some((_, what)) = flags.into_iter().find(|(bad, _)| *bad) {
            return Err(wrong(what));
        }
        let session = library.open_ro_session(slot)?;
        let before = count(&session)?;
        session.login(UserType::User, Some(&self.user_pin))?;
        let after = count(&session);
        session.logout()?;
        match (before, after?) {
            (0, 0) => Ok(status.uri()),
            (before, after) => {
                Err(wrong(&format!("it holds {before} objects before and {after} after the login, none are expected")))
            }
        }
    }
}
