//! Certificates and signatures made by a real token, for every algorithm and both key versions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::*;
use openpgp_pkcs11::{Algorithm, Explain, KeyError, KeyVersion, SignError, Usage, operations};
use sequoia_openpgp::{
    Cert, KeyHandle, Packet, PacketPile, Result as PgpResult,
    crypto::Signer as _,
    parse::{
        Parse,
        stream::{DetachedVerifierBuilder, MessageLayer, MessageStructure, VerificationHelper},
    },
    policy::StandardPolicy,
    serialize::MarshalInto,
    types::{HashAlgorithm, PublicKeyAlgorithm},
};
use std::{process::Command, time::Duration};

const SIGNING: [Algorithm; 5] =
    [Algorithm::Rsa3072, Algorithm::Rsa4096, Algorithm::P256, Algorithm::P384, Algorithm::Ed25519];
const VERSIONS: [KeyVersion; 2] = [KeyVersion::V4, KeyVersion::V6];

struct Checker<'a>(&'a Cert);

impl VerificationHelper for Checker<'_> {
    fn get_certs(&mut self, _: &[KeyHandle]) -> PgpResult<Vec<Cert>> {
        Ok(vec![self.0.clone()])
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> PgpResult<()> {
        for layer in structure {
            let MessageLayer::SignatureGroup { results } = layer else { panic!("unexpected layer") };
            assert_eq!(results.len(), 1);
            results.into_iter().next().unwrap().map_err(|error| sequoia_openpgp::anyhow::anyhow!("{error}"))?;
        }
        Ok(())
    }
}

fn verify(cert: &Cert, signature: &[u8], data: &[u8]) -> PgpResult<()> {
    let policy = StandardPolicy::new();
    DetachedVerifierBuilder::from_bytes(signature)?.with_policy(&policy, None, Checker(cert))?.verify_bytes(data)
}

#[test]
fn every_algorithm_signs_with_both_versions() {
    with_module("every_algorithm_signs_with_both_versions", |bench| {
        let token = bench.logged_in("home");
        for (number, algorithm) in (1..).zip(usable(bench, &token, Usage::Sign, &SIGNING)) {
            let key = generate(&token, algorithm, algorithm.as_str(), number);
            for version in VERSIONS {
                let cert = reread(&builder(version).signing(&token, &key).unwrap());
                let policy = StandardPolicy::new();
                let valid = cert.with_policy(&policy, None).unwrap();
                assert_eq!(valid.primary_key().key().version(), if version == KeyVersion::V4 { 4 } else { 6 });
                assert_eq!(cert.bad_signatures().count(), 0, "{algorithm} {version:?}");
                let signing: Vec<_> = valid.keys().alive().revoked(false).for_signing().collect();
                assert_eq!(signing.len(), 1);
                assert_eq!(valid.keys().for_certification().count(), 1);
                assert_eq!(valid.keys().for_storage_encryption().count(), 0);
                assert_eq!(valid.primary_key().key().creation_time(), created());

                let signer = token.signer(&key, signing[0].key()).unwrap();
                let before = operations();
                let signature = detached_signature(signer, b"what was sealed");
                assert_eq!(operations().signatures, before.signatures + 1, "exactly one signature");
                verify(&cert, &signature, b"what was sealed").unwrap();
                verify(&cert, &signature, b"what was not sealed").unwrap_err();
            }
        }
    });
}

#[test]
fn the_fingerprint_follows_from_key_and_creation_time() {
    with_module("the_fingerprint_follows_from_key_and_creation_time", |bench| {
        let token = bench.logged_in("home");
        let key = generate(&token, best_signing(bench), "sealing", 1);
        for version in VERSIONS {
            let first = builder(version).signing(&token, &key).unwrap();
            let again = builder(version).validity(Duration::from_secs(86_400)).signing(&token, &key).unwrap();
            assert_eq!(first.fingerprint(), again.fingerprint());
            let policy = StandardPolicy::new();
            let end = again.with_policy(&policy, created()).unwrap().primary_key().key_expiration_time();
            assert_eq!(end, Some(created() + Duration::from_secs(86_400)));
            assert!(again.with_policy(&policy, None).unwrap().alive().is_err(), "expired by now");
        }
    });
}

#[test]
fn wrong_digests_are_errors_and_do_not_reach_the_token() {
    with_module("wrong_digests_are_errors_and_do_not_reach_the_token", |bench| {
        let token = bench.logged_in("home");
        for (number, algorithm) in (1..).zip(usable(bench, &token, Usage::Sign, &SIGNING)) {
            let uri = generate(&token, algorithm, algorithm.as_str(), number);
            let key = token.public_key(&uri).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
            let mut signer = token.signer(&uri, &key).unwrap();
            let before = operations();
            for length in [0, 1, 20, 31, 33, 63, 65, 4096] {
                let error = signer.sign(HashAlgorithm::SHA512, &vec![7; length]).unwrap_err();
                let error = error.downcast_ref::<SignError>().unwrap();
                assert!(matches!(error, SignError::DigestLength { expected: 64, .. }), "{algorithm}: {error}");
            }
            for (hash, length) in [(HashAlgorithm::SHA1, 20), (HashAlgorithm::MD5, 16), (HashAlgorithm::SHA224, 28)] {
                let error = signer.try_sign(hash, &vec![7; length]).unwrap_err();
                assert!(matches!(error, SignError::Hash { .. }), "{algorithm}: {error}");
            }
            if algorithm == Algorithm::P384 {
                let error = signer.try_sign(HashAlgorithm::SHA256, &[7; 32]).unwrap_err();
                assert!(matches!(error, SignError::Hash { .. }), "{error}");
            }
            assert_eq!(operations(), before);
            for hash in signer.acceptable_hashes().to_vec() {
                signer.try_sign(hash, &vec![7; hash.digest_size().unwrap()]).unwrap();
            }
        }
    });
}

#[test]
fn a_signature_with_leading_zeros_is_not_rare_and_verifies() {
    with_module("a_signature_with_leading_zeros_is_not_rare_and_verifies", |bench| {
        let token = bench.logged_in("home");
        let algorithms = usable(bench, &token, Usage::Sign, &[Algorithm::P256, Algorithm::Ed25519]);
        for (number, algorithm) in (1..).zip(algorithms) {
            let uri = generate(&token, algorithm, algorithm.as_str(), number);
            for version in VERSIONS {
                let key = token.public_key(&uri).unwrap().to_signing_key(version, created()).unwrap();
                let signer = token.signer(&uri, &key).unwrap();
                for round in 0..600_u32 {
                    let mut digest = [0; 32];
                    digest[..4].copy_from_slice(&round.to_be_bytes());
                    signer.try_sign(HashAlgorithm::SHA256, &digest).unwrap();
                }
            }
        }
    });
}

#[test]
fn many_threads_share_one_login() {
    with_module("many_threads_share_one_login", |bench| {
        let token = bench.logged_in("home");
        let uri = generate(&token, Algorithm::P256, "sealing", 1);
        let key = token.public_key(&uri).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
        let signer = token.signer(&uri, &key).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let signer = signer.clone();
                scope.spawn(move || {
                    for round in 0..25 {
                        let mut digest = [thread; 32];
                        digest[0] = round;
                        signer.try_sign(HashAlgorithm::SHA256, &digest).unwrap();
                    }
                });
            }
        });
        assert_eq!(operations().signatures, 200);
        assert_eq!(operations().logins, 1);
    });
}

#[test]
fn keys_that_do_not_belong_to_the_certificate_are_refused() {
    with_module("keys_that_do_not_belong_to_the_certificate_are_refused", |bench| {
        let token = bench.logged_in("home");
        let one = generate(&token, Algorithm::P256, "one", 1);
        let two = generate(&token, Algorithm::P256, "two", 2);
        let rsa = generate(&token, Algorithm::Rsa3072, "rsa", 3);
        let key = token.public_key(&one).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();

        let error = token.signer(&two, &key).unwrap_err();
        assert!(matches!(error, KeyError::NotTheCertificateKey { .. }), "{error}");
        assert!(error.to_string().contains(&key.fingerprint().to_hex()), "{error}");
        let error = token.signer(&rsa, &key).unwrap_err();
        assert!(matches!(error, KeyError::Type { .. }), "{error}");
        assert_eq!(error.explain().kind.exit_code(), 77);
        let error = token.decryptor(&one, &key).unwrap_err();
        assert!(matches!(error, KeyError::Unsupported { .. }), "{error}");
        let missing = one.with_object("three");
        assert!(matches!(token.signer(&missing, &key), Err(KeyError::NotFound { .. })));
        let nameless = bench.uri("home");
        assert!(matches!(token.signer(&nameless, &key), Err(KeyError::NoName { .. })));
        for algorithm in usable(bench, &token, Usage::Derive, &[Algorithm::X25519]) {
            let agree = generate(&token, algorithm, "agree", 4);
            let error = token.signer(&agree, &key).unwrap_err();
            assert!(matches!(error, KeyError::Type { .. }), "{error}");
            assert!(builder(KeyVersion::V6).signing(&token, &agree).is_err(), "X25519 cannot certify");
        }
    });
}

/// GnuPG 2.2 is what other embassies have: it must take the v4 certificates and their signatures.
#[test]
fn gnupg_takes_v4_certificates_and_signatures() {
    with_module("gnupg_takes_v4_certificates_and_signatures", |bench| {
        let token = bench.logged_in("home");
        let home = bench.directory.join("gnupg");
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = bench.directory.join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let gpg = || {
            let mut command = Command::new("gpg");
            command.arg("--homedir").arg(&home).args(["--batch", "--no-tty", "--status-fd", "1"]);
            command
        };
        let data = write("data", b"what was sealed");
        for (number, algorithm) in (1..).zip(usable(bench, &token, Usage::Sign, &SIGNING)) {
            let uri = generate(&token, algorithm, algorithm.as_str(), number);
            let cert = builder(KeyVersion::V4).signing(&token, &uri).unwrap();
            let file = write("cert.pgp", &cert.to_vec().unwrap());
            run(gpg().arg("--import").arg(&file));
            let signer = token.signer(&uri, cert.primary_key().key().role_as_unspecified()).unwrap();
            let signature = write("data.sig", &detached_signature(signer, b"what was sealed"));
            let talk = run(gpg().arg("--verify").arg(&signature).arg(&data));
            assert!(talk.contains("[GNUPG:] VALIDSIG"), "{algorithm}: {talk}");
        }
        run(Command::new("gpgconf").arg("--homedir").arg(&home).args(["--kill", "all"]));
    });
}

#[test]
fn a_key_made_by_pkcs11_tool_works() {
    with_module("a_key_made_by_pkcs11_tool_works", |bench| {
        bench.token_of_another_program("tool");
        let kinds = [
            ("ec", "EC:prime256v1", "01", Algorithm::P256, PublicKeyAlgorithm::ECDSA),
            ("ed", "EC:edwards25519", "02", Algorithm::Ed25519, PublicKeyAlgorithm::Ed25519),
            ("rsa", "rsa:3072", "03", Algorithm::Rsa3072, PublicKeyAlgorithm::RSAEncryptSign),
        ];
        let there = |algorithm| bench.module.offers_use(algorithm, Usage::Sign);
        for (label, kind, id, _, _) in kinds.into_iter().filter(|kind| there(kind.3)) {
            let login = ["--token-label", "tool", "--login", "--pin", PIN, "--keypairgen", "--sensitive"];
            run(bench.tool().args(login).args(["--key-type", kind, "--label", label, "--id", id]));
        }
        let base = bench.uri("tool");
        let token = openpgp_pkcs11::Token::open(&base, None).unwrap();
        let token_list = token.list().unwrap();
        let token = token.login(Default::default()).unwrap();
        let algorithms = usable(bench, &token, Usage::Sign, &kinds.map(|kind| kind.3));
        assert_eq!(token_list.len(), algorithms.len());
        for (label, _, _, _, algorithm) in kinds.into_iter().filter(|kind| algorithms.contains(&kind.3)) {
            let uri = base.with_object(label);
            let cert = builder(KeyVersion::V6).signing(&token, &uri).unwrap();
            assert_eq!(cert.primary_key().key().pk_algo(), algorithm);
            let signer = token.signer(&uri, cert.primary_key().key().role_as_unspecified()).unwrap();
            verify(&cert, &detached_signature(signer, b"data"), b"data").unwrap();
        }
    });
}

#[test]
fn signatures_name_their_key() {
    with_module("signatures_name_their_key", |bench| {
        let token = bench.logged_in("home");
        let uri = generate(&token, best_signing(bench), "sealing", 1);
        let cert = builder(KeyVersion::V6).signing(&token, &uri).unwrap();
        let signer = token.signer(&uri, cert.primary_key().key().role_as_unspecified()).unwrap();
        let bytes = detached_signature(signer, b"data");
        let packets = PacketPile::from_bytes(&bytes).unwrap();
        let Some(Packet::Signature(signature)) = packets.children().next() else { panic!("{packets:?}") };
        assert_eq!(signature.version(), 6);
        assert_eq!(signature.hash_algo(), HashAlgorithm::SHA512);
        assert_eq!(signature.issuer_fingerprints().next(), Some(&cert.fingerprint()));
    });
}
