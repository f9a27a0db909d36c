//! Sealed pouches kept: a local directory, or any object store.
//!
//! ```text
//! <root>/.lock                      one import at a time
//! <root>/.incoming/<name>/          parts being copied; never listed
//! <root>/<registry>/<sequence>/     manifest.json  manifest.json.sig  segment-*.pgp  index-*.pgp
//! ```
//!
//! A pouch is there when its `manifest.json` is there, and that comes last: by one rename of the whole directory
//! (local), or as the last object that is put (object store). This crate never verifies, decrypts or deletes a pouch:
//! what it is given to publish is what `pouch-open` verified, and what it gives back is to be checked against a digest
//! that the reader trusts. Start reading at [`Vault`].

mod error;
mod publish;
mod staging;
mod vault;

pub use error::VaultError;
pub use publish::Published;
pub use staging::Staging;
pub use vault::Vault;
