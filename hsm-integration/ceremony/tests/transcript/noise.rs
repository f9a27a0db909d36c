//! Bytes that nobody wrote: no panic, no end of memory, and never taken for the real thing.

use crate::written::Written;
use pouch_ceremony::transcript::{Reading, SIGNATURE_FILE, render};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_of_the_transcript_are_found(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..5)) {
        let held = Written::held();
        let mut bytes = held.bytes();
        flips.iter().for_each(|(at, bit)| bytes[at.index(held.bytes().len())] ^= 1 << bit);
        prop_assume!(bytes != held.bytes());
        let (folder, dir) = held.in_folder();
        std::fs::write(folder.path().join(pouch_ceremony::transcript::FILE), &bytes).unwrap();
        let verdict = pouch_ceremony::transcript::verify(&dir, &held.certificate).unwrap();
        prop_assert!(!verdict.evidence.is_empty());
        // Whatever it is, it can be shown.
        render(&verdict.reading.lines);
    }

    #[test]
    fn a_noisy_signature_is_refused_or_of_this_transcript(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let held = Written::held();
        let mut signature = held.others.iter().find(|(name, _)| name == SIGNATURE_FILE).unwrap().1.clone();
        let length = signature.len();
        flips.iter().for_each(|(at, byte)| signature[at.index(length)] = *byte);
        let verdict = held.clone().put(SIGNATURE_FILE, signature).verdict();
        // A few bytes of a signature are not signed; who made it and over what is.
        prop_assert!(!verdict.evidence.is_empty() || verdict.signed.is_some());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let reading = Reading::from_bytes(bytes);
        prop_assert!(!reading.faults.is_empty());
    }

    #[test]
    fn pieces_of_lines_are_read_without_a_panic(pieces in prop::collection::vec((0usize..31, 0usize..400, 0usize..400), 0..12)) {
        let held = Written::held();
        let mut bytes = Vec::new();
        for (line, from, length) in pieces {
            let line = held.lines[line].as_bytes();
            let from = from.min(line.len());
            bytes.extend(&line[from..(from + length).min(line.len())]);
            bytes.push(b'\n');
        }
        let reading = Reading::from_bytes(bytes);
        prop_assert!(!reading.faults.is_empty());
        render(&reading.lines);
    }
}

#[test]
fn millions_of_lines_are_not_told_one_by_one() {
    let reading = Reading::from_bytes(vec![b'\n'; 16 << 20]);
    assert!(reading.faults.len() <= 102, "{}", reading.faults.len());
    let deep = [b"[".repeat(1 << 20), b"\n".to_vec()].concat();
    assert!(!Reading::from_bytes(deep).faults.is_empty());
}
