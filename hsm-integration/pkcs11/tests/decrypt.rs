//! Messages encrypted in software and opened by a real token.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::*;
use cryptoki::{
    context::Pkcs11,
    object::{Attribute, ObjectClass},
};
use openpgp_pkcs11::{
    Algorithm, DecryptError, Explain, KeyError, KeyVersion, LoggedIn, OpenPgpKey, PublicKey, TokenDecryptor, Usage,
    certificate::Builder, operations,
};
use sequoia_openpgp::{
    Cert, KeyHandle, Result as PgpResult,
    cert::Preferences as _,
    crypto::{Decryptor as _, SessionKey, mpi},
    packet::{
        PKESK, SKESK,
        pkesk::{PKESK3, PKESK6},
    },
    parse::{
        Parse,
        stream::{DecryptionHelper, DecryptorBuilder, MessageStructure, VerificationHelper},
    },
    policy::StandardPolicy,
    serialize::MarshalInto,
    types::{PublicKeyAlgorithm, SymmetricAlgorithm},
};
use std::{io::Read, process::Command};

const OPENING: [Algorithm; 5] =
    [Algorithm::Rsa3072, Algorithm::Rsa4096, Algorithm::P256, Algorithm::P384, Algorithm::X25519];
const VERSIONS: [KeyVersion; 2] = [KeyVersion::V4, KeyVersion::V6];

struct Opener(TokenDecryptor);

impl VerificationHelper for Opener {
    fn get_certs(&mut self, _: &[KeyHandle]) -> PgpResult<Vec<Cert>> {
        Ok(Vec::new())
    }

    fn check(&mut self, _: MessageStructure<'_>) -> PgpResult<()> {
        Ok(())
    }
}

impl DecryptionHelper for Opener {
    fn decrypt(
        &mut self,
        pkesks: &[PKESK],
        _: &[SKESK],
        sym: Option<SymmetricAlgorithm>,
        decrypt: &mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool,
    ) -> PgpResult<Option<Cert>> {
        for pkesk in pkesks {
            if let Some((sym, session_key)) = pkesk.decrypt(&mut self.0, sym)
                && decrypt(sym, &session_key)
            {
                return Ok(None);
            }
        }
        Err(self.0.take_failure().map_or_else(|| sequoia_openpgp::anyhow::anyhow!("no key fits"), Into::into))
    }
}

fn open(decryptor: TokenDecryptor, sealed: &[u8]) -> PgpResult<Vec<u8>> {
    let policy = StandardPolicy::new();
    let mut reader = DecryptorBuilder::from_bytes(sealed)?.with_policy(&policy, None, Opener(decryptor))?;
    let mut opened = Vec::new();
    reader.read_to_end(&mut opened)?;
    Ok(opened)
}

fn encryption_key(cert: &Cert) -> OpenPgpKey {
    let policy = StandardPolicy::new();
    let valid = cert.with_policy(&policy, None).unwrap();
    let keys: Vec<_> =
        valid.keys().alive().revoked(false).for_storage_encryption().for_transport_encryption().collect();
    assert_eq!(keys.len(), 1);
    keys[0].key().clone().role_into_unspecified()
}

#[test]
fn every_algorithm_opens_with_both_versions() {
    with_module("every_algorithm_opens_with_both_versions", |bench| {
        let token = bench.logged_in("embassy");
        let primary = generate(&token, best_signing(bench), "primary", 0x10);
        for (number, algorithm) in (1..).zip(opening_here(bench, &token, &OPENING)) {
            let subkey = generate(&token, algorithm, algorithm.as_str(), number);
            for version in VERSIONS {
                let cert = reread(&builder(version).encryption(&token, &primary, &token, &subkey).unwrap());
                assert_eq!(cert.bad_signatures().count(), 0, "{algorithm} {version:?}");
                let policy = StandardPolicy::new();
                let valid = cert.with_policy(&policy, None).unwrap();
                assert_eq!(valid.keys().for_signing().count(), 0);
                let features = valid.features().unwrap();
                assert_eq!(features.supports_seipdv2(), version == KeyVersion::V6);
                assert_eq!(features.supports_seipdv1(), version == KeyVersion::V4);

                let sealed = encrypt(&cert, b"the registry");
                assert_eq!(first_pkesk(&sealed).version(), if version == KeyVersion::V4 { 3 } else { 6 });
                let decryptor = token.decryptor(&subkey, &encryption_key(&cert)).unwrap();
                let before = operations();
                assert_eq!(open(decryptor, &sealed).unwrap(), b"the registry", "{algorithm} {version:?}");
                let after = operations();
                let used = (after.decryptions - before.decryptions, after.derivations - before.derivations);
                let decrypts = opening(algorithm) == Usage::Decrypt;
                assert_eq!(used, if decrypts { (1, 0) } else { (0, 1) }, "exactly one operation");
            }
        }
        assert_eq!(secrets_left(&token), 0, "derived secrets are destroyed");
    });
}

/// A token may make keys of a kind and lack the operation that opens: such a key signs, and is refused for the rest.
#[test]
fn a_key_that_the_token_cannot_open_with_is_refused_for_it() {
    with_module("a_key_that_the_token_cannot_open_with_is_refused_for_it", |bench| {
        let token = bench.logged_in("embassy");
        for (number, (algorithm, usages)) in (1..).zip(bench.module.offers()) {
            assert_eq!(token.token().offers(algorithm).unwrap(), usages, "{algorithm}");
            let uri = generate(&token, algorithm, algorithm.as_str(), number);
            let public = token.public_key(&uri).unwrap();
            let Some(key) = public.to_encryption_key(KeyVersion::V6, created()) else { continue };
            let bound = token.decryptor(&uri, &key);
            if usages.contains(&opening(algorithm)) {
                bound.unwrap();
            } else {
                let error = bound.unwrap_err();
                assert!(matches!(error, KeyError::Usage { usage: Usage::Derive, .. }), "{error}");
                assert_eq!(error.explain().id, "HSM-KEY-USE");
                assert_eq!(opening_here(bench, &token, &[Algorithm::Rsa3072, algorithm]), [Algorithm::Rsa3072]);
            }
        }
    });
}

/// Secret keys that any session of this process can see on the token.
fn secrets_left(token: &LoggedIn) -> usize {
    let module = Pkcs11::new(token.token().module_path()).unwrap();
    let slot = token.token().status().unwrap().slot.try_into().unwrap();
    let session = module.open_ro_session(slot).unwrap();
    session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY)]).unwrap().len()
}

/// One secret in 256 begins with a zero byte, one session key number likewise: nothing may be cut off.
#[test]
fn secrets_with_leading_zeros_open() {
    with_module("secrets_with_leading_zeros_open", |bench| {
        let token = bench.logged_in("embassy");
        let algorithms = [Algorithm::P256, Algorithm::P384, Algorithm::X25519, Algorithm::Rsa3072];
        for (number, algorithm) in (1..).zip(opening_here(bench, &token, &algorithms)) {
            let uri = generate(&token, algorithm, algorithm.as_str(), number);
            for version in VERSIONS {
                let key = token.public_key(&uri).unwrap().to_encryption_key(version, created()).unwrap();
                let decryptor = token.decryptor(&uri, &key).unwrap();
                let session_key = SessionKey::from(vec![0x5a; 35]);
                for round in 0..700 {
                    let ciphertext =
                        key.encrypt(&session_key).or_else(|_| key.encrypt(&vec![0x5a; 32].into())).unwrap();
                    let opened = decryptor.try_decrypt(&ciphertext);
                    let opened = opened.unwrap_or_else(|error| panic!("{algorithm} {version:?} {round}: {error}"));
                    assert!(opened.iter().all(|&byte| byte == 0x5a) && opened.len() >= 32);
                    if algorithm == Algorithm::Rsa3072 && round >= 300 {
                        break;
                    }
                }
            }
        }
        assert_eq!(secrets_left(&token), 0);
    });
}

/// A key of this kind that opens, for hostile things to be given to.
fn victim(token: &LoggedIn, algorithm: Algorithm, version: KeyVersion, id: u8) -> (TokenDecryptor, OpenPgpKey) {
    let uri = generate(token, algorithm, &format!("{algorithm}-{id}"), id);
    let key = token.public_key(&uri).unwrap().to_encryption_key(version, created()).unwrap();
    (token.decryptor(&uri, &key).unwrap(), key)
}

#[test]
fn hostile_ciphertexts_are_errors() {
    with_module("hostile_ciphertexts_are_errors", |bench| {
        let token = bench.logged_in("embassy");
        for algorithm in opening_here(bench, &token, &[Algorithm::Rsa3072, Algorithm::P256, Algorithm::X25519]) {
            match algorithm {
                Algorithm::Rsa3072 => hostile_to_rsa(bench, &token),
                Algorithm::P256 => hostile_to_p256(&token),
                _ => hostile_to_x25519(&token),
            }
        }
        assert_eq!(secrets_left(&token), 0);
    });
}

/// Bad padding is an error, or the token makes a message up: then what it made opens nothing.
fn assert_opens_nothing(bench: &Bench, decryptor: &mut TokenDecryptor, ciphertext: mpi::Ciphertext) {
    match decryptor.try_decrypt(&ciphertext) {
        Err(error) => assert!(matches!(error, DecryptError::DoesNotOpen { .. }), "{error}"),
        Ok(_) => assert!(bench.module.makes_messages_up(), "{:?} opened a damaged message", bench.module),
    }
    let key = decryptor.public().fingerprint();
    let pkesk = PKESK::V6(PKESK6::new(Some(key), PublicKeyAlgorithm::RSAEncryptSign, ciphertext).unwrap());
    assert!(pkesk.decrypt(decryptor, None).is_none());
}

/// A sender can encrypt more or less than a session key; it must not reach code that takes one for granted.
fn assert_odd_lengths_open_nothing(decryptor: &mut TokenDecryptor, key: &OpenPgpKey) {
    for length in [0, 1, 2, 3, 17, 36, 40] {
        // The padding of ECDH leaves no room for 40, that of RSA wants a byte.
        let Ok(ciphertext) = key.encrypt(&vec![1; length].into()) else { continue };
        decryptor.decrypt(&ciphertext, None).unwrap_err();
        assert!(matches!(decryptor.take_failure(), Some(DecryptError::DoesNotOpen { .. })), "{length}");
        let old = PKESK3::new(None, key.pk_algo(), ciphertext.clone()).unwrap();
        assert!(old.decrypt(decryptor, None).is_none(), "{length}");
        let new = PKESK6::new(Some(key.fingerprint()), key.pk_algo(), ciphertext).unwrap();
        assert!(new.decrypt(decryptor, None).is_none(), "{length}");
    }
}

fn hostile_to_rsa(bench: &Bench, token: &LoggedIn) {
    let (mut rsa, rsa_key) = victim(token, Algorithm::Rsa3072, KeyVersion::V6, 1);
    for number in [vec![], vec![1; 385], vec![1; 100_000]] {
        let error = rsa.try_decrypt(&mpi::Ciphertext::RSA { c: number.into() }).unwrap_err();
        assert!(matches!(error, DecryptError::Length { .. }), "{error}");
    }
    for number in [vec![1], vec![0x7f; 384]] {
        assert_opens_nothing(bench, &mut rsa, mpi::Ciphertext::RSA { c: number.into() });
    }
    let before = operations();
    let PublicKey::Rsa { n, .. } = PublicKey::of_openpgp(&rsa_key).unwrap() else { panic!() };
    for number in [n, vec![0xff; 384]] {
        let error = rsa.try_decrypt(&mpi::Ciphertext::RSA { c: number.into() }).unwrap_err();
        assert!(matches!(error, DecryptError::DoesNotOpen { .. }), "{error}");
    }
    assert_eq!(operations(), before, "the token is not asked for what is no number of this key");
    assert_odd_lengths_open_nothing(&mut rsa, &rsa_key);
    let good = rsa_key.encrypt(&vec![0x5a; 35].into()).unwrap();
    assert_eq!(rsa.try_decrypt(&good).unwrap().len(), 35, "the session is still usable");
}

fn hostile_to_p256(token: &LoggedIn) {
    let (mut p256, p256_key) = victim(token, Algorithm::P256, KeyVersion::V6, 2);
    assert_odd_lengths_open_nothing(&mut p256, &p256_key);
    let mpi::Ciphertext::ECDH { e, key } = p256_key.encrypt(&vec![0x5a; 32].into()).unwrap() else { panic!() };
    let off_curve = [&[4][..], &[1; 64]].concat();
    for point in [vec![], vec![4], vec![4; 64], off_curve, [&[2][..], &[7; 32]].concat(), vec![4; 70_000]] {
        let error = p256.try_decrypt(&mpi::Ciphertext::ECDH { e: point.into(), key: key.clone() }).unwrap_err();
        assert!(matches!(error, DecryptError::Length { .. } | DecryptError::EphemeralKey), "{error}");
    }
    for wrapped in [vec![], vec![1; 8], vec![1; 16], vec![1; 33], vec![1; 256], vec![1; 65536]] {
        let error = p256.try_decrypt(&mpi::Ciphertext::ECDH { e: e.clone(), key: wrapped.into() }).unwrap_err();
        assert!(matches!(error, DecryptError::Length { .. }), "{error}");
    }
    let error = p256.try_decrypt(&mpi::Ciphertext::ECDH { e, key: vec![1; 48].into() }).unwrap_err();
    assert!(matches!(error, DecryptError::DoesNotOpen { .. }), "{error}");
}

fn hostile_to_x25519(token: &LoggedIn) {
    let (new, _) = victim(token, Algorithm::X25519, KeyVersion::V6, 3);
    let small_order = mpi::Ciphertext::X25519 { e: Box::new([0; 32]), key: vec![1; 40].into() };
    let error = new.try_decrypt(&small_order).unwrap_err();
    assert!(matches!(error, DecryptError::EphemeralKey), "{error}");
    for wrapped in [vec![], vec![1; 16], vec![1; 48], vec![1; 4096]] {
        let ciphertext = mpi::Ciphertext::X25519 { e: Box::new([9; 32]), key: wrapped.into() };
        assert!(matches!(new.try_decrypt(&ciphertext), Err(DecryptError::Length { .. })));
    }

    let (old, _) = victim(token, Algorithm::X25519, KeyVersion::V4, 4);
    for point in [vec![0x40; 32], vec![9; 33], [&[0x40][..], &[9; 33]].concat(), vec![]] {
        let ciphertext = mpi::Ciphertext::ECDH { e: point.into(), key: vec![1; 48].into() };
        assert!(matches!(old.try_decrypt(&ciphertext), Err(DecryptError::Length { .. })));
    }
    assert!(matches!(old.try_decrypt(&small_order), Err(DecryptError::Algorithm { .. })));
    let of_another_kind = mpi::Ciphertext::RSA { c: vec![1; 384].into() };
    assert!(matches!(new.try_decrypt(&of_another_kind), Err(DecryptError::Algorithm { .. })));
}

#[test]
fn the_reason_of_a_failure_survives_sequoia() {
    with_module("the_reason_of_a_failure_survives_sequoia", |bench| {
        let token = bench.logged_in("embassy");
        for (number, algorithm) in (1..).zip(opening_here(bench, &token, &[Algorithm::P256, Algorithm::Rsa3072])) {
            let uri = generate(&token, algorithm, algorithm.as_str(), number);
            let key = token.public_key(&uri).unwrap().to_encryption_key(KeyVersion::V6, created()).unwrap();
            let mut decryptor = token.decryptor(&uri, &key).unwrap();
            let damaged = match key.encrypt(&vec![0x5a; 32].into()).unwrap() {
                mpi::Ciphertext::ECDH { e, .. } => mpi::Ciphertext::ECDH { e, key: vec![1; 48].into() },
                // No session key: well padded, so that no token makes another one up.
                _ => key.encrypt(&vec![0x5a; 1].into()).unwrap(),
            };
            decryptor.decrypt(&damaged, None).unwrap_err();
            assert!(matches!(decryptor.take_failure(), Some(DecryptError::DoesNotOpen { .. })), "{algorithm}");
            assert!(decryptor.take_failure().is_none());
        }
    });
}

#[test]
fn an_encryption_certificate_needs_two_keys_and_the_right_ones() {
    with_module("an_encryption_certificate_needs_two_keys_and_the_right_ones", |bench| {
        let token = bench.logged_in("embassy");
        let primary = generate(&token, Algorithm::P256, "primary", 1);
        let signing = generate(&token, best_signing(bench), "signing", 2);
        let v6 = builder(KeyVersion::V6);
        assert!(v6.encryption(&token, &primary, &token, &primary).is_err(), "the same key twice");
        assert!(v6.encryption(&token, &primary, &token, &signing).is_err(), "a key for signing opens nothing");
        let key = token.public_key(&signing).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
        assert!(matches!(token.decryptor(&signing, &key), Err(KeyError::Unsupported { .. })));
    });
}

/// GnuPG pads and encodes in its own way; what it encrypts to a v4 certificate must open.
#[test]
fn what_gnupg_encrypts_opens() {
    with_module("what_gnupg_encrypts_opens", |bench| {
        let token = bench.logged_in("embassy");
        let primary = generate(&token, Algorithm::Rsa3072, "primary", 0x10);
        let home = bench.directory.join("gnupg");
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let gpg = || {
            let mut command = Command::new("gpg");
            command.arg("--homedir").arg(&home).args(["--batch", "--no-tty", "--yes", "--trust-model", "always"]);
            command
        };
        let (plain, sealed) = (bench.directory.join("plain"), bench.directory.join("sealed"));
        std::fs::write(&plain, b"the registry").unwrap();
        let algorithms = [Algorithm::Rsa3072, Algorithm::P256, Algorithm::P384, Algorithm::X25519];
        for (number, algorithm) in (1..).zip(opening_here(bench, &token, &algorithms)) {
            let subkey = generate(&token, algorithm, algorithm.as_str(), number);
            let created = created() + std::time::Duration::from_secs(number.into());
            let builder = Builder::new(KeyVersion::V4, "DEMO embassy", created).unwrap();
            let cert = builder.encryption(&token, &primary, &token, &subkey).unwrap();
            let file = bench.directory.join("cert.pgp");
            std::fs::write(&file, cert.to_vec().unwrap()).unwrap();
            run(gpg().arg("--import").arg(&file));
            let recipient = cert.fingerprint().to_hex();
            run(gpg().args(["--encrypt", "--recipient", &recipient, "--output"]).arg(&sealed).arg(&plain));
            let decryptor = token.decryptor(&subkey, &encryption_key(&cert)).unwrap();
            let opened = open(decryptor, &std::fs::read(&sealed).unwrap()).unwrap();
            assert_eq!(opened, b"the registry", "{algorithm}");
        }
        run(Command::new("gpgconf").arg("--homedir").arg(&home).args(["--kill", "all"]));
    });
}
