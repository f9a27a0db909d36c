//! An officer whose key is in memory, for tests that need signatures and no token.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use pouch_format::Manifest;
use sequoia_openpgp::anyhow::anyhow;
use sequoia_openpgp::cert::CertBuilder;
use sequoia_openpgp::crypto::KeyPair;
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::packet::{Packet, Signature};
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::types::{HashAlgorithm, KeyFlags, SignatureType};
use sequoia_openpgp::{Cert, Profile};

use crate::place::Place;

/// Does something to a signature before it is made.
pub type Change = fn(SignatureBuilder) -> sequoia_openpgp::Result<SignatureBuilder>;

/// An officer.
pub struct Officer {
    name: String,
    cert: Cert,
    revocation: Signature,
}

impl Officer {
    /// An officer with a certificate of version 6 in `home/NAME.pgp`, valid for so long.
    ///
    /// # Errors
    /// The key cannot be made.
    pub fn create(place: &Place, name: &str, validity: Option<Duration>) -> Result<Self, String> {
        let builder = CertBuilder::new().set_profile(Profile::RFC9580).map_err(|e| e.to_string())?;
        let builder = builder.set_creation_time(SystemTime::now()).set_validity_period(validity);
        let flags = KeyFlags::signing().set_certification();
        let made = builder.add_userid(format!("DEMO {name}")).set_primary_key_flags(flags).generate();
        let (cert, revocation) = made.map_err(|e| e.to_string())?;
        let officer = Self { name: name.to_owned(), cert, revocation };
        officer.write(place, &officer.cert)?;
        Ok(officer)
    }

    /// Fingerprint of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.cert.fingerprint().to_hex()
    }

    /// Revokes the certificate at home, for no stated reason: that counts at any time.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn revoke(&self, place: &Place) -> Result<(), String> {
        let (revoked, _) = self.cert.clone().insert_packets(self.revocation.clone()).map_err(|e| e.to_string())?;
        self.write(place, &revoked)
    }

    /// The signature of a manifest.
    ///
    /// # Errors
    /// It is no manifest, or the key fails.
    pub fn sign(&self, manifest: &Path) -> Result<Vec<u8>, String> {
        let bytes = fs::read(manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
        let stated = Manifest::parse(&bytes).map_err(|e| e.to_string())?;
        let at = stated.sealed_at.into();
        let mut key = self.key().map_err(|e| e.to_string())?;
        pouch_seal::sign_manifest(&bytes, &mut key, &stated.recipients, at).map_err(|e| e.to_string())
    }

    /// A signature of a manifest that somebody else would not make: `change` does something to it first.
    ///
    /// # Errors
    /// As for [`Officer::sign`].
    pub fn sign_oddly(&self, manifest: &Path, change: Change) -> Result<Vec<u8>, String> {
        let bytes = fs::read(manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
        let stated = Manifest::parse(&bytes).map_err(|e| e.to_string())?;
        let builder = SignatureBuilder::new(SignatureType::Binary).set_hash_algo(HashAlgorithm::SHA512);
        let builder = builder.set_signature_creation_time(stated.sealed_at).and_then(change);
        let signature = builder.and_then(|builder| builder.sign_message(&mut self.key()?, &bytes));
        signature.and_then(|signature| Packet::from(signature).to_vec()).map_err(|e| e.to_string())
    }

    fn key(&self) -> sequoia_openpgp::Result<KeyPair> {
        let policy = StandardPolicy::new();
        let key = self
            .cert
            .keys()
            .with_policy(&policy, None)
            .secret()
            .for_signing()
            .next()
            .ok_or_else(|| anyhow!("no key"))?;
        key.key().clone().into_keypair()
    }

    fn write(&self, place: &Place, cert: &Cert) -> Result<(), String> {
        let bytes = cert.to_vec().map_err(|e| e.to_string())?;
        fs::write(place.path(&format!("home/{}.pgp", self.name)), bytes).map_err(|e| e.to_string())
    }
}
