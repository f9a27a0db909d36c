//! Pouches in transit, and tars that are none.

use pouch_format::{MANIFEST_FILE, Profile, Rule, SIGNATURE_FILE};

use super::archive::trees;
use super::keys::Keys;
use super::pouch::{Draft, Pouch, small, split};
use super::tar::{Header, archive, dir, file, padded, pax, record};
use super::{Result, Vector};

const POUCH: &str = "land-000001";
const SEGMENT: &str = "segment-000000.pgp";
const INDEX: &str = "index-000000.pgp";

/// The parts of a pouch, in the order of travel.
type Files = Vec<(String, Vec<u8>)>;

/// All of them.
pub(super) fn vectors(keys: &Keys) -> Result<Vec<Vector>> {
    let draft = |profile| Draft::new(keys, profile, 1, small());
    let mut vectors = Vec::new();
    for (name, _, tree) in trees() {
        if ["empty", "estonian", "depth-64"].contains(&name) {
            let pouch = Draft::new(keys, Profile::Rfc9580, 1, tree)?.seal()?;
            vectors.push(accepted(&pouch, name, "a pouch in transit of the archive of this name")?);
        }
    }
    let mut late = Draft::new(keys, Profile::Rfc9580, 41, small())?;
    late.manifest.previous = Some(pouch_format::Sha256Digest([0x41; 32]));
    let late = late.seal()?;
    vectors.push(late.vector_of(
        "transit",
        "number-41",
        None,
        "named after its number",
        whole("land-000041", &late.files),
    )?);
    vectors.push(accepted(&draft(Profile::Rfc4880)?.seal()?, "rfc4880", "profile rfc4880")?);
    vectors.push(accepted(&split(draft(Profile::Rfc9580)?)?, "segments", "several segments")?);
    vectors.extend(wrong(&draft(Profile::Rfc9580)?.seal()?, &split(draft(Profile::Rfc9580)?)?)?);
    Ok(vectors)
}

fn accepted(pouch: &Pouch<'_>, name: &str, comment: &str) -> Result<Vector> {
    pouch.vector_of("transit", name, None, comment, whole(POUCH, &pouch.files))
}

fn entry(pouch: &str, part: &(String, Vec<u8>)) -> Vec<u8> {
    file(&format!("{pouch}/{}", part.0), &part.1)
}

fn whole(pouch: &str, files: &Files) -> Vec<u8> {
    archive(&files.iter().map(|part| entry(pouch, part)).collect::<Vec<_>>())
}

/// What refuses the vectors of a pouch of one segment and one of several.
fn wrong(one: &Pouch<'_>, many: &Pouch<'_>) -> Result<Vec<Vector>> {
    let faults = [names(one), order(one), heads(one), ends(one), contents(one), counts(many)].concat();
    faults
        .into_iter()
        .map(|(name, rule, comment, tar)| one.vector_of("transit", name, Some(rule), comment, tar))
        .collect()
}

type Fault = (&'static str, Rule, &'static str, Vec<u8>);

fn transit(name: &'static str, comment: &'static str, tar: Vec<u8>) -> Fault {
    (name, Rule::PouchTransit, comment, tar)
}

fn names(one: &Pouch<'_>) -> Vec<Fault> {
    let named = |pouch: &str| whole(pouch, &one.files);
    let called = |from: &str, to: &str| {
        let rename =
            |part: &(String, Vec<u8>)| if part.0 == from { (to.to_owned(), part.1.clone()) } else { part.clone() };
        whole(POUCH, &one.files.iter().map(rename).collect())
    };
    let bare: Vec<_> = one.files.iter().map(|part| file(&part.0, &part.1)).collect();
    let mixed: Vec<_> =
        one.files.iter().zip([POUCH, "land-000002", POUCH, POUCH]).map(|(part, at)| entry(at, part)).collect();
    vec![
        transit("other-pouch", "called after another pouch than its manifest's", named("land-000002")),
        transit("other-registry", "called after another registry", named("ships-000001")),
        transit("mixed", "the signature file in the folder of another pouch", archive(&mixed)),
        transit("no-folder", "the parts by their bare names", archive(&bare)),
        transit("name-dot", "a dot in front", named("./land-000001")),
        transit("name-up", "a step up", named("../land-000001")),
        transit("name-absolute", "an absolute name", named("/land-000001")),
        transit("name-deeper", "a folder in a folder", named("land-000001/x")),
        transit("name-short-number", "five digits", named("land-00001")),
        transit("name-number-0", "number 0", named("land-000000")),
        transit("name-foreign", "a file that no pouch has", called(INDEX, "README")),
        transit("name-upper-case", "another spelling", called(MANIFEST_FILE, "MANIFEST.JSON")),
        transit("name-number-long", "seven digits in the name of a part", called(SEGMENT, "segment-0000000.pgp")),
    ]
}

fn order(one: &Pouch<'_>) -> Vec<Fault> {
    let entries: Vec<_> = one.files.iter().map(|part| entry(POUCH, part)).collect();
    let of =
        |places: &[usize]| archive(&places.iter().filter_map(|place| entries.get(*place).cloned()).collect::<Vec<_>>());
    let behind = [entries.clone(), vec![file("land-000001/README", b"read me")]].concat();
    vec![
        transit("order-signature", "the signature file first", of(&[1, 0, 2, 3])),
        transit("order-index", "the index before the segment", of(&[0, 1, 3, 2])),
        transit("order-segment", "the segment before the signature file", of(&[0, 2, 1, 3])),
        transit("twice-manifest", "the manifest twice", of(&[0, 0, 1, 2, 3])),
        transit("twice-segment", "the segment twice", of(&[0, 1, 2, 2, 3])),
        transit("twice-index", "the index twice", of(&[0, 1, 2, 3, 3])),
        transit("no-manifest", "without its manifest", of(&[1, 2, 3])),
        transit("no-signature", "without its signature file", of(&[0, 2, 3])),
        transit("no-segment", "without a segment", of(&[0, 1, 3])),
        transit("no-index", "without an index", of(&[0, 1, 2])),
        transit("foreign-behind", "a file behind the last part", archive(&behind)),
        transit("nothing-but-end", "two zero blocks", of(&[])),
    ]
}

/// The header of the manifest otherwise.
fn heads(one: &Pouch<'_>) -> Vec<Fault> {
    let manifest = one.files.first().map(|(_, bytes)| bytes.clone()).unwrap_or_default();
    let name = format!("{POUCH}/{MANIFEST_FILE}");
    let head = || Header::new(b'0', &name).size(manifest.len() as u64);
    let rest: Vec<u8> = one.files.iter().skip(1).flat_map(|part| entry(POUCH, part)).collect();
    let behind = |before: Vec<u8>, head: Vec<u8>| archive(&[before, head, padded(manifest.clone()), rest.clone()]);
    let with = |header: Header| behind(Vec::new(), header.block());
    let kind = |kind| with(Header::new(kind, &name).size(manifest.len() as u64));
    let split = Header::new(b'0', MANIFEST_FILE).size(manifest.len() as u64).put(345, POUCH.as_bytes());
    let off = format!("{:07o}\0", head().sum() + 1);
    let base_256 =
        [&[0x80, 0, 0, 0, 0, 0, 0, 0][..], &u32::try_from(manifest.len()).unwrap_or(0).to_be_bytes()].concat();
    vec![
        transit("folder-entry", "an entry for the folder", behind(dir(POUCH), head().block())),
        transit(
            "pax",
            "a pax header with a path that would have fitted",
            behind(pax(&record("path", &name)), head().block()),
        ),
        transit("pax-sparse", "a sparse file of GNU's", behind(pax(&record("GNU.sparse.major", "1")), head().block())),
        transit(
            "pax-global",
            "a header for all that follows",
            behind(Header::new(b'g', "pax").with(&record("mtime", "0")), head().block()),
        ),
        transit("hard-link", "type 1", kind(b'1')),
        transit("symlink", "type 2", kind(b'2')),
        transit("directory", "type 5", kind(b'5')),
        transit("contiguous", "type 7", kind(b'7')),
        transit("gnu-sparse", "type S", kind(b'S')),
        transit("old-file", "type NUL", kind(0)),
        transit("mode-0644", "mode 0644", with(head().mode(0o644))),
        transit("mtime", "an mtime", with(head().mtime(1_772_323_000))),
        transit("owner", "an owner", with(head().put(108, b"0001000"))),
        transit("owner-name", "an owner's name", with(head().put(265, b"root"))),
        transit("link-name", "a file with a link name", with(head().link("target"))),
        transit("prefix", "the folder in the prefix", with(split)),
        transit("magic-gnu", "the magic of GNU's own format", with(head().put(257, b"ustar  \0"))),
        transit("name-goes-on", "bytes behind the end of the name", with(head().put(99, b"x"))),
        transit("checksum", "one more than the sum", with(head().checksum(off.as_bytes()))),
        transit(
            "checksum-six-digits",
            "six digits, NUL and a space",
            with(head().checksum(format!("{:06o}\0 ", head().sum()).as_bytes())),
        ),
        transit("size-base-256", "a size in base 256", with(head().put(124, &base_256))),
        transit("size-space", "a size that ends with a space", with(head().put(135, b" "))),
        transit("size-plus", "a size with a sign", with(head().put(124, b"+"))),
        transit("size-0", "a manifest of no byte", archive(&[file(&name, b""), rest.clone()])),
        transit(
            "size-manifest",
            "a manifest of more than 16 MiB",
            Header::new(b'0', &name).size((16 << 20) + 1).block(),
        ),
        transit(
            "size-beyond",
            "the largest size that a header can state",
            Header::new(b'0', &name).size((1 << 33) - 1).block(),
        ),
    ]
}

fn ends(one: &Pouch<'_>) -> Vec<Fault> {
    let tar = whole(POUCH, &one.files);
    let end = tar.len() - 1024;
    let cut = |length: usize| tar.get(..length).unwrap_or_default().to_vec();
    let and = |more: &[u8]| [&tar, more].concat();
    let manifest_end = 512 + one.files.first().map_or(0, |(_, bytes)| bytes.len());
    let poke = |at: usize| {
        let mut tar = tar.clone();
        tar.iter_mut().skip(at).take(1).for_each(|byte| *byte = b'x');
        tar
    };
    vec![
        transit("nothing", "no byte", Vec::new()),
        transit("cut-in-header", "cut in the first header", cut(511)),
        transit("cut-in-content", "cut in the manifest", cut(600)),
        transit("cut-in-padding", "cut in the padding of the manifest", cut(manifest_end + 1)),
        transit("cut-before-end", "no end", cut(end)),
        transit("cut-in-end", "a zero block and a half", cut(end + 768)),
        transit("one-zero-block", "one zero block", cut(end + 512)),
        transit("byte-in-end", "a byte in the second zero block", poke(end + 600)),
        transit("padding", "a byte in the padding of the manifest", poke(manifest_end)),
        transit("trailing-zero", "a zero behind the end", and(&[0])),
        transit("trailing-byte", "a byte behind the end", and(b"x")),
        transit(
            "record-padding",
            "filled up to a record of 10240 bytes",
            and(&vec![0; tar.len().next_multiple_of(10_240) - tar.len()]),
        ),
        transit("second-archive", "the same once more", and(&tar)),
        transit("zero-block-before", "a zero block in front", [vec![0; 512], tar.clone()].concat()),
        transit("gzip", "what gzip would make begins so", [&[0x1F, 0x8B, 8, 0][..], &tar].concat()),
    ]
}

/// A right tar of wrong parts: the rules of a folder are those of a tar.
fn contents(one: &Pouch<'_>) -> Vec<Fault> {
    let changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = one.files.clone();
        files.iter_mut().filter(|(known, _)| known == name).for_each(|(_, bytes)| change(bytes));
        whole(POUCH, &files)
    };
    let flip = |bytes: &mut Vec<u8>| bytes.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
    vec![
        ("segment-digest", Rule::SegmentDigest, "a flipped bit in the segment", changed(SEGMENT, &flip)),
        ("segment-longer", Rule::SegmentSize, "a byte more in the segment", changed(SEGMENT, &|bytes| bytes.push(0))),
        (
            "segment-shorter",
            Rule::SegmentSize,
            "a byte less in the index",
            changed(INDEX, &|bytes| bytes.truncate(bytes.len() - 1)),
        ),
        ("signature-flipped", Rule::SignInvalid, "a flipped bit in the signature", changed(SIGNATURE_FILE, &flip)),
    ]
}

/// As many parts as the manifest says, or not.
fn counts(many: &Pouch<'_>) -> Vec<Fault> {
    let place = many.files.iter().rposition(|(name, _)| name.starts_with("segment-")).unwrap_or_default();
    let mut fewer = many.files.clone();
    fewer.remove(place);
    let mut more = many.files.clone();
    more.insert(place + 1, (pouch_format::segment_file(place - 1), b"x".to_vec()));
    let mut gap = many.files.clone();
    gap.remove(place - 1);
    vec![
        ("parts-fewer", Rule::PouchParts, "without its last segment", whole(POUCH, &fewer)),
        ("parts-more", Rule::PouchParts, "with a segment more", whole(POUCH, &more)),
        transit("parts-gap", "without the segment before the last", whole(POUCH, &gap)),
    ]
}
