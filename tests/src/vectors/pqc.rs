//! Profile `rfc9980`: sound manifests, signatures, parts and pouches of post-quantum keys, and those that are not what their
//! profile says, or less than the trust file demands.
#![expect(clippy::indexing_slicing, reason = "edits of bytes that were made just before; a wrong place fails the run")]

use pouch_format::{Profile, Rule, SIGNATURE_FILE};
use sequoia_openpgp::anyhow::{Context as _, ensure};

use super::keys::Keys;
use super::message::{PKESK_TAG, Sealer, frame, packet, part, pkesk};
use super::pouch::{Draft, small};
use super::signature::{Case, sign};
use super::{Result, Vector, manifest, sha256};

const PQC: Profile = Profile::Rfc9980;

/// All of them.
pub(super) fn vectors(keys: &Keys) -> Result<Vec<Vector>> {
    Ok([manifests(keys)?, signatures(keys)?, parts(keys)?, pouches(keys)?].concat())
}

fn manifests(keys: &Keys) -> Result<Vec<Vector>> {
    let sound = manifest::draft(keys, PQC, &["home-pqc"], &["embassy-pqc"])?;
    Ok(vec![Vector::new("manifest", "rfc9980", None, "profile rfc9980", sound.to_bytes())])
}

/// The same where the trust file demands a profile.
fn demands<'k>(case: &Case<'k>, profile: &'static str) -> Case<'k> {
    Case { demand: Some(profile), ..case.clone() }
}

fn signatures(keys: &Keys) -> Result<Vec<Vector>> {
    let old = Case::by(keys, "home-v6");
    let pqc =
        Case { profile: PQC, embassy: "embassy-pqc", recipients: vec!["embassy-pqc"], ..Case::by(keys, "home-pqc") };
    let gnupg = Case {
        profile: Profile::Rfc4880,
        recipients: vec!["embassy-v4"],
        embassy: "embassy-v4",
        ..Case::by(keys, "home-v4")
    };
    let old_signer = Case { announced: vec!["home-v6"], pinned: "home-v6", ..pqc.clone() };
    let old_recipient = Case { embassy: "embassy-v6", recipients: vec!["embassy-v6"], ..pqc.clone() };
    let other_profile = Case { profile: Profile::Rfc9580, ..pqc.clone() };
    let better = Case { announced: vec!["home-pqc"], pinned: "home-pqc", ..old.clone() };
    let below = Some(Rule::ImportProfile);
    let mut vectors = vec![
        pqc.signed("home-pqc", None, "ML-DSA-65+Ed25519, version 6", &["home-pqc"])?,
        demands(&pqc, "pqc").signed(
            "profile-demanded",
            None,
            "the profile that the trust file demands",
            &["home-pqc"],
        )?,
        demands(&pqc, "rfc9580").signed(
            "profile-above",
            None,
            "a stronger one than the trust file demands",
            &["home-pqc"],
        )?,
        demands(&old, "pqc").signed(
            "profile-below",
            below,
            "rfc9580 where the trust file demands pqc",
            &["home-v6"],
        )?,
        demands(&gnupg, "rfc9580").signed(
            "profile-below-rfc9580",
            below,
            "rfc4880 where it demands rfc9580",
            &["home-v4"],
        )?,
        old_signer.signed("profile-old-signer", below, "profile rfc9980, signed with Ed25519 alone", &["home-v6"])?,
        old_recipient.signed(
            "profile-old-recipient",
            below,
            "profile rfc9980, sealed to X25519 alone",
            &["home-pqc"],
        )?,
        other_profile.signed(
            "profile-other-recipient",
            below,
            "profile rfc9580, sealed to ML-KEM-768+X25519",
            &["home-pqc"],
        )?,
        better.signed(
            "profile-better-signer",
            None,
            "profile rfc9580, signed with ML-DSA-65+Ed25519",
            &["home-pqc"],
        )?,
    ];
    let manifest = pqc.manifest()?;
    let good = sign(keys, "home-pqc", &manifest)?;
    // From the end: 3309 bytes of ML-DSA-65, before them 64 of Ed25519.
    for (name, place, comment) in [
        ("pqc-flipped-mldsa", good.len() - 1000, "a flipped bit in the half of ML-DSA-65"),
        ("pqc-flipped-eddsa", good.len() - 3309 - 10, "a flipped bit in the half of Ed25519"),
    ] {
        let mut flipped = good.clone();
        flipped[place] ^= 1;
        vectors.push(pqc.vector(name, Some(Rule::SignInvalid), comment, &manifest, flipped)?);
    }
    let body = &good[3..];
    for (name, comment, body) in [
        ("pqc-short", "a byte less in the half of ML-DSA-65", body[..body.len() - 1].to_vec()),
        ("pqc-long", "a byte behind the half of ML-DSA-65", [body, &[0]].concat()),
        ("pqc-one-half", "the half of Ed25519 alone", body[..body.len() - 3309].to_vec()),
    ] {
        let file = packet(2, &body);
        vectors.push(pqc.vector(name, Some(Rule::SignGrammar), comment, &manifest, file)?);
    }
    Ok(vectors)
}

fn parts(keys: &Keys) -> Result<Vec<Vector>> {
    let text: Vec<u8> = (0..40).flat_map(|n| format!("entry {n} of the land register\n").into_bytes()).collect();
    let sound = Sealer::new(PQC, &[keys.get("embassy-pqc")?])?;
    let content = frame(&text)?;
    let made = |name: &str, sealer: &Sealer, rule: Option<Rule>, comment: &str| -> Result<Vector> {
        let sealed = sealer.seal(&content)?;
        let stated = part(pouch_format::segment_file(0), &sealed, content.len() as u64, text.len() as u64);
        let vector = Vector::new("part", &format!("pqc-{name}"), rule, comment, sealed)
            .with("profile", sealer.profile.as_str())
            .with("session-key", sealer.key_hex())
            .with("part", serde_json::to_string(&stated)?);
        Ok(if rule.is_none() { vector.with("payload-sha256", sha256(&text)) } else { vector })
    };
    let mut vectors = vec![made("plain", &sound, None, "one key of ML-KEM-768+X25519")?];
    let body = sound.pkesks.get(3..).context("a packet head of three bytes")?.to_vec();
    ensure!(body.len() == 1197, "a body of {} bytes", body.len());
    let edited = |at: usize, octet: u8| {
        let mut body = body.clone();
        body[at] = octet;
        body
    };
    let of_old = pkesk(Profile::Rfc9580, &sound.key, keys.get("embassy-v6")?)?;
    let wrong: [(&str, &str, Vec<u8>); 8] = [
        ("pkesk-x25519", "a session key for X25519 alone", of_old.clone()),
        ("pkesk-x25519-beside", "one for X25519 alone beside the sound one", [sound.pkesks.clone(), of_old].concat()),
        ("pkesk-algorithm", "the number of another algorithm", packet(PKESK_TAG, &edited(35, 36))),
        ("pkesk-short", "a byte less", packet(PKESK_TAG, &body[..1196])),
        ("pkesk-long", "a byte more", packet(PKESK_TAG, &[&body[..], &[0]].concat())),
        ("pkesk-wrapped", "another length of the wrapped key than it has", packet(PKESK_TAG, &edited(1156, 39))),
        ("pkesk-recipient", "a recipient of version 4", packet(PKESK_TAG, &edited(2, 4))),
        ("pkesk-anonymous", "nobody is named", packet(PKESK_TAG, &[&[6, 0], &body[35..]].concat())),
    ];
    for (name, comment, pkesks) in wrong {
        let sealer = Sealer { pkesks, ..sound.clone() };
        vectors.push(made(name, &sealer, Some(Rule::OpenpgpPkesk), comment)?);
    }
    let elsewhere = Sealer { profile: Profile::Rfc9580, ..sound.clone() };
    let comment = "a session key for ML-KEM-768+X25519 in profile rfc9580";
    vectors.push(made("pkesk-in-rfc9580", &elsewhere, Some(Rule::OpenpgpPkesk), comment)?);
    Ok(vectors)
}

fn pouches(keys: &Keys) -> Result<Vec<Vector>> {
    let draft = || Draft::new(keys, PQC, 1, small());
    let good = draft()?.seal()?;
    let below = Draft::new(keys, Profile::Rfc9580, 1, small())?.seal()?;
    let mut vectors = vec![
        good.vector("rfc9980", None, "profile rfc9980: post-quantum keys")?,
        good.vector("rfc9980-demanded", None, "the same where the trust file demands it")?.with("demand", "pqc"),
        below
            .vector("profile-below", Some(Rule::ImportProfile), "a sound pouch of a weaker profile than is demanded")?
            .with("demand", "pqc"),
    ];
    // The fields of a PKESK of 1197 bytes behind its head of 3: X25519 share, ML-KEM-768 ciphertext, wrapped key.
    for (name, place, comment) in [
        ("pqc-share-x25519", 3 + 36 + 5, "a flipped bit in the share of X25519"),
        ("pqc-share-mlkem", 3 + 68 + 500, "a flipped bit in the ciphertext of ML-KEM-768"),
        ("pqc-wrapped", 3 + 1157 + 5, "a flipped bit in the wrapped session key"),
    ] {
        let mut sealer = good.sealer.clone();
        sealer.pkesks[place] ^= 1;
        let pouch = draft()?.seal_with(sealer)?;
        vectors.push(pouch.vector(name, Some(Rule::OpenpgpPkesk), comment)?);
    }
    let mut stripped = good.clone();
    let signature = stripped.file(SIGNATURE_FILE)?;
    // Somebody with a quantum computer has the half of Ed25519, and makes the other one up.
    let length = signature.len();
    signature[length - 3309..].fill(0);
    vectors.push(stripped.vector("pqc-forged", Some(Rule::SignInvalid), "a right half of Ed25519 beside zeros")?);
    Ok(vectors)
}
