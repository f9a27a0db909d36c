//! PINs: made, handed out, asked for. No PIN and no share is ever written into the transcript or an error.

mod make;
mod papers;
mod quorum;
mod reshare;

pub(crate) use make::{make, random, shared};
pub(crate) use papers::show as show_papers;
pub(crate) use quorum::collect;
pub(crate) use reshare::reshare;

use crate::ceremony::{Ceremony, missing};
use crate::people::Role;
use crate::plan::{Custody, Name};
use openpgp_pkcs11::secrecy::SecretString;
use openpgp_pkcs11::{LoggedIn, LoginOptions, PinPrompt, PinState, Token, TokenStatus};
use pouch_cli::explain;
use pouch_console::Failure;
use std::io;

/// Which PIN: that of the security officer of a token that is erased.
pub(crate) const PRESENT: &str = "present security officer";

/// What a PIN is called in front of people, and what its shares are found by.
pub(crate) fn about(which: &str, token: &Name) -> String {
    format!("{which} PIN of token {token}")
}

/// The token with its user logged in; the holders of the PIN are asked once a ceremony and sitting.
pub(crate) fn log_in(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<LoggedIn, Failure> {
    if let Some(session) = ceremony.sessions.get(name) {
        return Ok(session.clone());
    }
    log_in_with(ceremony, name, None)
}

/// The same with a PIN that was made a moment ago.
pub(crate) fn log_in_with(
    ceremony: &mut Ceremony<'_>,
    name: &Name,
    fresh: Option<&SecretString>,
) -> Result<LoggedIn, Failure> {
    let mut uri = ceremony.token_uri(name)?;
    let custody = ceremony.plan().token.get(name).ok_or_else(|| missing("token", name))?.user_pin;
    let file = ceremony.binding.token.get(name).and_then(|bound| bound.user_pin_file.clone());
    if let (Custody::File, None, Some(file)) = (custody, fresh, &file) {
        uri = uri.with_pin_file(&file.to_string_lossy());
    }
    let token =
        Token::open_within(&uri, ceremony.binding.module.as_deref(), ceremony.deadlines).map_err(explain::hsm)?;
    let allow_final_try = ceremony.last_try;
    let mut holders = Holders { ceremony, token: name, custody, fresh, failure: None };
    // A credential of the service manager is for machines that work alone, and here there are people.
    let options = LoginOptions { prompt: Some(&mut holders), credential: "", allow_final_try };
    let session = token.login(options);
    let failure = holders.failure.take();
    let session = session.map_err(|error| failure.unwrap_or_else(|| explain::hsm(error)))?;
    ceremony.sessions.insert(name.clone(), session.clone());
    Ok(session)
}

/// Those who hold a PIN, as the token asks for it.
struct Holders<'c, 'd> {
    ceremony: &'c mut Ceremony<'d>,
    token: &'c Name,
    custody: Custody,
    fresh: Option<&'c SecretString>,
    /// Why there is no PIN; the login knows only that there is none.
    failure: Option<Failure>,
}

impl PinPrompt for Holders<'_, '_> {
    fn ask(&mut self, token: &TokenStatus) -> io::Result<Option<SecretString>> {
        if let Some(pin) = self.fresh {
            return Ok(Some(pin.clone()));
        }
        let asked = self.warn(token).and_then(|()| match self.custody {
            Custody::Quorum => collect(self.ceremony, &about("user", self.token)),
            Custody::Typed | Custody::File => self.typed(token),
        });
        asked.map(Some).map_err(|failure| {
            self.failure = Some(failure);
            io::Error::other("the PIN was not given")
        })
    }

    fn announce_pinpad(&mut self, token: &TokenStatus) -> io::Result<()> {
        let text = format!("Type the PIN of token \"{}\" (serial {}) at its own pinpad.\n", token.label, token.serial);
        self.ceremony.dialog.say(&text).map_err(|failure| io::Error::other(failure.message))
    }
}

impl Holders<'_, '_> {
    /// Who holds a PIN hears of a wrong one before giving it.
    fn warn(&mut self, token: &TokenStatus) -> Result<(), Failure> {
        if token.pin != PinState::CountLow {
            return Ok(());
        }
        let text = "A wrong PIN was entered at this token since the last login; there is one try now.\n";
        self.ceremony.dialog.say(text)
    }

    fn typed(&mut self, token: &TokenStatus) -> Result<SecretString, Failure> {
        let question = format!("PIN of token \"{}\" (serial {}):", token.label, token.serial);
        self.ceremony.dialog.ask_pin(Role::Administrator, &question)
    }
}
