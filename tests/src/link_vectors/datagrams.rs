//! Datagrams and heartbeats, right and wrong.

use pouch_link::datagram::{Head, Kind, REPAIR};
use pouch_link::heartbeat::Heartbeat;
use pouch_link::tag::{LinkKey, Tagger};

use super::make::with_facts;
use crate::vectors::{Result, Vector, hex};

/// A link key that everybody knows.
pub(super) const KEY: [u8; 32] = *b"no secret: a key for the vectors";
const DATAGRAM: &str = "LINK-DATAGRAM";

const HEAD: Head = Head {
    kind: Kind::Symbol,
    lane: 1,
    round: 2,
    stream: 0x0123_4567_89ab_cdef,
    transmission: 0xfedc_ba98_7654_3210,
    sequence: 77,
    length: 1_000_000,
    block: 3,
    index: REPAIR | 5,
};

/// A datagram with this payload.
pub(super) fn datagram(head: Head, payload: &[u8], key: Option<&[u8; 32]>) -> Result<Vec<u8>> {
    let key = key.map(|key| LinkKey::new(*key));
    let mut out = Vec::new();
    head.write(payload, &mut Tagger::new(key.as_ref(), head.stream, head.transmission)?, &mut out)?;
    Ok(out)
}

/// The bytes with some replaced.
pub(super) fn changed(bytes: &[u8], place: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (old, new) in bytes.iter_mut().skip(place).zip(new) {
        *old = *new;
    }
    bytes
}

/// The datagram with other bytes in its head and a right tag without key.
fn altered(bytes: &[u8], place: usize, new: &[u8]) -> Vec<u8> {
    let bytes = changed(bytes, place, new);
    let (head, rest) = bytes.split_at(48);
    let payload = rest.get(16..).unwrap_or_default();
    let sum = crc32c(&[head, payload].concat());
    [head, &sum.to_be_bytes(), &[0; 12], payload].concat()
}

/// Bit by bit, for the library's is what it is compared with.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 })
    })
}

pub(super) fn all() -> Result<Vec<Vector>> {
    let payload: Vec<u8> = (0..64).collect();
    let good = datagram(HEAD, &payload, None)?;
    let keyed = datagram(HEAD, &payload, Some(&KEY))?;
    let plain = |name: &str, expect: &str, comment: &str, bytes: Vec<u8>| {
        Vector::expecting("datagram", name, expect, comment, bytes)
    };
    let under = |name: &str, expect: &str, comment: &str, bytes: Vec<u8>| {
        plain(name, expect, comment, bytes).with("key", hex(&KEY))
    };
    let longest = datagram(HEAD, &[0x5a; 8896], None)?;
    let source = Head { index: 1023, ..HEAD };
    let other = Head { transmission: 1, ..HEAD };
    let mut vectors = vec![
        plain("repair", "accepted", "a repair symbol", good.clone()),
        plain("source", "accepted", "a source symbol", datagram(source, &payload, None)?),
        plain("longest", "accepted", "a payload of 8896 bytes", longest.clone()),
        plain("no-payload", "accepted", "a payload of no bytes; of its kind it is nothing", datagram(HEAD, &[], None)?),
        plain("empty", DATAGRAM, "no bytes", Vec::new()),
        plain("short", DATAGRAM, "63 bytes", good.get(..63).unwrap_or_default().to_vec()),
        plain("magic", DATAGRAM, "another magic", altered(&good, 0, b"QLK1")),
        plain("version", DATAGRAM, "another version", altered(&good, 3, b"2")),
        plain("kind-0", DATAGRAM, "kind 0", altered(&good, 4, &[0])),
        plain("kind-4", DATAGRAM, "kind 4", altered(&good, 4, &[4])),
        plain("longer", DATAGRAM, "a byte behind the payload", [&good[..], &[0]].concat()),
        plain("cut", DATAGRAM, "the payload's last byte lost", good.get(..127).unwrap_or_default().to_vec()),
        plain(
            "too-long",
            DATAGRAM,
            "a payload of 8897 bytes",
            altered(&[&longest[..], &[0x5a]].concat(), 46, &8897_u16.to_be_bytes()),
        ),
        plain("bit", "LINK-TAG", "a bit of the payload flipped", changed(&good, 100, &[0xff])),
        plain("lane", "LINK-TAG", "another lane, the tag left", changed(&good, 5, &[2])),
        plain("tag-tail", "LINK-TAG", "CRC32C right, not zero behind it", changed(&good, 63, &[1])),
        plain("key-unknown", "LINK-TAG", "a tag of a key, and the receiver has none", keyed.clone()),
        under("keyed", "accepted", "a tag of the link key", keyed.clone()),
        under("keyed-transmission", "accepted", "of another transmission", datagram(other, &payload, Some(&KEY))?),
        under("keyed-bit", "LINK-TAG", "a bit of the payload flipped", changed(&keyed, 127, &[0])),
        under("keyed-sequence", "LINK-TAG", "another sequence number", changed(&keyed, 31, &[78])),
        under("keyed-crc", "LINK-TAG", "CRC32C, and the receiver has a key", good),
        under("keyed-other", "LINK-TAG", "a tag of another key", datagram(HEAD, &payload, Some(&[9; 32]))?),
    ];
    vectors.extend(heartbeats()?);
    Ok(vectors)
}

fn heartbeats() -> Result<Vec<Vector>> {
    let idle = Heartbeat {
        clock: 1_795_000_000_000_000_000,
        next: 1000,
        busy: false,
        sent: 0,
        datagrams: 12,
        waiting: 0,
        last: None,
    };
    let last = Some((HEAD.stream, "land-000041".parse()?));
    let busy = Heartbeat { busy: true, sent: 41, waiting: 2, last, ..idle.clone() };
    let (idle, busy) = (idle.to_bytes(), busy.to_bytes());
    let one = |name: &str, expect: &str, comment: &str, bytes: Vec<u8>| {
        with_facts(Vector::expecting("heartbeat", name, expect, comment, bytes))
    };
    [
        one("idle", "accepted", "of a sender that has sent nothing", idle.clone()),
        one("busy", "accepted", "of a sender that has sent a pouch", busy.clone()),
        one("short", DATAGRAM, "87 bytes", idle.get(..87).unwrap_or_default().to_vec()),
        one("long", DATAGRAM, "89 bytes", [&idle[..], &[0]].concat()),
        one("busy-2", DATAGRAM, "busy is neither 0 nor 1", changed(&busy, 12, &[2])),
        one("name-33", DATAGRAM, "a name of 33 bytes", changed(&busy, 13, &[33])),
        one("name-cut", DATAGRAM, "a byte behind the name", changed(&busy, 13, &[3])),
        one("name-upper", DATAGRAM, "a name in upper case", changed(&busy, 56, b"LAND")),
        one("reserved", DATAGRAM, "a reserved byte", changed(&idle, 15, &[1])),
        one("sequence-0", DATAGRAM, "a registry and sequence 0", changed(&busy, 48, &[0; 8])),
        one("sequence", DATAGRAM, "a sequence number and no registry", changed(&idle, 55, &[1])),
        one("stream", DATAGRAM, "a stream and no registry", changed(&idle, 47, &[1])),
    ]
    .into_iter()
    .collect()
}
