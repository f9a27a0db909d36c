//! Custodians come one by one, until there are enough.

use crate::ceremony::Ceremony;
use crate::people::Role;
use openpgp_pkcs11::secrecy::{ExposeSecret as _, SecretString};
use openssl::memcmp;
use pouch_console::{Exit, Failure};
use pouch_shares::{Collector, Share, ShareError};
use zeroize::Zeroizing;

/// How often custodians may mistype before the step fails.
const PATIENCE: usize = 10;

/// The words of a share, to be compared.
pub(crate) struct Words(Zeroizing<String>);

impl Words {
    pub(crate) fn of(share: &Share) -> Self {
        let room = share.words().map(|word| word.len().saturating_add(1)).sum();
        let mut text = Zeroizing::new(String::with_capacity(room));
        for word in share.words() {
            text.push_str(word);
            text.push(' ');
        }
        Self(text)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && memcmp::eq(self.0.as_bytes(), other.0.as_bytes())
    }
}

/// One share, typed. The inner error is for the custodian, who may type again.
pub(crate) fn read(
    ceremony: &mut Ceremony<'_>,
    role: Role,
    about: &str,
    question: &str,
) -> Result<Result<Share, ShareError>, Failure> {
    let text = ceremony.dialog.ask_secret(role, about, question)?;
    Ok(Share::parse(text.expose_secret()))
}

/// Takes shares until the PIN is there. `about` is the PIN.
pub(crate) fn collect(ceremony: &mut Ceremony<'_>, about: &str) -> Result<SecretString, Failure> {
    let people = ceremony.plan().people;
    let mut collector = Collector::default();
    let mut missing = usize::from(people.threshold);
    ceremony.dialog.say(&format!("\nThe {about} is held by custodians; {missing} of them are needed.\n"))?;
    for _ in 0..PATIENCE {
        let came = usize::from(people.threshold).saturating_sub(missing).saturating_add(1);
        let number = ceremony.ask(Role::Administrator, "Which custodian comes? Number:", &came.to_string())?;
        let Some(number) = number.parse().ok().filter(|number| (1..=people.custodians).contains(number)) else {
            ceremony.dialog.say(&format!("There are custodians 1 to {}.\n", people.custodians))?;
            continue;
        };
        let share = match read(ceremony, Role::Custodian(number), about, "Type the words of the share:")? {
            Ok(share) if share.number() == number => share,
            Ok(share) => {
                ceremony.dialog.say(&format!("This is the share of custodian {}.\n", share.number()))?;
                continue;
            }
            Err(error) => {
                ceremony.dialog.say(&format!("{error}\n"))?;
                continue;
            }
        };
        match collector.add(share) {
            Ok(0) => return pin(&collector),
            Ok(still) => {
                missing = still;
                ceremony.dialog.say(&format!("Taken; {still} to go.\n"))?;
            }
            Err(error) => ceremony.dialog.say(&format!("{error}\n"))?,
        }
    }
    Err(Failure::new("CEREMONY-QUORUM", Exit::Usage, format!("no quorum for the {about} in {PATIENCE} tries"))
        .hint("no PIN was tried; look at the papers, and repeat the step"))
}

fn pin(collector: &Collector) -> Result<SecretString, Failure> {
    let failed = |reason: String| {
        Failure::new("CEREMONY-QUORUM", Exit::Data, format!("the shares give no PIN: {reason}"))
            .hint("no PIN was tried; use the papers of one and the same step")
    };
    let secret = collector.secret(b"").map_err(|error| failed(error.to_string()))?;
    let text = std::str::from_utf8(secret.expose_secret()).map_err(|_| failed("it is no text".to_owned()))?;
    Ok(SecretString::from(text))
}
