//! The PIN, put together from the shares of custodians who come to the terminal one after another.
//!
//! What is typed is never shown, and neither is the word that was perhaps meant: sessions of such an hour are recorded.

use std::io;

use openpgp_pkcs11::secrecy::{ExposeSecret as _, SecretString};
use openpgp_pkcs11::{PinPrompt, PinState, TokenStatus};
use pouch_console::{Exit, Failure, escape};
use pouch_platform::{SecretTty, TtyError};
use pouch_shares::{Collector, CombineError, Draft, Share, ShareError};

/// Wipes the screen and what was scrolled off it.
const WIPE: &str = "\x1b[H\x1b[2J\x1b[3J";

const NOTHING_TRIED: &str = "nothing was tried at the token";

/// Asks a quorum at the controlling terminal.
#[derive(Debug, Default)]
pub(crate) struct QuorumPin {
    /// Why there was no PIN, if it was more than giving up.
    pub(crate) failure: Option<Failure>,
}

impl PinPrompt for QuorumPin {
    fn ask(&mut self, token: &TokenStatus) -> io::Result<Option<SecretString>> {
        gather(token).map_err(|failure| {
            let message = failure.message.clone();
            self.failure = Some(failure);
            io::Error::other(message)
        })
    }

    fn announce_pinpad(&mut self, token: &TokenStatus) -> io::Result<()> {
        let failure = pinpad(&token.label);
        let message = failure.message.clone();
        self.failure = Some(failure);
        Err(io::Error::other(message))
    }
}

/// A PIN that is typed at the token itself cannot come from shares.
pub(crate) fn pinpad(label: &str) -> Failure {
    let message = format!("token \"{}\" takes its PIN at its own pinpad alone", escape(label));
    Failure::new("QUORUM-PINPAD", Exit::Refused, message)
        .hint(format!("{NOTHING_TRIED}; a PIN that is typed there cannot come from shares: use no quorum with it"))
}

/// There is nobody to ask.
pub(crate) fn no_terminal(error: TtyError) -> Failure {
    Failure::new("QUORUM-TERMINAL", Exit::Unavailable, format!("custodians need a terminal to type at: {error}"))
        .hint(format!("{NOTHING_TRIED}; run the command at a terminal"))
}

/// The PIN; `None` when they give up.
fn gather(token: &TokenStatus) -> Result<Option<SecretString>, Failure> {
    let mut tty = SecretTty::open().map_err(no_terminal)?;
    let mut collector = Collector::default();
    let mut taken = 0;
    let mut news = format!("The PIN of token \"{}\" (serial {})", escape(&token.label), escape(&token.serial));
    news += " is shared among custodians, who come one at a time.\n";
    if token.pin == PinState::CountLow {
        news += "A wrong PIN was entered at this token since the last login; there is one try now.\n";
    }
    while collector.missing() > 0 {
        // How many it takes stands in the first share.
        let of = if taken == 0 { String::new() } else { format!(" of {}", taken + collector.missing()) };
        let custodian = format!("custodian {}{of}", taken + 1);
        tty.show(&news).map_err(no_terminal)?;
        let Some(share) = read_share(&mut tty, &custodian)? else { return Ok(None) };
        tty.show(WIPE).map_err(no_terminal)?;
        let number = share.number();
        news = match collector.add(share) {
            Ok(missing) => {
                taken += 1;
                match missing {
                    0 => format!("Share {number} is right and was taken. That is enough.\n"),
                    missing => format!("Share {number} is right and was taken; {missing} more to go.\n"),
                }
            }
            Err(error) => format!("Not taken: {error}.\n"),
        };
    }
    tty.show(&news).map_err(no_terminal)?;
    quorum_pin(&collector).map(Some)
}

/// One custodian's share; `None` when he gives up. A wrong word costs that word alone. `custodian` is how he is addressed.
///
/// # Errors
/// `QUORUM-TERMINAL`: the terminal failed.
pub fn read_share(tty: &mut SecretTty, custodian: &str) -> Result<Option<Share>, Failure> {
    let invitation = format!(
        "{custodian}: type the words of your share, as many to a line as you like; they are not shown.\n\
         To correct a word type its number and the right word; a number alone drops the words from there on.\n\
         An empty line gives up.\n"
    );
    tty.show(&invitation).map_err(no_terminal)?;
    let mut typing = Typing::default();
    loop {
        let line = match tty.read_line(&format!("{custodian}, word {}: ", typing.next())) {
            Ok(line) => line,
            Err(TtyError::Cancelled) => return Ok(None),
            Err(TtyError::TooLong { .. }) => {
                tty.show("That line is too long and was not taken; type fewer words to a line.\n")
                    .map_err(no_terminal)?;
                continue;
            }
            Err(error) => return Err(no_terminal(error)),
        };
        // What is no text is no word either.
        let line = std::str::from_utf8(line.as_ref()).unwrap_or("\u{fffd}");
        if line.trim().is_empty() {
            return Ok(None);
        }
        match typing.take(line) {
            Ok(share) => return Ok(Some(share)),
            Err(news) => tty.show(&format!("{news}\n")).map_err(no_terminal)?,
        }
    }
}

/// Words as they are typed, line by line.
#[derive(Default)]
struct Typing {
    draft: Draft,
    /// Where the next words go, if not to the end.
    position: Option<usize>,
}

impl Typing {
    /// Number of the word that is typed next.
    fn next(&self) -> usize {
        self.position.unwrap_or_else(|| self.draft.words().saturating_add(1))
    }

    /// Takes a line, and gives the share once it is whole, or what is to be said.
    fn take(&mut self, line: &str) -> Result<Share, String> {
        let mut words = line.split_whitespace().peekable();
        if let Some(number) = words.next_if(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            let end = self.draft.words().saturating_add(1);
            let position = number.parse().ok().filter(|position| (1..=end).contains(position));
            let position =
                position.ok_or_else(|| format!("There is no word with that number; the next one is {end}."))?;
            if words.peek().is_none() {
                self.draft.truncate(position - 1);
            }
            self.position = Some(position);
        }
        for word in words {
            let position = self.next();
            if let Err(error) = self.draft.put(position, word) {
                self.position = Some(position);
                return Err(match error {
                    ShareError::Word { .. } => format!(
                        "Word {position} is not in the word list. The words before it were taken; go on with word {position}."
                    ),
                    error => format!("{error}."),
                });
            }
            self.position = self.position.map(|position| position.saturating_add(1));
        }
        self.position = None;
        self.draft.share().map_err(|error| self.not_yet(&error))
    }

    fn not_yet(&mut self, error: &ShareError) -> String {
        let words = self.draft.words();
        match error {
            ShareError::TooFew { .. } | ShareError::Length { .. } => format!("{words} words are there; go on."),
            ShareError::Checksum => format!(
                "{words} words are there. If the share has more, go on. If not, one is another than on the paper, or two \
                 changed places: compare, and correct it."
            ),
            error => {
                self.draft.truncate(0);
                format!("{error}.")
            }
        }
    }
}

/// The PIN of which there are enough shares: it is the secret itself, as text.
///
/// # Errors
/// `QUORUM-SHARES`, `QUORUM-PIN`: the shares do not belong together, or are of something else.
pub fn quorum_pin(collector: &Collector) -> Result<SecretString, Failure> {
    let secret = collector.secret(b"").map_err(|error| {
        let exit = if matches!(error, CombineError::OpenSsl(_)) { Exit::Software } else { Exit::Refused };
        Failure::new("QUORUM-SHARES", exit, &error).hint(format!("{NOTHING_TRIED}; run the command again"))
    })?;
    let pin = std::str::from_utf8(secret.expose_secret()).ok();
    let pin = pin.filter(|pin| pin.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    pin.map(SecretString::from).ok_or_else(|| {
        let message = "the shares belong together, but what they give is not the text of a PIN";
        Failure::new("QUORUM-PIN", Exit::Refused, message).hint(format!(
            "{NOTHING_TRIED}; the shares are of another secret, or have a passphrase: bring those of this token"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_shares::Plan;

    const PIN: &[u8] = b"sixteen-bytes-ok";

    fn shares(secret: &[u8]) -> Vec<Share> {
        Plan::new(2, 3).unwrap().with_exponent(0).unwrap().split(secret, b"").unwrap()
    }

    fn words(share: &Share) -> Vec<&'static str> {
        share.words().collect()
    }

    #[test]
    fn words_come_in_lines_of_any_length() {
        for length in [1, 3, 20] {
            let share = shares(PIN).remove(0);
            let mut typing = Typing::default();
            let mut last = Err(String::new());
            for line in words(&share).chunks(length) {
                assert!(last.is_err());
                last = typing.take(&line.join(" "));
            }
            assert_eq!(last.unwrap().number(), 1);
        }
    }

    #[test]
    fn a_typo_costs_its_word() {
        let share = shares(PIN).remove(1);
        let mut line = words(&share);
        let right = std::mem::replace(&mut line[6], "academicc");
        let mut typing = Typing::default();
        let said = typing.take(&line.join(" ")).unwrap_err();
        assert!(said.starts_with("Word 7 is not in the word list.") && !said.contains("academic"), "{said}");
        assert_eq!(typing.next(), 7);
        line[6] = right;
        assert_eq!(typing.take(&line[6..].join(" ")).unwrap().number(), 2);
    }

    #[test]
    fn a_wrong_word_is_corrected_by_its_number() {
        let share = shares(PIN).remove(2);
        let right = words(&share);
        let mut line = right.clone();
        line[11] = if right[11] == "acid" { "academic" } else { "acid" };
        let mut typing = Typing::default();
        assert!(typing.take(&line.join(" ")).unwrap_err().contains("20 words are there"));
        assert!(typing.take("22 acid").unwrap_err().contains("the next one is 21"));
        assert!(typing.take("12 nonsense").unwrap_err().contains("Word 12"));
        assert_eq!(typing.next(), 12);
        assert_eq!(typing.take(right[11]).unwrap().number(), 3);
    }

    #[test]
    fn a_word_too_many_is_dropped_by_its_number() {
        let share = shares(PIN).remove(0);
        let mut line = words(&share);
        line.insert(5, line[5]);
        let mut typing = Typing::default();
        typing.take(&line.join(" ")).unwrap_err();
        assert_eq!(typing.take("7").unwrap_err(), "6 words are there; go on.");
        assert_eq!(typing.take(&line[7..].join(" ")).unwrap().number(), 1);
    }

    fn collected(secret: &[u8]) -> Collector {
        let mut collector = Collector::default();
        for share in shares(secret).into_iter().take(2) {
            collector.add(share).unwrap();
        }
        collector
    }

    #[test]
    fn the_secret_is_the_pin_or_none() {
        assert_eq!(quorum_pin(&collected(PIN)).unwrap().expose_secret(), "sixteen-bytes-ok");
        for other in [&b"sixteen\nbytes ok"[..], &[0xff; 16], "sixteen-bytes-\u{f6}".as_bytes()] {
            let failure = quorum_pin(&collected(other)).unwrap_err();
            assert_eq!((failure.id.as_str(), failure.exit), ("QUORUM-PIN", Exit::Refused));
        }
    }
}
