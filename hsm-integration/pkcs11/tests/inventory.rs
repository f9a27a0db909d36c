//! What a token holds is listed, and what is wrong with it is said.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{fault::*, raw::*, *};
use cryptoki::{
    mechanism::Mechanism,
    object::{Attribute, AttributeType, CertificateType, ObjectClass},
};
use openpgp_pkcs11::{
    Algorithm, Deadlines, Explain, Finding, Inventory, LoginOptions, ObjectInventory, ObjectType, SlotInventory, Token,
    Uri, inventory, slots,
};
use std::time::{Duration, Instant};

fn look(uri: &Uri) -> Inventory {
    inventory(uri, None, Deadlines::default()).unwrap()
}

/// The slot with the token of this label.
fn slot<'a>(all: &'a Inventory, label: &str) -> &'a SlotInventory {
    let named = |slot: &&SlotInventory| slot.token.as_ref().is_some_and(|token| token.label == label);
    all.slots.iter().find(named).expect("the token")
}

fn object<'a>(slot: &'a SlotInventory, class: ObjectType, label: &str) -> &'a ObjectInventory {
    let named = |object: &&ObjectInventory| object.class == class && object.uri.object() == Some(label);
    slot.objects.iter().find(named).unwrap_or_else(|| panic!("no {class:?} {label}: {:?}", slot.objects))
}

#[test]
fn a_sound_token_has_no_findings() {
    with_module("a_sound_token_has_no_findings", |bench| {
        let token = bench.logged_in("home");
        let algorithms = bench.module.offers();
        for (id, (algorithm, _)) in (1..).zip(&algorithms) {
            generate(&token, *algorithm, algorithm.as_str(), id);
        }
        let all = look(&bench.uri("home"));
        assert!(all.is_sound(), "{all:#?}");
        assert_eq!(all.slots.len(), 1);
        let seen = slot(&all, "home");
        assert!(seen.initialised && seen.logged_in);
        assert_eq!((seen.objects.len(), seen.uri()), (2 * algorithms.len(), token.token().uri().clone()));
        for (id, (algorithm, usages)) in (1..).zip(&algorithms) {
            for class in [ObjectType::Private, ObjectType::Public] {
                let object = object(seen, class, algorithm.as_str());
                assert_eq!(object.uri.id(), Some([id].as_slice()));
                assert_eq!(object.algorithm, object.public.as_ref().unwrap().algorithm());
            }
            let private = object(seen, ObjectType::Private, algorithm.as_str());
            let flags = private.flags;
            assert_eq!((flags.private, flags.sensitive, flags.extractable), (Some(true), Some(true), Some(false)));
            assert_eq!(
                (flags.never_extractable, flags.always_sensitive, flags.local),
                (Some(true), Some(true), Some(true))
            );
            let words = usages.iter().map(|usage| match usage {
                openpgp_pkcs11::Usage::Sign => "sign",
                openpgp_pkcs11::Usage::Decrypt => "decrypt",
                openpgp_pkcs11::Usage::Derive => "derive",
                openpgp_pkcs11::Usage::Decapsulate => "decapsulate",
            });
            // The module of a TPM lets an RSA key encrypt with its private half.
            let mut asked = private.usages.clone();
            asked.retain(|&word| word != "encrypt");
            assert_eq!(asked, words.collect::<Vec<_>>(), "{algorithm}");
        }
        // Without a login: the public halves, and nothing is said of private ones that cannot be seen.
        drop(token);
        let all = look(&bench.uri("home"));
        let seen = slot(&all, "home");
        assert!(!seen.logged_in && all.is_sound(), "{all:#?}");
        assert_eq!(seen.objects.len(), algorithms.len());
        assert!(look(&module()).slots.len() >= slots(&module(), None).unwrap().len());
    });
}

#[test]
fn what_is_wrong_with_keys_is_said() {
    with_module("what_is_wrong_with_keys_is_said", |bench| {
        let token = bench.logged_in("home");
        let session = raw_session(token.token());
        let flag = |sensitive, extractable| {
            vec![Attribute::Sign(true), Attribute::Sensitive(sensitive), Attribute::Extractable(extractable)]
        };
        make_key(&session, "good", 1, &flag(true, false));
        make_key(&session, "exportable", 2, &flag(true, true));
        make_key(&session, "readable", 3, &flag(false, false));
        make_key(&session, "twin", 4, &flag(true, false));
        make_key(&session, "twin", 5, &flag(true, false));
        make_key(&session, "alone", 6, &flag(true, false));
        make_key(&session, "half", 7, &flag(true, false));
        let each = [flag(true, false), vec![Attribute::Private(true), Attribute::AlwaysAuthenticate(true)]].concat();
        make_key(&session, "each-time", 8, &each);
        let destroy = |class, label: &str| {
            let found = session.find_objects(&[Attribute::Class(class), Attribute::Label(label.into())]).unwrap();
            assert_eq!(found.len(), 1);
            session.destroy_object(found[0]).unwrap();
        };
        let kept = |class, label: &str| {
            let found = session.find_objects(&[Attribute::Class(class), Attribute::Label(label.into())]).unwrap();
            let asked = [AttributeType::Sensitive, AttributeType::Extractable];
            session.get_attributes(found[0], &asked).unwrap()
        };
        // What a module makes of what it is asked is its own affair: it is what it shows that counts.
        let shows_readable = kept(ObjectClass::PRIVATE_KEY, "readable").contains(&Attribute::Sensitive(false));
        let shows_exportable = kept(ObjectClass::PRIVATE_KEY, "exportable").contains(&Attribute::Extractable(true));
        destroy(ObjectClass::PUBLIC_KEY, "alone");
        destroy(ObjectClass::PRIVATE_KEY, "half");
        let all = look(&bench.uri("home"));
        let seen = slot(&all, "home");
        let ids = |class, label: &str| -> Vec<_> {
            object(seen, class, label).findings.iter().map(|finding| finding.explain().id).collect()
        };
        assert_eq!(ids(ObjectType::Private, "good"), <[&str; 0]>::default());
        assert_eq!(ids(ObjectType::Private, "twin"), ["HSM-TWO-KEYS"]);
        assert_eq!(ids(ObjectType::Private, "alone"), ["HSM-NO-PUBLIC"]);
        assert_eq!(ids(ObjectType::Public, "half"), ["HSM-NO-PRIVATE"]);
        assert_eq!(ids(ObjectType::Private, "each-time"), ["HSM-KEY-ALWAYS-PIN"]);
        assert_eq!(ids(ObjectType::Private, "exportable").contains(&"HSM-KEY-EXPORTABLE"), shows_exportable);
        assert_eq!(ids(ObjectType::Private, "readable").contains(&"HSM-KEY-READABLE"), shows_readable);
        assert!(seen.findings.is_empty() && !all.is_sound(), "{:?}", seen.findings);
        let words = object(seen, ObjectType::Private, "twin").findings[0].to_string();
        assert_eq!(words, "2 objects of this class have this label");
    });
}

/// Old RSA keys, curves that are not used here, certificates and data.
#[test]
fn what_is_not_ours_is_listed_too() {
    with_module("what_is_not_ours_is_listed_too", |bench| {
        let token = bench.logged_in("home");
        let session = raw_session(token.token());
        let names =
            |label: &str, id: u8| vec![Attribute::Token(true), Attribute::Label(label.into()), Attribute::Id(vec![id])];
        let private = |label: &str, id| {
            [names(label, id), vec![Attribute::Sign(true), Attribute::Sensitive(true), Attribute::Extractable(false)]]
                .concat()
        };
        let bits = [Attribute::ModulusBits(2048_u64.into()), Attribute::PublicExponent(vec![1, 0, 1])];
        let public = [names("short", 1), bits.to_vec()].concat();
        session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private("short", 1)).unwrap();
        let p521 = vec![0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
        let public = [names("p521", 2), vec![Attribute::EcParams(p521), Attribute::Private(false)]].concat();
        session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private("p521", 2)).unwrap();
        let data = [Attribute::Class(ObjectClass::DATA), Attribute::Token(true), Attribute::Label("note".into())];
        session.create_object(&[&data[..], &[Attribute::Value(b"text".to_vec())]].concat()).unwrap();
        let cert = [
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Subject(vec![0x30, 0]),
            Attribute::Value(vec![0x30, 0]),
        ];
        session.create_object(&[&cert[..], &names("paper", 3)].concat()).unwrap();

        let all = look(&bench.uri("home"));
        let seen = slot(&all, "home");
        for class in [ObjectType::Private, ObjectType::Public] {
            let short = object(seen, class, "short");
            assert_eq!(
                (short.algorithm.as_str(), &short.findings[..]),
                ("RSA 2048", &[Finding::RsaBits { bits: 2048 }][..])
            );
            let findings = &object(seen, class, "p521").findings;
            assert!(matches!(&findings[..], [Finding::UnknownType { .. }]), "{findings:?}");
        }
        object(seen, ObjectType::Data, "note");
        assert_eq!(object(seen, ObjectType::Certificate, "paper").uri.id(), Some([3].as_slice()));
        let listed = seen.objects.len();
        assert_eq!(token.contents().unwrap(), openpgp_pkcs11::Contents::Objects(listed));
    });
}

#[test]
fn what_is_wrong_with_a_token_is_said() {
    with_faults("what_is_wrong_with_a_token_is_said", |bench, faulty| {
        let home = faulty.uri(bench);
        let ids = || {
            let all = look(&home);
            slot(&all, "home").findings.iter().map(|finding| finding.explain().id).collect::<Vec<_>>()
        };
        assert_eq!(ids(), <[&str; 0]>::default());
        for (flag, id) in [
            (0x1_0000, "HSM-PIN-COUNT-LOW"),
            (0x2_0000, "HSM-PIN-FINAL-TRY"),
            (0x4_0000, "HSM-PIN-LOCKED"),
            (0x20_0000, "HSM-PIN-FINAL-TRY"),
            (0x40_0000, "HSM-PIN-LOCKED"),
            (0x2, "HSM-READ-ONLY"),
            (0x100_0000, "HSM-DEVICE"),
        ] {
            faulty.flags(flag);
            assert_eq!(ids(), [id], "{flag:#x}");
        }
        faulty.order("flags 4194304\n");
        let all = look(&home);
        assert_eq!(slot(&all, "home").findings[0].to_string(), "the security officer's PIN is locked");
        faulty.order("");
    });
}

#[test]
fn a_broken_slot_hides_no_other() {
    with_faults("a_broken_slot_hides_no_other", |bench, faulty| {
        let everything = Uri::default().with_module_path(faulty.module.to_str().unwrap());
        drop(faulty.login(bench));
        let before = look(&everything);
        assert!(before.slots.len() > 1 || bench.module == Module::Tpm, "{before:?}");
        let broken = slot(&before, "home").slot;
        let deadlines = Deadlines { answer: Duration::from_millis(800), ..Deadlines::default() };
        for (order, what) in [
            ("fail C_GetTokenInfo 50", "the token"),
            ("fail C_GetSlotInfo 48", "the slot"),
            ("fail C_OpenSession 50", "the objects"),
            ("hang C_GetTokenInfo", "the slot"),
            ("hang C_OpenSession", "the objects"),
        ] {
            faulty.order(&format!("first {broken}\n{order}\n"));
            let begun = Instant::now();
            let all = inventory(&everything, None, deadlines).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(5));
            assert_eq!(all.slots.len(), before.slots.len(), "{order}");
            for seen in &all.slots {
                let unread: Vec<_> =
                    seen.findings.iter().filter(|finding| matches!(finding, Finding::Unread { .. })).collect();
                assert_eq!(unread.len(), usize::from(seen.slot == broken), "{order}: {seen:?}");
                assert!(unread.iter().all(|finding| finding.to_string().starts_with(what)), "{order}: {unread:?}");
            }
        }
        faulty.order("fail C_GetAttributeValue 48\n");
        let token = Token::open(&faulty.uri(bench), None).unwrap().login(LoginOptions::default()).unwrap();
        faulty.order("");
        generate(&token, Algorithm::P256, "one", 1);
        faulty.order("fail C_GetAttributeValue 48\n");
        let all = look(&everything);
        let objects = &slot(&all, "home").objects;
        assert_eq!(objects.len(), 2);
        assert!(objects.iter().all(|object| matches!(object.findings[0], Finding::Unread { .. })), "{objects:?}");
        faulty.order("");
    });
}

#[test]
fn the_list_has_an_end() {
    with_module("the_list_has_an_end", |bench| {
        if bench.module == Module::Tpm {
            // 300 keys take it minutes; its lists are made by the same code.
            assert!(look(&module()).is_sound());
            return;
        }
        let token = bench.logged_in("home");
        let session = raw_session(token.token());
        for number in 0..300_u32 {
            let data = [Attribute::Class(ObjectClass::DATA), Attribute::Token(true), Attribute::Private(true)];
            let named = [Attribute::Label(format!("note {number}").into_bytes()), Attribute::Value(vec![1])];
            session.create_object(&[&data[..], &named].concat()).unwrap();
        }
        let all = look(&bench.uri("home"));
        let seen = slot(&all, "home");
        assert_eq!(seen.objects.len(), 256);
        assert_eq!(seen.findings, [Finding::More { class: "data", listed: 256 }]);
    });
}
