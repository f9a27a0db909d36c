//! The actor who plays everybody in an unattended rehearsal: says Yes, and types back what was shown. Never in a ceremony that
//! counts.

use crate::dialog::Dialog;
use crate::people::Role;
use crate::rehearsal::{paper_name, write_paper};
use openpgp_pkcs11::secrecy::SecretString;
use pouch_console::Failure;
use pouch_platform::Dir;
use pouch_shares::Share;
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

    fn ask_pin(&mut self, role: Role, question: &str) -> Result<SecretString, Failure> {
        self.show(&format!("[{role}] {question} (typed, not shown)\n"))?;
        Ok(SecretString::from(TYPED_PIN))
    }

    fn show_share(&mut self, role: Role, about: &str, share: &Share) -> Result<(), Failure> {
        self.show(&format!("[{role}] (the words of a share of the {about} are copied to paper)\n"))?;
        write_paper(&self.papers, role, about, share)
    }

    fn ask_share(&mut self, role: Role, about: &str) -> Result<Share, Failure> {
        self.show(&format!("[{role}] (the words of a share of the {about} are typed)\n"))?;
        let paper = self.papers.read_bounded(paper_name(role, about), MAX_PAPER).map_err(pouch_cli::explain::dir)?;
        let paper = Share::parse(&String::from_utf8_lossy(&paper));
        paper.map_err(|error| crate::dialog::broken("the paper cannot be read", error))
    }
}
