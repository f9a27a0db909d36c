//! Sealed parts under a known session key: sound ones of both profiles, and one for each way to be wrong.
#![expect(clippy::indexing_slicing, reason = "edits of bytes that were made just before; a wrong place fails the run")]

use pouch_format::{Part, Profile, Rule, segment_file};
use sequoia_openpgp::anyhow::Context as _;
use zstd::zstd_safe::CParameter;

use super::keys::Keys;
use super::message::{
    COMPRESSED_TAG, HEAD_V2, LITERAL_TAG, MARKER_TAG, PADDING_TAG, PKESK_TAG, SEIPD_TAG, Sealer, frame, frame_with,
    legacy_packet, literal, long_packet, packet, part, pkesk,
};
use super::{Result, Vector, sha256};

/// Makes vectors around one session key.
struct Maker {
    sealer: Sealer,
    profile: &'static str,
    content: Vec<u8>,
    frame: Vec<u8>,
}

impl Maker {
    fn new(sealer: Sealer, content: Vec<u8>) -> Result<Self> {
        let profile = match sealer.profile {
            Profile::Rfc9580 => "v2",
            Profile::Rfc9980 => "v2-pqc",
            Profile::Rfc4880 => "v1",
        };
        Ok(Self { sealer, profile, frame: frame(&content)?, content })
    }

    fn stated(&self, sealed: &[u8]) -> Part {
        part(segment_file(0), sealed, self.frame.len() as u64, self.content.len() as u64)
    }

    fn vector(&self, name: &str, rule: Option<Rule>, comment: &str, stated: &Part, sealed: Vec<u8>) -> Result<Vector> {
        let vector = Vector::new("part", &format!("{}-{name}", self.profile), rule, comment, sealed);
        let vector = vector.with("profile", self.sealer.profile.as_str()).with("session-key", self.sealer.key_hex());
        let vector = vector.with("part", serde_json::to_string(stated)?);
        Ok(if rule.is_none() { vector.with("payload-sha256", sha256(&self.content)) } else { vector })
    }

    fn accepted(&self, name: &str, comment: &str) -> Result<Vector> {
        let sealed = self.sealer.seal(&self.frame)?;
        self.vector(name, None, comment, &self.stated(&sealed), sealed)
    }

    /// Sealed bytes whose size and digest are stated as they are.
    fn refused(&self, name: &str, rule: Rule, comment: &str, sealed: Vec<u8>) -> Result<Vector> {
        self.vector(name, Some(rule), comment, &self.stated(&sealed), sealed)
    }

    /// Another frame, whose size is stated as it is.
    fn framed(&self, name: &str, rule: Rule, comment: &str, frame: &[u8]) -> Result<Vector> {
        let sealed = self.sealer.seal(frame)?;
        let stated = Part { frame: frame.len() as u64, ..self.stated(&sealed) };
        self.vector(name, Some(rule), comment, &stated, sealed)
    }
}

/// All of them.
pub(super) fn vectors(keys: &Keys) -> Result<Vec<Vector>> {
    let text: Vec<u8> = (0..40).flat_map(|n| format!("entry {n} of the land register\n").into_bytes()).collect();
    let v2 = Maker::new(Sealer::new(Profile::Rfc9580, &[keys.get("embassy-v6")?])?, text.clone())?;
    let v1 = Maker::new(Sealer::new(Profile::Rfc4880, &[keys.get("embassy-v4")?])?, text.clone())?;
    let mut vectors = sound(keys, &text)?;
    for maker in [&v2, &v1] {
        vectors.extend(stated(maker)?);
        vectors.extend(grammar(maker)?);
        vectors.extend(inner(maker)?);
        vectors.extend(pkesks(maker)?);
    }
    vectors.extend(of_version_2(&v2)?);
    vectors.extend(of_version_1(&v1)?);
    vectors.extend(frames(&v2)?);
    Ok(vectors)
}

fn sound(keys: &Keys, text: &[u8]) -> Result<Vec<Vector>> {
    let both = [keys.get("embassy-v6")?, keys.get("other-embassy-v6")?];
    let gnupg = [keys.get("embassy-v4")?, keys.get("embassy-rsa-v4")?];
    let mut noise = vec![0; (1 << 20) + 4096];
    openssl::rand::rand_bytes(&mut noise)?;
    let v2 = |content: &[u8]| Maker::new(Sealer::new(Profile::Rfc9580, &both[..1])?, content.to_vec());
    let v1 = |content: &[u8]| Maker::new(Sealer::new(Profile::Rfc4880, &gnupg[..1])?, content.to_vec());
    Ok(vec![
        v2(text)?.accepted("plain", "one key, one chunk")?,
        v1(text)?.accepted("plain", "one key")?,
        Maker::new(Sealer::new(Profile::Rfc9580, &both)?, text.to_vec())?.accepted("two-keys", "two keys")?,
        Maker::new(Sealer::new(Profile::Rfc4880, &gnupg)?, text.to_vec())?.accepted("two-keys", "ECDH and RSA")?,
        v2(b"x")?.accepted("one-byte", "a content of one byte")?,
        v1(b"x")?.accepted("one-byte", "a content of one byte")?,
        v2(&noise)?.accepted("two-chunks", "noise of more than 1 MiB: two chunks")?,
        v2(&vec![0; 1 << 20])?.accepted("zeros", "1 MiB of zeros")?,
    ])
}

/// What the manifest states is another thing.
fn stated(maker: &Maker) -> Result<Vec<Vector>> {
    let sealed = maker.sealer.seal(&maker.frame)?;
    let right = maker.stated(&sealed);
    let mut flipped = sealed.clone();
    flipped.last_mut().into_iter().for_each(|byte| *byte ^= 1);
    let longer = [&sealed[..], &[0]].concat();
    let shorter = sealed.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default();
    let wrong = |stated: &Part, name, rule, comment, bytes: &[u8]| {
        maker.vector(name, Some(rule), comment, stated, bytes.to_vec())
    };
    let frame_size = Part { frame: right.frame - 1, ..right.clone() };
    let content = Part { content: right.content + 1, ..right.clone() };
    let less = Part { content: right.content - 1, ..right.clone() };
    Ok(vec![
        wrong(&right, "size-more", Rule::SegmentSize, "one byte more than stated", &longer)?,
        wrong(&right, "size-less", Rule::SegmentSize, "one byte less than stated", &shorter)?,
        wrong(&right, "digest", Rule::SegmentDigest, "another byte than the digest is of", &flipped)?,
        wrong(&frame_size, "frame-size", Rule::OpenpgpGrammar, "a frame larger than stated", &sealed)?,
        wrong(&content, "content-less", Rule::ZstdSize, "a byte less in the frame than stated", &sealed)?,
        wrong(&less, "content-more", Rule::ZstdSize, "a byte more in the frame than stated", &sealed)?,
    ])
}

/// Packets around the encrypted data.
fn grammar(maker: &Maker) -> Result<Vec<Vector>> {
    let sealer = &maker.sealer;
    let (keys, body) = (sealer.pkesks.clone(), sealer.encrypted(&literal(&maker.frame))?);
    let data = packet(SEIPD_TAG, &body);
    let refused = |name, comment, parts: &[&[u8]]| maker.refused(name, Rule::OpenpgpGrammar, comment, parts.concat());
    let mut armored = sequoia_openpgp::armor::Writer::new(Vec::new(), sequoia_openpgp::armor::Kind::Message)?;
    std::io::Write::write_all(&mut armored, &[&keys[..], &data].concat())?;
    let armored = armored.finalize()?;
    let marker = packet(MARKER_TAG, b"PGP");
    let unprotected = packet(9, body.get(1..).unwrap_or_default());
    let symmetric = packet(3, &[4, 9, 0, 8]);
    let legacy = legacy_packet(PKESK_TAG, sealer.pkesks.get(2..).unwrap_or_default());
    let long_key = long_packet(PKESK_TAG, sealer.pkesks.get(2..).unwrap_or_default());
    let (first, rest) = body.split_at(512.min(body.len()));
    let partial = [&[0xC0 | SEIPD_TAG, 224 + 9][..], first, &packet(0, rest)[1..]].concat();
    let cut = data.split_last().map(|(_, rest)| rest).unwrap_or_default();
    Ok(vec![
        refused("armor", "in armor", &[&armored])?,
        refused("marker", "a marker packet in front", &[&marker, &keys, &data])?,
        refused("marker-between", "a marker packet before the encrypted data", &[&keys, &marker, &data])?,
        refused("padding", "a padding packet behind", &[&keys, &data, &packet(PADDING_TAG, &[0; 8])])?,
        refused("password", "a session key from a password", &[&keys, &symmetric, &data])?,
        refused("trailing-byte", "a byte behind", &[&keys, &data, &[0]])?,
        refused("second-message", "another message behind", &[&keys, &data, &keys, &data])?,
        refused("second-data", "encrypted data twice", &[&keys, &data, &data])?,
        refused("no-data", "session keys and nothing else", &[&keys])?,
        refused("key-behind", "a session key behind the data", &[&keys, &data, &keys])?,
        refused("unprotected", "encrypted data without integrity (tag 9)", &[&keys, &unprotected])?,
        refused("literal", "not encrypted at all", &[&keys, &literal(&maker.frame)])?,
        refused("legacy-length", "a packet in the legacy format", &[&legacy, &data])?,
        refused("partial-length", "a partial length", &[&keys, &partial])?,
        refused("long-length", "a length in a longer form than it needs", &[&long_key, &data])?,
        refused("cut", "cut off by a byte", &[&keys, cut])?,
        refused("empty-data", "an encrypted data packet without a body", &[&keys, &packet(SEIPD_TAG, &[])])?,
        refused("version", "encrypted data of version 3", &[&keys, &packet(SEIPD_TAG, &[&[3], &body[1..]].concat())])?,
    ])
}

/// Packets within the encrypted data, which are authentic.
fn inner(maker: &Maker) -> Result<Vec<Vector>> {
    let around = |name, comment, parts: &[&[u8]]| {
        maker.refused(name, Rule::OpenpgpGrammar, comment, maker.sealer.around(&parts.concat())?)
    };
    let head = |head: &[u8]| packet(LITERAL_TAG, &[head, &maker.frame].concat());
    let good = literal(&maker.frame);
    let nested = maker.sealer.encrypted(&good)?;
    Ok(vec![
        around("inner-empty", "nothing within", &[])?,
        around("inner-text", "literal data in text format", &[&head(&[b't', 0, 0, 0, 0, 0])])?,
        around("inner-name", "literal data with a file name", &[&head(b"b\x01a\0\0\0\0")])?,
        around("inner-date", "literal data with a date", &[&head(&[b'b', 0, 0, 0, 0, 1])])?,
        around(
            "inner-compressed",
            "a compressed data packet",
            &[&packet(COMPRESSED_TAG, &[&[0], &good[..]].concat())],
        )?,
        around("inner-nested", "encrypted data within", &[&packet(SEIPD_TAG, &nested)])?,
        around("inner-second", "a second literal packet", &[&good, &good])?,
        around("inner-padding", "a padding packet behind", &[&good, &packet(PADDING_TAG, &[0; 8])])?,
        around("inner-marker", "a marker packet in front", &[&packet(MARKER_TAG, b"PGP"), &good])?,
        around("inner-trailing-byte", "a byte behind", &[&good, &[0]])?,
        around(
            "inner-legacy-length",
            "a packet in the legacy format",
            &[&legacy_packet(LITERAL_TAG, &[&[b'b', 0, 0, 0, 0, 0], &maker.frame[..]].concat())],
        )?,
        around(
            "inner-cut",
            "a literal packet that says it is longer",
            &[good.split_last().map(|(_, rest)| rest).unwrap_or_default()],
        )?,
    ])
}

fn pkesks(maker: &Maker) -> Result<Vec<Vector>> {
    let sealer = &maker.sealer;
    let data = packet(SEIPD_TAG, &sealer.encrypted(&literal(&maker.frame))?);
    let refused = |name, comment, parts: &[&[u8]]| maker.refused(name, Rule::OpenpgpPkesk, comment, parts.concat());
    let version = sealer.pkesks.get(2).copied().context("a version")?;
    let large = packet(PKESK_TAG, &[&[version][..], &[0; 4096]].concat());
    let other = packet(PKESK_TAG, &[9 - version, 0, 0, 0, 0]);
    Ok(vec![
        refused("pkesk-none", "no session key", &[&data])?,
        refused("pkesk-17", "17 session keys", &[&sealer.pkesks.repeat(17), &data])?,
        refused("pkesk-large", "a session key packet of 4097 bytes", &[&sealer.pkesks, &large, &data])?,
        refused("pkesk-empty", "a session key packet without a body", &[&packet(PKESK_TAG, &[]), &data])?,
        refused("pkesk-version", "a session key packet of the other profile", &[&sealer.pkesks, &other, &data])?,
    ])
}

fn of_version_2(maker: &Maker) -> Result<Vec<Vector>> {
    let sealer = &maker.sealer;
    let plain = literal(&maker.frame);
    let keys = sealer.pkesks.clone();
    let with = |name, rule, comment, body: &[u8]| {
        maker.refused(name, rule, comment, [&keys[..], &packet(SEIPD_TAG, body)].concat())
    };
    let good = sealer.encrypted(&plain)?;
    let headed = |head: [u8; 4]| [&head[..], &good[4..]].concat();
    let [version, cipher, aead, octet] = HEAD_V2;
    let flipped = |from_end: usize| {
        let mut body = good.clone();
        body.iter_mut().rev().skip(from_end).take(1).for_each(|byte| *byte ^= 1);
        body
    };
    let mut salted = good.clone();
    salted.iter_mut().skip(4).take(1).for_each(|byte| *byte ^= 1);
    let small = sealer.encrypted_v2([version, cipher, aead, 6], &plain)?;
    let truncated = [&good[..good.len() - 16 - 16 - 1], &good[good.len() - 32..]].concat();
    let other = Sealer { key: [7; 32], ..sealer.clone() }.encrypted(&plain)?;
    let v1 = Sealer { profile: Profile::Rfc4880, ..sealer.clone() }.encrypted(&plain)?;
    let (grammar, integrity) = (Rule::OpenpgpGrammar, Rule::OpenpgpIntegrity);
    Ok(vec![
        with("cipher", grammar, "AES-128", &headed([version, 7, aead, octet]))?,
        with("aead-eax", grammar, "EAX instead of OCB", &headed([version, cipher, 1, octet]))?,
        with("aead-gcm", grammar, "GCM instead of OCB", &headed([version, cipher, 3, octet]))?,
        with("chunk-size", grammar, "chunks of 4 KiB, authentic", &small)?,
        with("chunk-size-largest", grammar, "chunks of 4 MiB", &headed([version, cipher, aead, 16]))?,
        with("downgrade", grammar, "version 1 in profile rfc9580", &v1)?,
        with("no-salt", grammar, "cut in the salt", &good[..20])?,
        with("no-tag", grammar, "no room for a tag", &good[..36 + 15])?,
        with("last-tag", integrity, "a flipped bit in the last tag", &flipped(0))?,
        with("chunk-tag", integrity, "a flipped bit in the tag of the chunk", &flipped(16))?,
        with("ciphertext", integrity, "a flipped bit in the encrypted frame", &flipped(40))?,
        with("salt", integrity, "a flipped bit in the salt", &salted)?,
        with("last-tag-missing", integrity, "the last tag is missing", &good[..good.len() - 16])?,
        with("truncated", integrity, "a byte of the frame is missing", &truncated)?,
        with("no-chunk", integrity, "no chunk but a tag", &[&good[..36], &good[good.len() - 16..]].concat())?,
        with("other-key", integrity, "encrypted with another session key", &other)?,
    ])
}

fn of_version_1(maker: &Maker) -> Result<Vec<Vector>> {
    let sealer = &maker.sealer;
    let plain = literal(&maker.frame);
    let with = |name, rule, comment, body: &[u8]| {
        maker.refused(name, rule, comment, [&sealer.pkesks[..], &packet(SEIPD_TAG, body)].concat())
    };
    let good = sealer.encrypted(&plain)?;
    let flipped = |at: usize| {
        let mut body = good.clone();
        body.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
        body
    };
    let other = Sealer { key: [7; 32], ..sealer.clone() }.encrypted(&plain)?;
    let headless = sealer.encrypted_v1_as_is(&[&[7; 16][..], &[7; 2], &plain, &[0xD3, 0x13]].concat())?;
    let v2 = Sealer { profile: Profile::Rfc9580, ..sealer.clone() }.encrypted(&plain)?;
    let (grammar, integrity) = (Rule::OpenpgpGrammar, Rule::OpenpgpIntegrity);
    Ok(vec![
        with("upgrade", grammar, "version 2 in profile rfc4880", &v2)?,
        with("short", grammar, "no room for prefix and digest", &good[..39])?,
        with("mdc", integrity, "a flipped bit in the digest", &flipped(good.len() - 1))?,
        with("mdc-head", integrity, "another head of the digest, authentic", &headless)?,
        with("ciphertext", integrity, "a flipped bit in the encrypted frame", &flipped(good.len() - 40))?,
        with("prefix", integrity, "a flipped bit in the prefix", &flipped(1))?,
        with("truncated", integrity, "a byte is missing", &good[..good.len() - 1])?,
        with("mdc-missing", integrity, "the digest is missing", &good[..good.len() - 22])?,
        with("other-key", integrity, "encrypted with another session key", &other)?,
    ])
}

/// zstd frames, each authentic.
fn frames(maker: &Maker) -> Result<Vec<Vector>> {
    use Rule::{ZstdCorrupt, ZstdFrame, ZstdSize};
    let (good, content) = (&maker.frame, &maker.content);
    let with = |name: &str, rule, comment, frame: &[u8]| maker.framed(&format!("zstd-{name}"), rule, comment, frame);
    let edited = |at: usize, change: fn(u8) -> u8| {
        let mut frame = good.clone();
        frame.iter_mut().skip(at).take(1).for_each(|byte| *byte = change(*byte));
        frame
    };
    let checksum = CParameter::ChecksumFlag(true);
    let unsized_ = frame_with(content, &[checksum, CParameter::ContentSizeFlag(false)])?;
    let skippable = [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    let bomb = frame(&vec![0; 64 << 20])?;
    let (magic, size) = (&good[..4], u32::try_from(content.len())?.to_le_bytes());
    let sum = &good[good.len() - 4..];
    // Descriptor: 4 bytes of content size, checksum; then a window of 2^28 bytes.
    let window = [magic, &[0x84, (28 - 10) << 3], &size, &good[good.len() - 20..]].concat();
    // Magic number, descriptor, window octet, then 4 bytes of content size.
    let lying = [&bomb[..6], &size, &bomb[10..]].concat();
    // One raw block that is the last, of the whole content.
    let block = (u32::try_from(content.len())? << 3 | 1).to_le_bytes();
    let shorter = [magic, &[0xA4], &(u32::from_le_bytes(size) + 1).to_le_bytes(), &block[..3], content, sum].concat();
    let reserved = [magic, &[0xA4], &size, &[block[0] | 6, block[1], block[2]], content, sum].concat();
    let unfinished = [magic, &[0xA4], &size, &[block[0] & !1, block[1], block[2]], content, sum].concat();
    let mut vectors = vec![
        with("skippable", ZstdFrame, "a skippable frame in front", &[&skippable[..], good].concat())?,
        with(
            "legacy",
            ZstdFrame,
            "the magic number of zstd 0.7",
            &[&[0x27, 0xB5, 0x2F, 0xFD][..], &good[4..]].concat(),
        )?,
        with("not-a-frame", ZstdFrame, "no frame but the content", content)?,
        with("no-checksum", ZstdFrame, "no checksum", &frame_with(content, &[])?)?,
        with("no-content-size", ZstdFrame, "no content size", &unsized_)?,
        with("dictionary", ZstdFrame, "names a dictionary", &edited(4, |byte| byte | 1))?,
        with("reserved-bit", ZstdFrame, "the reserved bit", &edited(4, |byte| byte | 8))?,
        with("unused-bit", ZstdFrame, "the unused bit", &edited(4, |byte| byte | 16))?,
        with("window", ZstdFrame, "a window of 256 MiB", &window)?,
        with("second-frame", ZstdSize, "a second frame", &[&good[..], good].concat())?,
        with("trailing-skippable", ZstdSize, "a skippable frame behind", &[&good[..], &skippable].concat())?,
        with("trailing-byte", ZstdSize, "a byte behind", &[&good[..], &[0]].concat())?,
        with("bomb", ZstdSize, "a frame that says 64 MiB where less is stated", &bomb)?,
        with("bomb-that-lies", ZstdCorrupt, "a frame of 64 MiB whose head says less", &lying)?,
        with("checksum", ZstdCorrupt, "a wrong checksum", &edited(good.len() - 1, |byte| byte ^ 1))?,
        with("block", ZstdCorrupt, "a flipped bit in a block", &edited(good.len() - 12, |byte| byte ^ 0x40))?,
        with("block-type", ZstdCorrupt, "the reserved type of a block", &reserved)?,
        with("no-last-block", ZstdCorrupt, "no last block", &unfinished)?,
        with("cut", ZstdCorrupt, "cut off by a byte", &good[..good.len() - 1])?,
        with("cut-in-head", ZstdCorrupt, "cut off in its head", &good[..5])?,
    ];
    let sealed = maker.sealer.seal(&shorter)?;
    let right = maker.stated(&sealed);
    let stated = Part { frame: shorter.len() as u64, content: right.content + 1, ..right };
    let comment = "a head that says a byte more than the block holds";
    vectors.push(maker.vector("zstd-shorter", Some(ZstdCorrupt), comment, &stated, sealed)?);
    vectors.push(with("magic-only", ZstdCorrupt, "three bytes", &good[..3])?);
    Ok(vectors)
}

/// Packets of a session key that one part carries more than the other.
pub(super) fn other_pkesks(sealer: &Sealer, keys: &Keys, name: &str) -> Result<Sealer> {
    Ok(Sealer { pkesks: pkesk(sealer.profile, &sealer.key, keys.get(name)?)?, ..sealer.clone() })
}
