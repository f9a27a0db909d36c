//! How the ceremony talks to the people in the room.
//!
//! One trait, two of it: the terminal of a real ceremony, and the actor of an unattended rehearsal, which plays everybody.
//! What is asked is the same in both, so a rehearsal shows the screens of the day.

use crate::people::Role;
use openpgp_pkcs11::secrecy::SecretString;
use pouch_console::{Exit, Failure};
use pouch_shares::Share;

/// The people, seen from the ceremony.
pub trait Dialog {
    /// Shows text to everybody.
    ///
    /// # Errors
    /// `CEREMONY-DIALOG`: the terminal failed.
    fn say(&mut self, text: &str) -> Result<(), Failure>;

    /// Asks `role` for a line that is no secret. `example` is what an actor would say.
    ///
    /// # Errors
    /// As for [`Dialog::say`]; [`given_up`] at the end of input.
    fn ask(&mut self, role: Role, question: &str, example: &str) -> Result<String, Failure>;

    /// Asks `role` for a PIN, which nobody else may see.
    ///
    /// # Errors
    /// As for [`Dialog::ask`].
    fn ask_pin(&mut self, role: Role, question: &str) -> Result<SecretString, Failure>;

    /// Shows a share to `role` alone, until that person has copied its words; then they are gone from the screen. `about` is
    /// the PIN that it is a share of.
    ///
    /// # Errors
    /// As for [`Dialog::ask`].
    fn show_share(&mut self, role: Role, about: &str, share: &Share) -> Result<(), Failure>;

    /// Has `role` type the words of a share of `about`, which nobody else may see.
    ///
    /// # Errors
    /// As for [`Dialog::ask`].
    fn ask_share(&mut self, role: Role, about: &str) -> Result<Share, Failure>;
}

/// Nobody answers any more: the ceremony stops where it is, to be resumed.
pub fn given_up() -> Failure {
    Failure::new("CEREMONY-STOPPED", Exit::TryAgain, "the input ended before the ceremony did")
        .hint("what was done is in the transcript; the same command goes on from there")
}

/// The terminal does not do what it should.
pub fn broken(what: &str, reason: impl std::fmt::Display) -> Failure {
    Failure::new("CEREMONY-DIALOG", Exit::Unavailable, format!("{what}: {reason}"))
        .hint("what was done is in the transcript; run the command at a terminal, and it goes on from there")
}

/// Words to be read aloud, eight in a row.
pub(crate) fn spoken(words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    pouch_console::words(&words, 8)
}
