//! Keys made in software, sound ones and others.

use std::time::{Duration, SystemTime};

use sequoia_openpgp::cert::{CertBuilder, CipherSuite};
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{SecretParts, UnspecifiedRole};
use sequoia_openpgp::types::KeyFlags;
use sequoia_openpgp::{Cert, Profile};

/// When every key of the tests was made, in seconds since 1970: 2026-02-01.
pub const KEYS_MADE: i64 = 1_769_904_000;
/// When the first pouch of the tests was sealed: 2026-03-01; every later one a day after the one before.
pub const SEALED: i64 = 1_772_323_200;

/// A time of the tests as sequoia takes it.
pub fn system_time(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap())
}

/// A builder of a signer's certificate: a primary key that only certifies, made at [`KEYS_MADE`].
pub fn builder(suite: CipherSuite, profile: Profile) -> CertBuilder<'static> {
    CertBuilder::new()
        .set_profile(profile)
        .unwrap()
        .set_cipher_suite(suite)
        .set_creation_time(system_time(KEYS_MADE))
        .set_primary_key_flags(KeyFlags::empty().set_certification())
        .add_userid("Sealing <seal@example.org>")
}

/// A signer of version 4, with a signing subkey.
pub fn signer_v4(suite: CipherSuite) -> Cert {
    builder(suite, Profile::RFC4880).add_signing_subkey().generate().unwrap().0
}

/// A signer of version 6, with a signing subkey.
pub fn signer_v6(suite: CipherSuite) -> Cert {
    builder(suite, Profile::RFC9580).add_signing_subkey().generate().unwrap().0
}

/// An embassy: one encryption subkey.
pub fn embassy(profile: Profile) -> Cert {
    builder(CipherSuite::Cv25519, profile).add_storage_encryption_subkey().generate().unwrap().0
}

/// An embassy of post-quantum keys.
pub fn embassy_pqc() -> Cert {
    let builder = builder(CipherSuite::MLDSA65_Ed25519, Profile::RFC9580);
    builder.add_storage_encryption_subkey().generate().unwrap().0
}

/// The first key of a certificate that is flagged for signing, else the first subkey, else the primary key.
pub fn signing_key(cert: &Cert) -> Key<SecretParts, UnspecifiedRole> {
    let flagged = cert
        .keys()
        .secret()
        .find(|key| key.self_signatures().any(|s| s.key_flags().is_some_and(|flags| flags.for_signing())));
    let any = || cert.keys().subkeys().secret().next().map(|key| key.key().clone().role_into_unspecified());
    flagged
        .map(|key| key.key().clone().role_into_unspecified())
        .or_else(any)
        .unwrap_or_else(|| cert.primary_key().key().clone().parts_into_secret().unwrap().role_into_unspecified())
}
