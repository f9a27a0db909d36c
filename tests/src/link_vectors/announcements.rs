//! Announcements, right and wrong.

use pouch_carry::{Layout, Shape};
use pouch_format::{Sha256Digest, limits};
use pouch_link::announcement::{Announcement, Pass, Phase, Stream};

use super::datagrams::changed;
use super::make::with_facts;
use crate::vectors::{Result, Vector};

/// A stream of so many bytes.
pub(super) fn stream(pouch: &str, symbol: u16, source: u16, length: u64) -> Result<Stream> {
    let layout = Layout::even(Shape::new(symbol, source)?, length)?;
    Ok(Stream { pouch: pouch.parse()?, manifest: Sha256Digest([1; 32]), signatures: Sha256Digest([2; 32]), layout })
}

/// A pass over all of a stream.
pub(super) fn pass(stream: &Stream, phase: Phase, repair: u16) -> Pass {
    let (blocks, symbols) = (stream.layout.blocks(), stream.layout.symbols());
    let symbols = symbols + u64::from(blocks) * u64::from(repair);
    Pass { phase, rounds: 1, depth: 64, repair, blocks, symbols, clock: 1_795_000_000_000_000_000 }
}

/// A vector whose head names the stream that follows from the payload.
fn own(name: &str, expect: &str, comment: &str, bytes: Vec<u8>) -> Result<Vector> {
    let context = blake3::derive_key("pouch link 1 stream", bytes.get(..120).unwrap_or_default());
    let id = u64::from_be_bytes(*context.first_chunk().unwrap_or(&[0; 8]));
    with_facts(Vector::expecting("announcement", name, expect, comment, bytes).with("stream", format!("{id:016x}")))
}

pub(super) fn all() -> Result<Vec<Vector>> {
    let announced = |stream: Stream, repair| {
        let pass = pass(&stream, Phase::Start, repair);
        Announcement { stream, pass }.to_bytes()
    };
    let good = announced(stream("land-000041", 1408, 1024, 10_000_000)?, 64);
    let longest = format!("{}-9007199254740992", "a23456789-123456789-123456789-12");
    let extreme = announced(stream(&longest, 8896, 1024, 1 << 50)?, 256);
    let mut vectors = vec![
        own("usual", "accepted", "1408 bytes, 1024 symbols, 64 repair", good.clone())?,
        own("one-symbol", "accepted", "a stream of one byte", announced(stream("land-000001", 64, 1, 1)?, 0))?,
        own("extreme", "accepted", "the longest name, the largest symbols and sequence", extreme)?,
        with_facts(
            Vector::expecting(
                "announcement",
                "other-stream",
                "LINK-ANNOUNCEMENT",
                "the head names another",
                good.clone(),
            )
            .with("stream", "0123456789abcdef"),
        )?,
    ];
    let cut = good.get(..155).unwrap_or_default().to_vec();
    vectors.push(own("short", "LINK-ANNOUNCEMENT", "155 bytes", cut)?);
    vectors.push(own("long", "LINK-ANNOUNCEMENT", "157 bytes", [&good[..], &[0]].concat())?);
    let sequence = (limits::SEQUENCE + 1).to_be_bytes();
    let cases: [(&str, &str, usize, &[u8]); 28] = [
        ("version", "version 2", 0, &[0, 2]),
        ("symbol-0", "symbols of 0 bytes", 2, &[0, 0]),
        ("symbol-1400", "symbols of 1400 bytes, no multiple of 64", 2, &1400_u16.to_be_bytes()),
        ("symbol-8960", "symbols of 8960 bytes", 2, &8960_u16.to_be_bytes()),
        ("source-0", "no source symbols", 4, &[0, 0]),
        ("source-1025", "1025 source symbols", 4, &1025_u16.to_be_bytes()),
        ("name-0", "no name", 6, &[0]),
        ("name-33", "a name of 33 bytes", 6, &[33]),
        ("name-cut", "a byte behind the name", 6, &[3]),
        ("name-upper", "a name in upper case", 88, b"LAND"),
        ("name-utf-8", "a name that is no UTF-8", 88, &[0xff]),
        ("reserved-7", "reserved byte 7", 7, &[1]),
        ("length-0", "a stream of no bytes", 8, &[0; 8]),
        ("length-most", "more than 2^32 - 1 blocks", 8, &[0xff; 8]),
        ("sequence-0", "sequence 0", 16, &[0; 8]),
        ("sequence-most", "sequence 2^53 + 1", 16, &sequence),
        ("phase", "phase 3", 120, &[3]),
        ("reserved-121", "reserved byte 121", 121, &[1]),
        ("rounds-0", "no rounds", 122, &[0, 0]),
        ("depth-0", "windows of no blocks", 124, &[0, 0]),
        ("depth-1025", "windows of 1025 blocks", 124, &1025_u16.to_be_bytes()),
        ("repair-257", "257 repair symbols", 126, &257_u16.to_be_bytes()),
        ("blocks-0", "a pass over no blocks", 128, &[0; 4]),
        ("blocks-more", "a pass over more blocks than the stream has", 128, &8_u32.to_be_bytes()),
        ("reserved-132", "reserved byte 132", 132, &[1]),
        ("symbols-0", "a pass of no symbols", 136, &[0; 8]),
        ("symbols-more", "more symbols than its blocks have", 136, &8961_u64.to_be_bytes()),
        ("reserved-155", "reserved byte 155", 155, &[1]),
    ];
    for (name, comment, place, new) in cases {
        vectors.push(own(name, "LINK-ANNOUNCEMENT", comment, changed(&good, place, new))?);
    }
    Ok(vectors)
}
