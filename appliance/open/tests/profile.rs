//! The profile: at least the one that was agreed on, and keys that are of it. Whoever can make home seal with a weaker one
//! reads the pouch, so a weaker one is refused by name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::{World, keys, sign_with};
use pouch_format::{Profile, limits};
use sequoia_openpgp::cert::CipherSuite;
use sequoia_openpgp::types::{HashAlgorithm, KeyFlags};

const RULE: &str = "IMPORT-PROFILE";

fn refused(world: &World, words: &str) {
    let source = world.source("pouch", &world.draft(1, None));
    let refusal = world.refuses(&source, RULE);
    assert_eq!(world.check(&source).map(|_| ()).unwrap_err().rule(), RULE);
    assert!(refusal.to_string().contains(words), "{refusal}");
}

#[test]
fn a_post_quantum_pouch_is_taken_and_satisfies_every_demand() {
    for demand in [None, Some("rfc4880"), Some("rfc9580"), Some("pqc")] {
        let world = World::pqc();
        demand.into_iter().for_each(|word| world.demand(word));
        let draft = world.draft(1, None);
        let kept = world.import(&world.source("pouch", &draft), Some(draft.digest())).unwrap();
        assert!(kept.checked().passed().iter().any(|rule| rule.id() == RULE));
    }
}

#[test]
fn less_than_the_trust_file_demands_is_refused() {
    let world = World::new();
    world.demand("pqc");
    refused(&world, "of profile rfc9580; for registry \"land\" the trust file demands rfc9980 or stronger");
    for (found, demanded) in [(Profile::Rfc4880, "rfc9580"), (Profile::Rfc4880, "pqc")] {
        let world = World { profile: found, ..World::new() };
        world.demand(demanded);
        refused(&world, "of profile rfc4880");
    }
}

#[test]
fn a_word_in_the_manifest_makes_no_key_stronger() {
    // Ed25519 signs and X25519 opens, and the manifest says that all is well.
    let world = World { profile: Profile::Rfc9980, ..World::new() };
    world.demand("pqc");
    refused(&world, "is Ed25519, which is no key of profile rfc9980");
    // Signed well, sealed badly.
    let signers = || vec![keys::signer_v6(CipherSuite::MLDSA65_Ed25519)];
    let old_embassy = keys::embassy(sequoia_openpgp::Profile::RFC9580);
    let world = World::of(signers(), old_embassy, Profile::Rfc9980, 1);
    refused(&world, "is X25519, which is no key of profile rfc9980");
    // The other way round: to a post-quantum key under the name of another profile.
    let world = World::of(signers(), keys::embassy_pqc(), Profile::Rfc9580, 1);
    refused(&world, "is ML-KEM-768+X25519, which is no key of profile rfc9580");
    // One of two officers signs with an old key.
    let mixed = vec![keys::signer_v6(CipherSuite::MLDSA65_Ed25519), keys::signer_v6(CipherSuite::Cv25519)];
    let world = World::of(mixed, keys::embassy_pqc(), Profile::Rfc9980, 2);
    let draft = world.draft(1, None);
    let both = [world.sign(&world.signers[0], &draft), world.sign(&world.signers[1], &draft)].concat();
    world.refuses(&world.write("pouch", &draft, &both), RULE);
}

#[test]
fn a_post_quantum_key_under_an_old_primary_key_is_refused() {
    // Whoever breaks the primary key binds a subkey of his own.
    let cert = keys::builder(CipherSuite::Cv25519, sequoia_openpgp::Profile::RFC9580)
        .add_subkey(KeyFlags::empty().set_signing(), None, CipherSuite::MLDSA65_Ed25519)
        .generate()
        .unwrap()
        .0;
    let world = World::of(vec![cert], keys::embassy_pqc(), Profile::Rfc9980, 1);
    refused(&world, "is Ed25519");
}

#[test]
fn a_post_quantum_signature_may_stand_on_a_lesser_pouch() {
    let world = World::with(vec![keys::signer_v6(CipherSuite::MLDSA65_Ed25519)], 1);
    let draft = world.draft(1, None);
    world.import(&world.source("pouch", &draft), Some(draft.digest())).unwrap();
}

#[test]
fn a_stronger_sort_of_keys_than_is_known_is_refused_as_unknown() {
    let world = World::with(vec![keys::signer_v6(CipherSuite::MLDSA87_Ed448)], 1);
    let source = world.source("pouch", &world.draft(1, None));
    world.refuses(&source, "SIGN-WEAK");
}

#[test]
fn every_byte_of_a_post_quantum_signature_counts() {
    let world = World::pqc();
    let draft = world.draft(1, None);
    let good = world.sign(&world.signers[0], &draft);
    let source = world.write("pouch", &draft, &good);
    world.check(&source).unwrap();
    let file = source.join(pouch_format::SIGNATURE_FILE);
    // A step that meets both halves: Ed25519 stands in front of the 3309 bytes of ML-DSA-65.
    for at in (0..good.len()).step_by(13) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let rule = world.check(&source).map(|_| ()).unwrap_err().rule();
        assert!(["SIGN-GRAMMAR", "SIGN-INVALID", "SIGN-WEAK", "SIGN-UNKNOWN"].contains(&rule), "octet {at}: {rule}");
    }
    for (bytes, rule) in
        [(good[..good.len() - 1].to_vec(), "SIGN-GRAMMAR"), ([&good[..], &[0]].concat(), "SIGN-GRAMMAR")]
    {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(world.check(&source).map(|_| ()).unwrap_err().rule(), rule);
    }
}

#[test]
fn sixteen_post_quantum_signatures_for_sixteen_recipients_fit_the_signature_file() {
    let world = World::pqc();
    let draft = world.draft(1, None);
    let signature = sign_with(&world.signers[0], &draft, |builder| {
        let intended = vec![world.embassy.fingerprint(); limits::RECIPIENTS];
        builder.set_hash_algo(HashAlgorithm::SHA512).set_intended_recipients(intended).unwrap()
    });
    let all = signature.len() * limits::SIGNATURES;
    assert!(all as u64 <= limits::SIGNATURE_FILE_BYTES, "{all} bytes");
    assert!(signature.len() > 3900, "it has all recipients: {} bytes", signature.len());
}
