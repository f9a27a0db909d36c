//! Every byte of the two small files flipped, cut, appended to: refused, by a rule, without a panic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use std::fs;

use common::keys::{self, SEALED};
use common::{World, snapshot};
use pouch_format::{MANIFEST_FILE, SIGNATURE_FILE};
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::CipherSuite;

fn signers() -> [Cert; 4] {
    [
        keys::signer_v6(CipherSuite::Cv25519),
        keys::signer_v4(CipherSuite::Cv25519),
        keys::signer_v4(CipherSuite::P256),
        keys::signer_v4(CipherSuite::RSA3k),
    ]
}

/// Calls `refuse` with every altered form of `good`.
fn alterations(good: &[u8], flips: &[u8], refuse: &mut dyn FnMut(&str, &[u8])) {
    for at in 0..good.len() {
        for flip in flips {
            let mut bytes = good.to_vec();
            bytes[at] ^= flip;
            refuse(&format!("byte {at} xor {flip:#04x}"), &bytes);
        }
        refuse(&format!("cut at {at}"), &good[..at]);
    }
    for byte in [0x00, b'\n', 0xC2, 0xFF] {
        refuse(&format!("{byte:#04x} appended"), &[good, &[byte]].concat());
    }
    refuse("itself appended", &good.repeat(2));
}

#[test]
fn altered_manifests_are_refused() {
    for cert in signers() {
        let world = World::with(vec![cert], 1);
        let source = world.source("pouch", &world.draft(1, None));
        let trust = world.trust();
        let good = fs::read(source.join(MANIFEST_FILE)).unwrap();
        let before = snapshot::of(&world.path("vault"));
        alterations(&good, &[0x01, 0x20, 0x80, 0xFF], &mut |what, bytes| {
            fs::write(source.join(MANIFEST_FILE), bytes).unwrap();
            let refusal = common::check_at(&source, &trust).map(|_| ()).expect_err(what);
            // Whatever the manifest has become, nobody reads it.
            assert_eq!(refusal.rule(), "SIGN-INVALID", "{what}");
        });
        let mut refusal = None;
        alterations(&good[..64], &[0xFF], &mut |_, bytes| {
            fs::write(source.join(MANIFEST_FILE), bytes).unwrap();
            refusal = world.import(&source, None).err();
        });
        assert_eq!(refusal.unwrap().rule(), "SIGN-INVALID");
        snapshot::assert_same(&world.path("vault"), &before);
        fs::write(source.join(MANIFEST_FILE), good).unwrap();
        assert!(common::check_at(&source, &trust).is_ok());
    }
}

#[test]
fn altered_signatures_are_refused() {
    for cert in signers() {
        let world = World::with(vec![cert], 1);
        let source = world.source("pouch", &world.draft(1, None));
        let trust = world.trust();
        let good = fs::read(source.join(SIGNATURE_FILE)).unwrap();
        let mut taken = Vec::new();
        let mut refuse = |what: &str, bytes: &[u8]| {
            fs::write(source.join(SIGNATURE_FILE), bytes).unwrap();
            match common::check_at(&source, &trust) {
                Ok(_) => taken.push(what.to_owned()),
                Err(refusal) => assert!(refusal.rule().starts_with("SIGN-"), "{what}: {}", refusal.rule()),
            }
        };
        alterations(&good, &[0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF], &mut refuse);
        // Every value of every byte up to where the numbers begin that somebody signed.
        for at in 0..16 {
            for flip in 1..=255 {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                refuse(&format!("byte {at} xor {flip:#04x}"), &bytes);
            }
        }
        // The one other spelling that OpenPGP has: a short packet's head in the old format, of the same length.
        let spelt = if good[1] < 192 { vec!["byte 0 xor 0x4a".to_owned()] } else { Vec::new() };
        assert_eq!(taken, spelt);
    }
}

#[test]
fn whatever_stands_in_the_signature_file_is_refused_in_time() {
    // Arbitrary bytes, from a fixed generator; most of them begin like a signature packet.
    let world = World::new();
    let source = world.source("pouch", &world.draft(1, None));
    let trust = world.trust();
    let mut seed = u64::try_from(SEALED).unwrap();
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[0]
    };
    for round in 0..20_000 {
        let length = usize::from(next());
        let mut bytes: Vec<u8> = (0..length).map(|_| next()).collect();
        let body = u8::try_from(length.saturating_sub(2).min(191)).unwrap();
        let start = [0xC2, body, if round % 2 == 0 { 4 } else { 6 }, 0x00, 27, 8, 0, 0];
        bytes.iter_mut().zip(start).take(round % 9).for_each(|(byte, start)| *byte = start);
        fs::write(source.join(SIGNATURE_FILE), &bytes).unwrap();
        let refusal = common::check_at(&source, &trust).map(|_| ()).unwrap_err();
        assert!(["SIGN-GRAMMAR", "SIGN-UNKNOWN"].contains(&refusal.rule()), "{refusal}");
    }
}

#[test]
fn files_beyond_their_limit_are_not_read() {
    let world = World::new();
    let source = world.source("pouch", &world.draft(1, None));
    let manifest = fs::read(source.join(MANIFEST_FILE)).unwrap();
    fs::write(source.join(MANIFEST_FILE), vec![b' '; (16 << 20) + 1]).unwrap();
    let refusal = world.refuses(&source, "MANIFEST-SIZE");
    assert_eq!(refusal.to_string(), "manifest.json has more than 16777216 bytes");
    fs::write(source.join(MANIFEST_FILE), manifest).unwrap();
    fs::write(source.join(SIGNATURE_FILE), vec![0xC2; (64 << 10) + 1]).unwrap();
    world.refuses(&source, "SIGN-GRAMMAR");
}

#[test]
fn signed_nonsense_is_no_manifest() {
    // A trusted signer who signs something else than a manifest, e.g. by a fault at home.
    let world = World::new();
    let mut draft = world.draft(1, None);
    draft.manifest.version = 2;
    world.refuses(&world.source("version", &draft), "MANIFEST-VERSION");
    let mut draft = world.draft(1, None);
    draft.manifest.sequence = 0;
    world.refuses(&world.source("range", &draft), "MANIFEST-RANGE");
    let mut draft = world.draft(1, None);
    draft.manifest.previous = Some(draft.digest());
    world.refuses(&world.source("chain", &draft), "MANIFEST-CHAIN");
    let mut draft = world.draft(1, None);
    draft.manifest.segments[0].name = "../segment-000000.pgp".to_owned();
    let source = world.path("name");
    fs::create_dir(&source).unwrap();
    fs::write(source.join(MANIFEST_FILE), draft.manifest.to_bytes()).unwrap();
    fs::write(source.join(SIGNATURE_FILE), world.sign(&world.signers[0], &draft)).unwrap();
    world.refuses(&source, "MANIFEST-RANGE");
}
