//! The terminal of a ceremony, and the private one where custodians read and type.

use openpgp_pkcs11::secrecy::SecretString;
use pouch_ceremony::dialog::{Dialog, broken, given_up};
use pouch_ceremony::people::Role;
use pouch_console::{Failure, escape_lines};
use pouch_platform::{TtyError, read_secret_from};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

/// Longest line that is read, in bytes.
const LINE: u64 = 4096;
/// To a screen of its own, and back from it with nothing left to scroll to.
const ENTER: &str = "\x1b[?1049h\x1b[2J\x1b[H";
const LEAVE: &str = "\x1b[2J\x1b[3J\x1b[H\x1b[?1049l";

/// Two terminals, which may be one and the same.
pub(crate) struct Terminal {
    reader: BufReader<File>,
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
        Ok(Self { reader: BufReader::new(open(own)?), screen: open(own)?, private: open(private.unwrap_or(own))? })
    }

    fn show(&mut self, text: &str) -> Result<(), Failure> {
        let shown = self.screen.write_all(escape_lines(text).as_bytes()).and_then(|()| self.screen.flush());
        shown.map_err(|error| broken("the terminal cannot be written", error))
    }

    fn show_private(&mut self, text: &str) -> Result<(), Failure> {
        let shown = self.private.write_all(text.as_bytes()).and_then(|()| self.private.flush());
        shown.map_err(|error| broken("the private terminal cannot be written", error))
    }

    fn read_secret(&mut self, prompt: &str) -> Result<SecretString, Failure> {
        match read_secret_from(&mut self.private, prompt) {
            Ok(line) => match std::str::from_utf8(line.as_ref()) {
                Ok(line) => Ok(SecretString::from(line)),
                Err(_) => Err(broken("what was typed is no text", "type letters and digits")),
            },
            Err(TtyError::Cancelled) => Err(given_up()),
            Err(error) => Err(broken("the private terminal cannot be read", error)),
        }
    }
}

impl Dialog for Terminal {
    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.show(text)
    }

    fn ask(&mut self, role: Role, question: &str, _: &str) -> Result<String, Failure> {
        self.show(&format!("[{role}] {question} "))?;
        let mut line = String::new();
        let read = self.reader.by_ref().take(LINE).read_line(&mut line);
        read.map_err(|error| broken("the terminal cannot be read", error))?;
        match line.strip_suffix('\n') {
            Some(line) => Ok(line.to_owned()),
            None => Err(given_up()),
        }
    }

    fn ask_secret(&mut self, role: Role, _: &str, question: &str) -> Result<SecretString, Failure> {
        self.read_secret(&format!("[{role}] {question} "))
    }

    fn show_secret(&mut self, role: Role, about: &str, words: &[&str]) -> Result<(), Failure> {
        let copied = self.show_private(&format!(
            "{ENTER}[{role}] These are the {} words of your share of the {about}.\r\nCopy them to your paper; they are not shown again.\r\n\r\n{}\r\n",
            words.len(),
            pouch_console::words(words, 4).replace('\n', "\r\n"),
        ));
        let copied = copied.and_then(|()| self.read_secret("Press Enter when you have copied them: "));
        // The words leave the screen also when the input ended.
        self.show_private(LEAVE)?;
        copied.map(drop)
    }
}
