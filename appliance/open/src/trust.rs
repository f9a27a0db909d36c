//! The trust file: whose signatures count, for which registry, and which certificates are this embassy's own.
//!
//! SPEC.md section 3.2. Every certificate is pinned by its fingerprint; nothing is looked up anywhere.
//!
//! ```toml
//! [[certificate]]
//! file = "home.pgp"                  # relative to the trust file
//! fingerprint = "0123...CDEF"        # 40 or 64 upper-case hexadecimal digits
//! from = "2026-11-24T00:00:00Z"      # pouches sealed before do not count; without this line any do
//! until = "2027-02-22T00:00:00Z"     # nor those sealed later: a key that another one takes the place of
//!
//! [registry.land]
//! signers = ["0123...CDEF"]          # of the certificates above
//! threshold = 1                      # how many of them must sign
//! profile = "pqc"                    # the weakest profile that is taken: rfc4880 (without this line), rfc9580, pqc
//!
//! [embassy]
//! certificates = ["embassy.pgp"]     # to which pouches must be addressed
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pouch_format::{Fingerprint, Profile, RegistryName, limits, profile_by_word};
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::parse::Parse;
use serde::Deserialize;

use crate::TrustError;

/// Largest trust file, in bytes.
pub const TRUST_BYTES: u64 = 1 << 20;
/// Largest certificate file, in bytes.
pub const CERTIFICATE_BYTES: u64 = 1 << 20;
/// Most certificates of one trust file.
pub const CERTIFICATES: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    certificate: Vec<CertificateEntry>,
    registry: BTreeMap<RegistryName, RegistryEntry>,
    embassy: EmbassyEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateEntry {
    file: PathBuf,
    fingerprint: Fingerprint,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// When pouches must have been sealed for a certificate's signatures to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Period {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Period {
    /// What is wrong with this moment.
    pub(crate) fn excludes(&self, at: Timestamp) -> Option<String> {
        match (self.from, self.until) {
            (Some(from), _) if at < from => Some(format!("the trust file lets its certificate sign from {from} on")),
            (_, Some(until)) if at > until => Some(format!("the trust file lets its certificate sign until {until}")),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryEntry {
    signers: Vec<Fingerprint>,
    threshold: usize,
    #[serde(default = "weakest", deserialize_with = "profile_by_word")]
    profile: Profile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmbassyEntry {
    certificates: Vec<PathBuf>,
}

const fn weakest() -> Profile {
    Profile::Rfc4880
}

/// Who must sign for one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryPolicy {
    signers: BTreeSet<Fingerprint>,
    threshold: usize,
    profile: Profile,
}

impl RegistryPolicy {
    /// The certificates that may sign.
    #[must_use]
    pub fn signers(&self) -> &BTreeSet<Fingerprint> {
        &self.signers
    }

    /// How many of them must sign.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// The weakest profile that is taken.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }
}

/// A trust file and the certificates that it pins.
#[derive(Clone, Debug)]
pub struct Trust {
    certificates: BTreeMap<Fingerprint, Cert>,
    registries: BTreeMap<RegistryName, RegistryPolicy>,
    embassy: BTreeMap<Fingerprint, Cert>,
    /// Of the certificates that have one.
    periods: BTreeMap<Fingerprint, Period>,
    /// Of every key the one certificate it belongs to.
    holders: BTreeMap<String, Fingerprint>,
}

impl Trust {
    /// Reads a trust file and every certificate it names.
    ///
    /// # Errors
    /// [`TrustError`]: anything unknown, missing, repeated or unpinned is fatal.
    pub fn load(path: &Path) -> Result<Trust, TrustError> {
        let text = read_bounded(path, TRUST_BYTES)?;
        let syntax = |detail: String| TrustError::Syntax { path: path.to_owned(), detail };
        let text = String::from_utf8(text).map_err(|e| syntax(e.to_string()))?;
        let file: TrustFile = toml::from_str(&text).map_err(|e| syntax(e.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let certificates = pinned(folder, &file.certificate)?;
        let periods = periods(&file.certificate)?;
        let embassy = own(folder, &file.embassy.certificates)?;
        let registries = file
            .registry
            .into_iter()
            .map(|(name, entry)| policy(&name, entry, &certificates).map(|policy| (name, policy)))
            .collect::<Result<_, _>>()?;
        let holders = holders(&certificates)?;
        Ok(Trust { certificates, periods, registries, embassy, holders })
    }

    /// Who must sign for `registry`, if the trust file names it.
    #[must_use]
    pub fn registry(&self, registry: &RegistryName) -> Option<&RegistryPolicy> {
        self.registries.get(registry)
    }

    /// All registries, by name.
    pub fn registries(&self) -> impl Iterator<Item = (&RegistryName, &RegistryPolicy)> {
        self.registries.iter()
    }

    /// The pinned certificates of signers, by fingerprint.
    #[must_use]
    pub fn certificates(&self) -> &BTreeMap<Fingerprint, Cert> {
        &self.certificates
    }

    /// The pinned certificate to which a key belongs.
    pub(crate) fn holder(&self, key: &Fingerprint) -> Option<(&Fingerprint, &Cert)> {
        self.certificates.get_key_value(self.holders.get(key.as_str())?)
    }

    /// When pouches must have been sealed for the signatures of a pinned certificate to count.
    pub(crate) fn period(&self, certificate: &Fingerprint) -> Period {
        self.periods.get(certificate).copied().unwrap_or_default()
    }

    /// This embassy's own certificates, by fingerprint.
    #[must_use]
    pub fn embassy(&self) -> &BTreeMap<Fingerprint, Cert> {
        &self.embassy
    }
}

fn pinned(folder: &Path, entries: &[CertificateEntry]) -> Result<BTreeMap<Fingerprint, Cert>, TrustError> {
    count("certificate", entries.len(), CERTIFICATES)?;
    let mut certificates = BTreeMap::new();
    for entry in entries {
        let path = folder.join(&entry.file);
        let cert = certificate(&path)?;
        let found = cert.fingerprint().to_hex();
        if found != entry.fingerprint.as_str() {
            return Err(TrustError::Pin { path, found, pinned: entry.fingerprint.clone() });
        }
        if certificates.insert(entry.fingerprint.clone(), cert).is_some() {
            return Err(repeated("certificate", &entry.fingerprint));
        }
    }
    Ok(certificates)
}

fn periods(entries: &[CertificateEntry]) -> Result<BTreeMap<Fingerprint, Period>, TrustError> {
    let mut periods = BTreeMap::new();
    for CertificateEntry { fingerprint, from, until, .. } in entries {
        if let (Some(from), Some(until)) = (*from, *until)
            && from > until
        {
            return Err(TrustError::Period { fingerprint: fingerprint.clone(), from, until });
        }
        periods.insert(fingerprint.clone(), Period { from: *from, until: *until });
    }
    Ok(periods)
}

/// Two certificates that share a key would leave open who signed.
fn holders(certificates: &BTreeMap<Fingerprint, Cert>) -> Result<BTreeMap<String, Fingerprint>, TrustError> {
    let mut holders = BTreeMap::new();
    for (fingerprint, cert) in certificates {
        for key in cert.keys().map(|key| key.key().fingerprint().to_hex()) {
            if let Some(other) = holders.insert(key.clone(), fingerprint.clone()) {
                return Err(TrustError::SharedKey { key, one: other, other: fingerprint.clone() });
            }
        }
    }
    Ok(holders)
}

fn own(folder: &Path, files: &[PathBuf]) -> Result<BTreeMap<Fingerprint, Cert>, TrustError> {
    count("embassy", files.len(), limits::RECIPIENTS)?;
    let mut certificates = BTreeMap::new();
    for file in files {
        let path = folder.join(file);
        let cert = certificate(&path)?;
        let fingerprint: Fingerprint = cert
            .fingerprint()
            .to_hex()
            .parse()
            .map_err(|e| TrustError::Certificate { path, detail: format!("{e}") })?;
        if certificates.insert(fingerprint.clone(), cert).is_some() {
            return Err(repeated("embassy", &fingerprint));
        }
    }
    Ok(certificates)
}

fn policy(
    name: &RegistryName,
    entry: RegistryEntry,
    certificates: &BTreeMap<Fingerprint, Cert>,
) -> Result<RegistryPolicy, TrustError> {
    let place = format!("registry.{name}");
    count(&place, entry.signers.len(), limits::SIGNATURES)?;
    let mut signers = BTreeSet::new();
    for fingerprint in entry.signers {
        if !certificates.contains_key(&fingerprint) {
            return Err(TrustError::Signer { registry: name.clone(), fingerprint });
        }
        if !signers.insert(fingerprint.clone()) {
            return Err(repeated(&place, &fingerprint));
        }
    }
    if !(1..=signers.len()).contains(&entry.threshold) {
        return Err(TrustError::Threshold {
            registry: name.clone(),
            threshold: entry.threshold,
            signers: signers.len(),
        });
    }
    Ok(RegistryPolicy { signers, threshold: entry.threshold, profile: entry.profile })
}

fn certificate(path: &Path) -> Result<Cert, TrustError> {
    let wrong = |detail: String| TrustError::Certificate { path: path.to_owned(), detail };
    let bytes = read_bounded(path, CERTIFICATE_BYTES)?;
    let mut parser = CertParser::from_bytes(&bytes).map_err(|e| wrong(e.to_string()))?;
    let cert = parser.next().ok_or_else(|| wrong("none".to_owned()))?.map_err(|e| wrong(e.to_string()))?;
    if parser.next().is_some() {
        return Err(wrong("more than one".to_owned()));
    }
    if cert.is_tsk() {
        return Err(TrustError::Secret { path: path.to_owned() });
    }
    Ok(cert)
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, TrustError> {
    let failed = |source| TrustError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(TrustError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

fn repeated(place: &str, fingerprint: &Fingerprint) -> TrustError {
    TrustError::Repeated { place: place.to_owned(), fingerprint: fingerprint.clone() }
}

fn count(place: &str, found: usize, most: usize) -> Result<(), TrustError> {
    if (1..=most).contains(&found) { Ok(()) } else { Err(TrustError::Count { place: place.to_owned(), found, most }) }
}
