//! Custodians come one by one, until there are enough.

use crate::ceremony::Ceremony;
use crate::people::Role;
use openpgp_pkcs11::secrecy::SecretString;
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

    /// The share again.
    pub(crate) fn share(&self) -> Result<Share, ShareError> {
        Share::parse(&self.0)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && memcmp::eq(self.0.as_bytes(), other.0.as_bytes())
    }
}

/// Takes shares until the PIN is there. `about` is the PIN.
pub(crate) fn collect(ceremony: &mut Ceremony<'_>, about: &str) -> Result<SecretString, Failure> {
    let people = ceremony.plan().people;
    let mut collector = Collector::default();
    let mut missing = usize::from(people.threshold);
    ceremony.dialog.say(&format!("\nThe {about} is held by custodians; {missing} of them are needed.\n"))?;
    for _ in 0..PATIENCE {
        let came = usize::from(people.threshold).saturating_sub(missing).saturating_add(1);
        let number = ceremony.ask_noting(
            Role::Administrator,
            "Which custodian comes? Number:",
            &came.to_string(),
            |number| number.parse::<u8>().is_ok(),
        )?;
        let Some(number) = number.parse().ok().filter(|number| (1..=people.custodians).contains(number)) else {
            ceremony.dialog.say(&format!("There are custodians 1 to {}.\n", people.custodians))?;
            continue;
        };
        let share = ceremony.dialog.ask_share(Role::Custodian(number), about)?;
        if share.number() != number {
            ceremony.dialog.say(&format!("This is the share of custodian {}.\n", share.number()))?;
            continue;
        }
        match collector.add(share) {
            Ok(0) => return pouch_cli::quorum_pin(&collector),
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
