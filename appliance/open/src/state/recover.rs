//! A state made anew from dispatch notes, when both copies are lost.

use std::collections::BTreeMap;

use openssl::sha::sha256;
use pouch_format::{PouchId, RegistryName, Rule, Sha256Digest, is_plain};
use pouch_platform::{Dir, Lock};
use pouch_vault::{Vault, VaultError};

use super::ledger::{Head, Ledger};
use super::log::Log;
use super::{Event, State, StateError, StatePlaces, Warning, copies_at, load};
use crate::Clock;

/// Longest name of an officer, in bytes.
const OFFICER_BYTES: usize = 128;

/// What the newest dispatch note of a registry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchNote {
    /// The pouch's number.
    pub sequence: u64,
    /// SHA-256 of its manifest.
    pub manifest: Sha256Digest,
}

/// Why the state was not made anew. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// There is nothing to recover.
    #[error("the state is not lost")]
    NotLost,
    /// Not two different people.
    #[error("two different officers must answer for this, each with a name of 1 to {OFFICER_BYTES} bytes")]
    Officers,
    /// A registry of which pouches are kept, and no note.
    #[error("the vault keeps pouches of registry \"{registry}\", but there is no dispatch note of it")]
    NoNote {
        /// The registry.
        registry: RegistryName,
    },
    /// A note of something that is not kept.
    #[error("the note names pouch {noted}, but the newest in the vault is {}", .newest.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string))]
    NotNewest {
        /// What the note names.
        noted: PouchId,
        /// The newest kept of that registry.
        newest: Option<PouchId>,
    },
    /// The vault keeps another pouch than the note names.
    #[error("the note says that pouch {id} has digest {noted}, the vault keeps {found}")]
    Digest {
        /// The pouch.
        id: PouchId,
        /// The digest of what is kept.
        found: Sha256Digest,
        /// The digest of the note.
        noted: Sha256Digest,
    },
    /// The vault cannot be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The state cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
}

impl RecoverError {
    /// The rule that refuses; none if a disk does.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            RecoverError::Vault(_) => None,
            RecoverError::State(error) => error.rule(),
            _ => Some(Rule::ImportState),
        }
    }
}

impl State {
    /// Makes the state anew from dispatch notes, and records who answers for it.
    ///
    /// Of every registry in the vault there must be a note, and it must name the newest pouch kept. A registry of which
    /// nothing is kept has no note here: its next pouch is a first one.
    ///
    /// # Errors
    /// [`RecoverError`]; [`RecoverError::NotLost`] if a copy is readable, for then that one decides.
    pub fn recover(
        places: &StatePlaces,
        vault: &Vault,
        notes: &BTreeMap<RegistryName, DispatchNote>,
        officers: [&str; 2],
        clock: Clock,
    ) -> Result<State, RecoverError> {
        check_officers(officers)?;
        let lock = Lock::acquire(&Dir::open_private(&places.a).map_err(StateError::from)?, "state.lock")
            .map_err(StateError::from)?;
        let (a, b) = copies_at(places)?;
        let log = Dir::open_private(&places.log).map_err(StateError::from)?;
        let generation = check_lost(load(&a, &b, &log, vault))?;
        let registries = heads(vault, notes, clock)?;
        // Nobody knows where the log ended: it goes on where it ends now, and the line below says why.
        let (log, faults) = Log::adopt(log);
        let warnings = faults.into_iter().map(Warning::Log).collect();
        let event = Event::Recovered { officers: officers.map(str::to_owned).to_vec(), registries: registries.clone() };
        // At least as many changes were made as lines were written, so an old copy that turns up again stays old.
        let generation = generation.max(log.end().lines);
        let ledger = Ledger { generation, registries, log: log.end(), ..Ledger::fresh() };
        let mut state = State { ledger, warnings, a, b, log, begun: true, broken: false, _lock: lock };
        state.record(&event, clock)?;
        Ok(state)
    }
}

fn check_officers(officers: [&str; 2]) -> Result<(), RecoverError> {
    let [one, other] = officers.map(str::trim);
    let named = |name: &str| (1..=OFFICER_BYTES).contains(&name.len()) && name.chars().all(is_plain);
    if named(one) && named(other) && one.to_lowercase() != other.to_lowercase() {
        Ok(())
    } else {
        Err(RecoverError::Officers)
    }
}

/// The generation that the new state must exceed, if the old one really is lost.
fn check_lost(found: Result<Option<(Ledger, Vec<Warning>)>, StateError>) -> Result<u64, RecoverError> {
    match found {
        Ok(_) => Err(RecoverError::NotLost),
        Err(StateError::Lost { .. }) => Ok(0),
        Err(StateError::Disagree { generation }) => Ok(generation),
        Err(error) => Err(error.into()),
    }
}

fn heads(
    vault: &Vault,
    notes: &BTreeMap<RegistryName, DispatchNote>,
    clock: Clock,
) -> Result<BTreeMap<RegistryName, Head>, RecoverError> {
    if let Some(registry) = vault.registries()?.into_iter().find(|registry| !notes.contains_key(registry)) {
        return Err(RecoverError::NoNote { registry });
    }
    notes.iter().map(|(registry, note)| Ok((registry.clone(), head(vault, registry, note, clock)?))).collect()
}

fn head(vault: &Vault, registry: &RegistryName, note: &DispatchNote, clock: Clock) -> Result<Head, RecoverError> {
    let id = PouchId { registry: registry.clone(), sequence: note.sequence };
    let newest = vault.list(registry)?.pop();
    if newest.as_ref() != Some(&id) {
        return Err(RecoverError::NotNewest { noted: id, newest });
    }
    let found = Sha256Digest(sha256(&vault.manifest_bytes(&id)?));
    if found != note.manifest {
        return Err(RecoverError::Digest { id, found, noted: note.manifest });
    }
    let manifest = vault.manifest(&id)?;
    Ok(Head {
        sequence: note.sequence,
        manifest: found,
        as_of: manifest.as_of,
        sealed_at: manifest.sealed_at,
        rpo_seconds: manifest.rpo_seconds,
        kept_at: clock.now(),
    })
}
