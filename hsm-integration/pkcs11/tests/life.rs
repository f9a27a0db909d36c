//! The life of a token: initialised, its PINs changed, its keys destroyed, and made new. What it says is looked at.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{fault::*, raw::*, *};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use openpgp_pkcs11::{
    Algorithm, Composite, Contents, Deadlines, DestroyError, Explain, GenerateError, KeyError, Kind, LoginOptions,
    PinError, PinState, Token, Uri, initialise_slot, initialise_token, reset_token, secrecy::SecretString, slots,
};

const SO_PIN: &str = "demo-so-pin";

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// Opens and logs in, with the PIN in a file.
fn login(bench: &Bench, label: &str, pin: &str) -> Result<openpgp_pkcs11::LoggedIn, openpgp_pkcs11::LoginError> {
    let uri = bench.uri(label).with_pin_file(&bench.pin_file(pin));
    Token::open(&uri, None).unwrap().login(LoginOptions::default())
}

#[test]
fn exactly_the_slot_that_is_named_is_initialised() {
    with_module("exactly_the_slot_that_is_named_is_initialised", |bench| {
        let before = slots(&module(), None, Deadlines::default()).unwrap();
        assert!(!before.is_empty());
        assert!(before.iter().all(|slot| slot.contents == Ok(Contents::Uninitialised)), "{before:?}");
        let init = |uri: &Uri, label: &str| {
            initialise_slot(uri, None, label, &secret(SO_PIN), &secret(PIN), Deadlines::default())
        };
        if before.len() > 1 {
            let error = init(&module(), "home").unwrap_err();
            let GenerateError::TwoFreeSlots { found } = &error else { panic!("{error}") };
            assert_eq!((found.len(), error.explain().id), (before.len(), "HSM-TWO-TOKENS"));
            assert!(error.to_string().contains("slot-id="), "{error}");
        }
        let wanted = before.last().unwrap().uri().reached_as(&module());
        let nowhere = Uri::parse("pkcs11:slot-id=987654").unwrap().reached_as(&module());
        assert!(matches!(init(&nowhere, "home"), Err(GenerateError::NoFreeSlot { .. })));
        let token = init(&wanted, "home").unwrap();
        assert_eq!(token.uri().token(), Some("home"));
        assert_eq!(token.contents().unwrap(), Contents::Empty);
        let status = token.status().unwrap();
        assert_eq!((status.pin, status.so_pin, status.pin_set), (PinState::Good, PinState::Good, true));

        // The slot of a token in use is refused, and so is its label.
        let used = Uri::default().reached_as(&module());
        let used = Uri::parse(&format!("pkcs11:slot-id={}", status.slot)).unwrap().reached_as(&used);
        let error = init(&used, "other").unwrap_err();
        assert!(matches!(&error, GenerateError::TokenExists { token } if token.token() == Some("home")), "{error}");
        assert!(matches!(init(&module(), "home"), Err(GenerateError::TokenExists { .. })));
        let logged_in = login(bench, "home", PIN).unwrap();
        assert_eq!(logged_in.contents().unwrap(), Contents::Empty);
        generate(&logged_in, Algorithm::P256, "one", 1);
        assert_eq!(logged_in.contents().unwrap(), Contents::Objects(2));
        drop(logged_in);
        // The public half alone.
        assert_eq!(token.contents().unwrap(), Contents::Objects(1));
        let named = slots(&bench.without_pin("token=home"), None, Deadlines::default()).unwrap();
        assert_eq!((named.len(), named[0].contents.clone()), (1, Ok(Contents::Objects(1))));
    });
}

#[test]
fn pins_that_do_not_fit_are_refused_before_anything_is_changed() {
    with_module("pins_that_do_not_fit_are_refused_before_anything_is_changed", |bench| {
        for (so_pin, pin) in [(SO_PIN, ""), ("", PIN), (SO_PIN, "x\n"), (SO_PIN, &*"1".repeat(300))] {
            let error = initialise_token(&module(), None, "home", &secret(so_pin), &secret(pin)).unwrap_err();
            assert_eq!((error.explain().id, error.explain().kind), ("HSM-PIN-FORM", Kind::Refused), "{error}");
        }
        assert!(
            slots(&module(), None, Deadlines::default())
                .unwrap()
                .iter()
                .all(|slot| slot.contents == Ok(Contents::Uninitialised))
        );
        bench.token("home");
    });
}

#[test]
fn a_token_is_reset_only_when_that_is_asked_and_is_empty_then() {
    with_module("a_token_is_reset_only_when_that_is_asked_and_is_empty_then", |bench| {
        let logged_in = bench.logged_in("home");
        generate(&logged_in, Algorithm::P256, "one", 1);
        let reset = |label: &str, so_pin: &str| {
            reset_token(&bench.uri("home"), None, label, &secret(so_pin), &secret("another-pin"), Deadlines::default())
        };
        let error = reset("home", SO_PIN).unwrap_err();
        match bench.module {
            // Its module makes a token once, and never again; `tpm2_ptool` has to be asked.
            Module::Tpm => {
                assert_eq!((error.explain().id, error.explain().kind), ("HSM-NO-RESET", Kind::Refused), "{error}");
                assert_eq!(logged_in.contents().unwrap(), Contents::Objects(2));
                return;
            }
            _ => assert_eq!((error.explain().id, error.explain().kind), ("HSM-IN-USE", Kind::Refused), "{error}"),
        }
        drop(logged_in);
        let error = reset("home", "wrong-so-pin").unwrap_err();
        assert_eq!(error.explain().id, "HSM-PIN-INCORRECT", "{error}");
        let token = Token::open(&bench.uri("home"), None).unwrap();
        assert_eq!(token.contents().unwrap(), Contents::Objects(1), "a wrong PIN changes nothing");

        let token = reset("renewed", SO_PIN).unwrap();
        assert_eq!((token.uri().token(), token.contents().unwrap()), (Some("renewed"), Contents::Empty));
        let again = login(bench, "renewed", "another-pin").unwrap();
        assert_eq!(again.contents().unwrap(), Contents::Empty);
        generate(&again, Algorithm::P256, "one", 1);
        drop(again);
        assert_eq!(login(bench, "renewed", PIN).unwrap_err().explain().id, "HSM-PIN-INCORRECT");
        assert!(reset("renewed", SO_PIN).is_err(), "no token is called home any more");
    });
}

/// A token that says that all went well, and lies.
#[test]
fn a_token_that_is_not_empty_after_its_reset_is_found_out() {
    with_faults("a_token_that_is_not_empty_after_its_reset_is_found_out", |bench, faulty| {
        let logged_in = faulty.login(bench);
        generate(&logged_in, Algorithm::P256, "one", 1);
        drop(logged_in);
        let reset =
            || reset_token(&faulty.uri(bench), None, "home", &secret(SO_PIN), &secret(PIN), Deadlines::default());
        // It does nothing and reports success.
        faulty.order("fail C_InitToken 0\n");
        let error = reset().unwrap_err();
        assert!(matches!(error, GenerateError::NotInitialised { .. }), "{error}");
        assert_eq!(error.explain().id, "HSM-NOT-INITIALISED");
        assert!(error.to_string().contains("1 objects before and 2 after the login"), "{error}");
        // Where tokens are never reset, the call does not come to the others.
        let calls = ["C_InitToken", "C_InitPIN", "C_FindObjects"];
        for call in calls.into_iter().take(if bench.module == Module::Tpm { 1 } else { calls.len() }) {
            faulty.order(&format!("fail {call} 50\n"));
            assert_eq!(reset().unwrap_err().explain().id, "HSM-REMOVED", "{call}");
        }
        faulty.order("");
        match bench.module {
            Module::Tpm => assert_eq!(reset().unwrap_err().explain().id, "HSM-NO-RESET"),
            _ => assert_eq!(reset().unwrap().contents().unwrap(), Contents::Empty),
        }
    });
}

#[test]
fn a_pin_is_changed_and_proven() {
    with_module("a_pin_is_changed_and_proven", |bench| {
        let logged_in = bench.logged_in("home");
        let key = generate(&logged_in, Algorithm::P256, "one", 1);
        let public = logged_in.public_key(&key).unwrap();
        let error = logged_in.set_pin(&secret(PIN), &secret(PIN)).unwrap_err();
        assert!(matches!(error, PinError::Same { .. }), "{error}");
        let error = logged_in.set_pin(&secret(PIN), &secret("a\tb")).unwrap_err();
        assert_eq!(error.explain().id, "HSM-PIN-FORM", "{error}");
        let error = logged_in.set_pin(&secret("not-the-pin"), &secret("new-user-pin")).unwrap_err();
        // The module of a TPM has no better word for it.
        let refusal = if bench.module == Module::Tpm { "HSM-DEVICE" } else { "HSM-PIN-INCORRECT" };
        assert_eq!(error.explain().id, refusal, "{error}");
        assert!(!format!("{error} {error:?}").contains("not-the-pin"), "{error:?}");
        logged_in.set_pin(&secret(PIN), &secret("new-user-pin")).unwrap();
        // The same session goes on, and finds its keys anew.
        let certificate_key = public.to_signing_key(openpgp_pkcs11::KeyVersion::V6, created()).unwrap();
        let signer = logged_in.signer(&key, &certificate_key).unwrap();
        signer.try_sign(sequoia_openpgp::types::HashAlgorithm::SHA256, &[7; 32]).unwrap();
        drop((logged_in, signer));
        assert_eq!(login(bench, "home", PIN).unwrap_err().explain().id, "HSM-PIN-INCORRECT");
        drop(login(bench, "home", "new-user-pin").unwrap());
    });
}

#[test]
fn the_officer_opens_a_locked_pin() {
    with_module("the_officer_opens_a_locked_pin", |bench| {
        let token = bench.token("home");
        let reset = |so_pin: &str| token.reset_user_pin(&secret(so_pin), &secret("new-user-pin"));
        let logged_in = login(bench, "home", PIN).unwrap();
        let error = reset(SO_PIN).unwrap_err();
        assert_eq!(error.explain().kind, Kind::Refused, "{error}");
        assert!(["HSM-IN-USE", "HSM-OTHER-USER"].contains(&error.explain().id), "{error}");
        drop(logged_in);
        if bench.module == Module::Kryoptic {
            // SoftHSM never locks, and a TPM locks as a whole for a time.
            let uri = bench.uri("home").with_pin_file(&bench.pin_file("wrong-pin"));
            let wrong = Token::open(&uri, None).unwrap();
            for _ in 0..10 {
                wrong.login(LoginOptions { allow_final_try: true, ..Default::default() }).unwrap_err();
            }
            assert_eq!(token.status().unwrap().pin, PinState::Locked);
        }
        let error = reset("wrong-so-pin").unwrap_err();
        assert_eq!(error.explain().id, "HSM-PIN-INCORRECT", "{error}");
        reset(SO_PIN).unwrap();
        assert_eq!(token.status().unwrap().pin, PinState::Good);
        drop(login(bench, "home", "new-user-pin").unwrap());

        token.set_so_pin(&secret(SO_PIN), &secret("new-so-pin")).unwrap();
        assert_eq!(reset(SO_PIN).unwrap_err().explain().id, "HSM-PIN-INCORRECT");
        token.reset_user_pin(&secret("new-so-pin"), &secret(PIN)).unwrap();
        drop(login(bench, "home", PIN).unwrap());
    });
}

#[test]
fn a_pin_that_does_not_log_in_is_not_proven() {
    with_faults("a_pin_that_does_not_log_in_is_not_proven", |bench, faulty| {
        let logged_in = faulty.login(bench);
        faulty.order("fail C_SetPIN 0\n");
        let error = logged_in.set_pin(&secret(PIN), &secret("new-user-pin")).unwrap_err();
        assert!(matches!(error, PinError::NotProven { .. }), "{error}");
        assert_eq!(error.explain().id, "HSM-PIN-UNPROVEN");
        faulty.order("fail C_SetPIN 50\n");
        let error = logged_in.set_pin(&secret(PIN), &secret("new-user-pin")).unwrap_err();
        assert_eq!((matches!(error, PinError::Device { .. }), error.explain().id), (true, "HSM-REMOVED"));
        faulty.order("");
    });
}

#[test]
fn a_destroyed_key_is_gone() {
    with_module("a_destroyed_key_is_gone", |bench| {
        let logged_in = bench.logged_in("home");
        let one = generate(&logged_in, Algorithm::P256, "one", 1);
        let two = generate(&logged_in, Algorithm::Rsa3072, "two", 2);
        let public = logged_in.public_key(&one).unwrap();
        let certificate_key = public.to_signing_key(openpgp_pkcs11::KeyVersion::V6, created()).unwrap();
        let signer = logged_in.signer(&one, &certificate_key).unwrap();
        let found = logged_in.find_key(&one).unwrap();
        assert_eq!((found.public(), found.uri()), (Some(&public), &one));
        found.destroy().unwrap();
        assert!(matches!(logged_in.find_key(&one), Err(KeyError::NotFound { .. })));
        assert_eq!(logged_in.token().public_key(&one).unwrap(), None);
        assert_eq!(logged_in.contents().unwrap(), Contents::Objects(2));
        let error = signer.try_sign(sequoia_openpgp::types::HashAlgorithm::SHA256, &[7; 32]).unwrap_err();
        assert_eq!(error.explain().id, "HSM-KEY-GONE", "{error}");
        // The other key is untouched.
        logged_in.public_key(&two).unwrap();
        if bench.module == Module::Tpm {
            // It loses count: the new key has the handle of the other one, until the program is started again.
            let error = logged_in.generate(Algorithm::P256, "one", &[1]).unwrap_err();
            assert!(matches!(&error, GenerateError::Key(KeyError::MixedUp { shown, .. }) if *shown == two), "{error}");
            return;
        }
        generate(&logged_in, Algorithm::P256, "one", 1);
        logged_in.find_key(&two).unwrap().destroy().unwrap();
        assert_eq!(logged_in.contents().unwrap(), Contents::Objects(2));
    });
}

#[test]
fn a_key_that_is_not_gone_is_found_out() {
    with_faults("a_key_that_is_not_gone_is_found_out", |bench, faulty| {
        let logged_in = faulty.login(bench);
        let one = generate(&logged_in, Algorithm::P256, "one", 1);
        let destroy = || logged_in.find_key(&one).unwrap().destroy();
        faulty.order("fail C_DestroyObject 0\n");
        let error = destroy().unwrap_err();
        assert!(matches!(error, DestroyError::StillThere { half: "private", .. }), "{error}");
        assert_eq!(error.explain().id, "HSM-KEY-STAYS");
        faulty.order("fail C_DestroyObject 50\n");
        let error = destroy().unwrap_err();
        assert!(matches!(error, DestroyError::Private { .. }), "{error}");
        faulty.order("");
        destroy().unwrap();
    });
}

/// Objects of this class and name: types of their keys.
fn kinds(token: &openpgp_pkcs11::LoggedIn, class: ObjectClass, label: &str) -> Vec<KeyType> {
    let session = raw_session(token.token());
    let found = session.find_objects(&[Attribute::Class(class), Attribute::Label(label.into())]).unwrap();
    let kind = |object| match session.get_attributes(object, &[AttributeType::KeyType]).unwrap()[..] {
        [Attribute::KeyType(kind)] => kind,
        _ => panic!("no type"),
    };
    found.into_iter().map(kind).collect()
}

#[test]
fn both_halves_of_a_composite_key_are_destroyed() {
    with_this_module(
        Module::Kryoptic,
        "both_halves_of_a_composite_key_are_destroyed",
        |_, _| (),
        |bench| {
            let token = bench.logged_in("home");
            let name = token.token().uri().clone();
            for (composite, label, id) in [
                (Composite::MlDsa65Ed25519, "seal", 1),
                (Composite::MlKem768X25519, "open", 2),
                (Composite::MlDsa65Ed25519, "other", 3),
            ] {
                token.generate_composite(composite, label, &[id]).unwrap();
            }
            generate(&token, Algorithm::Ed25519, "single", 4);
            for (at, uri) in [(1, name.with_object("seal")), (2, name.with_id(&[2]))] {
                let found = token.find_key(&uri).unwrap();
                assert!(found.is_composite() && found.public().is_some() && found.public_pq().is_some());
                found.destroy().unwrap();
                assert_eq!(token.contents().unwrap(), Contents::Objects(4 * (3 - at) + 2));
                assert!(matches!(token.find_key(&uri), Err(KeyError::NotFound { .. })));
            }
            // The name is free again, and nothing else was touched.
            let again = token.generate_composite(Composite::MlDsa65Ed25519, "seal", &[1]).unwrap();
            assert!(!token.find_key(&name.with_object("single")).unwrap().is_composite());
            assert_eq!(kinds(&token, ObjectClass::PRIVATE_KEY, "other").len(), 2);

            // Interrupted between the private halves: what is left is found by the same name, public halves included.
            let session = raw_session(token.token());
            let edwards = [Attribute::KeyType(KeyType::EC_EDWARDS), Attribute::Label("seal".into())];
            let half =
                session.find_objects(&[&edwards[..], &[Attribute::Class(ObjectClass::PRIVATE_KEY)]].concat()).unwrap();
            session.destroy_object(half[0]).unwrap();
            let found = token.find_key(&again.uri).unwrap();
            assert!(!found.is_composite());
            found.destroy().unwrap();
            assert_eq!(token.contents().unwrap(), Contents::Objects(4 + 2));

            // A composite key without one of its public halves is destroyed all the same.
            let torn = token.generate_composite(Composite::MlDsa65Ed25519, "seal", &[1]).unwrap();
            let half =
                session.find_objects(&[&edwards[..], &[Attribute::Class(ObjectClass::PUBLIC_KEY)]].concat()).unwrap();
            session.destroy_object(half[0]).unwrap();
            let found = token.find_key(&torn.uri).unwrap();
            assert_eq!((found.public(), found.public_pq().is_some()), (None, true));
            found.destroy().unwrap();
            assert_eq!(token.contents().unwrap(), Contents::Objects(4 + 2));
        },
    );
}

#[test]
fn two_keys_of_one_name_are_no_composite_key_to_destroy() {
    with_this_module(
        Module::Kryoptic,
        "two_keys_of_one_name_are_no_composite_key_to_destroy",
        |_, _| (),
        |bench| {
            let token = bench.logged_in("home");
            let session = raw_session(token.token());
            for (one, two, label, id) in [
                (Algorithm::Ed25519, Algorithm::Ed25519, "twins", 1),
                (Algorithm::Ed25519, Algorithm::MlKem768, "crossed", 2),
            ] {
                generate(&token, one, label, id);
                generate(&token, two, "moved", 99);
                for object in session.find_objects(&[Attribute::Label("moved".into())]).unwrap() {
                    session
                        .update_attributes(object, &[Attribute::Label(label.into()), Attribute::Id(vec![id])])
                        .unwrap();
                }
                let error = token.find_key(&token.token().uri().with_object(label)).unwrap_err();
                assert!(matches!(&error, KeyError::TwoKeys { found, .. } if found.len() == 2), "{error}");
            }
            // One label for halves of two ids is two keys.
            generate(&token, Algorithm::Ed25519, "split", 3);
            generate(&token, Algorithm::MlDsa65, "moved", 4);
            for object in session.find_objects(&[Attribute::Label("moved".into())]).unwrap() {
                session.update_attributes(object, &[Attribute::Label("split".into())]).unwrap();
            }
            let error = token.find_key(&token.token().uri().with_object("split")).unwrap_err();
            assert!(matches!(&error, KeyError::TwoKeys { .. }), "{error}");
            assert_eq!(token.contents().unwrap(), Contents::Objects(12));
        },
    );
}

#[test]
fn the_halves_of_a_split_key_are_destroyed_one_by_one() {
    with_this_module(
        Module::Kryoptic,
        "the_halves_of_a_split_key_are_destroyed_one_by_one",
        |_, _| (),
        |bench| {
            let [home, second] = ["home", "second"].map(|label| bench.logged_in(label));
            generate(&home, Algorithm::Ed25519, "seal", 1);
            generate(&second, Algorithm::MlDsa65, "seal", 1);
            for token in [&home, &second] {
                let found = token.find_key(&token.token().uri().with_object("seal")).unwrap();
                assert!(!found.is_composite() && found.public().is_some());
                found.destroy().unwrap();
                assert_eq!(token.contents().unwrap(), Contents::Empty);
            }
        },
    );
}
