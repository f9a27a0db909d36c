//! Making a PIN and giving it to those who hold it, before any token has it: nobody can lose what they have not proven to have.

use super::about;
use super::quorum::Words;
use crate::ceremony::Ceremony;
use crate::people::Role;
use crate::plan::{Custody, Name, People};
use crate::transcript::Fact;
use openpgp_pkcs11::secrecy::{ExposeSecret as _, SecretString};
use pouch_console::{Exit, Failure};
use pouch_platform::Dir;
use pouch_shares::{Plan, Share};
use std::path::Path;
use zeroize::Zeroizing;

/// Letters of PINs that are made here: none that is mistaken for another. Five bits each.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
/// Letters of a PIN: 80 bits, and the 16 bytes that a secret must have to be split.
const LENGTH: usize = 16;
/// How often people may mistype before the step fails.
const PATIENCE: usize = 5;

/// A PIN that was made and given to its holders.
pub(crate) struct Pin {
    pub(crate) pin: SecretString,
    /// What is to be written down of it.
    pub(crate) fact: Option<Fact>,
}

/// Makes `which` (`user` or `security officer`) PIN of `token` and hands it to those whom the plan names.
pub(crate) fn make(
    ceremony: &mut Ceremony<'_>,
    token: &Name,
    which: &str,
    custody: Custody,
    file: Option<&Path>,
) -> Result<Pin, Failure> {
    match (custody, file) {
        (Custody::Quorum, _) => split(ceremony, token, which),
        (Custody::File, Some(file)) => {
            let pin = random()?;
            keep(file, &pin)?;
            Ok(Pin { pin, fact: None })
        }
        (Custody::Typed | Custody::File, _) => Ok(Pin { pin: choose(ceremony, &about(which, token))?, fact: None }),
    }
}

/// A PIN that nobody chose.
pub(crate) fn random() -> Result<SecretString, Failure> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    sequoia_openpgp::crypto::random(&mut *bytes).map_err(|error| {
        Failure::new("CEREMONY-RANDOM", Exit::Unavailable, format!("no random bytes: {error}")).hint("nothing was made")
    })?;
    let mut pin = Zeroizing::new(String::with_capacity(LENGTH));
    for byte in bytes.iter() {
        let letter = LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'a');
        pin.push(char::from(letter));
    }
    Ok(SecretString::from(pin.as_str()))
}

/// A PIN that nobody chose, and a share of it for each custodian.
pub(crate) fn shared(people: People) -> Result<(SecretString, Vec<Share>), Failure> {
    let pin = random()?;
    let failed = |error: String| Failure::new("CEREMONY-SHARES", Exit::Software, error).hint("no share was handed out");
    let plan = Plan::new(people.threshold, people.custodians).map_err(|error| failed(error.to_string()))?;
    let shares = plan.split(pin.expose_secret().as_bytes(), b"").map_err(|error| failed(error.to_string()))?;
    Ok((pin, shares))
}

fn split(ceremony: &mut Ceremony<'_>, token: &Name, which: &str) -> Result<Pin, Failure> {
    let people = ceremony.plan().people;
    let about = about(which, token);
    let (pin, shares) = shared(people)?;
    let set = shares.first().map(Share::identifier).unwrap_or_default();
    for share in &shares {
        hand_out(ceremony, Role::Custodian(share.number()), &about, share)?;
    }
    let (threshold, count) = (people.threshold, people.custodians);
    let fact = Fact::Shares { token: token.clone(), pin: which.to_owned(), threshold, count, set };
    Ok(Pin { pin, fact: Some(fact) })
}

/// Shows a custodian the words, and has them typed back from the paper.
fn hand_out(ceremony: &mut Ceremony<'_>, role: Role, about: &str, share: &Share) -> Result<(), Failure> {
    let name = ceremony.made.name(role).unwrap_or("whose name was not taken").to_owned();
    ceremony.dialog.say(&format!("\n{name}, {role}, comes to the private terminal; nobody else looks.\n"))?;
    ceremony.dialog.show_share(role, about, share)?;
    let expected = Words::of(share);
    for _ in 0..PATIENCE {
        ceremony.dialog.say("Now the words are typed back from the paper.\n")?;
        if Words::of(&ceremony.dialog.ask_share(role, about)?).is(&expected) {
            return ceremony.dialog.say(&format!("{name} holds a right copy of the share.\n"));
        }
        ceremony.dialog.say("These are the words of another share.\n")?;
    }
    Err(Failure::new(
        "CEREMONY-SHARES",
        Exit::Usage,
        format!("the {role} did not type back the share in {PATIENCE} tries"),
    )
    .hint("no token has this PIN; the papers of this step are void, destroy them and repeat the step"))
}

fn choose(ceremony: &mut Ceremony<'_>, about: &str) -> Result<SecretString, Failure> {
    for _ in 0..PATIENCE {
        let role = Role::Administrator;
        let pin = ceremony.dialog.ask_pin(role, &format!("New {about}, at least 6 characters:"))?;
        if pin.expose_secret().chars().count() < 6 {
            ceremony.dialog.say("That is too short.\n")?;
            continue;
        }
        let again = ceremony.dialog.ask_pin(role, "The same again:")?;
        if pin.expose_secret() == again.expose_secret() {
            return Ok(pin);
        }
        ceremony.dialog.say("The two are not the same.\n")?;
    }
    Err(Failure::new("CEREMONY-PIN", Exit::Usage, format!("no {about} was chosen in {PATIENCE} tries"))
        .hint("nothing was done in this step"))
}

/// Writes a PIN into a file that only its owner reads. The token does not have it yet, so a file of an attempt that failed
/// is worth nothing and is replaced; that no other file is there was seen to when the token was looked at.
fn keep(file: &Path, pin: &SecretString) -> Result<(), Failure> {
    let wrong = || Failure::new("CEREMONY-PIN-FILE", Exit::Config, format!("{} names no file", file.display()));
    let (folder, name) = file.parent().zip(file.file_name()).ok_or_else(wrong)?;
    let dir = Dir::open(folder).map_err(pouch_cli::explain::dir)?;
    dir.replace_file(name, pin.expose_secret().as_bytes()).map_err(pouch_cli::explain::dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_have_sixteen_letters_and_can_be_split() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert!(one.expose_secret().bytes().all(|letter| LETTERS.contains(&letter)));
        let plan = Plan::new(2, 3).unwrap();
        assert_eq!(plan.split(one.expose_secret().as_bytes(), b"").unwrap().len(), 3);
        let mut letters = LETTERS.to_vec();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 32);
    }
}
