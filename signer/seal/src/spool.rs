//! The spool: where sealed pouches wait to be carried. A pouch appears in it whole or not at all.
//!
//! ```text
//!   spool/.staging-land/     being made; removed by the next run
//!   spool/land-000041/       complete, signed, durable
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
    /// [`SpoolError::Exhausted`].
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
        let settled = Ledger { last: ledger.pending.or(ledger.last), pending: None };
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
        self.finish_pending()
    }

    fn staging(&self) -> String {
        format!(".staging-{}", self.registry)
    }

    /// After a crash: finish the pending pouch, remove a half one, and notice a lost ledger.
    fn converge(&mut self) -> Result<(), SpoolError> {
        if self.ledger.pending.is_some() {
            self.finish_pending()?;
        }
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
            return Err(lost(PouchId { registry: self.registry.clone(), sequence: witness.sequence }));
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

    /// The staged pouch, if it still is there, becomes visible; the ledger then counts it. When it is neither staged nor in
    /// the spool it was carried away in between: its number is used all the same.
    fn finish_pending(&mut self) -> Result<(), SpoolError> {
        let Some(entry) = self.ledger.pending.clone() else { return Ok(()) };
        let id = PouchId { registry: self.registry.clone(), sequence: entry.sequence }.to_string();
        let staging = self.staging();
        if self.manifest_in(&staging)? == Some(entry.manifest) {
            self.dir.rename_noreplace(&staging, &id)?;
        }
        self.ledger = Ledger { last: Some(entry), pending: None };
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
    let last = ledger.last.as_ref();
    let sequence = last.map_or(0, |entry| entry.sequence) + 1;
    if sequence > limits::SEQUENCE {
        return Err(SpoolError::Exhausted { registry: registry.clone() });
    }
    Ok((PouchId { registry: registry.clone(), sequence }, last.map(|entry| entry.manifest)))
}

/// All complete pouches of a spool, in order.
///
/// # Errors
/// [`SpoolError::Io`].
pub fn list(spool: &Dir) -> Result<Vec<PouchId>, SpoolError> {
    let mut ids = Vec::new();
    for entry in spool.entries()? {
        ids.extend(entry?.name.to_str().and_then(|name| name.parse::<PouchId>().ok()));
    }
    ids.sort();
    Ok(ids)
}
