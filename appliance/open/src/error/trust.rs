//! Why a trust file cannot be used.

use std::path::PathBuf;

use jiff::Timestamp;
use pouch_format::{Fingerprint, RegistryName};

/// Why a trust file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file larger than any of its kind.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// Not TOML of the known fields.
    #[error("{}: {}", path.display(), detail.trim_end())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the TOML reader says.
        detail: String,
    },
    /// Not exactly one certificate.
    #[error("{} does not hold exactly one OpenPGP certificate: {detail}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What the OpenPGP reader says.
        detail: String,
    },
    /// A secret key where only public ones belong.
    #[error("{} holds a secret key; a trust file names public certificates only", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
    },
    /// Another certificate than the one pinned.
    #[error("{} holds certificate {found}, not {pinned}", path.display())]
    Pin {
        /// The file.
        path: PathBuf,
        /// Fingerprint found.
        found: String,
        /// Fingerprint pinned.
        pinned: Fingerprint,
    },
    /// A period in which nothing can be sealed.
    #[error("certificate {fingerprint} counts from {from} until {until}, which is never")]
    Period {
        /// The certificate.
        fingerprint: Fingerprint,
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// The same thing named twice.
    #[error("{place} names {fingerprint} twice")]
    Repeated {
        /// `certificate`, `embassy` or `registry.NAME`.
        place: String,
        /// What is named twice.
        fingerprint: Fingerprint,
    },
    /// A key in two certificates.
    #[error("key {key} is in both certificate {one} and {other}")]
    SharedKey {
        /// Fingerprint of the key.
        key: String,
        /// A certificate.
        one: Fingerprint,
        /// Another.
        other: Fingerprint,
    },
    /// A signer that is not among the certificates.
    #[error("registry.{registry} names signer {fingerprint}, which is not one of the certificates")]
    Signer {
        /// The registry.
        registry: RegistryName,
        /// The signer.
        fingerprint: Fingerprint,
    },
    /// A threshold that nobody or anybody meets.
    #[error("registry.{registry} has threshold {threshold}; it must be from 1 to its {signers} signers")]
    Threshold {
        /// The registry.
        registry: RegistryName,
        /// What was found.
        threshold: usize,
        /// How many signers are named.
        signers: usize,
    },
    /// Too many or too few of something.
    #[error("{place} has {found} certificates; it must have 1 to {most}")]
    Count {
        /// `certificate`, `embassy` or `registry.NAME`.
        place: String,
        /// How many were found.
        found: usize,
        /// How many are allowed.
        most: usize,
    },
}
