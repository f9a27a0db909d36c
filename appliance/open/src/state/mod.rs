//! The state of the embassy: what was admitted, kept twice, and the log of what happened.
//!
//! ```text
//! <a>/state-a.json   <b>/state-b.json   <log>/log.jsonl   <a>/state.lock
//! ```
//!
//! Every change appends a line to the log, then replaces one copy, then the other. One copy lost or damaged: the other
//! decides, and the lost one is written again at the next change. Both lost: nothing is admitted until two officers
//! bring the dispatch notes ([`State::recover`]). Start reading at [`State`].

mod copies;
mod event;
mod ledger;
mod log;
mod recover;

use std::path::PathBuf;

use pouch_format::{RegistryName, Rule};
use pouch_platform::{Dir, DirError, Lock, LockError};
use pouch_vault::{Vault, VaultError};

use crate::Clock;
use copies::Place;
use log::Log;

pub use event::Event;
pub(crate) use event::ids;
pub use ledger::{Head, Ledger, LogHead};
pub use log::LogFault;
pub use recover::{DispatchNote, RecoverError};

/// Where the state is kept. Both copies may be in one directory, but then one disk holds both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatePlaces {
    /// Directory of the first copy and of the lock.
    pub a: PathBuf,
    /// Directory of the second copy.
    pub b: PathBuf,
    /// Directory of the log.
    pub log: PathBuf,
}

/// Why there is no usable state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// No copy is readable, though there was one: only dispatch notes can tell now what was admitted.
    #[error("the state of the embassy is lost: {detail}")]
    Lost {
        /// What was found.
        detail: String,
    },
    /// Two sound copies of one generation that say different things.
    #[error("both copies of the state have generation {generation}, but they differ")]
    Disagree {
        /// The generation of both.
        generation: u64,
    },
    /// Another process is changing the state.
    #[error(transparent)]
    Busy(#[from] LockError),
    /// A directory of the state.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// The log cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// An event that does not encode.
    #[error("cannot encode a line of the log: {0}")]
    Encode(serde_json::Error),
    /// The vault cannot say whether it was ever used.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A change failed before; what the disk holds must be read again.
    #[error("a change of the state failed before; it must be read again")]
    Broken,
}

impl StateError {
    /// The rule that refuses; none if a disk does.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            StateError::Lost { .. } | StateError::Disagree { .. } => Some(Rule::ImportState),
            _ => None,
        }
    }
}

/// What is wrong with the state though it can be used. To be shown loudly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A copy is not readable; the other decides.
    #[error("copy {} of the state is lost: {}; the other copy decides", path.display(), reason.escape_default())]
    CopyLost {
        /// The copy.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A copy is older than the other; the newer decides.
    #[error("copy {} of the state has generation {found}, the other {newest}; the newer decides", path.display())]
    CopyOld {
        /// The older copy.
        path: PathBuf,
        /// Its generation.
        found: u64,
        /// The generation of the other.
        newest: u64,
    },
    /// The log was changed or damaged.
    #[error(transparent)]
    Log(LogFault),
}

/// The state, and the only one who may change it: a second process cannot open it.
#[derive(Debug)]
pub struct State {
    ledger: Ledger,
    warnings: Vec<Warning>,
    a: Place,
    b: Place,
    log: Log,
    /// Whether any copy was ever written.
    begun: bool,
    /// Whether a change failed half-way.
    broken: bool,
    _lock: Lock,
}

impl State {
    /// Opens the state for changing it. Writes nothing but the lock; creates missing directories (mode 0700).
    ///
    /// # Errors
    /// [`StateError::Lost`] if no copy is readable though the vault or the log shows that there was one;
    /// [`StateError::Busy`] while another process has it.
    pub fn open(places: &StatePlaces, vault: &Vault) -> Result<State, StateError> {
        let lock = Lock::acquire(&Dir::open_private(&places.a)?, "state.lock")?;
        let (a, b) = copies_at(places)?;
        let log = Dir::open_private(&places.log)?;
        let found = load(&a, &b, &log, vault)?;
        let begun = found.is_some();
        let (mut ledger, mut warnings) = found.unwrap_or_else(|| (Ledger::fresh(), Vec::new()));
        let (log, faults) = Log::check(log, ledger.log);
        ledger.log = log.end();
        warnings.extend(faults.into_iter().map(Warning::Log));
        warn(&warnings);
        Ok(State { ledger, warnings, a, b, log, begun, broken: false, _lock: lock })
    }

    /// Reads what the state says and what is wrong with it, without a lock and without changing anything.
    ///
    /// # Errors
    /// As for [`State::open`], but never [`StateError::Busy`]. The directories must exist.
    pub fn read(places: &StatePlaces, vault: &Vault) -> Result<(Ledger, Vec<Warning>), StateError> {
        let a = Place { dir: Dir::open(&places.a)?, file: A };
        let b = Place { dir: Dir::open(&places.b)?, file: B };
        let log = Dir::open(&places.log)?;
        let (ledger, mut warnings) = load(&a, &b, &log, vault)?.unwrap_or_else(|| (Ledger::fresh(), Vec::new()));
        // After the copies: every line that they know was written before them.
        let (_, faults) = Log::check(log, ledger.log);
        warnings.extend(faults.into_iter().map(Warning::Log));
        Ok((ledger, warnings))
    }

    /// What the state says.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was found wrong when the state was opened.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Adds a line to the log; nothing else changes.
    ///
    /// # Errors
    /// [`StateError`] if a disk fails.
    pub fn record(&mut self, event: &Event, clock: Clock) -> Result<(), StateError> {
        self.change(event, clock, |_| {})
    }

    /// Makes sure that there is a state on disk, so that a pouch in the vault is never without one.
    pub(crate) fn begin(&mut self) -> Result<(), StateError> {
        if !self.begun {
            self.write(&self.ledger)?;
            self.begun = true;
        }
        Ok(())
    }

    /// Remembers the newest pouch of a registry.
    pub(crate) fn advance(
        &mut self,
        registry: &RegistryName,
        head: Head,
        event: &Event,
        clock: Clock,
    ) -> Result<(), StateError> {
        self.change(event, clock, |ledger| {
            ledger.registries.insert(registry.clone(), head);
        })
    }

    /// The log first: what the state knows of it must be there.
    fn change(&mut self, event: &Event, clock: Clock, edit: impl FnOnce(&mut Ledger)) -> Result<(), StateError> {
        if self.broken {
            return Err(StateError::Broken);
        }
        self.broken = true;
        self.begin()?;
        let mut next = self.ledger.clone();
        edit(&mut next);
        next.generation = next.generation.saturating_add(1);
        next.log = self.log.append(event, clock.now())?;
        self.write(&next)?;
        self.ledger = next;
        self.broken = false;
        Ok(())
    }

    fn write(&self, ledger: &Ledger) -> Result<(), StateError> {
        self.a.write(ledger)?;
        self.b.write(ledger)
    }
}

const A: &str = "state-a.json";
const B: &str = "state-b.json";

fn copies_at(places: &StatePlaces) -> Result<(Place, Place), StateError> {
    let a = Place { dir: Dir::open_private(&places.a)?, file: A };
    let b = Place { dir: Dir::open_private(&places.b)?, file: B };
    Ok((a, b))
}

/// What the copies say; nothing if this embassy was never used.
fn load(a: &Place, b: &Place, log: &Dir, vault: &Vault) -> Result<Option<(Ledger, Vec<Warning>)>, StateError> {
    if let Some(found) = copies::decide(a, b)? {
        return Ok(Some(found));
    }
    // No copy at all: sound only if nothing else shows that there was one.
    if Log::exists(log)? {
        return Err(StateError::Lost { detail: "no copy is there, but a log is".to_owned() });
    }
    match vault.registries()?.first() {
        Some(registry) => Err(StateError::Lost {
            detail: format!("no copy is there, but the vault keeps pouches of registry \"{registry}\""),
        }),
        None => Ok(None),
    }
}

fn warn(warnings: &[Warning]) {
    for warning in warnings {
        tracing::warn!(rule = Rule::ImportState.id(), "{warning}");
    }
}
