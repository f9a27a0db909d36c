//! The trust file: what it must say, and that it says nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use std::fs;

use common::{World, fingerprint, keys};
use pouch_format::Profile;
use pouch_open::{Trust, TrustError};
use sequoia_openpgp::cert::CipherSuite;
use sequoia_openpgp::serialize::SerializeInto;

fn load(world: &World) -> Result<Trust, TrustError> {
    Trust::load(&world.path("trust/trust.toml"))
}

/// The sound trust file with one text replaced by another is refused with these words.
fn refused(from: &str, to: &str, words: &str) {
    let world = World::new();
    let path = world.path("trust/trust.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (from, to) = (fill(&world, from), fill(&world, to));
    assert!(text.contains(&from), "{from} in {text}");
    fs::write(&path, text.replacen(&from, &to, 1)).unwrap();
    let error = load(&world).unwrap_err().to_string();
    assert!(error.contains(&fill(&world, words)), "{error}");
}

fn fill(world: &World, text: &str) -> String {
    text.replace("SIGNER", fingerprint(&world.signers[0]).as_str())
}

#[test]
fn it_says_who_may_sign_and_who_we_are() {
    let world = World::with((0..3).map(|_| keys::signer_v6(CipherSuite::Cv25519)).collect(), 2);
    let trust = load(&world).unwrap();
    let land = trust.registry(&"land".parse().unwrap()).unwrap();
    assert_eq!((land.threshold(), land.signers().len()), (2, 3));
    assert!(trust.registry(&"planes".parse().unwrap()).is_none());
    assert_eq!(trust.registries().count(), 2);
    assert_eq!(trust.certificates().len(), 3);
    assert!(trust.embassy().contains_key(&fingerprint(&world.embassy)));
}

#[test]
fn a_registry_can_demand_a_profile() {
    let world = World::new();
    let demanded = |world: &World| load(world).unwrap().registry(&"land".parse().unwrap()).unwrap().profile();
    assert_eq!(demanded(&world), Profile::Rfc4880, "without a word anything is taken");
    for (word, profile) in [("rfc9580", Profile::Rfc9580), ("pqc", Profile::Rfc9980), ("rfc9980", Profile::Rfc9980)] {
        world.write_trust(1);
        world.demand(word);
        assert_eq!(demanded(&world), profile);
    }
    refused("threshold = 1", "threshold = 1\nprofile = \"best\"", "\"best\" is no profile");
}

#[test]
fn a_certificate_can_count_for_a_time() {
    let pin = "fingerprint = \"SIGNER\"";
    let period = |from: &str, until: &str| format!("{pin}\nfrom = \"{from}\"\nuntil = \"{until}\"");
    refused(pin, &period("2027-01-01T00:00:00Z", "2026-12-31T00:00:00Z"), "which is never");
    refused(pin, &format!("{pin}\nuntil = \"soon\""), "soon");
    refused(pin, &format!("{pin}\nuntill = \"2027-01-01T00:00:00Z\""), "unknown field `untill`");
}

#[test]
fn anything_unknown_or_missing_is_fatal() {
    refused("threshold = 1", "threshold = 1\nlazy = true", "unknown field `lazy`");
    refused("[embassy]", "[embasy]", "unknown field `embasy`");
    refused("[[certificate]]", "[extra]\na = 1\n[[certificate]]", "unknown field `extra`");
    refused("threshold = 1", "", "missing field `threshold`");
    refused("fingerprint = \"SIGNER\"", "", "missing field `fingerprint`");
    refused("[registry.land]", "[registry.Land]", "a registry name is");
    refused("threshold = 1", "threshold = 0", "threshold 0; it must be from 1 to its 1 signers");
    refused("threshold = 1", "threshold = 2", "threshold 2; it must be from 1 to its 1 signers");
    refused("signers = [\"SIGNER\"]", "signers = []", "has 0 certificates");
    refused("signers = [\"SIGNER\"]", "signers = [\"SIGNER\", \"SIGNER\"]", "names SIGNER twice");
    let stranger = "A".repeat(64);
    refused("signers = [\"SIGNER\"]", &format!("signers = [\"{stranger}\"]"), "not one of the certificates");
    refused("fingerprint = \"SIGNER\"", &format!("fingerprint = \"{stranger}\""), "holds certificate SIGNER, not AAAA");
    refused("fingerprint = \"SIGNER\"", "fingerprint = \"0x12\"", "a fingerprint is");
    refused("[\"embassy.pgp\"]", "[]", "embassy has 0 certificates");
    refused("[\"embassy.pgp\"]", "[\"embassy.pgp\", \"embassy.pgp\"]", "twice");
    refused("[\"embassy.pgp\"]", "[\"absent.pgp\"]", "cannot read");
}

#[test]
fn a_certificate_file_holds_one_public_certificate() {
    let holds = |bytes: Vec<u8>| {
        let world = World::new();
        fs::write(world.path("trust/signer-0.pgp"), bytes).unwrap();
        load(&world).unwrap_err()
    };
    let cert = keys::signer_v6(CipherSuite::Cv25519);
    let public = cert.to_vec().unwrap();
    assert!(matches!(holds(cert.as_tsk().to_vec().unwrap()), TrustError::Secret { .. }));
    assert!(matches!(holds([public.clone(), public.clone()].concat()), TrustError::Certificate { .. }));
    assert!(matches!(holds(Vec::new()), TrustError::Certificate { .. }));
    assert!(matches!(holds(b"no certificate".to_vec()), TrustError::Certificate { .. }));
    assert!(matches!(holds(vec![0; (1 << 20) + 1]), TrustError::TooLarge { .. }));
    assert!(matches!(holds(public), TrustError::Pin { .. }));
}

#[test]
fn armor_is_fine_in_a_file_of_ours() {
    use sequoia_openpgp::serialize::SerializeInto as _;
    let world = World::new();
    let armored = world.signers[0].clone().strip_secret_key_material().armored().to_vec().unwrap();
    assert!(armored.starts_with(b"-----BEGIN PGP PUBLIC KEY BLOCK-----"));
    fs::write(world.path("trust/signer-0.pgp"), armored).unwrap();
    assert!(load(&world).is_ok());
}

#[test]
fn sizes_are_bounded() {
    let world = World::new();
    fs::write(world.path("trust/trust.toml"), " ".repeat((1 << 20) + 1)).unwrap();
    assert!(matches!(load(&world).unwrap_err(), TrustError::TooLarge { .. }));
    assert!(matches!(Trust::load(&world.path("absent.toml")).unwrap_err(), TrustError::Read { .. }));
}
