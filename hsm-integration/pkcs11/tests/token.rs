//! Finding tokens and keys, logging in, and every refusal on the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{raw::*, *};
use cryptoki::object::{Attribute, ObjectClass};
use openpgp_pkcs11::{
    Algorithm, Explain, GenerateError, KeyError, KeyVersion, Kind, LoginError, LoginOptions, OpenError, PinPrompt,
    PinState, SignError, Token, TokenStatus, initialise_token, operations, secrecy::SecretString,
};
use sequoia_openpgp::types::HashAlgorithm;
use std::sync::{Arc, Mutex};

#[test]
fn a_wrong_pin_is_tried_once() {
    with_module("a_wrong_pin_is_tried_once", |bench| {
        bench.token("home");
        let uri = bench.uri("home").with_pin_file(&bench.pin_file("wrong-pin"));
        let token = Token::open(&uri, None).unwrap();
        assert_eq!(token.status().unwrap().pin, PinState::Good);
        let error = token.login(LoginOptions::default()).unwrap_err();
        assert!(matches!(&error, LoginError::Device { source, .. } if source.code() == "CKR_PIN_INCORRECT"), "{error}");
        assert!(error.to_string().contains("the PIN is wrong"), "{error}");
        assert!(!format!("{error} {error:?}").contains("wrong-pin\""), "{error:?}");
        assert_eq!(error.explain().id, "HSM-PIN-INCORRECT");
        assert_eq!(error.explain().kind, Kind::Refused);
        assert_eq!(operations().logins, 1);
        let counted = if bench.module.tells_of_one_wrong_pin() { PinState::CountLow } else { PinState::Good };
        assert_eq!(token.status().unwrap().pin, counted);

        Token::open(&bench.uri("home"), None).unwrap().login(LoginOptions::default()).unwrap();
        assert_eq!(operations().logins, 2);
    });
}

#[test]
fn the_last_try_is_kept() {
    with_module("the_last_try_is_kept", |bench| {
        bench.token("home");
        let wrong = Token::open(&bench.uri("home").with_pin_file(&bench.pin_file("wrong-pin")), None).unwrap();
        let mut tries = 0;
        let refusal = loop {
            match wrong.login(LoginOptions::default()).unwrap_err() {
                LoginError::Device { source, .. } if source.code() == "CKR_PIN_INCORRECT" && tries < 12 => tries += 1,
                error => break error,
            }
        };
        let right = Token::open(&bench.uri("home"), None).unwrap();
        let allowed = || right.login(LoginOptions { allow_final_try: true, ..Default::default() });
        match bench.module {
            // Never locks.
            Module::SoftHsm => {
                assert_eq!((tries, right.status().unwrap().pin), (12, PinState::CountLow), "{refusal}");
                right.login(LoginOptions::default()).unwrap();
            }
            // Locks after ten: the tenth was not made.
            Module::Kryoptic => {
                assert!(matches!(refusal, LoginError::FinalTry { .. }), "{refusal}");
                assert_eq!((tries, operations().logins), (9, 9));
                assert!(matches!(right.login(LoginOptions::default()), Err(LoginError::FinalTry { .. })));
                allowed().unwrap();
                assert_eq!(right.status().unwrap().pin, PinState::Good);
            }
            // Locks after three, for a time, without a flag that would have told; nothing opens it meanwhile.
            Module::Tpm => {
                assert_eq!((tries, refusal.explain().id), (3, "HSM-PIN-LOCKED"), "{refusal}");
                assert_eq!(right.status().unwrap().pin, PinState::Good);
                assert_eq!(allowed().unwrap_err().explain().id, "HSM-PIN-LOCKED");
            }
        }
    });
}

#[test]
fn a_second_login_of_the_process_asks_for_no_pin() {
    with_module("a_second_login_of_the_process_asks_for_no_pin", |bench| {
        let first = bench.logged_in("home");
        let token = Token::open(&bench.without_pin("token=home"), None).unwrap();
        let second = token.login(LoginOptions::default()).unwrap();
        assert_eq!(operations().logins, 1);
        drop(first);
        generate(&second, Algorithm::P256, "still-logged-in", 1);
        drop(second);
        let error = token.login(LoginOptions { credential: "none", ..LoginOptions::default() }).unwrap_err();
        assert!(matches!(error, LoginError::NoPin { .. }), "login ends with the last session: {error}");
    });
}

#[test]
fn tokens_are_told_apart_by_serial() {
    with_module("tokens_are_told_apart_by_serial", |bench| {
        // A TPM's module takes no label twice, but all its tokens have one serial.
        let serials = bench.module.has_serials();
        for label in ["twin", if serials { "twin" } else { "other" }] {
            bench.token_of_another_program(label);
        }
        let ambiguous = if serials { "token=twin" } else { "serial=0000000000000000" };
        let error = Token::open(&bench.without_pin(ambiguous), None).unwrap_err();
        let OpenError::TwoTokens { found, .. } = &error else { panic!("{error}") };
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|uri| error.to_string().contains(&uri.to_string())), "{error}");
        for uri in found {
            if !serials {
                let wanted = bench.without_pin(&format!("{ambiguous};token={}", uri.token().unwrap()));
                assert_eq!(Token::open(&wanted, None).unwrap().uri(), uri);
                continue;
            }
            let wanted = bench.without_pin(&format!("serial={}", uri.serial().unwrap()));
            assert_eq!(Token::open(&wanted, None).unwrap().uri(), uri);
            let renamed = bench.without_pin(&format!("token=old-name;serial={}", uri.serial().unwrap()));
            assert_eq!(Token::open(&renamed, None).unwrap().uri(), uri);
        }
        let error = Token::open(&bench.uri("nowhere"), None).unwrap_err();
        assert!(matches!(&error, OpenError::NoToken { present, .. } if present.len() == 2), "{error}");
        assert_eq!(error.explain().kind.exit_code(), 69);
        let other = bench.without_pin("token=twin;library-version=99");
        assert!(matches!(Token::open(&other, None), Err(OpenError::NoToken { .. })));
    });
}

/// A serial that several tokens share names none of them alone; with the label it does.
#[test]
fn a_tokens_own_name_is_enough() {
    with_module("a_tokens_own_name_is_enough", |bench| {
        for label in ["one", "two"] {
            bench.token_of_another_program(label);
        }
        let names = ["one", "two"].map(|label| Token::open(&bench.uri(label), None).unwrap().uri().clone());
        assert_eq!(names[0].serial() != names[1].serial(), bench.module.has_serials());
        for (name, label) in names.iter().zip(["one", "two"]) {
            let again = Token::open(&name.reached_as(&module()), None).unwrap();
            assert_eq!((again.uri(), again.status().unwrap().label.as_str()), (name, label));
        }
    });
}

/// RFC 7512 section 2.3: `slot-id`.
#[test]
fn a_token_is_found_by_its_slot() {
    with_module("a_token_is_found_by_its_slot", |bench| {
        let token = bench.token("home");
        let slot = token.status().unwrap().slot;
        assert_eq!(Token::open(&bench.without_pin(&format!("slot-id={slot}")), None).unwrap().uri(), token.uri());
        for wrong in [format!("slot-id={}", slot + 1), format!("slot-id={slot};token=other")] {
            assert!(matches!(Token::open(&bench.without_pin(&wrong), None), Err(OpenError::NoToken { .. })), "{wrong}");
        }
    });
}

#[test]
fn exportable_keys_are_refused() {
    with_module("exportable_keys_are_refused", |bench| {
        let token = bench.logged_in("home");
        let session = raw_session(token.token());
        let usage = [Attribute::Sign(true), Attribute::Derive(true)];
        let confined = [&usage[..], &[Attribute::Sensitive(true), Attribute::Extractable(false)]].concat();
        make_key(&session, "good", 1, &confined);
        make_key(
            &session,
            "extractable",
            2,
            &[&usage[..], &[Attribute::Sensitive(true), Attribute::Extractable(true)]].concat(),
        );
        make_key(
            &session,
            "readable",
            3,
            &[&usage[..], &[Attribute::Sensitive(false), Attribute::Extractable(false)]].concat(),
        );
        let no_use = [
            Attribute::Sign(false),
            Attribute::Derive(false),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
        ];
        make_key(&session, "useless", 4, &no_use);

        let attempt = |label: &str| {
            let uri = bench.uri("home").with_object(label);
            let public = token.public_key(&uri).unwrap();
            let sign = token.signer(&uri, &public.to_signing_key(KeyVersion::V6, created()).unwrap()).map(drop);
            let open = token.decryptor(&uri, &public.to_encryption_key(KeyVersion::V6, created()).unwrap()).map(drop);
            (sign, open)
        };
        assert!(matches!(attempt("good"), (Ok(()), Ok(()))));
        for (label, expected) in [("extractable", "CKA_EXTRACTABLE"), ("readable", "CKA_SENSITIVE")] {
            let (sign, open) = attempt(label);
            for error in [sign.unwrap_err(), open.unwrap_err()] {
                assert!(matches!(error, KeyError::Exportable { attribute, .. } if attribute == expected), "{error}");
                assert_eq!(error.explain().kind, Kind::Refused);
            }
        }
        let (sign, open) = attempt("useless");
        assert!(matches!(sign, Err(KeyError::Usage { .. })));
        assert!(matches!(open, Err(KeyError::Usage { .. })));
    });
}

/// Such keys exist on every module. One login for many signatures is what they forbid, so they are refused in time.
#[test]
fn keys_that_want_a_pin_each_time_are_refused() {
    with_module("keys_that_want_a_pin_each_time_are_refused", |bench| {
        let token = bench.logged_in("home");
        let confined = [Attribute::Sign(true), Attribute::Sensitive(true), Attribute::Extractable(false)];
        let private = [&confined[..], &[Attribute::Private(true), Attribute::AlwaysAuthenticate(true)]].concat();
        make_key(&raw_session(token.token()), "each-time", 1, &private);
        let uri = bench.uri("home").with_object("each-time");
        let key = token.public_key(&uri).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
        let error = token.signer(&uri, &key).unwrap_err();
        assert!(matches!(error, KeyError::AlwaysAuthenticate { .. }), "{error}");
        assert_eq!(error.explain().id, "HSM-KEY-ALWAYS-PIN");
    });
}

/// Gives the PINs in their order, and nothing when there are no more.
struct Prompt(Vec<&'static str>);

impl PinPrompt for Prompt {
    fn ask(&mut self, _: &TokenStatus) -> std::io::Result<Option<SecretString>> {
        Ok(if self.0.is_empty() { None } else { Some(SecretString::from(self.0.remove(0))) })
    }

    fn announce_pinpad(&mut self, _: &TokenStatus) -> std::io::Result<()> {
        panic!("no pinpad here")
    }
}

#[test]
fn a_key_that_wants_a_pin_each_time_signs_where_its_token_signs_in_parts() {
    with_module("a_key_that_wants_a_pin_each_time_signs_where_its_token_signs_in_parts", |bench| {
        let token = bench.logged_in("home");
        let confined = [Attribute::Sign(true), Attribute::Sensitive(true), Attribute::Extractable(false)];
        let private = [&confined[..], &[Attribute::Private(true), Attribute::AlwaysAuthenticate(true)]].concat();
        make_key(&raw_session(token.token()), "each-time", 1, &private);
        let uri = bench.uri("home").with_object("each-time");
        let key = token.public_key(&uri).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
        let prompt = Arc::new(Mutex::new(Prompt(vec![PIN, PIN, "wrong-pin", PIN])));
        let signer = token.signer_asking(&uri, &key, prompt.clone()).unwrap();
        let sign = || signer.try_sign(HashAlgorithm::SHA256, &[7; 32]);
        let before = operations();
        if bench.module != Module::Tpm {
            let error = sign().unwrap_err();
            assert!(matches!(error, SignError::NotInParts { .. }), "{error}");
            assert_eq!((error.explain().id, error.explain().kind), ("HSM-KEY-ALWAYS-PIN", Kind::Refused));
            return;
        }
        for _ in 0..2 {
            key.verify(&sign().unwrap(), HashAlgorithm::SHA256, &[7; 32]).unwrap();
        }
        assert_eq!(sign().unwrap_err().explain().id, "HSM-PIN-INCORRECT");
        sign().unwrap();
        assert_eq!(operations().logins - before.logins, 4, "each was tried once");
        let error = sign().unwrap_err();
        assert!(matches!(error, SignError::Pin(LoginError::GivenUp { .. })), "{error}");
        // Other keys never ask.
        let other = generate(&token, Algorithm::P256, "other", 2);
        let key = token.public_key(&other).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
        token.signer_asking(&other, &key, prompt).unwrap().try_sign(HashAlgorithm::SHA256, &[7; 32]).unwrap();
    });
}

#[test]
fn two_keys_of_one_label_are_refused_and_an_id_decides() {
    with_module("two_keys_of_one_label_are_refused_and_an_id_decides", |bench| {
        let token = bench.logged_in("home");
        let session = raw_session(token.token());
        let private = [Attribute::Sign(true), Attribute::Sensitive(true), Attribute::Extractable(false)];
        make_key(&session, "twin", 1, &private);
        make_key(&session, "twin", 2, &private);
        let uri = bench.uri("home").with_object("twin");
        let error = token.public_key(&uri).unwrap_err();
        let KeyError::TwoKeys { found, .. } = &error else { panic!("{error}") };
        assert_eq!(found.len(), 2);
        assert!(error.to_string().contains("id=%01") && error.to_string().contains("id=%02"), "{error}");
        assert!(matches!(token.token().public_key(&uri), Err(KeyError::TwoKeys { .. })), "also without login");
        for id in [1, 2] {
            let key = token.public_key(&uri.with_id(&[id])).unwrap();
            token.signer(&uri.with_id(&[id]), &key.to_signing_key(KeyVersion::V6, created()).unwrap()).unwrap();
        }
    });
}

#[test]
fn a_taken_label_or_id_is_not_generated_again() {
    with_module("a_taken_label_or_id_is_not_generated_again", |bench| {
        let token = bench.logged_in("home");
        generate(&token, Algorithm::P256, "sealing", 1);
        let error = token.generate(Algorithm::P256, "sealing", &[2]).unwrap_err();
        assert!(matches!(error, GenerateError::KeyExists { what: "label", .. }), "{error}");
        let error = token.generate(Algorithm::P256, "other", &[1]).unwrap_err();
        assert!(matches!(error, GenerateError::KeyExists { what: "id", .. }), "{error}");
        assert_eq!(token.token().list().unwrap().len(), 1);
        for (label, id) in
            [("", vec![3]), ("x\n", vec![3]), ("x", vec![]), ("x", vec![0; 33]), (&"x".repeat(65), vec![3])]
        {
            let error = token.generate(Algorithm::P256, label, &id).unwrap_err();
            assert!(matches!(error, GenerateError::Name { .. }), "{label:?} {id:?}: {error}");
        }
    });
}

#[test]
fn token_labels_are_never_cut() {
    with_module("token_labels_are_never_cut", |bench| {
        let init = |label: &str| {
            let pin = |text: &str| SecretString::from(text);
            initialise_token(&module(), None, label, &pin("demo-so-pin"), &pin(PIN))
        };
        let full = "a".repeat(32);
        assert_eq!(init(&full).unwrap().uri().token(), Some(full.as_str()));
        let error = init(&"a".repeat(33)).unwrap_err();
        assert!(matches!(error, GenerateError::Name { actual: 33, limit: 32, .. }), "{error}");
        assert!(matches!(init(&full), Err(GenerateError::TokenExists { .. })));
        // 17 letters, 34 bytes.
        assert!(matches!(init(&"\u{e1}".repeat(17)), Err(GenerateError::Name { actual: 34, .. })));
        bench.logged_in("second");
    });
}

#[test]
fn a_dry_run_needs_no_pin() {
    with_module("a_dry_run_needs_no_pin", |bench| {
        let token = bench.logged_in("home");
        let one = generate(&token, Algorithm::P256, "one", 1);
        let two = generate(&token, Algorithm::P256, "two", 2);
        let key = token.public_key(&one).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
        drop(token);
        let before = operations();
        let token = Token::open(&bench.without_pin("token=home"), None).unwrap();
        let check = token.check(&one, Some(&key)).unwrap();
        assert_eq!(check.token.label, "home");
        assert!(check.public.is_some());
        assert!(matches!(token.check(&two, Some(&key)), Err(KeyError::NotTheCertificateKey { .. })));
        assert_eq!(token.check(&one.with_object("none"), Some(&key)).unwrap().public, None);
        assert_eq!(operations(), before, "nothing was asked of a private key");
    });
}

#[test]
fn a_key_without_public_half_signs_for_its_certificate_only() {
    with_module("a_key_without_public_half_signs_for_its_certificate_only", |bench| {
        let token = bench.logged_in("home");
        let one = generate(&token, Algorithm::P256, "one", 1);
        let two = generate(&token, Algorithm::P256, "two", 2);
        let key = |uri| token.public_key(uri).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
        let (key_one, key_two) = (key(&one), key(&two));
        let session = raw_session(token.token());
        for public in session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY)]).unwrap() {
            session.destroy_object(public).unwrap();
        }
        assert!(matches!(token.public_key(&one), Err(KeyError::NoPublicHalf { .. })));
        let sign = |uri, key| token.signer(uri, key).unwrap().try_sign(HashAlgorithm::SHA256, &[7; 32]);
        sign(&one, &key_one).unwrap();
        let error = sign(&one, &key_two).unwrap_err();
        assert!(matches!(error, SignError::SignatureDoesNotVerify { .. }), "{error}");
    });
}

#[test]
fn the_pin_comes_from_a_credential() {
    let prepare = |bench: &Bench, child: &mut std::process::Command| {
        std::fs::write(bench.directory.join("the-pin"), PIN).unwrap();
        child.env("CREDENTIALS_DIRECTORY", &bench.directory);
    };
    with_module_prepared("the_pin_comes_from_a_credential", prepare, |bench| {
        bench.token("home");
        let token = Token::open(&bench.without_pin("token=home"), None).unwrap();
        assert!(matches!(token.login(LoginOptions::default()), Err(LoginError::NoPin { .. })), "another name");
        token.login(LoginOptions { credential: "the-pin", ..Default::default() }).unwrap();
    });
}
