//! A ceremony that is being held: the plan, what it is bound to, the people, the record, and the tokens that are open.

use crate::binding::Binding;
use crate::dialog::{Dialog, spoken};
use crate::made::Made;
use crate::people::Role;
use crate::plan::{Name, Plan, Reviewed};
use crate::transcript::{Ending, Event, FILE, Fact, Mode, Reading, SIGNATURE_FILE, Transcript};
use jiff::Timestamp;
use openpgp_pkcs11::{Deadlines, KeyVersion, LoggedIn, Uri};
use openssl::sha::sha256;
use pouch_cli::explain;
use pouch_console::{Exit, Failure};
use pouch_format::{Profile, Sha256Digest};
use pouch_platform::Dir;
use std::collections::BTreeMap;

/// How a question ends that has one good answer.
const YES: &str = "Type Yes to go on:";
/// What the record says of an answer that was none of those expected.
const ANOTHER: &str = "(another answer)";
/// Longest answer that is taken, in bytes.
const MAX_ANSWER: usize = 500;
/// Largest file that a ceremony reads, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A ceremony between its first and its last line.
pub struct Ceremony<'d> {
    /// What is to be done.
    pub reviewed: Reviewed,
    /// On which devices.
    pub binding: Binding,
    /// Whether it counts.
    pub mode: Mode,
    /// How long the tokens may take.
    pub deadlines: Deadlines,
    /// Whether a user PIN is tried that one more wrong try locks.
    pub last_try: bool,
    /// The people.
    pub dialog: &'d mut dyn Dialog,
    /// What was done.
    pub made: Made,
    /// The step that is being done.
    pub step: String,
    /// Of this tool's file.
    pub tool: Sha256Digest,
    /// Whether the last line is written, and only the signature is missing.
    pub(crate) closed: bool,
    pub(crate) transcript: Transcript,
    pub(crate) sessions: BTreeMap<Name, LoggedIn>,
}

/// What a ceremony needs to begin or to go on.
pub struct Occasion {
    /// The plan and its digest.
    pub reviewed: Reviewed,
    /// The binding.
    pub binding: Binding,
    /// The digest of its file.
    pub binding_digest: Sha256Digest,
    /// Whether it counts.
    pub mode: Mode,
    /// How long the tokens may take to answer.
    pub deadlines: Deadlines,
    /// Whether a user PIN is tried that one more wrong try locks.
    pub last_try: bool,
}

impl<'d> Ceremony<'d> {
    /// Begins a ceremony in an empty folder, or goes on with the one that was interrupted there.
    ///
    /// # Errors
    /// The folder holds a ceremony that is closed, of another plan, or altered; or the disk.
    pub fn open(dir: Dir, occasion: Occasion, dialog: &'d mut dyn Dialog) -> Result<Self, Failure> {
        let tool = tool_digest()?;
        let Occasion { reviewed, binding, binding_digest, mode, deadlines, last_try } = occasion;
        let begin = Event::Begin {
            mode,
            title: reviewed.plan.title.clone(),
            purpose: reviewed.plan.purpose.clone(),
            plan_sha256: reviewed.digest,
            binding_sha256: binding_digest,
            tool: format!("pouch-ceremony {}", env!("CARGO_PKG_VERSION")),
            tool_sha256: tool,
        };
        let resume = Event::Resume { tool_sha256: tool, binding_sha256: binding_digest };
        let (transcript, made, event) = if dir.exists(FILE).map_err(explain::dir)? {
            let reading = Reading::unfinished(&dir)?;
            same_ceremony(&dir, &reading, &reviewed, mode)?;
            let mut made = Made::of(&reading.lines);
            made.goes_on_with(tool);
            same_record(&reading, dialog)?;
            let event = match reading.lines.is_empty() {
                // Interrupted before the first line was whole.
                true => Some(begin),
                false => (!reading.is_closed()).then_some(resume),
            };
            (Transcript::resume(dir, &reading)?, made, event)
        } else {
            (Transcript::create(dir)?, Made::default(), Some(begin))
        };
        let (step, sessions, closed) = (String::new(), BTreeMap::new(), event.is_none());
        let mut ceremony = Self {
            reviewed,
            binding,
            mode,
            deadlines,
            last_try,
            dialog,
            made,
            step,
            tool,
            closed,
            transcript,
            sessions,
        };
        event.map_or(Ok(()), |event| ceremony.write(&event))?;
        Ok(ceremony)
    }

    /// Whether `dir` can be the folder of this ceremony: it has none yet, or this one, not closed.
    ///
    /// # Errors
    /// As for [`Ceremony::open`].
    pub fn assert_fits(dir: &Dir, reviewed: &Reviewed, mode: Mode) -> Result<(), Failure> {
        if !dir.exists(FILE).map_err(explain::dir)? {
            return Ok(());
        }
        same_ceremony(dir, &Reading::unfinished(dir)?, reviewed, mode)
    }

    /// The transcript's last line, by its digest, and how many there are.
    pub fn record(&self) -> (Sha256Digest, u64) {
        (self.transcript.end(), self.transcript.lines())
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.reviewed.plan
    }

    /// Writes a line into the transcript.
    pub(crate) fn write(&mut self, event: &Event) -> Result<(), Failure> {
        self.transcript.append(event, now())
    }

    /// Asks for a line, and writes question and answer down.
    pub(crate) fn ask(&mut self, role: Role, question: &str, example: &str) -> Result<String, Failure> {
        self.ask_noting(role, question, example, |_| true)
    }

    /// Asks for a line. Of an answer that is none of the expected ones the record says only that: it may be a PIN that was typed
    /// at the wrong moment.
    pub(crate) fn ask_noting(
        &mut self,
        role: Role,
        question: &str,
        example: &str,
        expected: impl FnOnce(&str) -> bool,
    ) -> Result<String, Failure> {
        let answer = self.dialog.ask(role, question, example)?;
        if answer.len() > MAX_ANSWER {
            let message = format!("the answer has {} bytes; at most {MAX_ANSWER}", answer.len());
            return Err(Failure::new("CEREMONY-ANSWER", Exit::Usage, message).hint("nothing was done; answer shorter"));
        }
        if self.closed {
            // The last line is written; who comes for the PIN of its signature is not on the record.
            return Ok(answer);
        }
        let (step, question) = (self.step.clone(), question.to_owned());
        let noted = if expected(&answer) { answer.clone() } else { ANOTHER.to_owned() };
        self.write(&Event::Answer { step, role, question, answer: noted })?;
        Ok(answer)
    }

    /// Goes on only when the person types exactly `Yes`.
    pub(crate) fn confirm(&mut self, role: Role, question: &str) -> Result<(), Failure> {
        let answer = self.ask_noting(role, &format!("{question}\n{YES}"), "Yes", |answer| answer == "Yes")?;
        if answer == "Yes" { Ok(()) } else { Err(unconfirmed("nothing was done in this step")) }
    }

    /// The URI of a token: as it called itself once that is known, else as the binding names it; reached as bound.
    pub(crate) fn token_uri(&self, name: &Name) -> Result<Uri, Failure> {
        let bound = self.binding.token.get(name).ok_or_else(|| missing("token", name))?;
        let bound = Uri::parse(&bound.uri).map_err(explain::hsm)?;
        match self.made.token(name) {
            Some(known) => Ok(Uri::parse(known).map_err(explain::hsm)?.reached_as(&bound)),
            None => Ok(bound),
        }
    }

    /// The URI of a key of the plan.
    pub(crate) fn key_uri(&self, name: &Name) -> Result<Uri, Failure> {
        let key = self.plan().key.get(name).ok_or_else(|| missing("key", name))?;
        Ok(self.token_uri(&key.token)?.with_object(&key.label))
    }

    /// Writes a new file into the ceremony's folder, durably. A file that is there from an attempt that was interrupted is
    /// replaced; one that the transcript knows is not.
    pub(crate) fn write_file(&self, name: &str, bytes: &[u8]) -> Result<Fact, Failure> {
        if self.made.file(name).is_some() {
            let message = format!("{name} was written by an earlier step");
            return Err(Failure::new("CEREMONY-FILE", Exit::CannotCreate, message).hint("nothing was written"));
        }
        self.transcript.dir().replace_file(name, bytes).map_err(explain::dir)?;
        Ok(Fact::File { name: name.to_owned(), sha256: Sha256Digest(sha256(bytes)) })
    }

    /// Reads a file that an earlier step wrote, and refuses it if it was changed since.
    pub(crate) fn read_file(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let expected = self.made.file(name).ok_or_else(|| {
            Failure::new("CEREMONY-ORDER", Exit::Software, format!("{name} is needed and no step wrote it"))
        })?;
        let bytes = self.transcript.dir().read_bounded(name, MAX_FILE).map_err(explain::dir)?;
        let actual = Sha256Digest(sha256(&bytes));
        if actual == expected {
            return Ok(bytes);
        }
        Err(Failure::new("CEREMONY-FILE", Exit::Refused, format!("{name} was changed since it was written"))
            .fact("now", actual)
            .fact("then", expected)
            .hint("nothing was done; find out who changed it, and put the right file back"))
    }
}

/// Between two sittings nothing but the paper says that the record is the one that was written.
fn same_record(reading: &Reading, dialog: &mut dyn Dialog) -> Result<(), Failure> {
    if reading.lines.is_empty() {
        return Ok(());
    }
    let question = format!(
        "The ceremony was interrupted after line {} of its record, which has the digest\n{}\n{}\
         Compare it with the paper of that moment. If nobody could note it, read the record first.\n{YES}",
        reading.lines.len(),
        reading.end,
        spoken(&reading.end.words())
    );
    let answer = dialog.ask(Role::Administrator, &question, "Yes")?;
    if answer == "Yes" {
        Ok(())
    } else {
        Err(unconfirmed("nothing was done; keep the folder as it is, and find out who had it"))
    }
}

fn unconfirmed(hint: &str) -> Failure {
    Failure::new("CONFIRM", Exit::Usage, "the answer was not \"Yes\"").hint(hint)
}

fn same_ceremony(dir: &Dir, reading: &Reading, reviewed: &Reviewed, mode: Mode) -> Result<(), Failure> {
    let other = |what: &str, then: String, now: String| {
        Failure::new("CEREMONY-OTHER", Exit::Refused, format!("the folder holds a ceremony of another {what}"))
            .fact("there", then)
            .fact("now", now)
            .hint("nothing was done; go on with the same plan, or begin in a new folder")
    };
    match reading.lines.first().map(|line| &line.event) {
        Some(Event::Begin { plan_sha256, .. }) if *plan_sha256 != reviewed.digest => {
            Err(other("plan", plan_sha256.to_string(), reviewed.digest.to_string()))
        }
        Some(Event::Begin { mode: then, .. }) if *then != mode => {
            Err(other("kind", format!("{then:?}"), format!("{mode:?}")))
        }
        _ if reading.ending() == Some(Ending::Done) && !dir.exists(SIGNATURE_FILE).map_err(explain::dir)? => Ok(()),
        _ if reading.is_closed() => {
            Err(Failure::new("CEREMONY-CLOSED", Exit::Refused, "the folder holds a ceremony that is closed")
                .hint("nothing was done; hold another one in a new folder"))
        }
        _ => Ok(()),
    }
}

/// SHA-256 of this program's file.
///
/// # Errors
/// `CEREMONY-TOOL`: it cannot be read.
pub fn tool_digest() -> Result<Sha256Digest, Failure> {
    let path = std::env::current_exe();
    let bytes = path.and_then(std::fs::read);
    let bytes = bytes.map_err(|error| {
        Failure::new("CEREMONY-TOOL", Exit::Unavailable, format!("this program cannot read its own file: {error}"))
            .hint("nothing was done; run it from where it can be read")
    })?;
    Ok(Sha256Digest(sha256(&bytes)))
}

/// The plan was checked for this.
pub(crate) fn missing(what: &str, name: &Name) -> Failure {
    Failure::new("CEREMONY-PLAN", Exit::Software, format!("the plan names {what} {name}, and there is none"))
}

/// Now, in whole seconds, which is all that OpenPGP keeps.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// The version of keys that a profile speaks.
pub(crate) fn version(profile: Profile) -> KeyVersion {
    match profile {
        Profile::Rfc4880 => KeyVersion::V4,
        Profile::Rfc9580 | Profile::Rfc9980 => KeyVersion::V6,
    }
}
