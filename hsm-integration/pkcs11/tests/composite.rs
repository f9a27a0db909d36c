//! Composite keys of RFC 9980 in a token of PKCS#11 3.2: always on kryoptic, which is the one that has ML-KEM and ML-DSA.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails loudly, and times are told"
)]

mod common;

use common::{fault::with_faults_of, *};
use cryptoki::{
    context::Pkcs11,
    mechanism::Mechanism,
    object::{Attribute, MlKemParameterSetType},
};
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
        let before = operations();
        let zero = mpi::Ciphertext::MLKEM768_X25519 { ecdh: Box::new([0; 32]), mlkem: mlkem.clone(), esk: esk.clone() };
        let error = decryptor.try_decrypt(&zero).unwrap_err();
        assert!(matches!(error, DecryptError::EphemeralKey), "{error}");
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

/// A post-quantum key that another program made as it liked, under this label.
fn foreign(token: &LoggedIn, mechanism: &Mechanism, parameters: Attribute, label: &str, private: &[Attribute]) {
    let module = Pkcs11::new(token.token().module_path()).unwrap();
    let slots = module.get_slots_with_initialized_token().unwrap();
    let session = module.open_rw_session(slots[0]).unwrap();
    let name = [Attribute::Token(true), Attribute::Label(label.into()), Attribute::Id(label.into())];
    let public = [&name[..], &[parameters]].concat();
    let private = [&name[..], &[Attribute::Private(true)], private].concat();
    session.generate_key_pair(mechanism, &public, &private).unwrap();
}

#[test]
fn a_post_quantum_half_that_is_not_confined_or_not_for_this_is_refused() {
    on_kryoptic("a_post_quantum_half_that_is_not_confined_or_not_for_this_is_refused", |bench| {
        let token = bench.logged_in("embassy");
        let kem = || Attribute::ParameterSet(MlKemParameterSetType::ML_KEM_768.into());
        // Sensitive, extractable; decapsulates; the id of the refusal.
        for (label, (sensitive, extractable), decapsulates, id) in [
            ("loose", (true, true), true, "HSM-KEY-EXPORTABLE"),
            ("bare", (false, false), true, "HSM-KEY-EXPORTABLE"),
            ("idle", (true, false), false, "HSM-KEY-USE"),
        ] {
            let private = [
                Attribute::Sensitive(sensitive),
                Attribute::Extractable(extractable),
                Attribute::Decapsulate(decapsulates),
            ];
            foreign(&token, &Mechanism::MlKemKeyPairGen, kem(), label, &private);
            token.generate(Algorithm::X25519, &format!("{label}-x"), format!("{label}-x").as_bytes()).unwrap();
            let (ecdh, lattice) =
                (bench.uri("embassy").with_object(&format!("{label}-x")), bench.uri("embassy").with_object(label));
            let place = CompositePlace::split((&token, &ecdh), (&token, &lattice));
            let key = key_of(&place, Composite::MlKem768X25519);
            let error = place.decryptor(&key).unwrap_err();
            assert_eq!(error.explain().id, id, "{label}: {error}");
        }
        // Another parameter set than the one that the format knows.
        let big = Attribute::ParameterSet(MlKemParameterSetType::ML_KEM_1024.into());
        let private = [Attribute::Sensitive(true), Attribute::Extractable(false), Attribute::Decapsulate(true)];
        foreign(&token, &Mechanism::MlKemKeyPairGen, big, "big", &private);
        token.generate(Algorithm::X25519, "big-x", &[0x77]).unwrap();
        let (ecdh, lattice) = (bench.uri("embassy").with_object("big-x"), bench.uri("embassy").with_object("big"));
        let error =
            CompositePlace::split((&token, &ecdh), (&token, &lattice)).public(Composite::MlKem768X25519).unwrap_err();
        assert!(matches!(&error, KeyError::Unsupported { algorithm, .. } if algorithm.contains("1568")), "{error}");
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
fn the_pin_of_a_second_token_is_never_that_of_the_first() {
    let test = "the_pin_of_a_second_token_is_never_that_of_the_first";
    let credentials = |bench: &Bench| bench.directory.join("credentials");
    let prepare = |bench: &Bench, child: &mut std::process::Command| {
        child.env("CREDENTIALS_DIRECTORY", credentials(bench));
    };
    with_this_module(Module::Kryoptic, test, prepare, |bench| {
        let pin = |text: &str| SecretString::from(text);
        let write = |name: &str, pin: &str| {
            let file = credentials(bench).join(name);
            std::fs::write(&file, pin).unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
        };
        std::fs::create_dir(credentials(bench)).unwrap();
        let names: Vec<String> = ["one", "two"]
            .map(|label| {
                initialise_token(&module(), None, label, &pin("demo-so-pin"), &pin(&format!("pin-of-{label}")))
                    .unwrap();
                bench.without_pin(&format!("token={label};object=open")).to_string()
            })
            .to_vec();
        write("pouch-pin", "pin-of-one");
        let names = KeyNames { key: &names[0], key_pq: Some(&names[1]), accept_split: true };
        let holder = Holder::open(names, None).unwrap();
        let before = operations().logins;
        let error = holder.login(LoginOptions::default()).unwrap_err();
        assert!(error.to_string().contains("pouch-pin-pq"), "{error}");
        assert_eq!(operations().logins - before, 1, "no try at the second token");
        write("pouch-pin-pq", "pin-of-two");
        holder.login(LoginOptions::default()).unwrap();
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

#[test]
fn a_wrong_half_is_thrown_away_with_the_right_one_and_named() {
    with_faults_of(Module::Kryoptic, "a_wrong_half_is_thrown_away_with_the_right_one_and_named", |bench, faulty| {
        let token = faulty.login(bench);
        let place = make(&token, Composite::MlDsa65Ed25519, "seal", 1);
        let key = key_of(&place, Composite::MlDsa65Ed25519);
        let signer = place.signer(&key).unwrap();
        let [eddsa, mldsa] = signer.uris().map(ToString::to_string);
        let sign = || signer.try_sign(HashAlgorithm::SHA512, &[7; 64]);
        for (length, wrong) in [(64, &eddsa), (3309, &mldsa)] {
            faulty.order(&format!("flip C_Sign {length}\n"));
            let error = sign().unwrap_err();
            assert!(matches!(&error, SignError::SignatureDoesNotVerify { key, .. } if key.to_string() == **wrong));
            faulty.order(&format!("short C_Sign {length}\n"));
            let error = sign().unwrap_err();
            assert!(matches!(error, SignError::SignatureLength { expected, .. } if expected == length), "{error}");
        }
        faulty.order("");
        sign().unwrap();
        // The second half cannot be made: the first does not stay behind, and the name is free again.
        for failing in ["short C_GetAttributeValue\n", "fail C_GenerateKeyPair 5\n"] {
            faulty.order(failing);
            token.generate_composite(Composite::MlDsa65Ed25519, "again", &[9]).unwrap_err();
            faulty.order("");
            let left = token.token().list().unwrap();
            assert!(!left.iter().any(|(uri, _)| uri.object() == Some("again")), "{failing}: {left:?}");
        }
        make(&token, Composite::MlDsa65Ed25519, "again", 9);
    });
}

#[test]
fn a_token_that_fails_at_a_half_is_told_from_a_foreign_message() {
    with_faults_of(Module::Kryoptic, "a_token_that_fails_at_a_half_is_told_from_a_foreign_message", |bench, faulty| {
        let token = faulty.login(bench);
        let place = make(&token, Composite::MlKem768X25519, "open", 1);
        let key = key_of(&place, Composite::MlKem768X25519);
        let secret = SessionKey::from(vec![0x5a; 32]);
        let pkesk = PKESK6::for_recipient(&secret, &key).unwrap();
        let mut decryptor = place.decryptor(&key).unwrap();
        for function in ["C_DeriveKey", "C_DecapsulateKey"] {
            faulty.order(&format!("fail {function} 50\n"));
            assert_eq!(pkesk.decrypt(&mut decryptor, None), None);
            let failure = decryptor.take_failure().unwrap();
            assert_eq!(failure.explain().id, "HSM-REMOVED", "{failure}");
        }
        // A share of the wrong length, and one of the wrong bytes.
        faulty.order("short C_GetAttributeValue\n");
        let failure = decryptor.try_decrypt(pkesk.esk()).unwrap_err();
        assert!(matches!(failure, DecryptError::SecretLength { .. }), "{failure}");
        faulty.order("flip C_GetAttributeValue\n");
        let failure = decryptor.try_decrypt(pkesk.esk()).unwrap_err();
        assert!(matches!(failure, DecryptError::DoesNotOpen { .. }), "{failure}");
        faulty.order("");
        assert_eq!(pkesk.decrypt(&mut decryptor, None), Some(secret));
    });
}

/// In milliseconds, of 101 runs.
fn median(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..101 {
        let started = std::time::Instant::now();
        work();
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    times[50]
}

/// What stands in BENCHMARKS.md: the token's work, with what is verified and derived on this host.
#[test]
fn the_time_of_the_token_is_told() {
    on_kryoptic("the_time_of_the_token_is_told", |bench| {
        let token = bench.logged_in("home");
        let signing = make(&token, Composite::MlDsa65Ed25519, "seal", 1);
        let opening = make(&token, Composite::MlKem768X25519, "open", 2);
        let signer = signing.signer(&key_of(&signing, Composite::MlDsa65Ed25519)).unwrap();
        let key = key_of(&opening, Composite::MlKem768X25519);
        let decryptor = opening.decryptor(&key).unwrap();
        let pkesk = PKESK6::for_recipient(&SessionKey::from(vec![0x5a; 32]), &key).unwrap();
        let (uri, x_uri) =
            (generate(&token, Algorithm::Ed25519, "old-seal", 3), generate(&token, Algorithm::X25519, "old-open", 4));
        let key = token.public_key(&uri).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
        let old_signer = token.signer(&uri, &key).unwrap();
        let key = token.public_key(&x_uri).unwrap().to_encryption_key(KeyVersion::V6, created()).unwrap();
        let old_decryptor = token.decryptor(&x_uri, &key).unwrap();
        let old_pkesk = PKESK6::for_recipient(&SessionKey::from(vec![0x5a; 32]), &key).unwrap();

        let sign = median(|| drop(signer.try_sign(HashAlgorithm::SHA512, &[7; 64]).unwrap()));
        let open = median(|| drop(decryptor.try_decrypt(pkesk.esk()).unwrap()));
        let old_sign = median(|| drop(old_signer.try_sign(HashAlgorithm::SHA512, &[7; 64]).unwrap()));
        let old_open = median(|| drop(old_decryptor.try_decrypt(old_pkesk.esk()).unwrap()));
        println!("medians of 101: ML-DSA-65+Ed25519 signs in {sign:.2} ms, ML-KEM-768+X25519 opens in {open:.2} ms");
        println!("beside them: Ed25519 signs in {old_sign:.2} ms, X25519 opens in {old_open:.2} ms");
        assert!(sign < 1000.0 && open < 1000.0, "a second of the token for one pouch: {sign} ms, {open} ms");
    });
}
