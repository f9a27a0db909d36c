//! The plan: what a ceremony makes, for whom, under whose eyes. Reviewed before, rehearsed, and then run unchanged.
//!
//! A plan names no device, no file of a secret and no person: those stand in the [binding](crate::binding). So the same
//! bytes, with the same digest, are rehearsed on a throw-away token and run on the HSM.

mod check;
mod kind;
mod name;

pub use check::{PlanError, Problem};
pub use kind::{KeyKind, KindError};
pub use name::{Hex, Name, NameError};

use openpgp_pkcs11::certificate::Reason;
use pouch_console::config;
use pouch_format::{Fingerprint, Profile, RegistryName, Sha256Digest, profile_by_word};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::Path;

/// The version of plans that this tool runs.
pub const VERSION: u32 = 1;

/// A plan, as its file says.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`VERSION`].
    pub version: u32,
    /// One line: what the ceremony is called.
    pub title: String,
    /// Why it is held.
    pub purpose: String,
    /// Which OpenPGP the new keys speak.
    #[serde(deserialize_with = "profile_by_word")]
    pub profile: Profile,
    /// Who must be there.
    pub people: People,
    /// The tokens, by the names that this plan gives them.
    pub token: BTreeMap<Name, Token>,
    /// The keys.
    #[serde(default)]
    pub key: BTreeMap<Name, Key>,
    /// The certificates to be made.
    #[serde(default)]
    pub certificate: BTreeMap<Name, Certificate>,
    /// Certificates that exist: ours from before, and those of the other side.
    #[serde(default)]
    pub known: BTreeMap<Name, Known>,
    /// Tokens from before whose custodians must all show that they hold right words, not only as many as are needed.
    #[serde(default)]
    pub papers: Vec<Name>,
    /// Tokens whose user PIN is made and split anew: a custodian left, or a paper was seen.
    #[serde(default)]
    pub reshare: Vec<Name>,
    /// Known certificates whose keys must show that they still work.
    #[serde(default)]
    pub prove: Vec<Name>,
    /// A new certificate takes the place of one from before.
    #[serde(default)]
    pub rollover: Option<Rollover>,
    /// Certificates that are revoked.
    #[serde(default)]
    pub revoke: BTreeMap<Name, Revoke>,
    /// Keys that are destroyed.
    #[serde(default)]
    pub retire: Vec<Name>,
    /// The trust file that is written.
    #[serde(default)]
    pub trust: Option<Trust>,
    /// How the transcript is signed.
    pub transcript: Transcript,
}

/// Who must be there besides the administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// How many hold shares of PINs; 0 when no PIN is split.
    pub custodians: u8,
    /// How many of them it takes.
    pub threshold: u8,
    /// How many watch and sign.
    pub witnesses: u8,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What it must be like at the beginning.
    pub state: State,
    /// Its label, at most 32 bytes.
    pub label: String,
    /// Who holds the PIN that uses its keys.
    pub user_pin: Custody,
    /// Who holds the PIN of its security officer; needed for a token that is initialised.
    pub so_pin: Option<Custody>,
    /// Who holds its present security officer's PIN, for a token that is erased: `typed` unless given, or `quorum`, the
    /// custodians of this plan.
    #[serde(default)]
    pub present_so_pin: Option<Custody>,
}

/// What a token must be like at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Never initialised, or reset: the ceremony initialises it.
    Empty,
    /// Initialised and used before: the ceremony erases it, with the present PIN of its security officer, and initialises it.
    Used,
    /// Initialised, with the keys that the plan says were made before.
    Ready,
}

/// Who holds a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Custody {
    /// Made here and split among the custodians; nobody knows it.
    Quorum,
    /// Chosen and typed by one person.
    Typed,
    /// Made here and kept in a file that the binding names, for a machine that works alone.
    File,
}

/// A key pair.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The token that holds it.
    pub token: Name,
    /// Its algorithm.
    pub algorithm: KeyKind,
    /// `CKA_LABEL`
    pub label: String,
    /// `CKA_ID`, in hexadecimal.
    pub id: Hex,
    /// Whether it is there already.
    #[serde(default)]
    pub before: bool,
    /// Whether a copy of it may be made, once, by wrapping it for the backup token.
    #[serde(default)]
    pub exportable: bool,
    /// The token that gets the copy.
    pub backup: Option<Name>,
    /// The token that holds the post-quantum half of a composite key, where `token` cannot: weaker than both in one.
    pub pq_token: Option<Name>,
}

/// A certificate to be made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Whose it is, such as `Registry home <home@example.org>`.
    pub user_id: String,
    /// The key that certifies, and signs unless `signing` names another.
    pub primary: Name,
    /// The key that signs data.
    pub signing: Option<Name>,
    /// The keys that open; with two, each opens by itself.
    #[serde(default)]
    pub encryption: Vec<Name>,
    /// For how many days from its creation it is valid; for ever unless given.
    pub valid_days: Option<u32>,
}

/// A certificate that exists; the binding names its file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The fingerprint that the people have on paper.
    pub fingerprint: Option<Fingerprint>,
    /// Whose it is, for the rehearsal.
    pub user_id: String,
    /// Its primary key, where that lies in a token of this plan.
    pub primary: Option<Name>,
    /// Its key that signs data, where that is another one and lies in a token of this plan.
    pub signing: Option<Name>,
    /// Its keys that open, as far as they lie in tokens of this plan.
    #[serde(default)]
    pub encryption: Vec<Name>,
}

/// The keys of a certificate that lie in tokens of the plan, by what they do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// The key that certifies.
    pub primary: Option<Name>,
    /// The key that signs data, where it is not the primary one.
    pub signing: Option<Name>,
    /// The keys that open.
    pub encryption: Vec<Name>,
}

/// A new certificate takes the place of an older one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rollover {
    /// The older one, whose primary key certifies the new one.
    pub from: Name,
    /// The new one.
    pub to: Name,
    /// For how many days from today both are good.
    pub overlap_days: u32,
}

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Why: compromised, superseded, retired or unspecified (RFC 9580, section 5.2.3.31).
    #[serde(with = "reason")]
    pub reason: Reason,
    /// In words, for the people who read the certificate.
    pub text: String,
}

/// The trust file of the embassy, or of home for what comes back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Who must sign for each registry.
    pub registry: BTreeMap<RegistryName, Signers>,
    /// The certificates of the side that uses the file.
    pub embassy: Vec<Name>,
}

/// Who must sign for a registry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Signers {
    /// Certificates, made here or known.
    pub signers: Vec<Name>,
    /// How many of them.
    pub threshold: usize,
    /// The weakest profile that the embassy takes; that of the plan unless given.
    #[serde(default)]
    pub profile: Option<Profile>,
}

/// How the transcript is signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// The certificate, made here or known, whose key signs it.
    pub signed_by: Name,
}

/// A plan with the digest of its file.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// What it says.
    pub plan: Plan,
    /// SHA-256 of the file, which the people have on paper from the review.
    pub digest: Sha256Digest,
}

impl Plan {
    /// Reads a plan and refuses one that cannot be carried out, naming every problem by its field.
    ///
    /// # Errors
    /// [`PlanError`]
    pub fn load(path: &Path) -> Result<Reviewed, PlanError> {
        let (plan, text) = config::load_file::<Plan>(path)?;
        let problems = check::problems(&plan);
        if problems.is_empty() {
            return Ok(Reviewed { plan, digest: Sha256Digest(openssl::sha::sha256(text.as_bytes())) });
        }
        Err(PlanError::Problems { file: path.to_owned(), problems })
    }

    /// The keys of a certificate that is made here or known.
    pub fn uses(&self, certificate: &Name) -> Option<Uses> {
        let made = self.certificate.get(certificate).map(|made| (Some(&made.primary), &made.signing, &made.encryption));
        let known =
            || self.known.get(certificate).map(|known| (known.primary.as_ref(), &known.signing, &known.encryption));
        made.or_else(known).map(|(primary, signing, encryption)| Uses {
            primary: primary.cloned(),
            signing: signing.clone(),
            encryption: encryption.clone(),
        })
    }
}

mod reason {
    use super::{Deserialize, Deserializer, Reason, Serializer};

    pub(super) fn serialize<S: Serializer>(reason: &Reason, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(reason.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Reason, D::Error> {
        let text = String::deserialize(from)?;
        let known = || Reason::ALL.map(Reason::as_str).join(", ");
        let found = Reason::ALL.into_iter().find(|reason| reason.as_str() == text);
        found.ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is none of {}", known())))
    }
}
