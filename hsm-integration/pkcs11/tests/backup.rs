//! Keys carried to a second token, and what must not happen on the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{fault::*, raw::*, *};
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use openpgp_pkcs11::{
    Algorithm, BackupError, Contents, Deadlines, Explain, Finding, GenerateError, KeyError, KeyVersion, Kind, LoggedIn,
    LoginOptions, Token, Uri, Usage, Wrapping, back_up, initialise_token, inventory, secrecy::SecretString,
};
use sequoia_openpgp::types::HashAlgorithm;

/// What the module can carry to another token of its kind. SoftHSM wraps no keys of the newer curves.
fn carried(module: Module) -> &'static [Algorithm] {
    match module {
        Module::SoftHsm => &[Algorithm::Rsa3072, Algorithm::Rsa4096, Algorithm::P256, Algorithm::P384],
        Module::Kryoptic => &SINGLE,
        Module::Tpm => &[],
    }
}

/// Those that are no halves of composite keys.
const SINGLE: [Algorithm; 6] =
    [Algorithm::Rsa3072, Algorithm::Rsa4096, Algorithm::P256, Algorithm::P384, Algorithm::Ed25519, Algorithm::X25519];

/// Two tokens, logged in.
fn two(bench: &Bench) -> [LoggedIn; 2] {
    for label in ["home", "second"] {
        bench.token_of_another_program(label);
    }
    ["home", "second"].map(|label| login(&bench.uri(label)))
}

fn login(uri: &Uri) -> LoggedIn {
    Token::open(uri, None).unwrap().login(LoginOptions::default()).unwrap()
}

/// What the token says of `CKA_SENSITIVE`, `CKA_EXTRACTABLE` and `CKA_NEVER_EXTRACTABLE`.
fn confinement(token: &LoggedIn, uri: &Uri) -> Vec<Attribute> {
    let session = raw_session(token.token());
    let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(uri.id().unwrap().to_vec())];
    let found = session.find_objects(&wanted).unwrap();
    assert_eq!(found.len(), 1);
    let asked = [AttributeType::Sensitive, AttributeType::Extractable, AttributeType::NeverExtractable];
    session.get_attributes(found[0], &asked).unwrap()
}

fn assert_confined(token: &LoggedIn, uri: &Uri) {
    let seen = confinement(token, uri);
    assert_eq!(seen[..2], [Attribute::Sensitive(true), Attribute::Extractable(false)], "{uri}");
    // Kryoptic says nothing of that when a key was unwrapped.
    assert!(!seen.contains(&Attribute::NeverExtractable(true)), "{uri}: {seen:?}");
}

fn secrets_left(token: &LoggedIn) -> usize {
    raw_session(token.token()).find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY)]).unwrap().len()
}

#[test]
fn a_key_made_for_a_backup_is_on_two_tokens_then() {
    with_module("a_key_made_for_a_backup_is_on_two_tokens_then", |bench| {
        let [home, second] = two(bench);
        let mut copies = 0;
        for (id, algorithm) in (1..).zip(SINGLE) {
            let made = home.generate_for_backup(algorithm, algorithm.as_str(), &[id]);
            if !carried(bench.module).contains(&algorithm) {
                let error = made.unwrap_err();
                let expected = if bench.module == Module::Tpm { "HSM-NO-TRANSPORT" } else { "HSM-NOT-WRAPPABLE" };
                assert_eq!((error.explain().id, error.explain().kind), (expected, Kind::Refused), "{error}");
                assert_eq!(home.contents().unwrap(), objects(copies), "a key that cannot be carried is not kept");
                continue;
            }
            let made = made.unwrap();
            let backup = back_up(&home, &made.uri, &second).unwrap();
            copies += 1;
            assert_eq!((backup.copy.object(), backup.copy.id()), (made.uri.object(), made.uri.id()));
            assert_eq!((&backup.public, backup.transport.rsa_bits), (&made.public, 3072));
            let (wrapping, sha256) = match bench.module {
                Module::SoftHsm => (Wrapping::AesKeyWrapPad, false),
                _ => (Wrapping::AesGcm, true),
            };
            assert_eq!((backup.transport.wrapping, backup.transport.oaep_sha256), (wrapping, sha256));
            for token in [&home, &second] {
                assert_confined(token, &made.uri);
                assert_eq!((token.contents().unwrap(), secrets_left(token)), (objects(copies), 0), "{algorithm}");
            }
            assert_same_key(&home, &made.uri, &second, &backup.copy, algorithm);
            let all = inventory(&bench.uri("second"), None, Deadlines::default()).unwrap();
            let objects = &all.slots[0].objects;
            let private =
                objects.iter().find(|object| object.uri.id() == Some(&[id]) && object.flags.sensitive.is_some());
            assert_eq!(private.unwrap().findings, [Finding::WasExportable], "the copy is what it is");
            // Once is all: it cannot leave its token any more.
            let again = back_up(&home, &made.uri, &second).unwrap_err();
            assert!(matches!(again, BackupError::NotDeclared { .. }), "{again}");
        }
    });
}

fn objects(pairs: usize) -> Contents {
    if pairs == 0 { Contents::Empty } else { Contents::Objects(2 * pairs) }
}

/// Both do the same for one certificate key.
fn assert_same_key(home: &LoggedIn, key: &Uri, second: &LoggedIn, copy: &Uri, algorithm: Algorithm) {
    if algorithm.usages().contains(&Usage::Sign) {
        let public = home.public_key(key).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap();
        for (token, uri) in [(home, key), (second, copy)] {
            token.signer(uri, &public).unwrap().try_sign(HashAlgorithm::SHA512, &[7; 64]).unwrap();
        }
    } else {
        let public = home.public_key(key).unwrap().to_encryption_key(KeyVersion::V4, created()).unwrap();
        let sealed = public.encrypt(&vec![0x5a; 35].into()).unwrap();
        for (token, uri) in [(home, key), (second, copy)] {
            assert_eq!(token.decryptor(uri, &public).unwrap().try_decrypt(&sealed).unwrap().len(), 35);
        }
    }
}

#[test]
fn a_half_of_a_composite_key_has_no_backup() {
    with_module("a_half_of_a_composite_key_has_no_backup", |bench| {
        let home = bench.logged_in("home");
        for algorithm in [Algorithm::MlDsa65, Algorithm::MlKem768] {
            let error = home.generate_for_backup(algorithm, "half", &[1]).unwrap_err();
            assert!(matches!(error, BackupError::Half { .. }), "{error}");
            assert_eq!((error.explain().id, error.explain().kind), ("HSM-NO-HALF-BACKUP", Kind::Refused));
            assert!(error.to_string().starts_with(&format!("{algorithm} is half of a composite key")), "{error}");
        }
        assert_eq!(home.contents().unwrap(), Contents::Empty);
    });
}

#[test]
fn a_key_not_made_for_a_backup_is_not_carried() {
    with_module("a_key_not_made_for_a_backup_is_not_carried", |bench| {
        let [home, second] = two(bench);
        let key = generate(&home, Algorithm::P256, "sealing", 1);
        let error = back_up(&home, &key, &second).unwrap_err();
        assert!(matches!(error, BackupError::NotDeclared { state: "false", .. }), "{error}");
        assert_eq!((error.explain().id, error.explain().kind), ("HSM-KEY-NOT-FOR-BACKUP", Kind::Refused));
        assert_eq!(second.contents().unwrap(), Contents::Empty);
        let error = back_up(&home, &key, &home).unwrap_err();
        assert!(matches!(error, BackupError::SameToken { .. }), "{error}");
        assert!(matches!(back_up(&second, &key, &home), Err(BackupError::Key(KeyError::NotFound { .. }))));
    });
}

#[test]
fn a_key_made_for_a_backup_is_not_used_before() {
    with_module("a_key_made_for_a_backup_is_not_used_before", |bench| {
        let [home, second] = two(bench);
        let Ok(made) = home.generate_for_backup(Algorithm::P256, "sealing", &[1]) else {
            assert!(carried(bench.module).is_empty());
            return;
        };
        let public = made.public.to_signing_key(KeyVersion::V6, created()).unwrap();
        let error = home.signer(&made.uri, &public).unwrap_err();
        assert!(matches!(error, KeyError::Exportable { attribute: "CKA_EXTRACTABLE", .. }), "{error}");
        // Its names are taken there.
        generate(&second, Algorithm::P384, "sealing", 9);
        let error = back_up(&home, &made.uri, &second).unwrap_err();
        let BackupError::Generate(GenerateError::KeyExists { what: "label", .. }) = error else { panic!("{error}") };
        // The backup is given up.
        home.confine(&made.uri).unwrap();
        assert_confined(&home, &made.uri);
        home.signer(&made.uri, &public).unwrap().try_sign(HashAlgorithm::SHA256, &[7; 32]).unwrap();
    });
}

/// SoftHSM and kryoptic have no wrapping in common that the binding can name. Both are said, and nothing is made.
#[test]
fn tokens_without_a_common_way_are_told_what_each_offers() {
    if Module::chosen() != Module::Kryoptic {
        // One of the three runs of the suite is enough, and this is the one that has both modules.
        assert!(Module::SoftHsm.path().is_file());
        return;
    }
    let prepare =
        |bench: &Bench, child: &mut std::process::Command| drop(Module::SoftHsm.prepare(&bench.directory, child));
    with_module_prepared("tokens_without_a_common_way_are_told_what_each_offers", prepare, |bench| {
        let pin = |text: &str| SecretString::from(text);
        let home = bench.logged_in("home");
        let other = Uri::parse("pkcs11:?module-name=softhsm2").unwrap().with_pin_file(&bench.pin_file(PIN));
        let second = initialise_token(&other, None, "second", &pin("demo-so-pin"), &pin(PIN)).unwrap();
        let second = login(&second.uri().reached_as(&other));
        let made = home.generate_for_backup(Algorithm::P256, "sealing", &[1]).unwrap();
        let error = back_up(&home, &made.uri, &second).unwrap_err();
        let BackupError::NotOffered { wraps, unwraps, .. } = &error else { panic!("{error}") };
        assert_eq!((&wraps[..], &unwraps[..]), (&[Wrapping::AesGcm][..], &[Wrapping::AesKeyWrapPad][..]));
        assert!(
            error.to_string().contains("wraps with CKM_AES_GCM, the second unwraps CKM_AES_KEY_WRAP_PAD"),
            "{error}"
        );
        assert_eq!((error.explain().id, second.contents().unwrap()), ("HSM-NO-TRANSPORT", Contents::Empty));
    });
}

/// Each call on the way fails, or says that it worked and did nothing.
#[test]
fn nothing_half_made_stays() {
    with_faults("nothing_half_made_stays", |bench, faulty| {
        if carried(bench.module).is_empty() {
            let error = faulty.login(bench).generate_for_backup(Algorithm::P256, "one", &[1]).unwrap_err();
            assert_eq!(error.explain().id, "HSM-NO-TRANSPORT", "{error}");
            return;
        }
        let pin = |text: &str| SecretString::from(text);
        let module = Uri::default().with_module_path(faulty.module.to_str().unwrap());
        initialise_token(&module, None, "second", &pin("demo-so-pin"), &pin(PIN)).unwrap();
        let second = bench.uri("second").with_module_path(faulty.module.to_str().unwrap());
        let [home, second] = [faulty.uri(bench), second].map(|uri| login(&uri));
        let made = home.generate_for_backup(Algorithm::P256, "one", &[1]).unwrap();
        let calls = [
            "C_GetMechanismList",
            "C_OpenSession",
            "C_GenerateKeyPair",
            "C_GenerateKey",
            "C_CreateObject",
            "C_WrapKey",
            "C_UnwrapKey",
            "C_GetAttributeValue",
            "C_FindObjects",
            "C_Sign",
            "C_DeriveKey",
            "C_SetAttributeValue",
        ];
        for call in calls {
            for rv in [0, 5, 50] {
                faulty.order(&format!("fail {call} {rv}\n"));
                let error = back_up(&home, &made.uri, &second).unwrap_err();
                faulty.order("");
                assert!(
                    !matches!(error, BackupError::LeftBehind { .. })
                        || ["C_OpenSession", "C_GetAttributeValue", "C_FindObjects"].contains(&call),
                    "{call} {rv}: {error}"
                );
                assert_eq!(second.contents().unwrap(), Contents::Empty, "{call} {rv}: {error}");
                assert_eq!(secrets_left(&home) + secrets_left(&second), 0, "{call} {rv}");
                let open =
                    vec![Attribute::Sensitive(true), Attribute::Extractable(true), Attribute::NeverExtractable(false)];
                assert_eq!(confinement(&home, &made.uri), open, "{call} {rv}");
                if call == "C_SetAttributeValue" {
                    assert_eq!(error.explain().id, "HSM-KEY-NOT-CONFINED", "{error}");
                }
            }
        }
        // The one fault after which something stays is told.
        faulty.order("fail C_DestroyObject 5\nfail C_Sign 5\n");
        let error = back_up(&home, &made.uri, &second).unwrap_err();
        faulty.order("");
        assert_eq!(error.explain().id, "HSM-BACKUP-LEFT", "{error}");
        second.find_key(&second.token().uri().with_id(&[1])).unwrap().destroy().unwrap();
        back_up(&home, &made.uri, &second).unwrap();
    });
}
