//! A kept pouch taken up again, long after it was admitted.
//!
//! What the vault holds is believed only as far as the state vouches for it: the newest manifest of the registry by its
//! digest, and each one before it by the digest that its successor names. So a signing key that was revoked since does
//! not lock a pouch in that was rightly admitted, and whoever writes to the vault's disk cannot slip in another.

use openssl::sha::sha256;
use pouch_format::{Manifest, PouchId, Sha256Digest};
use pouch_vault::{Vault, VaultError};

use crate::{Ledger, ReopenError};

/// The manifest of a kept pouch, proven to be the one that was admitted.
///
/// ```compile_fail
/// let forged = pouch_open::Reopened { manifest: todo!(), digest: todo!() };
/// ```
#[derive(Debug)]
pub struct Reopened {
    manifest: Manifest,
    digest: Sha256Digest,
}

impl Reopened {
    /// The manifest, whose parts must still be compared with what the vault holds, each by size and digest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the manifest.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }
}

/// Takes up a kept pouch again. Reads the manifests from the newest one back to it, each at most 16 MiB.
///
/// # Errors
/// [`ReopenError`] if it was never admitted, or if the vault holds another pouch in its place.
pub fn reopen(vault: &Vault, ledger: &Ledger, id: &PouchId) -> Result<Reopened, ReopenError> {
    let never = || ReopenError::NotAdmitted { id: id.clone() };
    let head = ledger.head(&id.registry).ok_or_else(never)?;
    let (mut sequence, mut digest) = (head.sequence, head.manifest);
    while sequence >= id.sequence {
        let here = PouchId { registry: id.registry.clone(), sequence };
        let bytes = vault.manifest_bytes(&here)?;
        let found = Sha256Digest(sha256(&bytes));
        if found != digest {
            return Err(ReopenError::Other { id: here, found, admitted: digest });
        }
        let manifest = Manifest::parse(&bytes).map_err(|source| VaultError::Manifest { id: here, source })?;
        if sequence == id.sequence {
            return Ok(Reopened { manifest, digest });
        }
        digest = manifest.previous.ok_or_else(never)?;
        sequence -= 1;
    }
    Err(never())
}
