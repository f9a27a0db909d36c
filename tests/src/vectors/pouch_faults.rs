//! Whole pouches whose parts do not fit together, or that do not fit into the sequence.

use pouch_format::{Declaration, MANIFEST_FILE, Profile, Rule, SIGNATURE_FILE, index_file, segment_file};
use sequoia_openpgp::crypto::SessionKey;
use sequoia_openpgp::packet::PKESK;
use sequoia_openpgp::packet::pkesk::{PKESK3, PKESK6};
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::serialize::MarshalInto as _;
use sequoia_openpgp::types::SymmetricAlgorithm;
use sequoia_openpgp::{Packet, anyhow};

use super::archive::write;
use super::keys::{DAY, Keys, MADE, SEALED};
use super::message::{PKESK_TAG, Sealer, frame, packet};
use super::pouch::{Draft, Pouch, small, split};
use super::tar::{Header, archive};
use super::{Result, Vector, index, manifest, part};

/// All of them.
pub(super) fn vectors(keys: &Keys) -> Result<Vec<Vector>> {
    Ok([files(keys)?, statements(keys)?, session_keys(keys)?, contents(keys)?, sequences(keys)?].concat())
}

fn first(keys: &Keys) -> Result<Draft<'_>> {
    Draft::new(keys, Profile::Rfc9580, 1, small())
}

fn sealed(keys: &Keys) -> Result<Pouch<'_>> {
    split(first(keys)?)
}

/// The files of a pouch, one too many or too few.
fn files(keys: &Keys) -> Result<Vec<Vector>> {
    let good = sealed(keys)?;
    let refused = |name, comment, change: &dyn Fn(&mut Pouch<'_>)| {
        let mut pouch = good.clone();
        change(&mut pouch);
        pouch.vector(name, Some(Rule::PouchParts), comment)
    };
    let without = |name: String| move |pouch: &mut Pouch<'_>| pouch.files.retain(|(known, _)| *known != name);
    let mut tree: super::archive::Tree =
        good.files.iter().map(|(name, bytes)| (name.clone(), 0, Some(bytes.clone()))).collect();
    tree.iter_mut().filter(|(name, ..)| *name == segment_file(1)).for_each(|(_, _, content)| *content = None);
    let folder = good.vector("parts-directory", Some(Rule::PouchParts), "a directory where a segment must be")?;
    Ok(vec![
        refused("parts-extra", "a file that the manifest does not name", &|p| {
            p.files.push(("notes.txt".into(), vec![]))
        })?,
        refused("parts-extra-segment", "a segment more", &|p| p.files.push((segment_file(9), vec![0])))?,
        refused("parts-no-segment", "a segment is missing", &without(segment_file(1)))?,
        refused("parts-no-index", "the index is missing", &without(index_file(0)))?,
        refused("parts-no-signature", "no signature", &without(SIGNATURE_FILE.into()))?,
        refused("parts-no-manifest", "no manifest", &without(MANIFEST_FILE.into()))?,
        folder.with_bytes(write(&tree)?),
    ])
}

/// What is stated is another thing than what is there.
fn statements(keys: &Keys) -> Result<Vec<Vector>> {
    let good = sealed(keys)?;
    let mut longer = good.clone();
    longer.file(&segment_file(1))?.push(0);
    let mut flipped = good.clone();
    flipped.file(&segment_file(1))?.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
    let mut index = good.clone();
    index.file(&index_file(0))?.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
    let mut other = good.clone();
    let another = sealed(keys)?.file(&segment_file(0))?.clone();
    *other.file(&segment_file(0))? = another;
    let size = other.file(&segment_file(0))?.len() as u64;
    let same_size = other.draft.manifest.segments.first().is_some_and(|part| part.size == size);
    let other_rule = if same_size { Rule::SegmentDigest } else { Rule::SegmentSize };
    let mut edited = good.clone();
    let text = String::from_utf8(edited.file(MANIFEST_FILE)?.clone())?.replace(":86400,", ":86401,");
    *edited.file(MANIFEST_FILE)? = text.into();
    let mut signature = good.clone();
    let another = Draft::new(keys, Profile::Rfc9580, 1, small())?.seal()?.file(SIGNATURE_FILE)?.clone();
    *signature.file(SIGNATURE_FILE)? = another;
    let mut frame = good.clone();
    frame.draft.manifest.segments.iter_mut().take(1).for_each(|part| part.frame -= 1);
    frame.sign()?;
    let mut content = good.clone();
    content.draft.manifest.segments.iter_mut().take(1).for_each(|part| part.content += 1);
    content.sign()?;
    Ok(vec![
        longer.vector("segment-size", Some(Rule::SegmentSize), "a segment with a byte more")?,
        flipped.vector("segment-digest", Some(Rule::SegmentDigest), "a flipped bit in a segment")?,
        index.vector("index-digest", Some(Rule::SegmentDigest), "a flipped bit in the index")?,
        other.vector("mix-and-match", Some(other_rule), "a segment of another sealing of the same")?,
        edited.vector("manifest-edited", Some(Rule::SignInvalid), "a manifest edited after it was signed")?,
        signature.vector("signature-of-another", Some(Rule::SignInvalid), "the signature of another pouch")?,
        frame.vector("frame-size", Some(Rule::OpenpgpGrammar), "a frame larger than stated")?,
        content.vector("content-size", Some(Rule::ZstdSize), "a content smaller than stated")?,
    ])
}

/// Session keys that are not the same in every part, or not for the reader.
fn session_keys(keys: &Keys) -> Result<Vec<Vector>> {
    let good = sealed(keys)?;
    let refused = |pouch: &Pouch<'_>, name, comment| pouch.vector(name, Some(Rule::OpenpgpPkesk), comment);
    // Part `name`, sealed by somebody else in the same place.
    let replaced = |name: String, content: &[u8], sealer: &Sealer| -> Result<Pouch<'_>> {
        let mut pouch = good.clone();
        *pouch.file(&name)? = sealer.seal(&frame(content)?)?;
        pouch.state()?;
        Ok(pouch)
    };
    let content = good.draft.archive.chunks(700).nth(1).unwrap_or_default();
    let theirs = part::other_pkesks(&good.sealer, keys, "other-embassy-v6")?;
    let twice = Sealer { pkesks: good.sealer.pkesks.repeat(2), ..good.sealer.clone() };
    let fresh = Sealer { pkesks: part::other_pkesks(&good.sealer, keys, "embassy-v6")?.pkesks, ..good.sealer.clone() };
    let key = Sealer { key: [7; 32], ..good.sealer.clone() };
    let index = good.draft.index.chunks(700).next().unwrap_or_default();
    let mut vectors = vec![
        refused(
            &replaced(segment_file(1), content, &theirs)?,
            "pkesk-other",
            "the session key for another in the second segment",
        )?,
        refused(
            &replaced(segment_file(1), content, &twice)?,
            "pkesk-more",
            "a session key more in the second segment",
        )?,
        refused(&replaced(segment_file(1), content, &fresh)?, "pkesk-fresh", "the same key, encrypted again")?,
        refused(
            &replaced(index_file(0), index, &theirs)?,
            "pkesk-other-in-index",
            "the session key for another in the index",
        )?,
        replaced(segment_file(1), content, &key)?.vector(
            "session-key-other",
            Some(Rule::OpenpgpIntegrity),
            "another session key in the second segment",
        )?,
    ];
    for (name, comment, profile, pkesks) in wrong_pkesks(keys)? {
        let sealer = Sealer { profile, key: KEY, pkesks };
        let pouch = Draft::new(keys, profile, 1, small())?.seal_with(sealer)?;
        vectors.push(refused(&pouch, name, comment)?);
    }
    let mut swapped = Draft::new(keys, Profile::Rfc9580, 1, small())?;
    let two = manifest::draft(keys, Profile::Rfc9580, &["home-v6"], &["other-embassy-v6", "embassy-v6"])?;
    swapped.manifest.recipients = two.recipients;
    let pkesks = [good.sealer.pkesks.clone(), theirs.pkesks].concat();
    let swapped = swapped.seal_with(Sealer { pkesks, ..good.sealer.clone() })?;
    vectors.push(refused(&swapped, "pkesk-order", "session keys in another order than the manifest's")?);
    Ok(vectors)
}

const KEY: [u8; 32] = [0x5A; 32];

type Wrong = (&'static str, &'static str, Profile, Vec<u8>);

/// Encrypted session keys of which none is good for the reader, or which are not those that the manifest states.
fn wrong_pkesks(keys: &Keys) -> Result<Vec<Wrong>> {
    let (v6, v4) = (Profile::Rfc9580, Profile::Rfc4880);
    let key = SessionKey::from(&KEY[..]);
    let subkey = |name: &str| -> Result<_> {
        let cert = keys.get(name)?;
        let key = cert.keys().subkeys().next().ok_or_else(|| anyhow::anyhow!("{name} has no subkey"))?;
        Ok(key.key().clone().role_into_unspecified())
    };
    let bytes = |pkesk: PKESK| Packet::from(pkesk).to_vec();
    let good = bytes(PKESK6::for_recipient(&key, &subkey("embassy-v6")?)?.into())?;
    let body = good.get(2..).unwrap_or_default();
    let short = packet(PKESK_TAG, body.get(..body.len() - 8).unwrap_or_default());
    let mut garbage = good.clone();
    garbage.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
    let Packet::PKESK(PKESK::V6(mut anonymous)) = Packet::from_bytes(&good)? else { anyhow::bail!("no PKESK") };
    anonymous.set_recipient(None);
    let small = SessionKey::from(&KEY[..16]);
    let weak = PKESK3::for_recipient(SymmetricAlgorithm::AES128, &small, &subkey("embassy-v4")?)?;
    let half = PKESK6::for_recipient(&small, &subkey("embassy-v6")?)?;
    let theirs = bytes(PKESK6::for_recipient(&key, &subkey("other-embassy-v6")?)?.into())?;
    let good4 = bytes(PKESK3::for_recipient(SymmetricAlgorithm::AES256, &key, &subkey("embassy-v4")?)?.into())?;
    let theirs4 = bytes(PKESK3::for_recipient(SymmetricAlgorithm::AES256, &key, &subkey("embassy-rsa-v4")?)?.into())?;
    let both = [good.clone(), theirs.clone()].concat();
    Ok(vec![
        ("pkesk-for-another", "no session key for the recipient that the manifest names", v6, theirs),
        ("pkesk-hidden", "a session key for a reader that the manifest does not name", v6, both),
        ("pkesk-hidden-rfc4880", "the same in profile rfc4880, in front", v4, [theirs4, good4].concat()),
        ("pkesk-repeated", "the session key for one recipient twice", v6, good.repeat(2)),
        ("pkesk-short", "an encrypted session key cut by 8 bytes", v6, short),
        ("pkesk-garbage", "a flipped bit in the encrypted session key", v6, garbage),
        ("pkesk-anonymous", "an encrypted session key that does not say for whom", v6, bytes(anonymous.into())?),
        ("pkesk-128-bits", "a session key of 16 bytes", v6, bytes(half.into())?),
        ("pkesk-aes-128", "a session key for AES-128", v4, bytes(weak.into())?),
    ])
}

/// What is sealed and signed all the same.
fn contents(keys: &Keys) -> Result<Vec<Vector>> {
    let mut vectors = Vec::new();
    let link = archive(&[Header::new(b'2', "out").link("/etc/passwd").block()]);
    for (name, rule, comment, archive) in [
        ("archive-symlink", Rule::ArchiveType, "an archive with a symbolic link", link),
        (
            "archive-owner",
            Rule::ArchiveCanonical,
            "an archive with an owner",
            archive(&[Header::new(b'5', "maa/").put(108, b"0001750").block()]),
        ),
        ("archive-up", Rule::ArchiveName, "an archive that steps up", archive(&[Header::new(b'0', "../out").block()])),
        (
            "archive-cut",
            Rule::ArchiveTruncated,
            "an archive without its end",
            write(&small())?.iter().copied().take(2000).collect(),
        ),
    ] {
        let draft = Draft { archive, ..first(keys)? };
        vectors.push(split(draft)?.vector(name, Some(rule), comment)?);
    }
    let mut fewer = first(keys)?;
    fewer.manifest.totals.entries -= 1;
    vectors.push(fewer.seal()?.vector("entries-more", Some(Rule::ArchiveBudget), "an entry more than stated")?);
    let mut more = first(keys)?;
    more.manifest.totals.bytes -= 1;
    vectors.push(more.seal()?.vector("bytes-more", Some(Rule::ArchiveBudget), "a byte more than stated")?);
    let other = Draft { index: index::write("land", 2, &small(), Declaration::Directory {})?, ..first(keys)? };
    let comment = "the index of another pouch of the registry";
    vectors.push(other.seal()?.vector("index-of-another", Some(Rule::IndexMismatch), comment)?);
    let mut renamed = small();
    renamed.iter_mut().rev().take(1).for_each(|(path, ..)| path.push('2'));
    let renamed = Draft { index: index::write("land", 1, &renamed, Declaration::Directory {})?, ..first(keys)? };
    vectors.push(renamed.seal()?.vector(
        "index-other-path",
        Some(Rule::IndexMismatch),
        "a file of another name in the index",
    )?);
    let blank = first(keys)?;
    let mut spaced = blank.index.clone();
    spaced.splice(1..1, *b" ");
    vectors.push(Draft { index: spaced, ..blank }.seal()?.vector(
        "index-white-space",
        Some(Rule::IndexSyntax),
        "white space in the index",
    )?);
    Ok(vectors)
}

/// What the reader admitted before decides.
fn sequences(keys: &Keys) -> Result<Vec<Vector>> {
    let numbered = |sequence| Draft::new(keys, Profile::Rfc9580, sequence, small());
    let one = numbered(1)?.seal()?;
    let two = numbered(2)?.after(&one)?.seal()?;
    let three = numbered(3)?.after(&two)?.seal()?;
    let late = numbered(41)?.after(&one)?.seal()?;
    let mut again = numbered(1)?;
    again.manifest.rpo_seconds = 1;
    let again = again.seal()?;
    let fork = numbered(2)?.after(&again)?.seal()?;
    let mut back = numbered(2)?.after(&one)?;
    back.manifest.sealed_at = manifest::at(SEALED - 1)?;
    let back = back.seal()?;
    let mut old = numbered(1)?;
    (old.manifest.as_of, old.manifest.sealed_at) = (manifest::at(MADE + DAY)?, manifest::at(MADE + 2 * DAY)?);
    let old = old.seal()?;
    let (seq_1, seq_2) = ("pouch-sequence-1", "pouch-sequence-1 pouch-sequence-2");
    let refused = |pouch: &Pouch<'_>, name, rule, comment| pouch.vector(name, Some(rule), comment);
    Ok(vec![
        one.vector("sequence-1", None, "the first of its registry")?,
        two.vector("sequence-2", None, "the one after it")?.with("after", seq_1),
        three.vector("sequence-3", None, "and the one after that")?.with("after", seq_2),
        late.vector("first-is-41", None, "any number may be the first that a reader sees")?,
        refused(&one, "first-no-note", Rule::ImportFirst, "the first, and no dispatch note")?.with("note", "none"),
        refused(&one, "first-other-note", Rule::ImportFirst, "the first, and a note of another")?
            .with("note", "00".repeat(32)),
        refused(&one, "replay", Rule::ImportReplay, "the same again")?.with("after", seq_1),
        refused(&again, "fork", Rule::ImportFork, "another with the same number")?.with("after", seq_1),
        refused(&one, "rollback", Rule::ImportSeq, "an older one")?.with("after", seq_2),
        refused(&three, "gap", Rule::ImportGap, "the one after the next")?.with("after", seq_1),
        refused(&fork, "fork-before", Rule::ImportFork, "the next, after another than the one admitted")?
            .with("after", seq_1),
        refused(&back, "time-back", Rule::ImportTime, "sealed before the one before it")?.with("after", seq_1),
        refused(&old, "time-before-build", Rule::ImportTime, "sealed before the reader was built")?,
    ])
}
