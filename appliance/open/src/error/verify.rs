//! Why a pouch is refused before the state is asked.

use jiff::Timestamp;
use pouch_archive::transit::IndexError;
use pouch_format::{Fingerprint, ManifestError, PouchId, Profile, RegistryName, Rule, Sha256Digest};
use pouch_platform::DirError;
use pouch_vault::VaultError;

/// Why the first two files of a source were not read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The source directory, or something in it, cannot be opened.
    #[error(transparent)]
    Source(DirError),
    /// A file that is no tar of a pouch, or cannot be read.
    #[error("the file is not taken as a pouch in transit: {0}")]
    Transit(#[from] IndexError),
    /// A file that every pouch has is not there, or is not a regular file.
    #[error("the source has no regular file {file}")]
    Missing {
        /// The file.
        file: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The file.
        file: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file larger than any of its kind.
    #[error("{file} has more than {limit} bytes")]
    TooLarge {
        /// The file.
        file: &'static str,
        /// Bytes allowed.
        limit: u64,
        /// The rule that bounds it.
        rule: Rule,
    },
}

impl SpoolError {
    /// The rule that refuses; none if the source cannot be read.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            SpoolError::Source(_) | SpoolError::Transit(IndexError::Read(_)) | SpoolError::Read { .. } => None,
            SpoolError::Transit(IndexError::Refused { .. }) => Some(Rule::PouchTransit),
            SpoolError::Missing { .. } => Some(Rule::PouchParts),
            SpoolError::TooLarge { rule, .. } => Some(*rule),
        }
    }
}

/// Why a pouch does not verify.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The signature file is not a row of plain signature packets.
    #[error("{}, byte {at}: {flaw}", pouch_format::SIGNATURE_FILE)]
    Grammar {
        /// Where, in bytes from the start of the file.
        at: usize,
        /// What is wrong.
        flaw: &'static str,
    },
    /// A signature by a key of no pinned certificate.
    #[error("signed by key {key}, which the trust file does not name")]
    UnknownSigner {
        /// Fingerprint of the key.
        key: String,
    },
    /// A signature by a certificate that may not sign for the registry, or that the manifest does not announce.
    #[error("signer {signer} is not one that {by} names for registry \"{registry}\"")]
    OtherSigner {
        /// The certificate.
        signer: Fingerprint,
        /// The registry.
        registry: RegistryName,
        /// `the trust file` or `the manifest`.
        by: &'static str,
    },
    /// Two signatures by one certificate.
    #[error("signer {signer} signed twice")]
    SignedTwice {
        /// The certificate.
        signer: Fingerprint,
    },
    /// A signature that is not one over these bytes.
    #[error("the signature by key {key} does not verify over the manifest: {detail}")]
    Invalid {
        /// Fingerprint of the key.
        key: String,
        /// What the OpenPGP library says.
        detail: String,
    },
    /// An algorithm below the floor.
    #[error("the signature by key {key} uses {found}; the floor is {floor}")]
    Weak {
        /// Fingerprint of the key.
        key: String,
        /// What it uses.
        found: String,
        /// What it must use at least.
        floor: &'static str,
    },
    /// A key that could not sign at the time of sealing.
    #[error("key {key} could not sign at {at}: {flaw}")]
    Key {
        /// Fingerprint of the key.
        key: String,
        /// The time of sealing.
        at: Timestamp,
        /// What is wrong with it.
        flaw: String,
    },
    /// A signature made at another time than the manifest states.
    #[error("the signature by key {key} was made at {made}, the manifest was sealed at {sealed_at}")]
    SignatureTime {
        /// Fingerprint of the key.
        key: String,
        /// When it says it was made.
        made: Timestamp,
        /// The time of sealing.
        sealed_at: Timestamp,
    },
    /// Signed or sealed for somebody else.
    #[error("{what} names none of this embassy's certificates")]
    Recipient {
        /// `the manifest`, or `the signature by key ...`.
        what: String,
    },
    /// Sealed to a key that is not in our certificate.
    #[error("the manifest names key {key} of certificate {certificate}, which has no such key here")]
    RecipientKey {
        /// The certificate, one of ours.
        certificate: Fingerprint,
        /// The key.
        key: Fingerprint,
    },
    /// Signed by, or sealed to, a key of another algorithm than the profile's.
    #[error("key {key} is {found}, which is no key of profile {}, of which the pouch says it is", profile.as_str())]
    KeyProfile {
        /// Fingerprint of the key.
        key: String,
        /// Its algorithm, or that of the primary key that vouches for it.
        found: String,
        /// The profile of the manifest.
        profile: Profile,
    },
    /// A weaker profile than the trust file demands.
    #[error(
        "the pouch is of profile {}; for registry \"{registry}\" the trust file demands {} or stronger",
        found.as_str(), demanded.as_str()
    )]
    Profile {
        /// The registry.
        registry: RegistryName,
        /// The profile of the manifest.
        found: Profile,
        /// What the trust file demands.
        demanded: Profile,
    },
    /// Fewer signers than demanded.
    #[error("{signed} named signers signed for registry \"{registry}\"; {threshold} must")]
    Threshold {
        /// The registry.
        registry: RegistryName,
        /// How many signed.
        signed: usize,
        /// How many must.
        threshold: usize,
    },
    /// A signer that the manifest announces has not signed, so a signature was taken away.
    #[error("the manifest announces signer {signer}, who has not signed")]
    Unsigned {
        /// The certificate.
        signer: Fingerprint,
    },
    /// The signed bytes are no manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A registry that the trust file does not name.
    #[error("the trust file does not name registry \"{registry}\"")]
    Registry {
        /// The registry.
        registry: RegistryName,
    },
    /// A tar that is called after another pouch.
    #[error("the tar is called {named}, its manifest is that of {stated}")]
    OtherPouch {
        /// In the tar.
        named: PouchId,
        /// In the manifest.
        stated: PouchId,
    },
    /// A name in the source that the manifest does not name.
    #[error("the source holds \"{name}\", which the manifest does not name")]
    Extra {
        /// The name, escaped.
        name: String,
    },
    /// A part that is not there, or that is not a regular file.
    #[error("the source has no regular file {part}")]
    Missing {
        /// The part's file.
        part: String,
    },
    /// A part of another size.
    #[error("{part} has {} bytes, the manifest states {stated}", Found(*.found, *.stated))]
    Size {
        /// The part's file.
        part: String,
        /// Bytes found; reading stops one past what is stated.
        found: u64,
        /// Bytes stated.
        stated: u64,
    },
    /// A part with another digest.
    #[error("{part} has SHA-256 {found}, the manifest states {stated}")]
    Digest {
        /// The part's file.
        part: String,
        /// SHA-256 found.
        found: Sha256Digest,
        /// SHA-256 stated.
        stated: Sha256Digest,
    },
    /// The source cannot be read.
    #[error("cannot read {part} from the source: {source}")]
    Read {
        /// The part's file.
        part: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The source cannot be listed or opened.
    #[error(transparent)]
    Source(DirError),
    /// The copy cannot be written.
    #[error("cannot write the copy of {part}: {source}")]
    Write {
        /// The part's file.
        part: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The vault's disk is too small.
    #[error("the pouch has {needed} bytes, the vault has room for {free}")]
    Space {
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The vault refuses.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// How many bytes were found, where reading stops early.
struct Found(u64, u64);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 > self.1 { write!(f, "more than {}", self.1) } else { write!(f, "{}", self.0) }
    }
}

impl VerifyError {
    /// The rule that refuses; none if source or vault cannot be used.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        Some(match self {
            VerifyError::Grammar { .. } | VerifyError::SignedTwice { .. } => Rule::SignGrammar,
            VerifyError::UnknownSigner { .. } | VerifyError::OtherSigner { .. } => Rule::SignUnknown,
            VerifyError::Invalid { .. } | VerifyError::SignatureTime { .. } => Rule::SignInvalid,
            VerifyError::Weak { .. } => Rule::SignWeak,
            VerifyError::Key { .. } => Rule::SignKey,
            VerifyError::Recipient { .. } | VerifyError::RecipientKey { .. } => Rule::SignRecipient,
            VerifyError::Profile { .. } | VerifyError::KeyProfile { .. } => Rule::ImportProfile,
            VerifyError::Threshold { .. } | VerifyError::Unsigned { .. } => Rule::SignThreshold,
            VerifyError::Manifest(error) => error.rule(),
            VerifyError::Registry { .. } => Rule::ImportRegistry,
            VerifyError::OtherPouch { .. } => Rule::PouchTransit,
            VerifyError::Extra { .. } | VerifyError::Missing { .. } => Rule::PouchParts,
            VerifyError::Size { .. } => Rule::SegmentSize,
            VerifyError::Digest { .. } => Rule::SegmentDigest,
            VerifyError::Read { .. }
            | VerifyError::Source(_)
            | VerifyError::Write { .. }
            | VerifyError::Space { .. }
            | VerifyError::Vault(_) => return None,
        })
    }
}
