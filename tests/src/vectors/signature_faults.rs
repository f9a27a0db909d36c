//! Signature files that are wrong as files, or whose signatures are not over the manifest.
#![expect(clippy::indexing_slicing, reason = "edits of bytes that were made just before; a wrong place fails the run")]

use std::time::Duration;

use pouch_format::{Profile, Rule};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::packet::signature::subpacket::{NotationDataFlags, Subpacket, SubpacketTag, SubpacketValue};
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};

use super::keys::{DAY, Keys, SEALED, fingerprint, time};
use super::manifest::draft;
use super::message::{legacy_packet, long_packet, packet};
use super::signature::{Case, Change, sign, sign_with};
use super::{Result, Vector};

const SIGNATURE_TAG: u8 = 2;

/// All of them.
pub(super) fn vectors(keys: &Keys) -> Result<Vec<Vector>> {
    Ok([altered(keys)?, framed(keys)?, hashes(keys)?, bytes(keys)?].concat())
}

/// Made otherwise.
fn altered(keys: &Keys) -> Result<Vec<Vector>> {
    let case = Case::by(keys, "home-v6");
    let manifest = case.manifest()?;
    let made = |name, rule, comment, change: Change<'_>| {
        case.vector(name, rule, comment, &manifest, sign_with(keys, "home-v6", &manifest, change)?)
    };
    let grammar = Some(Rule::SignGrammar);
    let late =
        |seconds: u64| move |builder: SignatureBuilder| builder.set_signature_creation_time(time(SEALED + seconds));
    let invalid = Some(Rule::SignInvalid);
    let claimed = keys.get("home-v6")?.keys().subkeys().next().map(|key| key.key().fingerprint());
    let Some(claimed) = claimed else { sequoia_openpgp::anyhow::bail!("home-v6 has no subkey") };
    let pretends =
        sign_with(keys, "stranger-v6", &manifest, &|builder| builder.set_issuer_fingerprint(claimed.clone()))?;
    Ok(vec![
        made("text", grammar, "a signature over text", &|b| Ok(b.set_type(SignatureType::Text)))?,
        made("expires", grammar, "a signature that expires", &|b| {
            b.set_signature_validity_period(Duration::from_secs(DAY))
        })?,
        made("critical-notation", grammar, "a critical notation", &|b| {
            b.add_notation("x@example.org", b"1", NotationDataFlags::empty(), true)
        })?,
        made("notation", None, "a notation that is not critical", &|b| {
            b.add_notation("x@example.org", b"1", NotationDataFlags::empty(), false)
        })?,
        made("critical-unknown", grammar, "a critical subpacket that nobody knows", &|b| hashed(b, private(true)?))?,
        made("unknown", None, "a subpacket that nobody knows, and nobody must", &|b| hashed(b, private(false)?))?,
        made("unsigned-subpacket", grammar, "a subpacket that is not signed", &|b| {
            b.modify_unhashed_area(|mut area| area.add(private(false)?).map(|()| area))
        })?,
        made("creation-time-twice", grammar, "two creation times", &|b| {
            let value = SubpacketValue::SignatureCreationTime(sequoia_openpgp::types::Timestamp::from(1));
            hashed(b, Subpacket::new(value, false)?)
        })?,
        made("minute-later", None, "made 60 s after sealing", &late(60))?,
        made("too-late", invalid, "made 61 s after sealing", &late(61))?,
        case.vector("pretends", invalid, "by a stranger who says he is the signer", &manifest, pretends)?,
    ])
}

fn private(critical: bool) -> Result<Subpacket> {
    Subpacket::new(SubpacketValue::Unknown { tag: SubpacketTag::Private(100), body: vec![1] }, critical)
}

fn hashed(builder: SignatureBuilder, subpacket: Subpacket) -> Result<SignatureBuilder> {
    builder.modify_hashed_area(|mut area| area.add(subpacket).map(|()| area))
}

/// A good signature within something else.
fn framed(keys: &Keys) -> Result<Vec<Vector>> {
    let case = Case::by(keys, "home-v6");
    let manifest = case.manifest()?;
    let good = sign(keys, "home-v6", &manifest)?;
    let (head, body) = good.split_at(if good[1] < 192 { 2 } else { 3 });
    let refused = |name, comment, file: Vec<u8>| case.vector(name, Some(Rule::SignGrammar), comment, &manifest, file);
    let mut armored = sequoia_openpgp::armor::Writer::new(Vec::new(), sequoia_openpgp::armor::Kind::Signature)?;
    std::io::Write::write_all(&mut armored, &good)?;
    let legacy = [&[0x80 | SIGNATURE_TAG << 2, u8::try_from(body.len())?][..], body].concat();
    let longer = [head, body, &[0]].concat();
    let partial = [&[0xC0 | SIGNATURE_TAG, 224 + 7][..], &body[..128], &packet(0, &body[128..])[1..]].concat();
    let versioned = |version: u8| packet(SIGNATURE_TAG, &[&[version], &body[1..]].concat());
    let filler = packet(SIGNATURE_TAG, &[4; 4]);
    Ok(vec![
        case.vector("legacy-format", None, "a packet in the legacy format, as GnuPG writes it", &manifest, legacy)?,
        refused("empty", "no byte", Vec::new())?,
        refused("armor", "in armor", armored.finalize()?)?,
        refused("trailing-byte", "a byte behind", longer)?,
        refused("trailing-packet", "a marker packet behind", [&good[..], &packet(10, b"PGP")].concat())?,
        refused("literal", "the manifest itself as a packet", packet(11, &manifest.to_bytes()))?,
        refused("inline", "a one-pass signature, literal data, signature", inline(&good, &manifest.to_bytes()))?,
        refused("long-length", "a length in a longer form than it needs", long_packet(SIGNATURE_TAG, body))?,
        refused("legacy-long-length", "the same in the legacy format", legacy_packet(SIGNATURE_TAG, body))?,
        refused("partial-length", "a partial length", partial)?,
        refused(
            "indeterminate-length",
            "a length that is not stated",
            [&[0x80 | SIGNATURE_TAG << 2 | 3], body].concat(),
        )?,
        refused("cut", "cut off by a byte", good[..good.len() - 1].to_vec())?,
        refused("version-3", "version 3", versioned(3))?,
        refused("version-5", "version 5", versioned(5))?,
        refused("17-signatures", "17 signatures", good.repeat(17))?,
        refused("over-64-kib", "more than 64 KiB", filler)?.with("append", format!("{} 00", 64 << 10)),
    ])
}

fn inline(signature: &[u8], manifest: &[u8]) -> Vec<u8> {
    let literal = packet(11, &[&[b'b', 0, 0, 0, 0, 0], manifest].concat());
    [packet(4, &[3, 0, 10, 27, 0, 0, 0, 0, 0, 0, 0, 0, 1]), literal, signature.to_vec()].concat()
}

/// Hashes other than the three.
fn hashes(keys: &Keys) -> Result<Vec<Vector>> {
    let case = Case::by(keys, "home-rsa-v4");
    let manifest = case.manifest()?;
    let mut vectors = Vec::new();
    for (name, hash) in [("sha-256", HashAlgorithm::SHA256), ("sha-384", HashAlgorithm::SHA384)] {
        let file = sign_with(keys, "home-rsa-v4", &manifest, &|b| Ok(b.set_hash_algo(hash)))?;
        vectors.push(case.vector(name, None, "one of the three hashes", &manifest, file)?);
    }
    let weak = Some(Rule::SignWeak);
    let sha1 = sign_with(keys, "home-rsa-v4", &manifest, &|b| Ok(b.set_hash_algo(HashAlgorithm::SHA1)))?;
    vectors.push(case.vector("sha-1", weak, "SHA-1, and right", &manifest, sha1)?);
    // Too weak to be made here: the octet alone says so.
    for (name, hash) in
        [("md5", HashAlgorithm::MD5), ("ripemd-160", HashAlgorithm::RipeMD), ("sha-224", HashAlgorithm::SHA224)]
    {
        let mut file = sign(keys, "home-rsa-v4", &manifest)?;
        // Head of three bytes, version, type, key algorithm, hash algorithm.
        file[6] = hash.into();
        vectors.push(case.vector(name, weak, "the hash is not one of three", &manifest, file)?);
    }
    Ok(vectors)
}

/// Right in form, but not over these bytes.
fn bytes(keys: &Keys) -> Result<Vec<Vector>> {
    let case = Case::by(keys, "home-v6");
    let manifest = case.manifest()?;
    let good = sign(keys, "home-v6", &manifest)?;
    let invalid = |name, comment, file| case.vector(name, Some(Rule::SignInvalid), comment, &manifest, file);
    let mut other = manifest.clone();
    other.rpo_seconds += 1;
    let flipped = |from_end: usize| {
        let mut file = good.clone();
        file.iter_mut().rev().skip(from_end).take(1).for_each(|byte| *byte ^= 1);
        file
    };
    // The last bytes are: 2 of the digest, 1 length, 32 of salt, 64 of the signature.
    let mut vectors = vec![
        invalid("other-bytes", "over another manifest", sign(keys, "home-v6", &other)?)?,
        invalid("flipped", "a flipped bit in the signature", flipped(0))?,
        invalid("digest-prefix", "a flipped bit in the two bytes of the digest", flipped(64 + 32 + 1))?,
        invalid("salt", "a flipped bit in the salt", flipped(64))?,
    ];
    // The trust file does not know the registry at all.
    let mut elsewhere = draft(keys, Profile::Rfc9580, &["home-v6"], &["embassy-v6"])?;
    elsewhere.registry = "ships".parse()?;
    let file = sign(keys, "home-v6", &elsewhere)?;
    vectors.push(case.vector(
        "other-registry",
        Some(Rule::ImportRegistry),
        "of a registry that is not known",
        &elsewhere,
        file,
    )?);
    elsewhere = manifest.clone();
    elsewhere.signers = vec![fingerprint(keys.get("second-v6")?)?];
    let file = sign(keys, "home-v6", &elsewhere)?;
    vectors.push(case.vector(
        "announced-another",
        Some(Rule::SignUnknown),
        "the manifest names another",
        &elsewhere,
        file,
    )?);
    Ok(vectors)
}
