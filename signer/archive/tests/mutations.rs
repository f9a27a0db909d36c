//! Every byte of an archive counts: each flip, cut and addition is refused, or makes another archive in the canonical
//! form, which the digests in the manifest then refuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

mod common;

use common::{pack, sample, told};

/// Where a flipped bit can go unseen by the archive itself: in the content of files, and in pax records, over which
/// tar has no checksum.
fn unchecked(archive: &[u8]) -> Vec<bool> {
    let mut places = vec![false; archive.len()];
    for entry in told(archive).unwrap() {
        if let Some(content) = &entry.content {
            places[entry.offset as usize..][..content.len()].fill(true);
        }
    }
    for start in (0..archive.len()).step_by(512).filter(|start| !places[*start]).collect::<Vec<_>>() {
        let header = &archive[start..start + 512];
        if &header[257..263] == b"ustar\0" && header[156] == b'x' {
            let size = usize::from_str_radix(str::from_utf8(&header[124..135]).unwrap(), 8).unwrap();
            places[start + 512..][..size].fill(true);
        }
    }
    places
}

#[test]
fn every_bit_flipped() {
    let archive = pack(&sample());
    let original = told(&archive);
    let unchecked = unchecked(&archive);
    for (at, unchecked) in unchecked.into_iter().enumerate() {
        for bit in 0..8 {
            let mut bytes = archive.clone();
            bytes[at] ^= 1 << bit;
            let found = told(&bytes);
            assert_ne!(found, original, "byte {at} bit {bit}");
            assert!(found.is_none() || unchecked, "byte {at} bit {bit}");
        }
    }
}

/// A checksum is no secret: whoever changes a header can make it right again.
#[test]
fn every_byte_of_a_header_changed_and_the_checksum_made_right() {
    let archive = pack(&sample());
    let original = told(&archive);
    let mut refused = 0;
    for start in (0..archive.len()).step_by(512).filter(|start| &archive[*start..][257..263] == b"ustar\0") {
        for at in (0..512).filter(|at| !(148..156).contains(at)) {
            for change in [1, 0x20, 0x80, 0xff] {
                let mut bytes = archive.clone();
                bytes[start + at] ^= change;
                bytes[start + 148..start + 156].fill(b' ');
                let sum: u64 = bytes[start..start + 512].iter().map(|byte| u64::from(*byte)).sum();
                bytes[start + 148..start + 156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
                let found = told(&bytes);
                assert_ne!(found, original, "header {start} byte {at}");
                refused += usize::from(found.is_none());
            }
        }
    }
    assert!(refused > 10_000, "{refused}");
}

#[test]
fn cut_at_every_byte() {
    let archive = pack(&sample());
    for length in 0..archive.len() {
        assert_eq!(told(&archive[..length]), None, "{length}");
    }
}

#[test]
fn anything_appended() {
    let archive = pack(&sample());
    for byte in 0..=255 {
        for count in [1, 511, 512, 513, 1024, 10_240] {
            assert_eq!(told(&[archive.as_slice(), &vec![byte; count]].concat()), None, "{count} of {byte}");
        }
    }
    assert_eq!(told(&[archive.as_slice(), archive.as_slice()].concat()), None);
}

#[test]
fn blocks_dropped_and_doubled() {
    let archive = pack(&sample());
    let original = told(&archive);
    let blocks: Vec<&[u8]> = archive.chunks(512).collect();
    for at in 0..blocks.len() {
        let mut dropped = blocks.clone();
        dropped.remove(at);
        // The head of an empty file or directory can go without a trace in the form.
        assert_ne!(told(&dropped.concat()), original, "block {at} dropped");
        let mut doubled = blocks.clone();
        doubled.insert(at, blocks[at]);
        assert_eq!(told(&doubled.concat()), None, "block {at} doubled");
    }
}
