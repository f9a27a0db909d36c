//! Seals a registry: snapshot, canonical tar, zstd, OpenPGP, a signature, spool; and further signatures.
//!
//! What this crate never does: open a pouch, keep a plaintext on disk, or touch a token - it takes any sequoia `Signer`.
//! Start reading at [`seal`](seal::seal), whose steps are the way of the data; further officers
//! sign by way of [`cosign`].

pub mod certificate;
pub mod config;
pub mod cosign;
mod envelope;
pub mod export;
pub mod ledger;
mod packer;
mod parts;
mod progress;
pub mod seal;
mod signature;
pub mod spool;

pub use envelope::EnvelopeError;
pub use packer::PackError;
pub use parts::{PartOptions, PartsError};
pub use progress::{Progress, Silent};
pub use signature::{SignError, sign_manifest};
