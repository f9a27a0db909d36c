//! The actor who plays everybody in an unattended rehearsal: says Yes, and types back what was shown. Never in a ceremony that
//! counts.

use crate::dialog::Dialog;
use crate::people::Role;
use crate::rehearsal::{paper_name, write_paper};
use openpgp_pkcs11::secrecy::SecretString;
use pouch_console::Failure;
use pouch_platform::Dir;
use std::io::Write;

/// PIN that the actor chooses where one is typed. DEMO only.
pub const TYPED_PIN: &str = "demo-pin-typed";

/// Longest paper, in bytes.
const MAX_PAPER: u64 = 1 << 14;

/// Plays everybody. What is said goes to `stage`; what custodians hold lies in `papers`.
pub struct Actor<W> {
    stage: W,
    papers: Dir,
}

impl<W: Write> Actor<W> {
    /// An actor with the papers of a rehearsal.
    pub fn new(stage: W, papers: Dir) -> Self {
        Self { stage, papers }
    }

    fn show(&mut self, text: &str) -> Result<(), Failure> {
        let text = pouch_console::escape_lines(text);
        let shown = self.stage.write_all(text.as_bytes()).and_then(|()| self.stage.flush());
        shown.map_err(|error| crate::dialog::broken("the rehearsal cannot be shown", error))
    }
}

impl<W: Write> Dialog for Actor<W> {
    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.show(text)
    }

    fn ask(&mut self, role: Role, question: &str, example: &str) -> Result<String, Failure> {
        self.show(&format!("[{role}] {question} {example}\n"))?;
        Ok(example.to_owned())
    }

    fn ask_secret(&mut self, role: Role, about: &str, question: &str) -> Result<SecretString, Failure> {
        self.show(&format!("[{role}] {question} (typed, not shown)\n"))?;
        let file = paper_name(role, about);
        if role == Role::Administrator {
            return Ok(SecretString::from(TYPED_PIN));
        }
        let words = self.papers.read_bounded(&file, MAX_PAPER).map_err(pouch_cli::explain::dir)?;
        Ok(SecretString::from(String::from_utf8_lossy(&words).into_owned()))
    }

    fn show_secret(&mut self, role: Role, about: &str, words: &[&str]) -> Result<(), Failure> {
        self.show(&format!("[{role}] ({} words of the {about} are copied to paper)\n", words.len()))?;
        write_paper(&self.papers, role, about, words)
    }
}
