//! Further signatures: a pouch that several officers have to sign waits in the spool until all have.
//!
//! The officer signs the very bytes of the manifest, here or on another machine, so what is carried between the two is
//! a manifest one way and a signature the other way. Nothing is opened: parts are compared with the manifest by their
//! digests, and the manifest with the ledger. SPEC.md section 3.2.

mod statement;

use std::io::Read as _;

use openssl::sha::Sha256;
use pouch_format::{
    Fingerprint, MANIFEST_FILE, Manifest, ManifestError, Part, PouchId, SIGNATURE_FILE, Sha256Digest, limits,
};
use pouch_platform::{Dir, DirError};
use sequoia_openpgp::Packet;
use sequoia_openpgp::serialize::MarshalInto as _;

use crate::certificate::SignerCertificate;
use crate::progress::Progress;
use crate::signature::SignError;
use crate::spool::{Spool, SpoolError};

pub use statement::Statement;

/// Why a signature was not added. The pouch is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    /// The spool or the ledger.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A file of the pouch.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// What should be a manifest is none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// No such pouch waits.
    #[error("{pouch} does not wait for signatures{}", waiting.as_ref().map_or_else(String::new, |id| format!("; {id} does")))]
    NotWaiting {
        /// The pouch that was named.
        pouch: PouchId,
        /// The one that waits, if one does.
        waiting: Option<PouchId>,
    },
    /// The manifest is not the one that was sealed.
    #[error("the manifest of {pouch} has digest {found}, but {expected} was sealed")]
    Changed {
        /// The pouch.
        pouch: PouchId,
        /// Digest of the manifest that is there.
        found: Sha256Digest,
        /// By the ledger.
        expected: Sha256Digest,
    },
    /// A part is not the one that the manifest states.
    #[error("part {name} is not as the manifest states: {flaw}")]
    Part {
        /// The part.
        name: String,
        /// What is different.
        flaw: String,
    },
    /// A signature that the embassy would refuse.
    #[error("the signature file is refused: {flaw}")]
    Signature {
        /// What is wrong.
        flaw: String,
    },
    /// A signature by a key of no certificate that was given.
    #[error("the signature is by key {key}, which is in none of the officers' certificates")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A signer whom the manifest does not name.
    #[error("the manifest of {pouch} does not name {signer} as a signer")]
    Unannounced {
        /// The pouch.
        pouch: PouchId,
        /// The certificate.
        signer: Fingerprint,
    },
    /// A signer who has signed already.
    #[error("{signer} has signed {pouch} already")]
    Twice {
        /// The pouch.
        pouch: PouchId,
        /// The certificate.
        signer: Fingerprint,
    },
    /// The signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// A pouch that waits for signatures. Its registry is locked.
pub struct Waiting<'s> {
    spool: &'s mut Spool,
    dir: Dir,
    statement: Statement,
    file: Vec<u8>,
}

impl<'s> Waiting<'s> {
    /// The pouch `id`, whose manifest is the one that the ledger knows.
    ///
    /// # Errors
    /// [`CosignError`].
    pub fn open(spool: &'s mut Spool, id: &PouchId) -> Result<Self, CosignError> {
        let (waiting, expected) = match spool.waiting() {
            Some((waiting, entry)) => (Some(waiting), Some(entry.manifest)),
            None => (None, None),
        };
        let not_waiting = || CosignError::NotWaiting { pouch: id.clone(), waiting: waiting.clone() };
        let expected = expected.filter(|_| waiting.as_ref() == Some(id)).ok_or_else(not_waiting)?;
        let dir = spool.waiting_dir()?.ok_or_else(not_waiting)?;
        let bytes = dir.read_bounded(MANIFEST_FILE, limits::MANIFEST_BYTES)?;
        let found = Sha256Digest(openssl::sha::sha256(&bytes));
        if found != expected {
            return Err(CosignError::Changed { pouch: id.clone(), found, expected });
        }
        let statement = Statement::read(bytes)?;
        let file = dir.read_bounded(SIGNATURE_FILE, limits::SIGNATURE_FILE_BYTES)?;
        Ok(Self { spool, dir, statement, file })
    }

    /// What is to be signed.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Who has signed so far.
    ///
    /// # Errors
    /// [`CosignError`]: one of the signatures is not good.
    pub fn signed(&self, officers: &[SignerCertificate]) -> Result<Vec<Fingerprint>, CosignError> {
        self.statement.check_file(&self.file, officers)
    }

    /// Compares every part with the manifest.
    ///
    /// # Errors
    /// [`CosignError::Part`], [`CosignError::Dir`].
    pub fn check_parts(&self, progress: &dyn Progress) -> Result<(), CosignError> {
        self.statement.manifest().parts().try_for_each(|part| check_part(&self.dir, part, progress))
    }

    /// Adds the signature of one officer; makes the pouch visible once it is the last one that lacked. Says who has not
    /// signed yet.
    ///
    /// # Errors
    /// [`CosignError`].
    pub fn add(self, signature: &[u8], officers: &[SignerCertificate]) -> Result<Vec<Fingerprint>, CosignError> {
        let brought = statement::read(signature)?;
        let [brought] = brought.as_slice() else {
            return Err(CosignError::Signature { flaw: format!("it holds {} signatures, not one", brought.len()) });
        };
        // In our own form, whatever the heads of its packets were.
        let packet = Packet::from(brought.clone()).to_vec();
        let packet = packet.map_err(|error| CosignError::Signature { flaw: format!("{error:#}") })?;
        let file = [self.file.as_slice(), &packet].concat();
        let signed = self.statement.check_file(&file, officers)?;
        self.dir.replace_file(SIGNATURE_FILE, &file)?;
        self.settle(&signed)
    }

    /// Makes the pouch visible if all have signed. Says who has not.
    ///
    /// # Errors
    /// [`CosignError::Spool`].
    pub fn settle(self, signed: &[Fingerprint]) -> Result<Vec<Fingerprint>, CosignError> {
        let missing = missing(self.statement.manifest(), signed);
        if missing.is_empty() {
            self.spool.publish_waiting()?;
        }
        Ok(missing)
    }
}

/// Who of the signers that the manifest names has not signed.
#[must_use]
pub fn missing(manifest: &Manifest, signed: &[Fingerprint]) -> Vec<Fingerprint> {
    manifest.signers.iter().filter(|signer| !signed.contains(signer)).cloned().collect()
}

fn check_part(dir: &Dir, part: &Part, progress: &dyn Progress) -> Result<(), CosignError> {
    let flaw = |flaw: String| CosignError::Part { name: part.name.clone(), flaw };
    let failed = |error: std::io::Error| flaw(error.to_string());
    let mut file = dir.open_file(&part.name).map_err(|error| flaw(error.to_string()))?;
    let size = file.metadata().map_err(failed)?.len();
    if size != part.size {
        return Err(flaw(format!("it has {size} bytes, not {}", part.size)));
    }
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
        progress.read(read as u64);
    }
    let found = Sha256Digest(hash.finish());
    if found == part.sha256 { Ok(()) } else { Err(flaw(format!("its digest is {found}, not {}", part.sha256))) }
}
