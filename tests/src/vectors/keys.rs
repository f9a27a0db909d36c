//! The throw-away keys of the vectors.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use sequoia_openpgp::anyhow::Context as _;
use sequoia_openpgp::cert::{CertBuilder, CertRevocationBuilder, CipherSuite, SubkeyRevocationBuilder};
use sequoia_openpgp::crypto::KeyPair;
use sequoia_openpgp::packet::key::{SecretParts, UnspecifiedRole};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::packet::{Key, Signature};
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};
use sequoia_openpgp::{Cert, Packet, Profile, armor};

use super::{Folder, Result};

/// When the keys were made, in seconds since 1970: 2025-06-01.
pub const MADE: u64 = 1_748_736_000;
/// When the first pouch of the vectors was sealed: 2026-03-01.
pub const SEALED: u64 = 1_772_323_200;
/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// A time as sequoia takes it.
#[must_use]
pub fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// All certificates of the vectors with their secret keys, by name.
#[derive(Clone, Debug)]
pub struct Keys {
    certs: BTreeMap<&'static str, Cert>,
}

impl Keys {
    /// Makes them anew.
    ///
    /// # Errors
    /// The library refuses.
    pub fn make() -> Result<Self> {
        use CipherSuite::{Cv25519, MLDSA65_Ed25519, P256, P384, P521, RSA2k, RSA3k};
        use Profile::{RFC4880, RFC9580};
        let mut certs = BTreeMap::new();
        for (name, suite, profile) in [
            ("home-v6", Cv25519, RFC9580),
            ("second-v6", P384, RFC9580),
            ("home-v4", Cv25519, RFC4880),
            ("home-rsa-v4", RSA3k, RFC4880),
            ("home-p256-v4", P256, RFC4880),
            ("home-pqc", MLDSA65_Ed25519, RFC9580),
            ("stranger-v6", Cv25519, RFC9580),
            ("weak-rsa2048-v4", RSA2k, RFC4880),
            ("weak-p521-v6", P521, RFC9580),
        ] {
            certs.insert(name, generate(builder(name, suite, profile)?.add_signing_subkey())?);
        }
        for (name, suite, profile) in [
            ("embassy-v6", Cv25519, RFC9580),
            ("other-embassy-v6", Cv25519, RFC9580),
            ("embassy-v4", Cv25519, RFC4880),
            ("embassy-rsa-v4", RSA3k, RFC4880),
            ("embassy-pqc", MLDSA65_Ed25519, RFC9580),
        ] {
            let flags = KeyFlags::empty().set_storage_encryption().set_transport_encryption();
            certs.insert(name, generate(builder(name, suite, profile)?.add_subkey(flags, None, None))?);
        }
        certs.insert("certify-only-v4", generate(builder("certify-only-v4", P256, RFC4880)?)?);
        let expires = Some(Duration::from_secs(100 * DAY));
        let expired = builder("expired-v6", Cv25519, RFC9580)?;
        certs.insert("expired-v6", generate(expired.add_subkey(KeyFlags::signing(), expires, None))?);
        let later = builder("made-later-v6", Cv25519, RFC9580)?.set_creation_time(time(SEALED + 30));
        certs.insert("made-later-v6", generate(later.add_signing_subkey())?);
        let plain = generate(builder("no-back-signature-v4", P256, RFC4880)?)?;
        certs.insert("no-back-signature-v4", bind(plain, HashAlgorithm::SHA256, false)?);
        let plain = generate(builder("sha1-binding-v4", P256, RFC4880)?)?;
        certs.insert("sha1-binding-v4", bind(plain, HashAlgorithm::SHA1, true)?);
        for (name, reason, at, of_subkey) in [
            ("revoked-compromised-later-v6", ReasonForRevocation::KeyCompromised, SEALED + 90 * DAY, false),
            ("revoked-retired-before-v6", ReasonForRevocation::KeyRetired, SEALED - DAY, false),
            ("revoked-subkey-before-v6", ReasonForRevocation::KeySuperseded, SEALED - DAY, true),
            ("revoked-retired-later-v6", ReasonForRevocation::KeyRetired, SEALED + 90 * DAY, false),
        ] {
            let cert = generate(builder(name, Cv25519, RFC9580)?.add_signing_subkey())?;
            certs.insert(name, revoke(cert, reason, at, of_subkey)?);
        }
        Ok(Self { certs })
    }

    /// Replaces those that the folder has by what it has.
    ///
    /// # Errors
    /// A file in it is no key.
    pub fn keep(&mut self, folder: &Folder) -> Result<()> {
        for (name, cert) in &mut self.certs {
            if folder.key_file(name).exists() {
                *cert = folder.key(name)?;
            }
        }
        Ok(())
    }

    /// One of them.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn get(&self, name: &str) -> Result<&Cert> {
        self.certs.get(name).with_context(|| format!("no key {name}"))
    }

    /// Armored private keys, marked as throw-away, by name.
    ///
    /// # Errors
    /// One cannot be written down.
    pub fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let file = |(name, cert): (&&'static str, &Cert)| -> Result<(&'static str, Vec<u8>)> {
            let comment = [("Comment", "THROW-AWAY: a private key of the test vectors, known to everybody")];
            let mut writer = armor::Writer::with_headers(Vec::new(), armor::Kind::SecretKey, comment)?;
            std::io::Write::write_all(&mut writer, &cert.as_tsk().to_vec()?)?;
            Ok((*name, writer.finalize()?))
        };
        self.certs.iter().map(file).collect()
    }
}

/// The key that signs: a subkey if there is one, else the primary key.
///
/// # Errors
/// It has no secret part.
pub fn signing_key(cert: &Cert) -> Result<Key<SecretParts, UnspecifiedRole>> {
    if let Some(key) = cert.keys().subkeys().secret().next() {
        return Ok(key.key().clone().role_into_unspecified());
    }
    Ok(cert.primary_key().key().clone().parts_into_secret()?.role_into_unspecified())
}

/// The pair of the key that decrypts.
///
/// # Errors
/// There is no subkey with a secret part.
pub fn decryption_key(cert: &Cert) -> Result<KeyPair> {
    let key = cert.keys().subkeys().secret().next().context("no secret subkey")?;
    key.key().clone().role_into_unspecified().into_keypair()
}

/// The fingerprint as a pouch writes it.
///
/// # Errors
/// It is neither of version 4 nor 6.
pub fn fingerprint(cert: &Cert) -> Result<pouch_format::Fingerprint> {
    Ok(cert.fingerprint().to_hex().parse()?)
}

fn builder(name: &str, suite: CipherSuite, profile: Profile) -> Result<CertBuilder<'static>> {
    Ok(CertBuilder::new()
        .set_profile(profile)?
        .set_cipher_suite(suite)
        .set_creation_time(time(MADE))
        .set_primary_key_flags(KeyFlags::empty().set_certification())
        .add_userid(format!("THROW-AWAY {name}")))
}

fn generate(builder: CertBuilder<'_>) -> Result<Cert> {
    Ok(builder.generate()?.0)
}

/// Adds a signing subkey by hand, with or without its signature back over the primary key.
fn bind(cert: Cert, hash: HashAlgorithm, back: bool) -> Result<Cert> {
    let donor = generate(builder("donor", CipherSuite::P256, Profile::RFC4880)?.add_signing_subkey())?;
    let subkey = donor.keys().subkeys().secret().next().context("no subkey")?.key().clone();
    let mut primary = cert.primary_key().key().clone().parts_into_secret()?.into_keypair()?;
    let mut builder = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_hash_algo(hash)
        .set_signature_creation_time(time(MADE))?
        .set_key_flags(KeyFlags::signing())?;
    if back {
        let back = SignatureBuilder::new(SignatureType::PrimaryKeyBinding)
            .set_hash_algo(hash)
            .set_signature_creation_time(time(MADE))?
            .sign_primary_key_binding(&mut subkey.clone().into_keypair()?, cert.primary_key().key(), &subkey)?;
        builder = builder.set_embedded_signature(back)?;
    }
    let binding = builder.sign_subkey_binding(&mut primary, cert.primary_key().key(), &subkey)?;
    Ok(cert.insert_packets([Packet::from(subkey), binding.into()])?.0)
}

fn revoke(cert: Cert, reason: ReasonForRevocation, at: u64, of_subkey: bool) -> Result<Cert> {
    let mut primary = cert.primary_key().key().clone().parts_into_secret()?.into_keypair()?;
    if of_subkey {
        let subkey = cert.keys().subkeys().next().context("no subkey")?.key().clone();
        let builder = SubkeyRevocationBuilder::new().set_reason_for_revocation(reason, b"")?;
        let revocation = builder.set_signature_creation_time(time(at))?.build(&mut primary, &cert, &subkey, None)?;
        Ok(cert.insert_packets([Packet::from(subkey), revocation.into()])?.0)
    } else {
        let builder = CertRevocationBuilder::new().set_reason_for_revocation(reason, b"")?;
        let revocation: Signature = builder.set_signature_creation_time(time(at))?.build(&mut primary, &cert, None)?;
        Ok(cert.insert_packets(revocation)?.0)
    }
}
