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
    Algorithm, Composite, Deadlines, Explain, Finding, Inventory, LoginOptions, ObjectInventory, ObjectType, PublicKey,
    SlotInventory, Token, Uri, inventory, slots,
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
        // Halves of composite keys are none without each other.
        let half = |algorithm| matches!(algorithm, Algorithm::MlDsa65 | Algorithm::MlKem768);
        let algorithms: Vec<_> = bench.module.offers().into_iter().filter(|(algorithm, _)| !half(*algorithm)).collect();
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
        assert!(look(&module()).slots.len() >= slots(&module(), None, Deadlines::default()).unwrap().len());
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

/// What is listed of a class by this label: algorithm, composite key, what is wrong.
fn listed(slot: &SlotInventory, class: ObjectType, label: &str) -> Vec<(String, Option<Composite>, Vec<&'static str>)> {
    let named = slot.objects.iter().filter(|object| object.class == class && object.uri.object() == Some(label));
    let mut listed: Vec<_> = named
        .map(|object| {
            let ids = object.findings.iter().map(|finding| finding.explain().id).collect();
            (object.algorithm.clone(), object.half_of, ids)
        })
        .collect();
    listed.sort_by(|one, other| (&one.0, &one.2).cmp(&(&other.0, &other.2)));
    listed
}

#[test]
fn a_composite_key_is_one_key_of_two_halves() {
    with_this_module(
        Module::Kryoptic,
        "a_composite_key_is_one_key_of_two_halves",
        |_, _| (),
        |bench| {
            let token = bench.logged_in("home");
            for (composite, label, id) in
                [(Composite::MlDsa65Ed25519, "seal", 1), (Composite::MlKem768X25519, "open", 2)]
            {
                token.generate_composite(composite, label, &[id]).unwrap();
            }
            generate(&token, Algorithm::Ed25519, "single", 3);
            let all = look(&bench.uri("home"));
            assert!(all.is_sound(), "{all:#?}");
            let seen = slot(&all, "home");
            for class in [ObjectType::Private, ObjectType::Public] {
                let halves = |composite, one: &str, two: &str| {
                    [one, two].map(|half| (half.to_owned(), Some(composite), Vec::<&str>::new())).to_vec()
                };
                assert_eq!(listed(seen, class, "seal"), halves(Composite::MlDsa65Ed25519, "Ed25519", "ML-DSA-65"));
                assert_eq!(listed(seen, class, "open"), halves(Composite::MlKem768X25519, "ML-KEM-768", "X25519"));
                assert_eq!(listed(seen, class, "single"), [("Ed25519".to_owned(), None, vec![])]);
            }
            let lattice = |object: &&ObjectInventory| matches!(object.public, Some(PublicKey::MlDsa65(_)));
            assert_eq!(
                seen.objects.iter().filter(lattice).count(),
                2,
                "a private half has the public half of its type"
            );

            // Without login, the public halves are one key too.
            drop(token);
            let all = look(&bench.uri("home"));
            assert!(all.is_sound() && slot(&all, "home").objects.len() == 5, "{all:#?}");
        },
    );
}

#[test]
fn halves_that_make_no_composite_key_are_found() {
    with_this_module(
        Module::Kryoptic,
        "halves_that_make_no_composite_key_are_found",
        |_, _| (),
        |bench| {
            let token = bench.logged_in("home");
            let session = raw_session(token.token());
            // Renames the key of one label, so that two keys share label and id.
            let rename = |from: &str, label: &str, id: u8| {
                let found = session.find_objects(&[Attribute::Label(from.into())]).unwrap();
                assert_eq!(found.len(), 2);
                for object in found {
                    session
                        .update_attributes(object, &[Attribute::Label(label.into()), Attribute::Id(vec![id])])
                        .unwrap();
                }
            };
            generate(&token, Algorithm::MlKem768, "lone", 1);
            for (one, two, label, id) in [
                (Algorithm::Ed25519, Algorithm::Ed25519, "twins", 2),
                (Algorithm::Ed25519, Algorithm::MlKem768, "crossed", 3),
                (Algorithm::MlDsa65, Algorithm::MlDsa65, "lattices", 4),
            ] {
                generate(&token, one, label, id);
                generate(&token, two, "other", 99);
                rename("other", label, id);
            }
            // A third key by the name of a composite one.
            token.generate_composite(Composite::MlDsa65Ed25519, "seal", &[5]).unwrap();
            generate(&token, Algorithm::P256, "other", 99);
            rename("other", "seal", 5);
            // One public half of a composite key is gone.
            token.generate_composite(Composite::MlDsa65Ed25519, "torn", &[6]).unwrap();
            let public = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Label("torn".into())];
            let is_edwards = |object| {
                let asked = session.get_attributes(object, &[AttributeType::KeyType]).unwrap();
                asked == [Attribute::KeyType(cryptoki::object::KeyType::EC_EDWARDS)]
            };
            let gone = session.find_objects(&public).unwrap().into_iter().find(|&object| is_edwards(object)).unwrap();
            session.destroy_object(gone).unwrap();

            let all = look(&bench.uri("home"));
            let seen = slot(&all, "home");
            let (half, two) = ("HSM-HALF-KEY", "HSM-TWO-KEYS");
            let one = |algorithm: &str, ids: &[&'static str]| (algorithm.to_owned(), None, ids.to_vec());
            for class in [ObjectType::Private, ObjectType::Public] {
                assert_eq!(listed(seen, class, "lone"), [one("ML-KEM-768", &[half])]);
                assert_eq!(listed(seen, class, "twins"), [one("Ed25519", &[two, two]), one("Ed25519", &[two, two])]);
                let crossed = [one("Ed25519", &[two, two]), one("ML-KEM-768", &[two, two, half])];
                assert_eq!(listed(seen, class, "crossed"), crossed);
                assert_eq!(listed(seen, class, "lattices"), vec![one("ML-DSA-65", &[two, two, half]); 2]);
                let third =
                    [one("Ed25519", &[two, two]), one("ML-DSA-65", &[two, two, half]), one("P-256", &[two, two])];
                assert_eq!(listed(seen, class, "seal"), third);
            }
            let torn = listed(seen, ObjectType::Private, "torn");
            assert!(torn.iter().all(|(_, composite, _)| *composite == Some(Composite::MlDsa65Ed25519)), "{torn:?}");
            assert!(torn.iter().any(|(_, _, ids)| ids == &["HSM-NO-PUBLIC"]), "{torn:?}");
            assert_eq!(listed(seen, ObjectType::Public, "torn"), [one("ML-DSA-65", &[half])]);
            let words = object(seen, ObjectType::Private, "lone").findings[0].to_string();
            assert_eq!(words, "half of ML-KEM-768+X25519: its other half is not here under this label and id");
        },
    );
}
