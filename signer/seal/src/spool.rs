//! The spool: where sealed pouches wait to be carried. A pouch appears in it whole or not at all.
//!
//! ```text
//!   spool/.staging-land/     being made; removed by the next run
//!   spool/.waiting-land-000041/  complete and durable, lacks signatures; not to be carried
//!   spool/land-000041/       complete, signed by all, durable
//!   spool/.ledger-land.json  the ledger's witness
//!   state/land.json          the ledger
//!   state/land.lock          held while land is being sealed
//! ```

use std::path::Path;

use pouch_format::{MANIFEST_FILE, PouchId, RegistryName, Sha256Digest, limits};
use pouch_platform::{Dir, DirError, Lock, LockError};

use crate::ledger::{Copy, Entry, Ledger, LedgerError};

/// Why the spool cannot take a pouch.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A directory cannot be opened, listed, or written.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// Another process seals the same registry, or the lock cannot be had.
    #[error("registry \"{registry}\": {source}")]
    Lock {
        /// The registry.
        registry: RegistryName,
        /// Who holds the lock.
        source: LockError,
    },
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The spool knows of a pouch that the ledger does not know, or of another one with the same number.
    #[error("the spool knows of {newest}, but the ledger of registry \"{registry}\" {}",
        if *ledger == 0 { "is empty".to_owned() } else { format!("ends with pouch {ledger}, or with another one") })]
    LedgerLost {
        /// The registry.
        registry: RegistryName,
        /// The newest pouch that the spool knows.
        newest: PouchId,
        /// The newest pouch by the ledger; 0 if there is none.
        ledger: u64,
    },
    /// A pouch of the registry waits for signatures.
    #[error("{waiting} waits for signatures; before it has them no other pouch of its registry is sealed")]
    Waiting {
        /// The pouch.
        waiting: PouchId,
    },
    /// All sequence numbers are used.
    #[error("registry \"{registry}\" has used its last sequence number")]
    Exhausted {
        /// The registry.
        registry: RegistryName,
    },
}

/// The spool of one registry, locked.
pub struct Spool {
    dir: Dir,
    state: Dir,
    registry: RegistryName,
    ledger: Ledger,
    _lock: Lock,
}

impl Spool {
    /// Opens both directories, creating them if they are missing, takes the registry's lock, and finishes or removes
    /// what an interrupted run left.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn open(spool: &Path, state: &Path, registry: &RegistryName) -> Result<Self, SpoolError> {
        let dir = Dir::open_private(spool)?;
        let state_dir = Dir::open_private(state)?;
        let lock = Lock::acquire(&state_dir, format!("{registry}.lock"))
            .map_err(|source| SpoolError::Lock { registry: registry.clone(), source })?;
        let ledger = Ledger::load(&state_dir, Copy::State, registry)?;
        let mut spool = Self { dir, state: state_dir, registry: registry.clone(), ledger, _lock: lock };
        spool.converge()?;
        Ok(spool)
    }

    /// The newest pouch of the registry.
    #[must_use]
    pub fn last(&self) -> Option<&Entry> {
        self.ledger.last.as_ref()
    }

    /// The id of the next pouch and the digest of the manifest before it.
    ///
    /// # Errors
    /// [`SpoolError::Exhausted`], [`SpoolError::Waiting`].
    pub fn next(&self) -> Result<(PouchId, Option<Sha256Digest>), SpoolError> {
        next_of(&self.ledger, &self.registry)
    }

    /// The id of the next pouch as far as can be told without changing anything, for dry runs.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn foresee(state: &Path, registry: &RegistryName) -> Result<PouchId, SpoolError> {
        let ledger = match Dir::open(state) {
            Ok(dir) => Ledger::load(&dir, Copy::State, registry)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ledger::default(),
            Err(error) => return Err(error.into()),
        };
        // A pouch that is about to become visible waits no more.
        let waiting = ledger.waiting.filter(|_| ledger.pending.is_none());
        let settled = Ledger { last: ledger.pending.or(ledger.last), pending: None, waiting };
        Ok(next_of(&settled, registry)?.0)
    }

    /// An empty directory in which the next pouch is made.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn stage(&self) -> Result<Dir, SpoolError> {
        let name = self.staging();
        Ok(self.dir.create_dir(&name)?)
    }

    /// Removes a pouch that could not be finished.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn discard(&self) -> Result<(), SpoolError> {
        let name = self.staging();
        if self.dir.exists(&name)? {
            self.dir.remove_tree(&name)?;
        }
        Ok(())
    }

    /// Makes the staged pouch visible. Its files must be durable already.
    ///
    /// # Errors
    /// [`SpoolError`]; the next run finishes or removes what is there.
    pub fn publish(&mut self, entry: Entry) -> Result<(), SpoolError> {
        // The ledger, perhaps on another file system, must not speak of a pouch that a power cut takes away.
        self.dir.sync()?;
        self.ledger.pending = Some(entry);
        self.ledger.store(&self.state, Copy::State, &self.registry)?;
        self.settle()
    }

    /// Puts the staged pouch aside until it has all signatures. Its files must be durable already.
    ///
    /// # Errors
    /// [`SpoolError`]; the next run finishes or removes what is there.
    pub fn put_aside(&mut self, entry: Entry) -> Result<(), SpoolError> {
        self.dir.sync()?;
        self.ledger.waiting = Some(entry);
        self.ledger.store(&self.state, Copy::State, &self.registry)?;
        self.settle()
    }

    /// The pouch that waits for signatures, by the ledger.
    #[must_use]
    pub fn waiting(&self) -> Option<(PouchId, &Entry)> {
        self.ledger.waiting.as_ref().map(|entry| (self.id(entry.sequence), entry))
    }

    /// Whether the pouch is here, signed by all.
    ///
    /// # Errors
    /// [`SpoolError::Dir`].
    pub fn is_ready(&self, id: &PouchId) -> Result<bool, SpoolError> {
        Ok(self.dir.exists(id.to_string())?)
    }

    /// The folder of the pouch that waits; none if there is none, or somebody took it away.
    ///
    /// # Errors
    /// [`SpoolError::Dir`].
    pub fn waiting_dir(&self) -> Result<Option<Dir>, SpoolError> {
        let Some((id, _)) = self.waiting() else { return Ok(None) };
        let name = waiting_name(&id);
        Ok(if self.dir.exists(&name)? { Some(self.dir.subdir(&name)?) } else { None })
    }

    /// Makes the pouch visible that waited, now that all have signed.
    ///
    /// # Errors
    /// [`SpoolError`]; the next run finishes it.
    pub fn publish_waiting(&mut self) -> Result<(), SpoolError> {
        match self.ledger.waiting.clone() {
            Some(entry) => self.publish(entry),
            None => Ok(()),
        }
    }

    /// Gives up the pouch that waits: it is removed, and its number will be used again. Nobody else may hold a copy of
    /// it that all have signed.
    ///
    /// # Errors
    /// [`SpoolError`]; whenever it is interrupted the pouch still waits, or is gone after the next run.
    pub fn withdraw(&mut self) -> Result<(), SpoolError> {
        let Some((id, _)) = self.waiting() else { return Ok(()) };
        let name = waiting_name(&id);
        if self.dir.exists(&name)? {
            // As if it were being made: the ledger alone decides whether it waits.
            self.dir.rename_noreplace(&name, self.staging())?;
        }
        self.ledger.waiting = None;
        self.ledger.store(&self.state, Copy::State, &self.registry)?;
        self.discard()
    }

    fn id(&self, sequence: u64) -> PouchId {
        PouchId { registry: self.registry.clone(), sequence }
    }

    fn staging(&self) -> String {
        format!(".staging-{}", self.registry)
    }

    /// After a crash: finish the pending pouch, remove a half one, and notice a lost ledger.
    fn converge(&mut self) -> Result<(), SpoolError> {
        self.settle()?;
        self.discard()?;
        self.check_ledger()
    }

    /// Neither what lies in the spool nor the witness may know more than the ledger: a number must not be used twice.
    fn check_ledger(&self) -> Result<(), SpoolError> {
        let last = self.ledger.last.as_ref();
        let ledger = last.map_or(0, |entry| entry.sequence);
        let lost = |newest| SpoolError::LedgerLost { registry: self.registry.clone(), newest, ledger };
        let witness = Ledger::load(&self.dir, Copy::Spool, &self.registry)?.last;
        if let Some(witness) = witness
            && (witness.sequence > ledger
                || last.is_some_and(|entry| entry.sequence == witness.sequence && *entry != witness))
        {
            return Err(lost(self.id(witness.sequence)));
        }
        let known = |id: &PouchId| self.waiting().is_some_and(|(waiting, _)| waiting == *id);
        if let Some(aside) = list_waiting(&self.dir)?.into_iter().find(|id| id.registry == self.registry && !known(id))
        {
            return Err(lost(aside));
        }
        match self.pouches()?.into_iter().max() {
            Some(newest) if newest.sequence > ledger => Err(lost(newest)),
            Some(newest) if newest.sequence == ledger => {
                let manifest = self.manifest_in(&newest.to_string())?;
                if manifest.is_none() || manifest == last.map(|entry| entry.manifest) {
                    Ok(())
                } else {
                    Err(lost(newest))
                }
            }
            _ => Ok(()),
        }
    }

    /// The pouch that the ledger calls pending or waiting gets its place.
    fn settle(&mut self) -> Result<(), SpoolError> {
        let staging = self.staging();
        if self.ledger.pending.is_some() {
            return self.finish_pending(&staging);
        }
        let Some((id, entry)) = self.waiting() else { return Ok(()) };
        if self.manifest_in(&staging)? == Some(entry.manifest) {
            self.dir.rename_noreplace(&staging, waiting_name(&id))?;
        }
        Ok(())
    }

    /// The pending pouch, if it still is where it was made or waited, becomes visible; the ledger then counts it. When it is
    /// neither there nor in the spool it was carried away in between: its number is used all the same.
    fn finish_pending(&mut self, staging: &str) -> Result<(), SpoolError> {
        let Some(entry) = self.ledger.pending.clone() else { return Ok(()) };
        let id = self.id(entry.sequence);
        for from in [staging, &waiting_name(&id)] {
            if self.manifest_in(from)? == Some(entry.manifest) {
                self.dir.rename_noreplace(from, id.to_string())?;
            }
        }
        self.ledger = Ledger { last: Some(entry), pending: None, waiting: None };
        self.ledger.store(&self.state, Copy::State, &self.registry)?;
        Ok(self.ledger.store(&self.dir, Copy::Spool, &self.registry)?)
    }

    /// The digest of the manifest in a folder of the spool, if there is one.
    fn manifest_in(&self, folder: &str) -> Result<Option<Sha256Digest>, SpoolError> {
        let path = format!("{folder}/{MANIFEST_FILE}");
        if !self.dir.exists(&path)? {
            return Ok(None);
        }
        let bytes = self.dir.read_bounded(&path, limits::MANIFEST_BYTES)?;
        Ok(Some(Sha256Digest(openssl::sha::sha256(&bytes))))
    }

    /// The registry's pouches in the spool.
    fn pouches(&self) -> Result<Vec<PouchId>, SpoolError> {
        Ok(list(&self.dir)?.into_iter().filter(|id| id.registry == self.registry).collect())
    }
}

fn next_of(ledger: &Ledger, registry: &RegistryName) -> Result<(PouchId, Option<Sha256Digest>), SpoolError> {
    if let Some(waiting) = &ledger.waiting {
        let waiting = PouchId { registry: registry.clone(), sequence: waiting.sequence };
        return Err(SpoolError::Waiting { waiting });
    }
    let last = ledger.last.as_ref();
    let sequence = last.map_or(0, |entry| entry.sequence) + 1;
    if sequence > limits::SEQUENCE {
        return Err(SpoolError::Exhausted { registry: registry.clone() });
    }
    Ok((PouchId { registry: registry.clone(), sequence }, last.map(|entry| entry.manifest)))
}

/// What comes before the id in the name of a pouch that waits for signatures. It is hidden, and no id: whoever carries
/// pouches does not take it for one.
const WAITING: &str = ".waiting-";

/// The folder of a pouch that waits for signatures.
#[must_use]
pub fn waiting_name(id: &PouchId) -> String {
    format!("{WAITING}{id}")
}

/// All complete pouches of a spool, in order.
///
/// # Errors
/// [`SpoolError::Dir`].
pub fn list(spool: &Dir) -> Result<Vec<PouchId>, SpoolError> {
    named(spool, "")
}

/// All pouches of a spool that wait for signatures, in order.
///
/// # Errors
/// [`SpoolError::Dir`].
pub fn list_waiting(spool: &Dir) -> Result<Vec<PouchId>, SpoolError> {
    named(spool, WAITING)
}

fn named(spool: &Dir, prefix: &str) -> Result<Vec<PouchId>, SpoolError> {
    let mut ids = Vec::new();
    for entry in spool.entries()? {
        let id = |name: &str| name.strip_prefix(prefix)?.parse::<PouchId>().ok();
        ids.extend(entry?.name.to_str().and_then(id));
    }
    ids.sort();
    Ok(ids)
}
