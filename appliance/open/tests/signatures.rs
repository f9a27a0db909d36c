//! Who signed, with what, for whom: one sound pouch a kind of key, and everything that must be refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::keys::{self, SEALED, signing_key, system_time};
use common::{Draft, World, fingerprint, sign_with};
use sequoia_openpgp::cert::amalgamation::key::PrimaryKey as _;
use sequoia_openpgp::cert::{CertBuilder, CertRevocationBuilder, CipherSuite, SubkeyRevocationBuilder};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::packet::signature::subpacket::{NotationDataFlags, Subpacket, SubpacketTag, SubpacketValue};
use sequoia_openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};
use sequoia_openpgp::{Cert, Packet, Profile};

const DAY: i64 = 86_400;
/// When the first pouch is sealed.
const FIRST: i64 = SEALED + DAY;

/// A world of this one signer, its first pouch, and the signature over it.
fn sealed_by(cert: Cert) -> (World, Draft, Vec<u8>) {
    let world = World::with(vec![cert], 1);
    let draft = world.draft(1, None);
    let signature = world.sign(&world.signers[0], &draft);
    (world, draft, signature)
}

fn taken(cert: Cert) {
    let (world, draft, signature) = sealed_by(cert);
    let source = world.write("pouch", &draft, &signature);
    let kept = world.import(&source, Some(draft.digest())).unwrap();
    assert_eq!(kept.checked().signers(), [fingerprint(&world.signers[0])]);
}

fn refused(cert: Cert, rule: &str, words: &str) {
    let (world, draft, signature) = sealed_by(cert);
    let source = world.write("pouch", &draft, &signature);
    let refusal = world.refuses(&source, rule);
    assert!(refusal.to_string().contains(words), "{refusal}");
}

/// A sound pouch whose signature file is changed by `change`.
fn changed(rule: &str, words: &str, change: impl FnOnce(&World, &Draft) -> Vec<u8>) {
    let world = World::new();
    let draft = world.draft(1, None);
    let signatures = change(&world, &draft);
    let source = world.write("pouch", &draft, &signatures);
    let refusal = world.refuses(&source, rule);
    assert!(refusal.to_string().contains(words), "{refusal}");
}

#[test]
fn every_kind_of_key_is_taken() {
    for suite in [CipherSuite::RSA3k, CipherSuite::RSA4k, CipherSuite::P256, CipherSuite::P384, CipherSuite::Cv25519] {
        taken(keys::signer_v4(suite));
        taken(keys::signer_v6(suite));
    }
    // A primary key that signs itself.
    let flags = KeyFlags::empty().set_certification().set_signing();
    taken(keys::builder(CipherSuite::P256, Profile::RFC4880).set_primary_key_flags(flags).generate().unwrap().0);
}

#[test]
fn every_strong_hash_is_taken() {
    for hash in [HashAlgorithm::SHA256, HashAlgorithm::SHA384, HashAlgorithm::SHA512] {
        let world = World::new();
        let draft = world.draft(1, None);
        let signature = sign_with(&world.signers[0], &draft, |builder| builder.set_hash_algo(hash));
        assert!(world.import(&world.write("pouch", &draft, &signature), Some(draft.digest())).is_ok(), "{hash}");
    }
}

#[test]
fn weak_keys_are_refused() {
    refused(keys::signer_v4(CipherSuite::RSA2k), "SIGN-WEAK", "RSA of 2048 bits");
    refused(keys::signer_v6(CipherSuite::RSA2k), "SIGN-WEAK", "RSA of 2048 bits");
    refused(keys::signer_v4(CipherSuite::P521), "SIGN-WEAK", "P-521");
    // A strong subkey under a weak primary key: whoever breaks the primary binds a subkey of his own.
    let cert = keys::builder(CipherSuite::RSA2k, Profile::RFC4880)
        .add_subkey(KeyFlags::empty().set_signing(), None, CipherSuite::P384)
        .generate()
        .unwrap()
        .0;
    refused(cert, "SIGN-WEAK", "RSA of 2048 bits");
}

#[test]
fn weak_hashes_are_refused() {
    for hash in [HashAlgorithm::SHA1, HashAlgorithm::RipeMD, HashAlgorithm::SHA224] {
        let world = World::with(vec![keys::signer_v4(CipherSuite::RSA3k)], 1);
        let draft = world.draft(1, None);
        // Some are too weak to be made here; then the octet alone says so.
        let mut signature = world.sign(&world.signers[0], &draft);
        if hash == HashAlgorithm::SHA1 {
            signature = sign_with(&world.signers[0], &draft, |builder| builder.set_hash_algo(hash));
        } else {
            signature[6] = hash.into();
        }
        let refusal = world.refuses(&world.write("pouch", &draft, &signature), "SIGN-WEAK");
        assert!(refusal.to_string().contains("the floor is SHA-256"), "{refusal}");
    }
    changed("SIGN-WEAK", "MD5", |world, draft| {
        let mut signature = world.sign(&world.signers[0], draft);
        // Head of two bytes, version, type, key algorithm, hash algorithm.
        assert_eq!(signature[2..5], [6, 0, 27]);
        signature[5] = HashAlgorithm::MD5.into();
        signature
    });
}

#[test]
fn sha1_in_a_certificate_binds_nothing() {
    let cert = keys::builder(CipherSuite::P256, Profile::RFC4880).generate().unwrap().0;
    refused(bind_signing_subkey(cert, HashAlgorithm::SHA1, true), "SIGN-KEY", "not bound");
}

#[test]
fn a_signing_subkey_needs_its_back_signature() {
    let cert = || keys::builder(CipherSuite::P256, Profile::RFC4880).generate().unwrap().0;
    taken(bind_signing_subkey(cert(), HashAlgorithm::SHA256, true));
    let (world, draft, signature) = sealed_by(bind_signing_subkey(cert(), HashAlgorithm::SHA256, false));
    let refusal =
        world.import(&world.write("pouch", &draft, &signature), Some(draft.digest())).map(|_| ()).unwrap_err();
    assert_eq!(refusal.rule(), "SIGN-KEY", "{refusal}");
}

/// Adds a signing subkey by hand.
fn bind_signing_subkey(cert: Cert, hash: HashAlgorithm, back: bool) -> Cert {
    let made = system_time(keys::KEYS_MADE);
    let donor = keys::signer_v4(CipherSuite::P256);
    let subkey = donor.keys().subkeys().secret().next().unwrap().key().clone();
    let mut primary = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let mut own = subkey.clone().into_keypair().unwrap();
    let mut builder = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_hash_algo(hash)
        .set_signature_creation_time(made)
        .unwrap()
        .set_key_flags(KeyFlags::empty().set_signing())
        .unwrap();
    if back {
        let back = SignatureBuilder::new(SignatureType::PrimaryKeyBinding)
            .set_hash_algo(hash)
            .set_signature_creation_time(made)
            .unwrap()
            .sign_primary_key_binding(&mut own, cert.primary_key().key(), &subkey)
            .unwrap();
        builder = builder.set_embedded_signature(back).unwrap();
    }
    let binding = builder.sign_subkey_binding(&mut primary, cert.primary_key().key(), &subkey).unwrap();
    cert.insert_packets([Packet::from(subkey), binding.into()]).unwrap().0
}

#[test]
fn keys_count_as_of_sealing() {
    let validity = |days: i64| std::time::Duration::from_secs((days * DAY).try_into().unwrap());
    let suite = CipherSuite::P256;
    // Made on 1 February, sealed on 2 March: 29 days.
    let expiring = |days| {
        keys::builder(suite, Profile::RFC4880)
            .set_validity_period(validity(days))
            .add_signing_subkey()
            .generate()
            .unwrap()
            .0
    };
    taken(expiring(30));
    refused(expiring(28), "SIGN-KEY", "not alive");
    let subkey = |days| {
        let flags = KeyFlags::empty().set_signing();
        keys::builder(suite, Profile::RFC4880).add_subkey(flags, validity(days), None).generate().unwrap().0
    };
    taken(subkey(30));
    refused(subkey(28), "SIGN-KEY", "not alive");
    let made = |at| {
        let cert = keys::builder(suite, Profile::RFC4880).set_creation_time(system_time(at));
        cert.add_signing_subkey().generate().unwrap().0
    };
    taken(made(FIRST - 1));
    // The signature cannot be older than its key.
    refused(made(FIRST + DAY), "SIGN-INVALID", "predates key");
}

#[test]
fn keys_must_be_for_signing() {
    let flags = KeyFlags::empty().set_authentication();
    let cert = keys::builder(CipherSuite::P256, Profile::RFC4880).add_subkey(flags, None, None).generate().unwrap().0;
    refused(cert, "SIGN-KEY", "not a signing key");
    // A primary key that only certifies.
    refused(keys::builder(CipherSuite::P256, Profile::RFC4880).generate().unwrap().0, "SIGN-KEY", "not a signing key");
}

#[test]
fn revoked_keys_are_refused() {
    use ReasonForRevocation::{KeyCompromised, KeyRetired, KeySuperseded, Unspecified};
    for (reason, hard) in [(KeyCompromised, true), (Unspecified, true), (KeyRetired, false), (KeySuperseded, false)] {
        for of_subkey in [false, true] {
            let before = revoked(reason, FIRST - DAY, of_subkey);
            refused(before, "SIGN-KEY", "revoked");
            let after = revoked(reason, FIRST + DAY, of_subkey);
            if hard { refused(after, "SIGN-KEY", "any time") } else { taken(after) }
        }
    }
}

#[test]
fn a_newer_binding_does_not_lift_a_revocation() {
    let cert = revoked(ReasonForRevocation::KeyRetired, FIRST - 2 * DAY, true);
    let subkey = signing_key(&cert);
    let mut primary = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let template = cert.keys().subkeys().next().unwrap().self_signatures().next().unwrap().clone();
    let key = subkey.clone().parts_into_public().role_into_subordinate();
    let binding = SignatureBuilder::from(template)
        .set_signature_creation_time(system_time(FIRST - DAY))
        .unwrap()
        .sign_subkey_binding(&mut primary, cert.primary_key().key(), &key)
        .unwrap();
    refused(cert.insert_packets([Packet::from(key), binding.into()]).unwrap().0, "SIGN-KEY", "revoked before");
}

fn revoked(reason: ReasonForRevocation, at: i64, of_subkey: bool) -> Cert {
    let cert = keys::signer_v4(CipherSuite::P256);
    let mut primary = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let at = system_time(at);
    let subkey = cert.keys().subkeys().next().unwrap().key().clone();
    if of_subkey {
        let revocation = SubkeyRevocationBuilder::new()
            .set_reason_for_revocation(reason, b"")
            .unwrap()
            .set_signature_creation_time(at)
            .unwrap()
            .build(&mut primary, &cert, &subkey, None)
            .unwrap();
        cert.insert_packets([Packet::from(subkey), revocation.into()]).unwrap().0
    } else {
        let revocation = CertRevocationBuilder::new()
            .set_reason_for_revocation(reason, b"")
            .unwrap()
            .set_signature_creation_time(at)
            .unwrap()
            .build(&mut primary, &cert, None)
            .unwrap();
        cert.insert_packets(revocation).unwrap().0
    }
}

#[test]
fn strangers_are_refused() {
    changed("SIGN-UNKNOWN", "the trust file does not name", |world, draft| {
        world.sign(&keys::signer_v6(CipherSuite::Cv25519), draft)
    });
    // A stranger beside the signer.
    changed("SIGN-UNKNOWN", "the trust file does not name", |world, draft| {
        [world.sign(&world.signers[0], draft), world.sign(&keys::signer_v6(CipherSuite::Cv25519), draft)].concat()
    });
    // A stranger who says he is the signer.
    changed("SIGN-INVALID", "does not verify", |world, draft| {
        let fingerprint = signing_key(&world.signers[0]).fingerprint();
        sign_with(&keys::signer_v6(CipherSuite::Cv25519), draft, |builder| {
            builder.set_issuer_fingerprint(fingerprint).unwrap()
        })
    });
}

#[test]
fn signatures_over_other_bytes_are_refused() {
    changed("SIGN-INVALID", "does not verify", |world, _| {
        world.sign(&world.signers[0], &world.draft(2, Some(world.draft(1, None).digest())))
    });
    // Not even two bytes of the digest agree, which nothing signs.
    changed("SIGN-INVALID", "another digest", |world, draft| {
        let mut signature = world.sign(&world.signers[0], draft);
        let end = signature.len();
        // Digest prefix, salt length, salt of 32 bytes for SHA-512, signature of 64 bytes.
        signature[end - 64 - 32 - 1 - 2] ^= 1;
        signature
    });
}

#[test]
fn signers_count_for_their_registry_only() {
    let world = World::with(vec![keys::signer_v6(CipherSuite::Cv25519), keys::signer_v6(CipherSuite::P256)], 1);
    let path = world.path("trust/trust.toml");
    let (one, other) = (fingerprint(&world.signers[0]), fingerprint(&world.signers[1]));
    let text = std::fs::read_to_string(&path).unwrap();
    let both = format!("signers = [\"{one}\", \"{other}\"]");
    let text = text.replacen(&both, &format!("signers = [\"{one}\"]"), 1);
    std::fs::write(&path, text.replacen(&both, &format!("signers = [\"{other}\"]"), 1)).unwrap();
    let mut draft = world.draft(1, None);
    draft.manifest.signers = vec![other];
    let signature = world.sign(&world.signers[1], &draft);
    let refusal = world.refuses(&world.write("land", &draft, &signature), "SIGN-UNKNOWN");
    assert!(refusal.to_string().contains("the trust file names for registry \"land\""), "{refusal}");
    let draft = draft.registry("ships");
    let signature = world.sign(&world.signers[1], &draft);
    assert!(world.import(&world.write("ships", &draft, &signature), Some(draft.digest())).is_ok());
}

#[test]
fn registries_must_be_known() {
    let world = World::new();
    let draft = world.draft(1, None).registry("planes");
    let refusal = world.refuses(&world.source("pouch", &draft), "IMPORT-REGISTRY");
    assert_eq!(refusal.to_string(), "the trust file does not name registry \"planes\"");
}

#[test]
fn enough_signers_must_sign() {
    let world = World::with((0..3).map(|_| keys::signer_v6(CipherSuite::Cv25519)).collect(), 2);
    let names: Vec<_> = world.signers.iter().map(fingerprint).collect();
    let by = |draft: &Draft, who: &[usize]| -> Vec<u8> {
        who.iter().flat_map(|n| world.sign(&world.signers[*n], draft)).collect()
    };
    let draft = |who: &[usize]| {
        let mut draft = world.draft(1, None);
        draft.manifest.signers = who.iter().map(|n| names[*n].clone()).collect();
        draft
    };
    // One of three, and the manifest announces no more.
    let alone = draft(&[0]);
    let refusal = world.refuses(&world.write("alone", &alone, &by(&alone, &[0])), "SIGN-THRESHOLD");
    assert_eq!(refusal.to_string(), "1 named signers signed for registry \"land\"; 2 must");
    // One signature taken away.
    let stripped = draft(&[0, 1, 2]);
    let refusal = world.refuses(&world.write("stripped", &stripped, &by(&stripped, &[0, 1])), "SIGN-THRESHOLD");
    assert!(refusal.to_string().contains("has not signed"), "{refusal}");
    // One signer twice is one signer.
    let twice = draft(&[0, 1]);
    world.refuses(&world.write("twice", &twice, &by(&twice, &[0, 0])), "SIGN-GRAMMAR");
    world.refuses(&world.write("thrice", &twice, &by(&twice, &[0, 1, 0])), "SIGN-GRAMMAR");
    // One whom the manifest does not announce.
    let more = draft(&[0, 1]);
    let refusal = world.refuses(&world.write("more", &more, &by(&more, &[0, 1, 2])), "SIGN-UNKNOWN");
    assert!(refusal.to_string().contains("the manifest names"), "{refusal}");
    // Two of three.
    let good = draft(&[2, 1]);
    let kept = world.import(&world.write("good", &good, &by(&good, &[1, 2])), Some(good.digest())).unwrap();
    assert_eq!(kept.checked().signers().len(), 2);
}

#[test]
fn pouches_for_others_are_refused() {
    let other = keys::embassy(Profile::RFC9580);
    // Signed for somebody else.
    changed("SIGN-RECIPIENT", "the signature by key", |world, draft| {
        let intended = vec![keys::embassy(Profile::RFC9580).fingerprint()];
        sign_with(&world.signers[0], draft, |builder| builder.set_intended_recipients(intended).unwrap())
    });
    // Signed for us among others, and for nobody in particular.
    let world = World::new();
    let draft = world.draft(1, None);
    let among = vec![other.fingerprint(), world.embassy.fingerprint()];
    let signature = sign_with(&world.signers[0], &draft, |builder| builder.set_intended_recipients(among).unwrap());
    assert!(world.check(&world.write("among", &draft, &signature)).is_ok());
    let signature = sign_with(&world.signers[0], &draft, |builder| builder);
    assert!(world.check(&world.write("nobody", &draft, &signature)).is_ok());
    // Sealed for somebody else.
    let mut elsewhere = draft.clone();
    elsewhere.manifest.recipients[0].certificate = fingerprint(&other);
    let refusal = world.refuses(&world.source("elsewhere", &elsewhere), "SIGN-RECIPIENT");
    assert_eq!(refusal.to_string(), "the manifest names none of this embassy's certificates");
    // Sealed to a key that is not ours under our name.
    let mut key = draft.clone();
    key.manifest.recipients[0].key = fingerprint(&other);
    world.refuses(&world.source("key", &key), "SIGN-RECIPIENT");
}

#[test]
fn signature_and_manifest_agree_on_the_time() {
    let at = |offset: i64| {
        let world = World::new();
        let draft = world.draft(1, None);
        let signature = sign_with(&world.signers[0], &draft, |builder| {
            builder.set_signature_creation_time(system_time(FIRST + offset)).unwrap()
        });
        let source = world.write("pouch", &draft, &signature);
        (world, source)
    };
    for offset in [-60, -1, 1, 60] {
        let (world, source) = at(offset);
        assert!(world.check(&source).is_ok(), "{offset}");
    }
    for offset in [-61, 61, DAY, -DAY] {
        let (world, source) = at(offset);
        let refusal = world.refuses(&source, "SIGN-INVALID");
        assert!(refusal.to_string().contains("was sealed at 2026-03-02T00:00:00Z"), "{refusal}");
    }
}

#[test]
fn only_plain_signature_packets_are_read() {
    fn altered(words: &'static str, change: impl FnOnce(SignatureBuilder) -> SignatureBuilder) {
        changed("SIGN-GRAMMAR", words, |world, draft| sign_with(&world.signers[0], draft, change));
    }
    altered("another type than binary", |b| b.set_type(SignatureType::Text));
    altered("expires", |b| b.set_signature_validity_period(std::time::Duration::from_secs(1 << 30)).unwrap());
    altered("unknown critical", |b| b.add_notation("x@example.org", b"1", NotationDataFlags::empty(), true).unwrap());
    altered("unknown critical", |b| {
        let value = SubpacketValue::Unknown { tag: SubpacketTag::Private(100), body: vec![1] };
        b.modify_hashed_area(|mut area| area.add(Subpacket::new(value, true)?).map(|()| area)).unwrap()
    });
    altered("unsigned subpacket", |b| {
        let value = SubpacketValue::Unknown { tag: SubpacketTag::Private(100), body: vec![1] };
        b.modify_unhashed_area(|mut area| area.add(Subpacket::new(value, false)?).map(|()| area)).unwrap()
    });
    altered("twice", |b| {
        let value = SubpacketValue::SignatureCreationTime(sequoia_openpgp::types::Timestamp::from(1_772_409_600));
        b.modify_hashed_area(|mut area| area.add(Subpacket::new(value, false)?).map(|()| area)).unwrap()
    });
    // What is unknown and not critical says nothing.
    let world = World::new();
    let draft = world.draft(1, None);
    let signature = sign_with(&world.signers[0], &draft, |b| {
        b.add_notation("x@example.org", b"1", NotationDataFlags::empty(), false).unwrap()
    });
    assert!(world.check(&world.write("noted", &draft, &signature)).is_ok());

    changed("SIGN-GRAMMAR", "no signature", |_, _| Vec::new());
    changed("SIGN-GRAMMAR", "more than 16", |world, draft| world.sign(&world.signers[0], draft).repeat(17));
    changed("SIGN-GRAMMAR", "not an OpenPGP packet", |world, draft| {
        let mut armored = Vec::new();
        let kind = sequoia_openpgp::armor::Kind::Signature;
        let mut writer = sequoia_openpgp::armor::Writer::new(&mut armored, kind).unwrap();
        std::io::Write::write_all(&mut writer, &world.sign(&world.signers[0], draft)).unwrap();
        writer.finalize().unwrap();
        armored
    });
    // A marker packet before, and one after.
    const MARKER: &[u8] = b"\xCA\x03PGP";
    changed("SIGN-GRAMMAR", "another packet", |world, draft| [MARKER, &world.sign(&world.signers[0], draft)].concat());
    changed("SIGN-GRAMMAR", "another packet", |world, draft| {
        [&world.sign(&world.signers[0], draft)[..], MARKER].concat()
    });
}

#[test]
fn lengths_have_one_form() {
    let respelt = |words: &'static str, head: fn(usize) -> Vec<u8>| {
        changed("SIGN-GRAMMAR", words, |world, draft| {
            let signature = sign_with(&world.signers[0], draft, |builder| builder);
            assert!(signature[0] == 0xC2 && signature[1] < 192, "the small signature of this key");
            [head(signature.len() - 2), signature[2..].to_vec()].concat()
        });
    };
    respelt("longer form", |n| [&[0xC2, 255][..], &u32::try_from(n).unwrap().to_be_bytes()].concat());
    respelt("longer form", |n| [&[0x89][..], &u16::try_from(n).unwrap().to_be_bytes()].concat());
    respelt("longer form", |n| [&[0x8A][..], &u32::try_from(n).unwrap().to_be_bytes()].concat());
    respelt("indeterminate", |_| vec![0x8B]);
    respelt("partial", |_| vec![0xC2, 0xE7]);
    respelt("another packet", |n| vec![0xC1, u8::try_from(n).unwrap()]);
}

#[test]
fn gnupg_signatures_are_of_the_grammar() {
    // GnuPG writes heads of the old format, and the key id where nobody signs it.
    let home = tempfile::tempdir().unwrap();
    let run = |command: &mut std::process::Command| {
        let done = command.output().expect("gpg is needed for this test");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    };
    let gpg = |arguments: &[&str]| {
        run(std::process::Command::new("gpg")
            .env("GNUPGHOME", home.path())
            .args(["--batch", "--quiet", "--yes", "--passphrase", "", "--pinentry-mode", "loopback"])
            .args(["--faked-system-time", "20260302T000000"])
            .args(arguments))
    };
    gpg(&["--quick-generate-key", "seal@example.org", "rsa3072", "sign,cert", "never"]);
    let cert = <Cert as sequoia_openpgp::parse::Parse<Cert>>::from_bytes(&gpg(&["--export"])).unwrap();
    assert!(cert.primary_key().primary());
    let world = World::with(vec![cert], 1);
    let draft = world.draft(1, None);
    let file = world.path("statement");
    std::fs::write(&file, draft.manifest.to_bytes()).unwrap();
    let signature = gpg(&["--digest-algo", "SHA512", "--detach-sign", "--output", "-", file.to_str().unwrap()]);
    run(std::process::Command::new("gpgconf").env("GNUPGHOME", home.path()).args(["--kill", "gpg-agent"]));
    assert_eq!(signature[0] & 0xC0, 0x80, "an old head");
    assert!(world.import(&world.write("pouch", &draft, &signature), Some(draft.digest())).is_ok());
}

#[test]
fn certificates_of_strangers_bind_no_foreign_subkey() {
    // A certificate that takes over the signer's subkey leaves open who signed, so the trust file is refused.
    let victim = keys::signer_v4(CipherSuite::P256);
    let subkey = victim.keys().subkeys().next().unwrap().key().clone();
    let (thief, _) = CertBuilder::new().set_cipher_suite(CipherSuite::P256).generate().unwrap();
    let mut primary = thief.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let binding = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_key_flags(KeyFlags::empty().set_authentication())
        .unwrap()
        .sign_subkey_binding(&mut primary, thief.primary_key().key(), &subkey)
        .unwrap();
    let thief = thief.insert_packets([Packet::from(subkey), binding.into()]).unwrap().0;
    let world = World::with(vec![victim, thief], 1);
    let error = pouch_open::Trust::load(&world.path("trust/trust.toml")).unwrap_err();
    assert!(error.to_string().contains("is in both certificate"), "{error}");
}

#[test]
fn the_system_clock_decides_nothing() {
    // The same tests again, at other times: whatever asks the system for the time, in our code or in a library.
    let me = std::env::current_exe().unwrap();
    let tests = ["every_strong_hash_is_taken", "keys_count_as_of_sealing", "revoked_keys_are_refused"];
    for year in ["1970", "2030", "2038", "2106"] {
        let run = std::process::Command::new("faketime")
            .args(["-f", &format!("@{year}-02-03 00:00:00")])
            .arg(&me)
            .arg("--exact")
            .args(tests)
            .output()
            .expect("faketime is needed for this test");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("3 passed"), "{year}: {said}");
    }
}
