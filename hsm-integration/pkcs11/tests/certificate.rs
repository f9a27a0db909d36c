//! Certificates made, changed, vouched for and revoked by keys of a real token, judged by sequoia and GnuPG.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::*;
use openpgp_pkcs11::{
    Algorithm, Explain, KeyVersion, LoggedIn, Uri,
    certificate::{
        Builder, CertificateError, Keys, Reason, Revocation, add_encryption_subkey, armor_revocation, certify, extend,
        revoke, revoke_subkey,
    },
};
use sequoia_openpgp::{
    Cert, Fingerprint, Packet,
    parse::Parse,
    policy::StandardPolicy,
    serialize::MarshalInto,
    types::{ReasonForRevocation, RevocationStatus, SignatureType},
};
use std::{
    process::Command,
    time::{Duration, SystemTime},
};

const VERSIONS: [KeyVersion; 2] = [KeyVersion::V4, KeyVersion::V6];

fn days(number: u64) -> Duration {
    Duration::from_secs(number * 86400)
}

/// The subkeys that encrypt at this time.
fn encrypting(cert: &Cert, at: SystemTime) -> Vec<Fingerprint> {
    let policy = StandardPolicy::new();
    let keys = cert.keys().with_policy(&policy, at).alive().revoked(false).for_storage_encryption();
    keys.map(|key| key.key().fingerprint()).collect()
}

fn signing(cert: &Cert, at: SystemTime) -> Vec<Fingerprint> {
    let policy = StandardPolicy::new();
    let keys = cert.keys().with_policy(&policy, at).alive().revoked(false).for_signing();
    keys.map(|key| key.key().fingerprint()).collect()
}

fn is_alive(cert: &Cert, at: SystemTime) -> bool {
    let policy = StandardPolicy::new();
    cert.with_policy(&policy, at).is_ok_and(|valid| valid.alive().is_ok())
}

fn assert_sound(cert: &Cert) {
    let cert = reread(cert);
    assert_eq!(cert.bad_signatures().count(), 0);
    assert_eq!(cert.unknowns().count(), 0);
}

/// A primary key that signs certificates on one token and two subkeys that open on another.
#[test]
fn keys_of_several_tokens_make_one_certificate() {
    with_module("keys_of_several_tokens_make_one_certificate", |bench| {
        for label in ["home", "embassy"] {
            bench.token_of_another_program(label);
        }
        let [home, embassy] = ["home", "embassy"].map(|label| {
            openpgp_pkcs11::Token::open(&bench.uri(label), None).unwrap().login(Default::default()).unwrap()
        });
        let primary = generate(&home, best_signing(bench), "primary", 1);
        let sealing = generate(&home, Algorithm::P256, "sealing", 2);
        let one = generate(&embassy, Algorithm::Rsa3072, "one", 1);
        let other = generate(&home, Algorithm::Rsa3072, "other", 3);
        for version in VERSIONS {
            let keys = Keys::certifying(home.key(&primary))
                .with_signing(home.key(&sealing))
                .with_encryption(embassy.key(&one))
                .with_encryption(home.key(&other));
            let cert = reread(&builder(version).validity(days(365)).build(&keys).unwrap());
            assert_sound(&cert);
            assert_eq!((cert.keys().count(), cert.userids().count()), (4, 1));
            let then = created() + days(1);
            assert_eq!(encrypting(&cert, then).len(), 2, "{version:?}");
            // The subkey alone, and only because it says itself that it belongs here.
            let signers = signing(&cert, then);
            assert_eq!(signers.len(), 1);
            assert_ne!(signers[0], cert.fingerprint());
            let policy = StandardPolicy::new();
            let bound = cert.keys().subkeys().with_policy(&policy, then).for_signing().next().unwrap();
            let back: Vec<_> = bound.binding_signature().embedded_signatures().collect();
            assert_eq!((back.len(), back[0].typ()), (1, SignatureType::PrimaryKeyBinding));
            assert!(!is_alive(&cert, created() + days(366)));
        }
        let twice =
            Keys::certifying(home.key(&primary)).with_encryption(home.key(&other)).with_encryption(home.key(&other));
        let error = builder(KeyVersion::V6).build(&twice).unwrap_err();
        assert!(matches!(error, CertificateError::SameKey { .. }), "{error}");
        let error = builder(KeyVersion::V6).build(&Keys::certifying(home.key(&one))).unwrap_err();
        assert!(matches!(error, CertificateError::Key(_)), "that key is on the other token: {error}");
    });
}

/// A certificate that certifies and signs, its key, and the token.
fn simple(bench: &Bench, version: KeyVersion) -> (LoggedIn, Uri, Cert) {
    let token = bench.logged_in("home");
    let primary = generate(&token, best_signing(bench), "primary", 1);
    let cert = builder(version).signing(&token, &primary).unwrap();
    (token, primary, cert)
}

#[test]
fn a_revocation_for_each_reason_is_made_at_birth() {
    with_module("a_revocation_for_each_reason_is_made_at_birth", |bench| {
        let (token, primary, _) = simple(bench, KeyVersion::V6);
        let (key, policy) = (token.key(&primary), StandardPolicy::new());
        let codes = [
            ReasonForRevocation::KeyCompromised,
            ReasonForRevocation::KeySuperseded,
            ReasonForRevocation::KeyRetired,
            ReasonForRevocation::Unspecified,
        ];
        for version in VERSIONS {
            let cert = builder(version).signing(&token, &primary).unwrap();
            let made = Revocation::for_each_reason("made at birth, kept in the safe", created()).unwrap();
            assert_eq!(made.iter().map(Revocation::reason).collect::<Vec<_>>(), Reason::ALL);
            for (revocation, code) in made.iter().zip(codes) {
                let signature = revoke(&key, &cert, revocation).unwrap();
                assert_eq!(signature.typ(), SignatureType::KeyRevocation);
                assert_eq!(
                    signature.reason_for_revocation(),
                    Some((code, b"made at birth, kept in the safe".as_slice()))
                );
                assert!(matches!(cert.revocation_status(&policy, None), RevocationStatus::NotAsFarAsWeKnow));
                let revoked = reread(&cert.clone().insert_packets([signature.clone()]).unwrap().0);
                assert_sound(&revoked);
                assert!(matches!(revoked.revocation_status(&policy, None), RevocationStatus::Revoked(_)), "{code}");

                let file = armor_revocation(&cert, revocation.reason(), &signature).unwrap();
                let text = String::from_utf8(file.clone()).unwrap();
                assert!(text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: REVOCATION ("), "{text}");
                let packets: Vec<_> = sequoia_openpgp::PacketPile::from_bytes(&file).unwrap().into_children().collect();
                assert_eq!(packets.len(), if version == KeyVersion::V4 { 1 } else { 2 });
                assert_eq!(packets.last(), Some(&Packet::from(signature)));
                if version == KeyVersion::V6 {
                    let alone = Cert::from_bytes(&file).unwrap();
                    assert_eq!(alone.fingerprint(), cert.fingerprint());
                    assert_eq!(alone.primary_key().self_revocations().count(), 1, "it verifies by itself");
                }
            }
        }
        for (text, at) in [("x\n", created()), (&"x".repeat(256), created())] {
            let error = Revocation::new(Reason::Retired, text, at).unwrap_err();
            assert_eq!(error.explain().id, "CERT-REASON");
        }
        let cert = builder(KeyVersion::V6).signing(&token, &primary).unwrap();
        let early = Revocation::new(Reason::Retired, "", created() - days(1)).unwrap();
        assert_eq!(revoke(&key, &cert, &early).unwrap_err().explain().id, "CERT-TIME");
    });
}

/// GnuPG imports the file and knows the certificate as revoked.
#[test]
fn gnupg_takes_a_revocation_from_its_file() {
    with_module("gnupg_takes_a_revocation_from_its_file", |bench| {
        let token = bench.logged_in("home");
        let primary = generate(&token, Algorithm::Rsa3072, "primary", 1);
        let cert = builder(KeyVersion::V4).signing(&token, &primary).unwrap();
        let revocation = Revocation::new(Reason::Compromised, "lost with the courier", created() + days(2)).unwrap();
        let signature = revoke(&token.key(&primary), &cert, &revocation).unwrap();
        let home = bench.directory.join("gnupg");
        std::fs::create_dir(&home).unwrap();
        let at = |name: &str, bytes: &[u8]| {
            let path = bench.directory.join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let gpg = || {
            let mut gpg = Command::new("gpg");
            gpg.args(["--batch", "--no-autostart", "--homedir"]).arg(&home);
            gpg
        };
        run(gpg().arg("--import").arg(at("cert", &cert.to_vec().unwrap())));
        let validity = || {
            let talk = run(gpg().args(["--with-colons", "--list-keys"]));
            let line = talk.lines().find(|line| line.starts_with("pub:")).expect("a key").to_owned();
            line.split(':').nth(1).unwrap().to_owned()
        };
        assert_ne!(validity(), "r");
        run(gpg()
            .arg("--import")
            .arg(at("revocation", &armor_revocation(&cert, Reason::Compromised, &signature).unwrap())));
        assert_eq!(validity(), "r");
    });
}

#[test]
fn old_and_new_vouch_for_each_other() {
    with_module("old_and_new_vouch_for_each_other", |bench| {
        let token = bench.logged_in("home");
        let old_key = generate(&token, best_signing(bench), "old", 1);
        let new_key = generate(&token, Algorithm::P256, "new", 2);
        let (handover, policy) = (created() + days(300), StandardPolicy::new());
        for version in VERSIONS {
            let old = builder(version).signing(&token, &old_key).unwrap();
            let new = Builder::new(KeyVersion::V6, "DEMO home 2027", handover).unwrap();
            let new = new.signing(&token, &new_key).unwrap();
            let (new_vouched, forth) =
                certify(&token.key(&old_key), &old, &new, "DEMO home 2027", handover + days(1)).unwrap();
            let words = "DEMO home <demo@example.org>";
            let (old_vouched, back) = certify(&token.key(&new_key), &new, &old, words, handover + days(1)).unwrap();
            for (own, vouched, statement) in [(&old, &new_vouched, &forth), (&new, &old_vouched, &back)] {
                assert_eq!(statement.typ(), SignatureType::GenericCertification);
                assert_eq!(statement.signature_creation_time(), Some(handover + days(1)));
                let vouched = reread(vouched);
                let user_id = vouched.userids().next().unwrap();
                let valid: Vec<_> =
                    user_id.valid_certifications_by_key(&policy, None, own.primary_key().key()).collect();
                assert_eq!(valid.len(), 1, "{version:?}");
                assert_sound(&vouched);
            }
            for (name, at, id) in
                [("someone else", handover, "CERT-NO-USER-ID"), ("DEMO home 2027", created(), "CERT-TIME")]
            {
                let error = certify(&token.key(&old_key), &old, &new, name, at).unwrap_err();
                assert_eq!(error.explain().id, id, "{error}");
            }
            let error = certify(&token.key(&new_key), &old, &new, "DEMO home 2027", handover).unwrap_err();
            assert_eq!(error.explain().id, "HSM-KEY-MISMATCH", "{error}");
        }
    });
}

#[test]
fn an_encryption_subkey_is_rotated() {
    with_module("an_encryption_subkey_is_rotated", |bench| {
        let token = bench.logged_in("home");
        let primary = generate(&token, best_signing(bench), "primary", 1);
        let [first, second] = [2, 3].map(|id| generate(&token, Algorithm::Rsa3072, &format!("opening-{id}"), id));
        let key = token.key(&primary);
        for version in VERSIONS {
            let cert = builder(version).encryption(&token, &primary, &token, &first).unwrap();
            let (rotation, later) = (created() + days(100), created() + days(101));
            let old = encrypting(&cert, later);
            let cert = add_encryption_subkey(&key, &cert, &token.key(&second), rotation, Some(days(30))).unwrap();
            assert_sound(&cert);
            assert_eq!((encrypting(&cert, created() + days(1)), encrypting(&cert, later).len()), (old.clone(), 2));
            let again = add_encryption_subkey(&key, &cert, &token.key(&second), later, None).unwrap_err();
            assert_eq!(again.explain().id, "CERT-SAME-KEY");

            let retired = Revocation::new(Reason::Superseded, "rotated", later).unwrap();
            let signature = revoke_subkey(&key, &cert, &old[0], &retired).unwrap();
            assert_eq!(signature.typ(), SignatureType::SubkeyRevocation);
            let cert = reread(&cert.insert_packets([signature]).unwrap().0);
            assert_sound(&cert);
            let left = encrypting(&cert, later + days(1));
            assert!(left.len() == 1 && left != old, "{left:?}");
            assert_eq!(encrypting(&cert, rotation + days(31)), [], "the new one expires as said");
            let error = revoke_subkey(&key, &cert, &old[0], &retired).unwrap_err();
            assert_eq!(error.explain().id, "CERT-NO-SUBKEY", "{error}");
        }
    });
}

#[test]
fn the_validity_is_extended_and_a_revoked_certificate_is_not() {
    with_module("the_validity_is_extended_and_a_revoked_certificate_is_not", |bench| {
        let token = bench.logged_in("home");
        let primary = generate(&token, best_signing(bench), "primary", 1);
        let sealing = generate(&token, Algorithm::P256, "sealing", 2);
        let opening = generate(&token, Algorithm::Rsa3072, "opening", 3);
        let key = token.key(&primary);
        let (at, end) = (created() + days(300), created() + days(800));
        for version in VERSIONS {
            let keys =
                Keys::certifying(key.clone()).with_signing(token.key(&sealing)).with_encryption(token.key(&opening));
            let cert = builder(version).validity(days(365)).build(&keys).unwrap();
            let later = created() + days(500);
            assert!(!is_alive(&cert, later));
            let alone = extend(&key, &cert, &[], at, end).unwrap();
            assert!(is_alive(&alone, later) && !is_alive(&alone, end));
            assert_eq!((signing(&alone, later), encrypting(&alone, later)), (vec![], vec![]), "subkeys were not named");

            let subkeys: Vec<_> = cert.keys().subkeys().map(|subkey| subkey.key().fingerprint()).collect();
            let all = reread(&extend(&key, &cert, &subkeys, at, end).unwrap());
            assert_sound(&all);
            assert_eq!((signing(&all, later).len(), encrypting(&all, later).len()), (1, 1), "{version:?}");
            assert_eq!((signing(&all, end), encrypting(&all, end)), (vec![], vec![]));
            let policy = StandardPolicy::new();
            let features = |cert: &Cert, at| {
                use sequoia_openpgp::cert::Preferences as _;
                let valid = cert.with_policy(&policy, at).unwrap();
                (valid.features(), valid.preferred_symmetric_algorithms().map(<[_]>::to_vec))
            };
            assert_eq!(features(&all, later), features(&cert, created() + days(1)));

            // Not hard: a newer self-signature would undo it.
            let soft = Revocation::new(Reason::Retired, "", created() + days(200)).unwrap();
            let signature = revoke(&key, &cert, &soft).unwrap();
            let revoked = cert.clone().insert_packets([signature]).unwrap().0;
            for error in [
                extend(&key, &revoked, &[], at, end).unwrap_err(),
                add_encryption_subkey(&key, &revoked, &token.key(&opening), at, None).unwrap_err(),
            ] {
                assert_eq!(error.explain().id, "CERT-REVOKED", "{error}");
            }
            for (at, end) in [(at, at), (at, created() - days(1)), (created() - days(1), end)] {
                assert_eq!(extend(&key, &cert, &[], at, end).unwrap_err().explain().id, "CERT-TIME");
            }
            let nobody = Fingerprint::from_bytes(6, &[7; 32]).unwrap();
            assert_eq!(extend(&key, &cert, &[nobody], at, end).unwrap_err().explain().id, "CERT-NO-SUBKEY");
        }
    });
}
