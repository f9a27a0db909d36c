//! Composite keys of RFC 9980 in a token of PKCS#11 3.2: always on kryoptic, which is the one that has ML-KEM and ML-DSA.

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
    Algorithm, Composite, CompositePlace, CompositePublic, DecryptError, Error, Explain, GenerateError, Holder,
    HolderError, KeyError, KeyNames, KeyVersion, Kind, LoggedIn, LoginOptions, OpenPgpKey, PublicKey, SignError, Token,
    Uri, Usage,
    certificate::{Builder, Keys},
    initialise_token, operations,
    secrecy::SecretString,
};
use sequoia_openpgp::{
    Cert,
    crypto::{SessionKey, mpi},
    packet::pkesk::PKESK6,
    policy::StandardPolicy,
    types::{HashAlgorithm, PublicKeyAlgorithm},
};

fn on_kryoptic(test: &str, body: impl FnOnce(&Bench)) {
    with_this_module(Module::Kryoptic, test, |_, _| (), body);
}

fn make(token: &LoggedIn, composite: Composite, label: &str, id: u8) -> CompositePlace {
    let new = token.generate_composite(composite, label, &[id]).unwrap_or_else(|error| panic!("{composite}: {error}"));
    assert_eq!(new.public.composite(), composite);
    CompositePlace::one(token, &new.uri)
}

fn key_of(place: &CompositePlace, composite: Composite) -> OpenPgpKey {
    place.public(composite).unwrap().to_openpgp(created()).unwrap()
}

fn embassy(token: &LoggedIn) -> (Cert, CompositePlace) {
    let primary = make(token, Composite::MlDsa65Ed25519, "identity", 1);
    let opening = make(token, Composite::MlKem768X25519, "open", 2);
    let cert = builder(KeyVersion::V6)
        .build(&Keys::certifying(primary.clone().into()).with_encryption(opening.clone().into()))
        .unwrap();
    (reread(&cert), opening)
}

/// The one encryption key of a certificate, as a stock library finds it.
fn opening_key(cert: &Cert) -> OpenPgpKey {
    let policy = StandardPolicy::new();
    let keys = cert.keys().with_policy(&policy, None).supported().alive().revoked(false).for_storage_encryption();
    let keys: Vec<_> = keys.map(|key| key.key().clone().role_into_unspecified()).collect();
    assert_eq!(keys.len(), 1);
    keys[0].clone()
}

#[test]
fn both_halves_sign_and_a_stock_library_verifies() {
    on_kryoptic("both_halves_sign_and_a_stock_library_verifies", |bench| {
        let token = bench.logged_in("home");
        let place = make(&token, Composite::MlDsa65Ed25519, "seal", 1);
        let before = operations().signatures;
        let cert = reread(&builder(KeyVersion::V6).build(&Keys::certifying_and_signing(place.clone().into())).unwrap());
        assert_eq!(operations().signatures - before, 4, "two self-signatures of two halves");
        let key = cert.primary_key().key().clone().role_into_unspecified();
        assert_eq!(key.pk_algo(), PublicKeyAlgorithm::MLDSA65_Ed25519);
        let signer = place.signer(&key).unwrap();
        for hash in [HashAlgorithm::SHA256, HashAlgorithm::SHA384, HashAlgorithm::SHA512] {
            let digest = vec![7; hash.digest_size().unwrap()];
            let signature = signer.try_sign(hash, &digest).unwrap();
            key.verify(&signature, hash, &digest).unwrap();
            assert!(key.verify(&signature, hash, &vec![8; digest.len()]).is_err());
        }
        assert!(matches!(signer.try_sign(HashAlgorithm::SHA1, &[7; 20]), Err(SignError::Hash { .. })));
        assert!(matches!(signer.try_sign(HashAlgorithm::SHA256, &[7; 31]), Err(SignError::DigestLength { .. })));
        let policy = StandardPolicy::new();
        assert_eq!(cert.with_policy(&policy, None).unwrap().keys().for_signing().count(), 1);
        let error = builder(KeyVersion::V4).build(&Keys::certifying_and_signing(place.clone().into())).unwrap_err();
        assert_eq!(error.explain().id, "CERT-PURPOSE", "{error}");
    });
}

#[test]
fn a_message_opens_by_both_halves_and_by_neither_alone() {
    on_kryoptic("a_message_opens_by_both_halves_and_by_neither_alone", |bench| {
        let token = bench.logged_in("embassy");
        let (cert, place) = embassy(&token);
        let key = opening_key(&cert);
        assert_eq!(key.pk_algo(), PublicKeyAlgorithm::MLKEM768_X25519);
        let secret = SessionKey::from((0..32).collect::<Vec<u8>>());
        let pkesk = PKESK6::for_recipient(&secret, &key).unwrap();
        let mut decryptor = place.decryptor(&key).unwrap();
        let before = operations();
        assert_eq!(pkesk.decrypt(&mut decryptor, None).expect("it opens"), secret);
        let after = operations();
        assert_eq!(after.derivations - before.derivations, 1);
        assert_eq!(after.decapsulations - before.decapsulations, 1);

        let mpi::Ciphertext::MLKEM768_X25519 { ecdh, mlkem, esk } = pkesk.esk().clone() else { panic!("{pkesk:?}") };
        // Another share of either half, and no session key comes out; nor does a token look broken.
        let (mut other_ecdh, mut other_mlkem, mut other_esk) = (ecdh.clone(), mlkem.clone(), esk.clone());
        other_ecdh[3] ^= 1;
        other_mlkem[500] ^= 1;
        other_esk[20] ^= 1;
        let cases = [
            (other_ecdh, mlkem.clone(), esk.clone()),
            (ecdh.clone(), other_mlkem, esk.clone()),
            (ecdh.clone(), mlkem.clone(), other_esk),
        ];
        for (ecdh, mlkem, esk) in cases {
            let error = decryptor.try_decrypt(&mpi::Ciphertext::MLKEM768_X25519 { ecdh, mlkem, esk }).unwrap_err();
            assert!(matches!(error, DecryptError::DoesNotOpen { .. }), "{error}");
        }
        let zero = mpi::Ciphertext::MLKEM768_X25519 { ecdh: Box::new([0; 32]), mlkem: mlkem.clone(), esk: esk.clone() };
        // Some tokens refuse a point of small order themselves.
        let error = decryptor.try_decrypt(&zero).unwrap_err();
        assert!(matches!(error, DecryptError::EphemeralKey | DecryptError::Device { .. }), "{error}");
        let before = operations();
        for wrapped in [0, 16, 39, 41, 48] {
            let (ecdh, mlkem) = (ecdh.clone(), mlkem.clone());
            let long = mpi::Ciphertext::MLKEM768_X25519 { ecdh, mlkem, esk: vec![0; wrapped].into() };
            assert!(matches!(decryptor.try_decrypt(&long), Err(DecryptError::Length { .. })), "{wrapped}");
        }
        let old = mpi::Ciphertext::X25519 { e: Box::new([9; 32]), key: vec![0; 40].into() };
        assert!(matches!(decryptor.try_decrypt(&old), Err(DecryptError::Algorithm { .. })));
        assert_eq!(operations(), before, "the token was not asked");
    });
}

#[test]
fn halves_are_confined_and_told_apart_by_type() {
    on_kryoptic("halves_are_confined_and_told_apart_by_type", |bench| {
        let token = bench.logged_in("home");
        let place = make(&token, Composite::MlDsa65Ed25519, "seal", 1);
        let key = key_of(&place, Composite::MlDsa65Ed25519);
        // By label, by id, by both.
        let name = token.token().uri();
        for uri in [name.with_object("seal"), name.with_id(&[1]), Uri::parse("pkcs11:object=seal;id=%01").unwrap()] {
            CompositePlace::one(&token, &uri).signer(&key).unwrap();
        }
        // A single key by this name there is none, as there are two.
        let error = token.public_key(&name.with_object("seal")).unwrap_err();
        assert!(matches!(&error, KeyError::TwoKeys { found, .. } if found.len() == 2), "{error}");
        // The name is taken for halves too.
        for composite in [Composite::MlDsa65Ed25519, Composite::MlKem768X25519] {
            let error = token.generate_composite(composite, "seal", &[9]).unwrap_err();
            assert!(matches!(error, GenerateError::KeyExists { what: "label", .. }), "{error}");
        }
        // Another key of the same algorithms is not the certificate's.
        let other = make(&token, Composite::MlDsa65Ed25519, "other", 2);
        let error = other.signer(&key).unwrap_err();
        assert!(matches!(error, KeyError::NotTheCertificateKey { .. }), "{error}");
        // A half alone is no key, and a key for opening does not sign.
        token.generate(Algorithm::Ed25519, "alone", &[3]).unwrap();
        let error = CompositePlace::one(&token, &name.with_object("alone")).signer(&key).unwrap_err();
        assert!(matches!(error, KeyError::NotTheCertificateKey { .. }), "{error}");
        let error = CompositePlace::one(&token, &name.with_object("alone")).public(Composite::MlDsa65Ed25519);
        assert!(matches!(error, Err(KeyError::NoHalf { algorithm: Algorithm::MlDsa65, .. })), "{error:?}");
        let error = place.decryptor(&key).unwrap_err();
        assert!(matches!(error, KeyError::Unsupported { .. }), "{error}");
        // Two of one type under one name.
        run(bench.tool().args(["--login", "--pin", PIN, "--token-label", "home"]).args([
            "--keypairgen",
            "--key-type",
            "EC:edwards25519",
            "--label",
            "seal",
            "--id",
            "77",
        ]));
        let error = CompositePlace::one(&token, &name.with_object("seal")).signer(&key).unwrap_err();
        assert!(matches!(&error, KeyError::TwoKeys { found, .. } if found.len() == 2), "{error}");
        place.signer(&key).unwrap();
    });
}

#[test]
fn an_exportable_half_is_refused() {
    on_kryoptic("an_exportable_half_is_refused", |bench| {
        let token = bench.logged_in("home");
        let place = make(&token, Composite::MlDsa65Ed25519, "seal", 1);
        // Kryoptic lets an attribute that confines only be set, so the loose half comes from another program.
        run(bench.tool().args(["--login", "--pin", PIN, "--token-label", "home", "--extractable"]).args([
            "--keypairgen",
            "--key-type",
            "EC:edwards25519",
            "--label",
            "loose",
            "--id",
            "33",
        ]));
        let loose = token.token().uri().with_object("loose");
        let classical = token.public_key(&loose).unwrap();
        let [_, post_quantum] = place.public(Composite::MlDsa65Ed25519).unwrap().halves();
        let (PublicKey::Ed25519(eddsa), PublicKey::MlDsa65(mldsa)) = (classical, post_quantum) else {
            panic!("other halves")
        };
        let key = CompositePublic::Signing { eddsa, mldsa }.to_openpgp(created()).unwrap();
        let sound = token.token().uri().with_object("seal");
        let error = CompositePlace::split((&token, &loose), (&token, &sound)).signer(&key).unwrap_err();
        assert_eq!(error.explain().id, "HSM-KEY-EXPORTABLE", "{error}");
    });
}

/// Kryoptic has both halves; SoftHSM beside it has the curves only.
fn with_softhsm(test: &str, body: impl FnOnce(&Bench, &Token)) {
    let prepare = |bench: &Bench, child: &mut std::process::Command| {
        Module::SoftHsm.prepare(&bench.directory, child);
    };
    with_this_module(Module::Kryoptic, test, prepare, |bench| {
        let module = Uri::parse(&format!("pkcs11:?{}", Module::SoftHsm.in_uri())).unwrap();
        let pin = |text: &str| SecretString::from(text);
        let old = initialise_token(&module, None, "old", &pin("demo-so-pin"), &pin(PIN)).unwrap();
        body(bench, &old);
    });
}

#[test]
fn a_key_in_two_tokens_must_be_asked_for() {
    with_softhsm("a_key_in_two_tokens_must_be_asked_for", |bench, old| {
        let pin = bench.pin_file(PIN);
        let old_uri = old.uri().with_module_path(&old.module_path().to_string_lossy()).with_pin_file(&pin);
        let old = Token::open(&old_uri, None).unwrap().login(LoginOptions::default()).unwrap();
        let new = bench.logged_in("new");

        // What the old token lacks is said, with the way out.
        let error = old.generate_composite(Composite::MlKem768X25519, "open", &[1]).unwrap_err();
        let told = error.explain();
        assert_eq!((told.id, told.kind), ("HSM-NOT-OFFERED", Kind::Refused), "{error}");
        assert!(error.to_string().contains("offers no mlkem768"), "{error}");
        assert!(told.hint.contains("accept_split_key") && told.hint.contains("weaker"), "{}", told.hint);
        assert!(old.token().list().unwrap().is_empty(), "no half was made");

        let (first, second) = (old_uri.with_object("open"), bench.uri("new").with_object("open"));
        old.generate(Algorithm::X25519, "open", &[1]).unwrap();
        new.generate(Algorithm::MlKem768, "open", &[1]).unwrap();
        let place = CompositePlace::split((&old, &first), (&new, &second));
        assert!(place.is_split());
        let key = key_of(&place, Composite::MlKem768X25519);

        let (first, second) = (first.to_string(), second.to_string());
        let names = KeyNames { key: &first, key_pq: Some(&second), accept_split: false };
        let error = Holder::open(names, None).unwrap_err();
        assert!(matches!(error, Error::Holder(HolderError::Split { .. })), "{error}");
        assert_eq!(error.explain().id, "HSM-SPLIT-KEY");
        // One name says nothing of a second token.
        let holder = Holder::open(KeyNames { key: &first, ..KeyNames::default() }, None).unwrap();
        holder.check(&key).unwrap();
        let error = holder.login(LoginOptions::default()).unwrap().decryptor(&key).unwrap_err();
        assert!(matches!(error, Error::Key(KeyError::NoHalf { algorithm: Algorithm::MlKem768, .. })), "{error}");

        let holder = Holder::open(KeyNames { accept_split: true, ..names }, None).unwrap();
        holder.check(&key).unwrap();
        assert_eq!(holder.second_token().unwrap().uri().token(), Some("new"));
        let secret = SessionKey::from(vec![0x5a; 32]);
        let pkesk = PKESK6::for_recipient(&secret, &key).unwrap();
        let mut decryptor = holder.login(LoginOptions::default()).unwrap().decryptor(&key).unwrap();
        assert_eq!(pkesk.decrypt(&mut decryptor, None), Some(secret));

        // A second name for a key that has no second half is a mistake.
        let single = old.public_key(&Uri::parse(&first).unwrap()).unwrap();
        let single = single.to_encryption_key(KeyVersion::V6, created()).unwrap();
        let error = holder.check(&single).unwrap_err();
        assert!(matches!(error, Error::Holder(HolderError::NotComposite { .. })), "{error}");
    });
}

#[test]
fn a_token_without_lattices_says_so() {
    with_softhsm("a_token_without_lattices_says_so", |_, old| {
        for (algorithm, usage) in [(Algorithm::MlDsa65, Usage::Sign), (Algorithm::MlKem768, Usage::Decapsulate)] {
            let error = old.assert_offers(algorithm, usage).unwrap_err();
            assert_eq!(error.explain().id, "HSM-NOT-OFFERED", "{error}");
        }
    });
}

#[test]
fn a_holder_checks_both_halves_before_any_pin() {
    on_kryoptic("a_holder_checks_both_halves_before_any_pin", |bench| {
        let token = bench.logged_in("home");
        let place = make(&token, Composite::MlDsa65Ed25519, "seal", 1);
        let (key, other) = (key_of(&place, Composite::MlDsa65Ed25519), make(&token, Composite::MlDsa65Ed25519, "x", 2));
        let uri = bench.uri("home").with_object("seal").to_string();
        let holder = Holder::open(KeyNames { key: &uri, ..KeyNames::default() }, None).unwrap();
        holder.check(&key).unwrap();
        let (Some(CompositePublic::Signing { eddsa, .. }), CompositePublic::Signing { mldsa, .. }) =
            (CompositePublic::of_openpgp(&key), other.public(Composite::MlDsa65Ed25519).unwrap())
        else {
            panic!("other keys")
        };
        // The right half of the curve beside a foreign one of the lattice.
        let foreign = CompositePublic::Signing { eddsa, mldsa }.to_openpgp(created()).unwrap();
        let error = holder.check(&foreign).unwrap_err();
        assert_eq!(error.explain().id, "HSM-KEY-MISMATCH", "{error}");
        let signer = holder.login(LoginOptions::default()).unwrap().signer(&key).unwrap();
        assert!(format!("{signer:?}").contains("Composite"));
    });
}

#[test]
fn a_certificate_names_no_key_twice() {
    on_kryoptic("a_certificate_names_no_key_twice", |bench| {
        let token = bench.logged_in("home");
        let (cert, _) = embassy(&token);
        let fingerprints: std::collections::BTreeSet<_> =
            cert.keys().map(|key| key.key().fingerprint().to_hex()).collect();
        assert_eq!(fingerprints.len(), 2);
        assert!(Builder::new(KeyVersion::V6, "", created()).is_err());
    });
}
