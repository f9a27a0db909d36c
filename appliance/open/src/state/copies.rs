//! The two copies of the state, and which of them decides.
//!
//! A copy is one line of JSON: the state, and the SHA-256 of its canonical encoding. It is replaced by a rename, so it
//! holds one generation or the next, never part of one.

use std::io::Read;

use openssl::sha::sha256;
use pouch_format::Sha256Digest;
use pouch_platform::Dir;
use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, VERSION};
use super::{StateError, Warning};

/// Largest copy, in bytes.
const COPY_BYTES: u64 = 16 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    sha256: Sha256Digest,
    state: Ledger,
}

/// What was found in place of a copy.
pub(crate) enum Found {
    Good(Ledger),
    Nothing,
    Damaged(String),
}

/// Where one copy is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) dir: Dir,
    pub(crate) file: &'static str,
}

impl Place {
    /// Reads the copy. Whatever is wrong with it, it is only this copy that is lost.
    pub(crate) fn read(&self) -> Found {
        let file = match self.dir.open_file(self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::Nothing,
            Err(error) => return Found::Damaged(error.to_string()),
        };
        let mut bytes = Vec::new();
        match file.take(COPY_BYTES + 1).read_to_end(&mut bytes) {
            Ok(_) => parse(&bytes).map_or_else(Found::Damaged, Found::Good),
            Err(error) => Found::Damaged(error.to_string()),
        }
    }

    /// Replaces the copy, durably.
    pub(crate) fn write(&self, ledger: &Ledger) -> Result<(), StateError> {
        let copy = Copy { sha256: digest(ledger), state: ledger.clone() };
        Ok(self.dir.replace_file(self.file, &encode(&copy))?)
    }

    fn missing(&self) -> Warning {
        Warning::CopyLost { path: self.dir.path().join(self.file), reason: "it is not there".to_owned() }
    }

    fn damaged(&self, reason: String) -> Warning {
        Warning::CopyLost { path: self.dir.path().join(self.file), reason }
    }
}

/// The copy that decides, if one is readable, and what is to be said about the other.
pub(crate) fn decide(a: &Place, b: &Place) -> Result<Option<(Ledger, Vec<Warning>)>, StateError> {
    match (a.read(), b.read()) {
        (Found::Good(one), Found::Good(other)) => newer(a, one, b, other).map(Some),
        (Found::Good(ledger), Found::Nothing) => Ok(Some((ledger, vec![b.missing()]))),
        (Found::Good(ledger), Found::Damaged(reason)) => Ok(Some((ledger, vec![b.damaged(reason)]))),
        (Found::Nothing, Found::Good(ledger)) => Ok(Some((ledger, vec![a.missing()]))),
        (Found::Damaged(reason), Found::Good(ledger)) => Ok(Some((ledger, vec![a.damaged(reason)]))),
        (Found::Nothing, Found::Nothing) => Ok(None),
        (a, b) => Err(StateError::Lost { detail: format!("the first copy {}, the second {}", say(a), say(b)) }),
    }
}

fn newer(a: &Place, one: Ledger, b: &Place, other: Ledger) -> Result<(Ledger, Vec<Warning>), StateError> {
    let old =
        |place: &Place, found, newest| Warning::CopyOld { path: place.dir.path().join(place.file), found, newest };
    match one.generation.cmp(&other.generation) {
        std::cmp::Ordering::Less => {
            let warning = old(a, one.generation, other.generation);
            Ok((other, vec![warning]))
        }
        std::cmp::Ordering::Greater => {
            let warning = old(b, other.generation, one.generation);
            Ok((one, vec![warning]))
        }
        std::cmp::Ordering::Equal if one == other => Ok((one, Vec::new())),
        std::cmp::Ordering::Equal => Err(StateError::Disagree { generation: one.generation }),
    }
}

fn say(found: Found) -> String {
    match found {
        Found::Good(_) => "is good".to_owned(),
        Found::Nothing => "is not there".to_owned(),
        Found::Damaged(reason) => format!("is damaged ({})", reason.escape_default()),
    }
}

fn parse(bytes: &[u8]) -> Result<Ledger, String> {
    let copy: Copy = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    if copy.state.version != VERSION {
        return Err(format!("it has version {}, this software reads {VERSION}", copy.state.version));
    }
    // One encoding of one state, so that no byte of a copy can change unnoticed.
    if digest(&copy.state) != copy.sha256 || encode(&copy) != bytes {
        return Err("its digest does not fit".to_owned());
    }
    Ok(copy.state)
}

fn digest(ledger: &Ledger) -> Sha256Digest {
    Sha256Digest(sha256(&serde_json::to_vec(ledger).unwrap_or_default()))
}

fn encode(copy: &Copy) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(copy).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
