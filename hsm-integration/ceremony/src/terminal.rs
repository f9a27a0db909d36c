//! The terminal of a ceremony, and the private one where custodians read and type.

use openpgp_pkcs11::secrecy::SecretString;
use pouch_ceremony::dialog::{Dialog, broken, given_up};
use pouch_ceremony::people::Role;
use pouch_cli::read_share;
use pouch_console::{Failure, escape_lines};
use pouch_platform::{SecretTty, TtyError, forget_typed};
use pouch_shares::Share;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Longest line that is read, in bytes: what a terminal gives at once.
const LINE: usize = 4096;
/// Words of a share in a row, and the room for each.
const PER_ROW: usize = 4;
const ROOM: usize = 16;
/// To a screen of its own, and back from it with nothing left to scroll to.
const ENTER: &str = "\x1b[?1049h\x1b[2J\x1b[H";
const LEAVE: &str = "\x1b[2J\x1b[3J\x1b[H\x1b[?1049l";

/// Two terminals, which may be one and the same.
pub(crate) struct Terminal {
    screen: File,
    private: File,
}

impl Terminal {
    /// The controlling terminal, and `private` if there is another one.
    pub(crate) fn open(private: Option<&Path>) -> Result<Self, Failure> {
        let open = |path: &Path| {
            let opened = OpenOptions::new().read(true).write(true).open(path);
            opened.map_err(|error| broken(&format!("the terminal {} cannot be opened", path.display()), error))
        };
        let own = Path::new("/dev/tty");
        Ok(Self { screen: open(own)?, private: open(private.unwrap_or(own))? })
    }

    fn show(&mut self, text: &str) -> Result<(), Failure> {
        let shown = self.screen.write_all(escape_lines(text).as_bytes()).and_then(|()| self.screen.flush());
        shown.map_err(|error| broken("the terminal cannot be written", error))
    }

    /// The private terminal, which shows nothing of what is typed while this lasts.
    fn secretly(&self) -> Result<SecretTty, Failure> {
        self.private.try_clone().and_then(SecretTty::over).map_err(|error| unusable(error.into()))
    }
}

fn unusable(error: TtyError) -> Failure {
    match error {
        TtyError::Cancelled => given_up(),
        error => broken("the private terminal cannot be used", error),
    }
}

impl Dialog for Terminal {
    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.show(text)
    }

    fn ask(&mut self, role: Role, question: &str, _: &str) -> Result<String, Failure> {
        // What was typed before the question is no answer to it.
        forget_typed(&self.screen).map_err(|error| broken("the terminal cannot be read", error))?;
        self.show(&format!("[{role}] {question} "))?;
        let mut line = [0; LINE];
        let read = self.screen.read(&mut line).map_err(|error| broken("the terminal cannot be read", error))?;
        let line = line.get(..read).and_then(|line| line.strip_suffix(b"\n")).ok_or_else(given_up)?;
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    fn ask_pin(&mut self, role: Role, question: &str) -> Result<SecretString, Failure> {
        let line = self.secretly()?.read_line(&format!("[{role}] {question} ")).map_err(unusable)?;
        let pin = std::str::from_utf8(line.as_ref()).map(SecretString::from);
        pin.map_err(|_| broken("what was typed is no text", "type letters and digits"))
    }

    fn show_share(&mut self, role: Role, about: &str, share: &Share) -> Result<(), Failure> {
        let head = format!(
            "{ENTER}[{role}] The words of your share of the {about}.\r\nCopy them to your paper, with their numbers; they \
             are not shown again.\r\n\r\n"
        );
        let mut private = self.secretly()?;
        let copied = private
            .show(&head)
            .and_then(|()| private.show(&page(share)))
            .and_then(|()| private.read_line("\r\nPress Enter when you have copied them: "));
        // The words leave the screen also when the input ended.
        private.show(LEAVE).map_err(unusable)?;
        copied.map(drop).map_err(unusable)
    }

    fn ask_share(&mut self, role: Role, about: &str) -> Result<Share, Failure> {
        let mut private = self.secretly()?;
        private.show(&format!("Share of the {about}.\r\n")).map_err(unusable)?;
        read_share(&mut private, &role.to_string())?.ok_or_else(given_up)
    }
}

/// The words of a share, numbered, in memory that is wiped.
fn page(share: &Share) -> Zeroizing<String> {
    let count = share.words().count();
    let mut text = Zeroizing::new(String::with_capacity(count.saturating_mul(ROOM + 8)));
    for (at, word) in share.words().enumerate() {
        if at.is_multiple_of(PER_ROW) {
            text.push_str(&format!("{:>4}  ", at.saturating_add(1)));
        }
        text.push_str(word);
        if at % PER_ROW == PER_ROW - 1 || at.saturating_add(1) == count {
            text.push_str("\r\n");
        } else {
            (word.len()..ROOM).for_each(|_| text.push(' '));
        }
    }
    text
}
