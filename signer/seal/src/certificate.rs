//! Certificates from files: whom a pouch is for, and who signs it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pouch_format::{Fingerprint, Profile};
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::amalgamation::key::ValidKeyAmalgamationIter;
use sequoia_openpgp::crypto::mpi::PublicKey as Mpis;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::{Curve, PublicKeyAlgorithm, RevocationStatus};

/// A public key as the OpenPGP library shows it.
pub type PublicKey = Key<PublicParts, UnspecifiedRole>;

type ValidKeys<'k> = ValidKeyAmalgamationIter<'k, PublicParts, UnspecifiedRole>;

/// Largest certificate file, in bytes.
const CERTIFICATE_BYTES: u64 = 1 << 20;

/// What signs in profile `pqc`.
const SIGNS: PublicKeyAlgorithm = PublicKeyAlgorithm::MLDSA65_Ed25519;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read, or is too large.
    #[error("certificate {path}: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system or the library says.
        reason: String,
    },
    /// The certificate or its key is not valid now, is revoked, weak, or has no key for the purpose.
    #[error("certificate {path} ({fingerprint}): {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The certificate.
        fingerprint: Fingerprint,
        /// What is wrong.
        reason: String,
    },
    /// A key of another algorithm than the profile's.
    #[error("certificate {path} ({fingerprint}): its key for {purpose} is {found}; profile {profile} needs {needed}")]
    Algorithm {
        /// The file.
        path: PathBuf,
        /// The certificate.
        fingerprint: Fingerprint,
        /// `certification`, `signing` or `encryption`.
        purpose: &'static str,
        /// Its algorithm.
        found: String,
        /// The profile's name.
        profile: &'static str,
        /// What the profile needs.
        needed: &'static str,
    },
    /// The certificate does not fit the profile.
    #[error("certificate {path} ({fingerprint}) is of version {version}; profile {profile} needs version {needed}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The certificate.
        fingerprint: Fingerprint,
        /// Version of its keys.
        version: u8,
        /// The profile's name.
        profile: &'static str,
        /// Version that the profile needs.
        needed: u8,
    },
}

/// The key of one recipient.
#[derive(Clone, Debug)]
pub struct RecipientKey {
    /// Fingerprint of the certificate.
    pub certificate: Fingerprint,
    /// Fingerprint of the encryption key.
    pub key_fingerprint: Fingerprint,
    /// The encryption key.
    pub key: PublicKey,
}

/// The certificate of the home side, with the key that signs.
#[derive(Clone, Debug)]
pub struct SignerCertificate {
    /// Fingerprint of the certificate.
    pub certificate: Fingerprint,
    /// The signing key.
    pub key: PublicKey,
}

/// Reads a recipient's certificate and finds its one key for encryption.
///
/// # Errors
/// [`CertificateError`].
pub fn recipient(path: &Path, profile: Profile, now: SystemTime) -> Result<RecipientKey, CertificateError> {
    let file = CertificateFile::read(path, profile)?;
    let key = file.only_key(now, "encryption", |keys| keys.for_storage_encryption().for_transport_encryption())?;
    file.check_algorithm(profile, "encryption", &key)?;
    let key_fingerprint = fingerprint(path, &key.fingerprint())?;
    Ok(RecipientKey { certificate: file.fingerprint, key_fingerprint, key })
}

/// Reads the home certificate and finds its one key for signing.
///
/// # Errors
/// [`CertificateError`].
pub fn signer(path: &Path, profile: Profile, now: SystemTime) -> Result<SignerCertificate, CertificateError> {
    let file = CertificateFile::read(path, profile)?;
    let key = file.only_key(now, "signing", |keys| keys.for_signing())?;
    file.check_algorithm(profile, "signing", &key)?;
    for key in [&key, file.cert.primary_key().key().role_as_unspecified()] {
        check_strength(key).map_err(|found| file.unusable(format!("{found} is too weak: the embassy refuses it")))?;
    }
    Ok(SignerCertificate { certificate: file.fingerprint, key })
}

/// SIGN-WEAK: what the embassy would refuse for ever is not sealed.
fn check_strength(key: &PublicKey) -> Result<(), String> {
    match key.mpis() {
        Mpis::RSA { n, .. } if n.bits() < 3072 => Err(format!("RSA of {} bits", n.bits())),
        Mpis::ECDSA { curve, .. } if !matches!(curve, Curve::NistP256 | Curve::NistP384) => {
            Err(format!("curve {curve}"))
        }
        Mpis::EdDSA { curve, .. } if !matches!(curve, Curve::Ed25519) => Err(format!("curve {curve}")),
        Mpis::DSA { .. } => Err("DSA".to_owned()),
        _ => Ok(()),
    }
}

/// A certificate that fits the profile, not yet judged otherwise.
struct CertificateFile<'a> {
    path: &'a Path,
    cert: Cert,
    fingerprint: Fingerprint,
}

impl<'a> CertificateFile<'a> {
    fn read(path: &'a Path, profile: Profile) -> Result<Self, CertificateError> {
        let unreadable = |reason: String| CertificateError::Read { path: path.to_owned(), reason };
        let size = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
        if size > CERTIFICATE_BYTES {
            return Err(unreadable(format!("{size} bytes, more than {CERTIFICATE_BYTES}")));
        }
        let cert = Cert::from_file(path).map_err(|e| unreadable(format!("{e:#}")))?;
        let fingerprint = fingerprint(path, &cert.fingerprint())?;
        let file = Self { path, cert, fingerprint };
        file.check_version(profile)?;
        Ok(file)
    }

    fn check_version(&self, profile: Profile) -> Result<(), CertificateError> {
        let needed = match profile {
            Profile::Rfc9580 | Profile::Rfc9980 => 6,
            Profile::Rfc4880 => 4,
        };
        let version = self.cert.primary_key().key().version();
        if version == needed {
            return Ok(());
        }
        let (path, fingerprint, profile) = (self.path.to_owned(), self.fingerprint.clone(), profile.as_str());
        Err(CertificateError::Version { path, fingerprint, version, profile, needed })
    }

    /// Profile `pqc` takes post-quantum keys only, to its primary keys; the others take none of them, which their readers
    /// would not know.
    fn check_algorithm(
        &self,
        profile: Profile,
        purpose: &'static str,
        key: &PublicKey,
    ) -> Result<(), CertificateError> {
        let primary = self.cert.primary_key().key().pk_algo();
        let keys = [("certification", primary, SIGNS), (purpose, key.pk_algo(), of_pqc(purpose))];
        for (purpose, found, of_pqc) in keys {
            let post_quantum = found == of_pqc;
            if post_quantum == (profile == Profile::Rfc9980) {
                continue;
            }
            return Err(CertificateError::Algorithm {
                path: self.path.to_owned(),
                fingerprint: self.fingerprint.clone(),
                purpose,
                found: found.to_string(),
                profile: profile.as_str(),
                needed: if post_quantum { "a key that is not post-quantum" } else { name_of(of_pqc) },
            });
        }
        Ok(())
    }

    /// The one key that `choose` leaves over of those that are valid at `now`.
    fn only_key(
        &self,
        now: SystemTime,
        purpose: &str,
        choose: impl for<'k> Fn(ValidKeys<'k>) -> ValidKeys<'k>,
    ) -> Result<PublicKey, CertificateError> {
        let policy = StandardPolicy::new();
        let valid = self.cert.with_policy(&policy, now).and_then(|valid| valid.alive().map(|()| valid));
        let valid = valid.map_err(|e| self.unusable(format!("{e:#}")))?;
        if let RevocationStatus::Revoked(_) = valid.revocation_status() {
            return Err(self.unusable("it is revoked".to_owned()));
        }
        let keys = choose(valid.keys().alive().revoked(false).supported());
        let mut keys: Vec<PublicKey> = keys.map(|key| key.key().clone().role_into_unspecified()).collect();
        match (keys.pop(), keys.len()) {
            (Some(key), 0) => Ok(key),
            (None, _) => Err(self.unusable(format!("it has no valid key for {purpose}"))),
            (Some(_), more) => Err(self.unusable(format!("it has {} valid keys for {purpose}, not one", more + 1))),
        }
    }

    fn unusable(&self, reason: String) -> CertificateError {
        CertificateError::Unusable { path: self.path.to_owned(), fingerprint: self.fingerprint.clone(), reason }
    }
}

/// What a key of profile `pqc` is, by its purpose.
fn of_pqc(purpose: &str) -> PublicKeyAlgorithm {
    if purpose == "encryption" { PublicKeyAlgorithm::MLKEM768_X25519 } else { SIGNS }
}

fn name_of(algorithm: PublicKeyAlgorithm) -> &'static str {
    if algorithm == SIGNS { "ML-DSA-65+Ed25519" } else { "ML-KEM-768+X25519" }
}

/// The library's fingerprint in the form of the format.
fn fingerprint(path: &Path, of: &sequoia_openpgp::Fingerprint) -> Result<Fingerprint, CertificateError> {
    of.to_hex().parse().map_err(|e: pouch_format::NameError| CertificateError::Read {
        path: path.to_owned(),
        reason: format!("it is of an unknown version: {e}"),
    })
}
