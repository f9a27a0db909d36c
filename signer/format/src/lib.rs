//! What a pouch is: manifest, index, names, limits and rule ids. Bytes in, values out.
//!
//! This crate reads no file, opens no socket and decrypts nothing. The normative text is `SPEC.md` beside this crate;
//! start reading at [`Manifest`].

mod declaration;
mod digest;
mod index;
pub mod limits;
mod manifest;
mod name;
mod object;
mod path;
mod profile;
mod rule;

pub use declaration::*;
pub use digest::{Blake3Digest, DigestError, Sha256Digest};
pub use index::{IndexEnd, IndexEntry, IndexError, IndexHead, read_line, write_line};
pub use manifest::{Kind, Manifest, ManifestError, Part, Recipient, Totals, VERSION};
pub use name::{
    Fingerprint, MANIFEST_FILE, NameError, PouchId, RegistryName, SIGNATURE_FILE, index_file, segment_file,
};
pub use path::*;
pub use profile::{Profile, ProfileError, profile_by_word};
pub use rule::Rule;
