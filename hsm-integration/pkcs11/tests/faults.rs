//! A token that fails, lies, or is about to lock: a module of our own stands in front of the real one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{fault::*, *};
use openpgp_pkcs11::{
    Algorithm, DecryptError, Explain, KeyError, KeyVersion, Kind, LoggedIn, LoginError, LoginOptions, OpenError,
    OpenPgpKey, PinPrompt, PinState, SignError, Token, TokenStatus, Uri, Usage, secrecy::SecretString,
};
use sequoia_openpgp::types::HashAlgorithm;
use std::io;

const COUNT_LOW: u32 = 0x0001_0000;
const FINAL_TRY: u32 = 0x0002_0000;
const LOCKED: u32 = 0x0004_0000;
const PINPAD: u32 = 0x0100;
const ERROR_STATE: u32 = 0x0100_0000;

fn signing_key(token: &LoggedIn, uri: &Uri) -> OpenPgpKey {
    token.public_key(uri).unwrap().to_signing_key(KeyVersion::V6, created()).unwrap()
}

#[test]
fn retry_flags_are_read_before_any_try() {
    with_faults("retry_flags_are_read_before_any_try", |bench, faulty| {
        let token = faulty.token(bench);
        faulty.clear_log();
        let attempt = |allow_final_try| token.login(LoginOptions { allow_final_try, ..Default::default() });
        faulty.flags(LOCKED);
        assert!(matches!(attempt(true), Err(LoginError::Locked { .. })));
        faulty.flags(FINAL_TRY | COUNT_LOW);
        assert_eq!(token.status().unwrap().pin, PinState::FinalTry);
        assert!(matches!(attempt(false), Err(LoginError::FinalTry { .. })));
        faulty.flags(ERROR_STATE);
        assert!(matches!(attempt(true), Err(LoginError::Fault { .. })));
        assert_eq!(faulty.calls("C_Login"), 0, "no try was made");
        faulty.flags(FINAL_TRY);
        attempt(true).unwrap();
        faulty.flags(COUNT_LOW);
        attempt(false).unwrap();
        assert_eq!(faulty.calls("C_Login"), 2);
    });
}

#[test]
fn a_wrong_pin_reaches_the_token_once() {
    with_faults("a_wrong_pin_reaches_the_token_once", |bench, faulty| {
        let uri = faulty.uri(bench).with_pin_file(&bench.pin_file("wrong-pin"));
        let token = Token::open(&uri, None).unwrap();
        faulty.clear_log();
        token.login(LoginOptions::default()).unwrap_err();
        assert_eq!(faulty.calls("C_Login"), 1);
    });
}

struct Operator(u32);

impl PinPrompt for Operator {
    fn ask(&mut self, _: &TokenStatus) -> io::Result<Option<SecretString>> {
        panic!("a token with a pinpad takes no PIN from the keyboard")
    }

    fn announce_pinpad(&mut self, _: &TokenStatus) -> io::Result<()> {
        self.0 += 1;
        Ok(())
    }
}

#[test]
fn a_pinpad_is_used_when_there_is_one() {
    with_faults("a_pinpad_is_used_when_there_is_one", |bench, faulty| {
        let token = faulty.token(bench);
        faulty.clear_log();
        faulty.flags(PINPAD);
        assert!(matches!(token.login(LoginOptions::default()), Err(LoginError::NoPin { .. })), "nobody is there");
        assert_eq!(faulty.calls("C_Login"), 0);
        let mut operator = Operator(0);
        // The token has no pinpad and complains about the missing PIN: it was asked, without one, once.
        let error = token.login(LoginOptions { prompt: Some(&mut operator), ..Default::default() }).unwrap_err();
        assert!(
            matches!(&error, LoginError::Device { source, .. } if source.code() == bench.module.answer_without_pin()),
            "{error}"
        );
        assert_eq!((operator.0, faulty.calls("C_Login")), (1, 1));
    });
}

#[test]
fn a_wrong_signature_is_thrown_away() {
    with_faults("a_wrong_signature_is_thrown_away", |bench, faulty| {
        let token = faulty.login(bench);
        let algorithms = [Algorithm::Rsa3072, Algorithm::P256, Algorithm::P384, Algorithm::Ed25519];
        let algorithms = usable(bench, &token, Usage::Sign, &algorithms);
        for (number, algorithm) in (1..).zip(algorithms.clone()) {
            let uri = generate(&token, algorithm, algorithm.as_str(), number);
            let signer = token.signer(&uri, &signing_key(&token, &uri)).unwrap();
            let sign = || signer.try_sign(HashAlgorithm::SHA512, &[7; 64]);
            faulty.order("flip C_Sign\n");
            let error = sign().unwrap_err();
            assert!(matches!(error, SignError::SignatureDoesNotVerify { .. }), "{algorithm}: {error}");
            assert!(error.to_string().contains("does not verify"), "{error}");
            faulty.order("short C_Sign\n");
            let error = sign().unwrap_err();
            assert!(matches!(error, SignError::SignatureLength { .. }), "{algorithm}: {error}");
            faulty.order("");
            sign().unwrap();
        }
        faulty.order("flip C_Sign\n");
        let uri = token.token().uri().with_object(algorithms.last().unwrap().as_str());
        builder(KeyVersion::V6).signing(&token, &uri).unwrap_err();
    });
}

/// Return value, name, and what the exit code says.
const FAILURES: [(u32, &str, Kind); 12] = [
    (0x05, "CKR_GENERAL_ERROR", Kind::Unavailable),
    (0x30, "CKR_DEVICE_ERROR", Kind::Unavailable),
    (0x31, "CKR_DEVICE_MEMORY", Kind::Unavailable),
    (0x32, "CKR_DEVICE_REMOVED", Kind::Unavailable),
    (0x60, "CKR_KEY_HANDLE_INVALID", Kind::Unavailable),
    (0x68, "CKR_KEY_FUNCTION_NOT_PERMITTED", Kind::Refused),
    (0x70, "CKR_MECHANISM_INVALID", Kind::Refused),
    (0xb3, "CKR_SESSION_HANDLE_INVALID", Kind::Unavailable),
    (0xe0, "CKR_TOKEN_NOT_PRESENT", Kind::Unavailable),
    (0x101, "CKR_USER_NOT_LOGGED_IN", Kind::Refused),
    (0x190, "CKR_CRYPTOKI_NOT_INITIALIZED", Kind::Unavailable),
    (0x8000_0001, "CKR 0x80000001", Kind::Software),
];

#[test]
fn every_failure_of_signing_is_told_and_survived() {
    with_faults("every_failure_of_signing_is_told_and_survived", |bench, faulty| {
        let token = faulty.login(bench);
        let uri = generate(&token, Algorithm::P256, "sealing", 1);
        let signer = token.signer(&uri, &signing_key(&token, &uri)).unwrap();
        for call in ["C_SignInit", "C_Sign"] {
            for (rv, code, kind) in FAILURES {
                faulty.order(&format!("fail {call} {rv}\n"));
                let error = signer.try_sign(HashAlgorithm::SHA256, &[7; 32]).unwrap_err();
                let SignError::Device { source, .. } = &error else { panic!("{error}") };
                // A session that a failed call left busy is replaced before the next one.
                assert_eq!((source.code(), source.call()), (code, call), "{error}");
                assert_eq!(error.explain().kind, kind, "{error}");
                faulty.order("");
                signer.try_sign(HashAlgorithm::SHA256, &[7; 32]).unwrap();
            }
        }
    });
}

#[test]
fn every_failure_of_opening_is_told_and_survived() {
    with_faults("every_failure_of_opening_is_told_and_survived", |bench, faulty| {
        let token = faulty.login(bench);
        let calls = [
            (Algorithm::Rsa3072, &["C_DecryptInit", "C_Decrypt"][..]),
            (Algorithm::P256, &["C_DeriveKey", "C_GetAttributeValue", "C_DestroyObject"]),
            (Algorithm::X25519, &["C_DeriveKey"]),
        ];
        let here = opening_here(bench, &token, &calls.map(|(algorithm, _)| algorithm));
        for (number, (algorithm, calls)) in (1..).zip(calls.into_iter().filter(|(one, _)| here.contains(one))) {
            let uri = generate(&token, algorithm, algorithm.as_str(), number);
            let key = token.public_key(&uri).unwrap().to_encryption_key(KeyVersion::V6, created()).unwrap();
            let decryptor = token.decryptor(&uri, &key).unwrap();
            let ciphertext = key.encrypt(&vec![0x5a; 32].into()).unwrap();
            for &call in calls {
                for (rv, code, _) in FAILURES {
                    faulty.order(&format!("fail {call} {rv}\n"));
                    faulty.clear_log();
                    match decryptor.try_decrypt(&ciphertext).unwrap_err() {
                        DecryptError::Device { source, .. } => assert_eq!((source.code(), source.call()), (code, call)),
                        // Tokens answer bad padding so: it must not be told apart from other bad messages.
                        DecryptError::DoesNotOpen { .. } => assert_eq!((call, rv), ("C_Decrypt", 5)),
                        error => panic!("{error}"),
                    }
                    let derived = call == "C_GetAttributeValue" || call == "C_DestroyObject";
                    assert_eq!(faulty.calls("C_DestroyObject"), usize::from(derived), "{call}");
                    faulty.order("");
                    assert_eq!(decryptor.try_decrypt(&ciphertext).unwrap().len(), 32);
                }
            }
        }
    });
}

#[test]
fn a_token_that_decrypts_wrongly_gives_no_key() {
    with_faults("a_token_that_decrypts_wrongly_gives_no_key", |bench, faulty| {
        let token = faulty.login(bench);
        let primary = generate(&token, best_signing(bench), "primary", 1);
        let uri = generate(&token, Algorithm::Rsa3072, "opening", 2);
        let cert = builder(KeyVersion::V6).encryption(&token, &primary, &token, &uri).unwrap();
        let pkesk = first_pkesk(&encrypt(&cert, b"data"));
        let key = cert.keys().subkeys().next().unwrap().key().clone().role_into_unspecified();
        let mut decryptor = token.decryptor(&uri, &key).unwrap();
        assert!(pkesk.decrypt(&mut decryptor, None).is_some());
        for order in ["flip C_Decrypt\n", "short C_Decrypt\n"] {
            faulty.order(order);
            assert!(pkesk.decrypt(&mut decryptor, None).is_none(), "{order}");
        }
        faulty.order("fail C_Decrypt 50\n");
        assert!(pkesk.decrypt(&mut decryptor, None).is_none());
        let failure = decryptor.take_failure().unwrap();
        assert_eq!(failure.explain().kind, Kind::Unavailable, "a pulled token is not a foreign message: {failure}");
    });
}

#[test]
fn a_token_that_disappears_early_is_unavailable() {
    with_faults("a_token_that_disappears_early_is_unavailable", |bench, faulty| {
        let token = faulty.token(bench);
        let uri = faulty.uri(bench).with_object("sealing");
        for call in ["C_GetTokenInfo", "C_OpenSession", "C_GetSessionInfo", "C_Login"] {
            faulty.order(&format!("fail {call} 50\n"));
            let error = token.login(LoginOptions::default()).unwrap_err();
            assert!(matches!(error, LoginError::Device { .. }), "{call}: {error}");
            assert_eq!(error.explain().kind, Kind::Unavailable, "{call}: {error}");
        }
        for call in ["C_GetTokenInfo", "C_OpenSession", "C_FindObjectsInit", "C_FindObjects"] {
            faulty.order(&format!("fail {call} 50\n"));
            let error = token.check(&uri, None).unwrap_err();
            assert!(matches!(error, KeyError::Device(_)), "{call}: {error}");
        }
        for call in ["C_GetInfo", "C_GetSlotList"] {
            faulty.order(&format!("fail {call} 50\n"));
            assert!(matches!(Token::open(&uri, None), Err(OpenError::Module { .. })), "{call}");
        }
        faulty.order("fail C_GetTokenInfo 50\n");
        assert!(matches!(Token::open(&uri, None), Err(OpenError::NoToken { .. })));
        faulty.order("");
        assert_eq!(token.check(&uri, None).unwrap().public, None);
    });
}

/// Some modules describe their token in a way that cannot be read: then the slot names it, and a PIN is tried only by
/// one who says so, for the retry flags are unknown.
#[test]
fn a_token_that_cannot_be_read_is_found_by_its_slot() {
    with_faults("a_token_that_cannot_be_read_is_found_by_its_slot", |bench, faulty| {
        let slot = faulty.token(bench).status().unwrap().slot;
        let uri = |text: &str| {
            let uri = Uri::parse(&format!("pkcs11:{text}")).unwrap();
            uri.with_pin_file(&bench.pin_file(PIN)).with_module_path(faulty.module.to_str().unwrap())
        };
        faulty.order("clock 1\n");
        for text in ["token=home".into(), format!("slot-id={slot};token=home"), format!("slot-id={}", slot + 9)] {
            let error = Token::open(&uri(&text), None).unwrap_err();
            assert!(matches!(error, OpenError::NoToken { .. }), "{text}: {error}");
        }
        let token = Token::open(&uri(&format!("slot-id={slot}")), None).unwrap();
        assert_eq!(token.uri().to_string(), format!("pkcs11:slot-id={slot}"));
        assert_eq!(token.status().unwrap().pin, PinState::Unknown);
        faulty.clear_log();
        let error = token.login(LoginOptions::default()).unwrap_err();
        assert!(matches!(error, LoginError::FlagsUnread { .. }), "{error}");
        assert_eq!((error.explain().id, faulty.calls("C_Login")), ("HSM-PIN-FINAL-TRY", 0));
        let token = token.login(LoginOptions { allow_final_try: true, ..Default::default() }).unwrap();
        let key = generate(&token, Algorithm::P256, "sealing", 1);
        let signer = token.signer(&key, &signing_key(&token, &key)).unwrap();
        signer.try_sign(HashAlgorithm::SHA256, &[7; 32]).unwrap();
        faulty.order("fail C_GetTokenInfo 50\n");
        let pulled = token.token().login(LoginOptions::default()).unwrap_err();
        assert_eq!(pulled.explain().kind, Kind::Unavailable, "{pulled}");
    });
}

/// The binding panics on it. The session is replaced, and the next call is answered.
#[test]
fn an_absurd_length_is_an_error_and_not_the_end_of_the_session() {
    with_faults("an_absurd_length_is_an_error_and_not_the_end_of_the_session", |bench, faulty| {
        let token = faulty.login(bench);
        let key = generate(&token, Algorithm::P256, "sealing", 1);
        for _ in 0..2 {
            faulty.order("long C_GetAttributeValue\n");
            let error = token.public_key(&key).unwrap_err();
            assert_eq!(error.explain().id, "HSM-MODULE", "{error}");
            faulty.order("");
            token.public_key(&key).unwrap();
        }
    });
}
