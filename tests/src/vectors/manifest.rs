//! Manifests: sound ones, and edits of their text that must not pass.

use jiff::Timestamp;
use pouch_format::{
    Blake3Digest, Kind, Manifest, Part, Profile, Recipient, Rule, Sha256Digest, Totals, VERSION, index_file,
    segment_file,
};
use sequoia_openpgp::anyhow::Context as _;

use super::keys::{Keys, SEALED, fingerprint};
use super::{Result, Vector, message};

/// A manifest of `land`, sealed at [`SEALED`], whose three parts are one zero byte each.
pub(super) fn draft(keys: &Keys, profile: Profile, signers: &[&str], recipients: &[&str]) -> Result<Manifest> {
    let part = |name: String| message::part(name, &[0], 1, 1024);
    let recipient = |name: &&str| -> Result<Recipient> {
        let cert = keys.get(name)?;
        let key = cert.keys().subkeys().next().context("no subkey")?.key().fingerprint().to_hex().parse()?;
        Ok(Recipient { certificate: fingerprint(cert)?, key })
    };
    Ok(Manifest {
        version: VERSION,
        registry: "land".parse()?,
        sequence: 1,
        previous: None,
        kind: Kind::Full,
        as_of: at(SEALED - 250)?,
        sealed_at: at(SEALED)?,
        rpo_seconds: 86_400,
        profile,
        signers: signers.iter().map(|name| fingerprint(keys.get(name)?)).collect::<Result<_>>()?,
        recipients: recipients.iter().map(recipient).collect::<Result<_>>()?,
        totals: Totals { entries: 2, bytes: 3 },
        index_blake3: Blake3Digest([0xB3; 32]),
        segments: vec![part(segment_file(0)), part(segment_file(1))],
        index: vec![part(index_file(0))],
    })
}

/// A time as a manifest has it.
pub(super) fn at(seconds: u64) -> Result<Timestamp> {
    Ok(Timestamp::from_second(seconds.try_into()?)?)
}

/// All of them.
pub(super) fn vectors(keys: &Keys) -> Result<Vec<Vector>> {
    let good = draft(keys, Profile::Rfc9580, &["home-v6"], &["embassy-v6"])?;
    let mut vectors = sound(keys, &good)?;
    let text = String::from_utf8(good.to_bytes())?;
    for (name, rule, comment, from, to) in EDITS {
        let edited = text.replacen(from, to, 1);
        if edited == text {
            sequoia_openpgp::anyhow::bail!("manifest-{name}: nothing to edit");
        }
        vectors.push(Vector::new("manifest", name, Some(*rule), comment, edited.into_bytes()));
    }
    vectors.extend(others(&good, &text)?);
    Ok(vectors)
}

fn sound(keys: &Keys, good: &Manifest) -> Result<Vec<Vector>> {
    let accepted =
        |name, comment, manifest: &Manifest| Vector::new("manifest", name, None, comment, manifest.to_bytes());
    let gnupg = draft(keys, Profile::Rfc4880, &["home-rsa-v4"], &["embassy-v4"])?;
    let many = draft(keys, Profile::Rfc9580, &["home-v6", "second-v6"], &["embassy-v6", "other-embassy-v6"])?;
    let mut later = good.clone();
    later.sequence = 41;
    later.previous = Some(Sha256Digest([0x5F; 32]));
    let mut most = good.clone();
    most.sequence = 1 << 53;
    most.previous = Some(Sha256Digest([0; 32]));
    most.registry = "a-registry-of-thirty-2-character".parse()?;
    most.rpo_seconds = 10 * 366 * 86_400;
    most.as_of = Timestamp::from_second(0)?;
    most.sealed_at = Timestamp::from_second(7_258_118_399)?;
    most.totals = Totals { entries: 1 << 24, bytes: 64 << 20 };
    let largest =
        Part { size: 65 << 20, frame: 65 << 20, content: 64 << 20, ..message::part(segment_file(0), &[0], 1, 1) };
    most.segments = vec![largest];
    let mut least = good.clone();
    (least.rpo_seconds, least.totals) = (0, Totals::default());
    Ok(vec![
        accepted("first", "the first of its registry", good),
        accepted("rfc4880", "profile rfc4880, with fingerprints of version 4", &gnupg),
        accepted("many", "two signers and two recipients", &many),
        accepted("later", "it names the manifest before it", &later),
        accepted("most", "every number at its largest", &most),
        accepted("least", "no entry, no recovery point objective", &least),
    ])
}

type Edit = (&'static str, Rule, &'static str, &'static str, &'static str);

const EDITS: &[Edit] = &[
    ("unknown-field", Rule::ManifestSyntax, "a field that nobody knows", ",\"kind\"", ",\"note\":1,\"kind\""),
    ("missing-field", Rule::ManifestSyntax, "no recovery point objective", "\"rpo_seconds\":86400,", ""),
    (
        "duplicate-field",
        Rule::ManifestSyntax,
        "a field twice",
        "\"kind\":\"full\"",
        "\"kind\":\"full\",\"kind\":\"full\"",
    ),
    (
        "unknown-field-of-part",
        Rule::ManifestSyntax,
        "a field too many in a part",
        ",\"frame\"",
        ",\"mode\":1,\"frame\"",
    ),
    ("kind-increment", Rule::ManifestSyntax, "a reserved kind", "\"full\"", "\"increment\""),
    ("kind-declaration", Rule::ManifestSyntax, "a reserved kind", "\"full\"", "\"declaration\""),
    ("profile-unknown", Rule::ManifestSyntax, "a profile that does not exist", "\"rfc9580\"", "\"pqc\""),
    ("registry-upper-case", Rule::ManifestSyntax, "a registry's name has no capitals", "\"land\"", "\"Land\""),
    ("registry-path", Rule::ManifestSyntax, "a registry's name is no path", "\"land\"", "\"../land\""),
    ("number-string", Rule::ManifestSyntax, "a number in quotes", "\"sequence\":1", "\"sequence\":\"1\""),
    ("number-fraction", Rule::ManifestSyntax, "a number with a fraction", "\"sequence\":1", "\"sequence\":1.0"),
    ("number-negative", Rule::ManifestSyntax, "a number below 0", "\"rpo_seconds\":86400", "\"rpo_seconds\":-1"),
    (
        "number-two-to-64",
        Rule::ManifestSyntax,
        "a number beyond 64 bits",
        "\"sequence\":1",
        "\"sequence\":18446744073709551616",
    ),
    ("number-leading-zero", Rule::ManifestSyntax, "JSON has no leading zeros", "\"sequence\":1", "\"sequence\":01"),
    ("digest-short", Rule::ManifestSyntax, "a digest of 62 digits", "b3b3\"", "b3\""),
    ("digest-upper-case", Rule::ManifestSyntax, "a digest in capitals", "b3b3\"", "B3B3\""),
    ("time-nonsense", Rule::ManifestSyntax, "a time that is none", "2026-03-01T00:00:00Z", "yesterday"),
    ("null", Rule::ManifestSyntax, "null where something must stand", "\"sequence\":1", "\"sequence\":null"),
    ("version-2", Rule::ManifestVersion, "a later version", "\"pouch\":1", "\"pouch\":2"),
    ("version-0", Rule::ManifestVersion, "no version", "\"pouch\":1", "\"pouch\":0"),
    (
        "version-2-of-other-fields",
        Rule::ManifestVersion,
        "a later version has other fields",
        "\"pouch\":1",
        "\"pouch\":2,\"more\":[]",
    ),
    ("sequence-0", Rule::ManifestRange, "sequence numbers start at 1", "\"sequence\":1", "\"sequence\":0"),
    (
        "sequence-two-to-53-and-1",
        Rule::ManifestRange,
        "one more than the largest",
        "\"sequence\":1",
        "\"sequence\":9007199254740993",
    ),
    (
        "sequence-two-to-63-less-1",
        Rule::ManifestRange,
        "far into the future",
        "\"sequence\":1",
        "\"sequence\":9223372036854775807",
    ),
    ("rpo-too-long", Rule::ManifestRange, "more than ten years", "\"rpo_seconds\":86400", "\"rpo_seconds\":316224001"),
    ("content-0", Rule::ManifestRange, "a part without content", "\"content\":1024", "\"content\":0"),
    (
        "content-over-64-mib",
        Rule::ManifestRange,
        "a part of more than 64 MiB",
        "\"content\":1024",
        "\"content\":67108865",
    ),
    ("frame-0", Rule::ManifestRange, "a part without a frame", "\"frame\":1", "\"frame\":0"),
    ("frame-over-size", Rule::ManifestRange, "a frame larger than its file", "\"frame\":1", "\"frame\":2"),
    ("size-over-65-mib", Rule::ManifestRange, "a file of more than 65 MiB", "\"size\":1", "\"size\":68157441"),
    (
        "part-name",
        Rule::ManifestRange,
        "a part's name that does not fit its place",
        "segment-000001.pgp",
        "segment-000002.pgp",
    ),
    (
        "part-path",
        Rule::ManifestRange,
        "a part's name that leads elsewhere",
        "segment-000000.pgp",
        "../segment-000000.pgp",
    ),
    ("entries-too-many", Rule::ManifestRange, "more than 2^24 entries", "\"entries\":2", "\"entries\":16777217"),
    ("bytes-over-contents", Rule::ManifestRange, "more bytes than the segments hold", "\"bytes\":3", "\"bytes\":2049"),
    ("time-fraction", Rule::ManifestRange, "a time with a fraction", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00.5Z"),
    ("time-1969", Rule::ManifestRange, "a time before 1970", "2026-03-01T00:00:00Z", "1969-12-31T23:59:59Z"),
    ("time-2200", Rule::ManifestRange, "a time after 2199", "2026-03-01T00:00:00Z", "2200-01-01T00:00:00Z"),
    (
        "previous-of-first",
        Rule::ManifestChain,
        "a first pouch with one before it",
        "\"previous\":null",
        "\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\"",
    ),
    ("no-previous", Rule::ManifestChain, "a second pouch with none before it", "\"sequence\":1", "\"sequence\":2"),
    ("white-space", Rule::ManifestCanonical, "a space after a colon", "\"sequence\":1", "\"sequence\": 1"),
    (
        "field-order",
        Rule::ManifestCanonical,
        "two fields in another order",
        "\"pouch\":1,\"registry\":\"land\"",
        "\"registry\":\"land\",\"pouch\":1",
    ),
    ("escaped-letter", Rule::ManifestCanonical, "a letter as an escape", "\"land\"", "\"l\\u0061nd\""),
    ("escaped-field", Rule::ManifestCanonical, "a field's name with an escape", "\"registry\"", "\"\\u0072egistry\""),
    (
        "time-offset",
        Rule::ManifestCanonical,
        "a time of another zone",
        "2026-03-01T00:00:00Z",
        "2026-03-01T01:00:00+01:00",
    ),
    (
        "time-lower-case",
        Rule::ManifestCanonical,
        "a time with small letters",
        "2026-03-01T00:00:00Z",
        "2026-03-01t00:00:00z",
    ),
    (
        "time-zero-fraction",
        Rule::ManifestCanonical,
        "a fraction of nothing",
        "2026-03-01T00:00:00Z",
        "2026-03-01T00:00:00.000Z",
    ),
    ("no-line-feed", Rule::ManifestCanonical, "no line feed at the end", "}]}\n", "}]}"),
    ("two-line-feeds", Rule::ManifestCanonical, "two line feeds at the end", "}]}\n", "}]}\n\n"),
    (
        "array-for-object",
        Rule::ManifestSyntax,
        "an array of an object's values",
        "{\"entries\":2,\"bytes\":3}",
        "[2,3]",
    ),
    ("trailing", Rule::ManifestSyntax, "something after the object", "}]}\n", "}]}\n{}"),
    ("cut", Rule::ManifestSyntax, "the end is missing", "}]}\n", "}]"),
    ("byte-order-mark", Rule::ManifestSyntax, "a byte order mark", "{\"pouch\"", "\u{feff}{\"pouch\""),
];

fn others(good: &Manifest, text: &str) -> Result<Vec<Vector>> {
    let refused = |name, rule, comment, bytes| Vector::new("manifest", name, Some(rule), comment, bytes);
    let mut twice = good.clone();
    twice.signers.extend(good.signers.clone());
    let mut none = good.clone();
    none.signers.clear();
    let mut nobody = good.clone();
    nobody.recipients.clear();
    let mut same = good.clone();
    same.recipients.extend(good.recipients.clone());
    let mut crowd = good.clone();
    let recipient = good.recipients.first().context("no recipient")?;
    let other =
        |n: u8| Ok(Recipient { certificate: format!("{n:02X}").repeat(32).parse()?, key: recipient.key.clone() });
    crowd.recipients = (0..17).map(other).collect::<Result<_>>()?;
    let mut partless = good.clone();
    partless.index.clear();
    let mut latin = text.as_bytes().to_vec();
    latin.iter_mut().filter(|byte| **byte == b'n').take(1).for_each(|byte| *byte = 0xE9);
    let range = Rule::ManifestRange;
    Ok(vec![
        refused("signer-twice", range, "a signer twice", twice.to_bytes()),
        refused("signers-none", range, "no signer", none.to_bytes()),
        refused("recipients-none", range, "no recipient", nobody.to_bytes()),
        refused("recipient-twice", range, "a recipient's certificate twice", same.to_bytes()),
        refused("recipients-17", range, "17 recipients", crowd.to_bytes()),
        refused("index-none", range, "no part of an index", partless.to_bytes()),
        refused("not-utf-8", Rule::ManifestSyntax, "a byte that is not UTF-8", latin),
        refused("array", Rule::ManifestSyntax, "an array that begins with a later version", b"[2]\n".to_vec()),
        refused("empty", Rule::ManifestSyntax, "no byte", Vec::new()),
        refused("nested", Rule::ManifestSyntax, "100,000 brackets", vec![b'['; 100_000]),
        refused("size", Rule::ManifestSize, "one byte more than 16 MiB", text.as_bytes().to_vec())
            .with("append", format!("{} 20", (16 << 20) + 1 - text.len())),
    ])
}
