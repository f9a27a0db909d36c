//! The official test vectors of SLIP-0039: each valid set gives its secret, each invalid one is refused for its fault.

#![cfg(test)]

use pouch_shares::{CollectError, Collector, CombineError, Share, ShareError, secrecy::ExposeSecret};
use serde_json::Value;

const VECTORS: &str = include_str!("data/vectors.json");
const PASSPHRASE: &[u8] = b"TREZOR";

/// What was wrong, as far as a vector can show it.
#[derive(Debug)]
enum Refusal {
    Share(ShareError),
    Collect(CollectError),
    Combine(CombineError),
}

fn combine(texts: &[&str]) -> Result<String, Refusal> {
    let mut collector = Collector::default();
    for text in texts {
        collector.add(Share::parse(text).map_err(Refusal::Share)?).map_err(Refusal::Collect)?;
    }
    let secret = collector.secret(PASSPHRASE).map_err(Refusal::Combine)?;
    Ok(secret.expose_secret().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether `refusal` is for the fault that the vector is about.
fn is_for(refusal: &Refusal, description: &str) -> bool {
    let set = |wanted: &str| matches!(refusal, Refusal::Collect(CollectError::Set { field, .. }) if *field == wanted);
    let faults: [(&str, bool); 15] = [
        ("invalid checksum", matches!(refusal, Refusal::Share(ShareError::Checksum))),
        ("invalid padding", matches!(refusal, Refusal::Share(ShareError::Padding))),
        ("Basic sharing", matches!(refusal, Refusal::Combine(CombineError::Incomplete { missing: 1 }))),
        ("different identifiers", matches!(refusal, Refusal::Collect(CollectError::Identifier { .. }))),
        ("different iteration exponents", set("iteration exponent")),
        ("mismatching group thresholds", set("number of groups needed")),
        ("mismatching group counts", set("number of groups")),
        ("greater group threshold", matches!(refusal, Refusal::Share(ShareError::GroupThreshold { .. }))),
        ("duplicate member indices", matches!(refusal, Refusal::Collect(CollectError::Contradiction { .. }))),
        ("mismatching member thresholds", matches!(refusal, Refusal::Collect(CollectError::Threshold { .. }))),
        ("invalid digest", matches!(refusal, Refusal::Combine(CombineError::Digest))),
        ("Insufficient number of groups", matches!(refusal, Refusal::Combine(CombineError::Incomplete { .. }))),
        ("insufficient number of members", matches!(refusal, Refusal::Combine(CombineError::Incomplete { .. }))),
        ("insufficient length", matches!(refusal, Refusal::Share(ShareError::TooFew { .. }))),
        ("invalid master secret length", matches!(refusal, Refusal::Share(ShareError::Length { .. }))),
    ];
    let (_, right) = faults.iter().find(|(fault, _)| description.contains(fault)).expect("a fault that is known here");
    *right
}

fn vectors() -> Vec<(String, Vec<String>, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let all: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    all.iter()
        .map(|vector| (text(&vector[0]), vector[1].as_array().unwrap().iter().map(text).collect(), text(&vector[2])))
        .collect()
}

#[test]
fn valid_vectors_give_their_secret_and_invalid_ones_are_refused_for_their_fault() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 45);
    for (description, texts, wanted) in &vectors {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        match combine(&texts) {
            Ok(secret) => assert_eq!(&secret, wanted, "{description}"),
            Err(refusal) => assert!(wanted.is_empty() && is_for(&refusal, description), "{description}: {refusal:?}"),
        }
    }
    assert_eq!(vectors.iter().filter(|(_, _, secret)| secret.is_empty()).count(), 30);
}

#[test]
fn the_words_of_a_share_that_was_read_are_those_that_were_entered() {
    let mut read = 0;
    for (description, texts, _) in vectors() {
        for text in texts {
            if let Ok(share) = Share::parse(&text) {
                assert_eq!(share.words().collect::<Vec<_>>().join(" "), text, "{description}");
                read += 1;
            }
        }
    }
    assert!(read > 60, "{read} shares were read");
}

#[test]
fn no_error_shows_a_word() {
    for (description, texts, _) in vectors() {
        for text in &texts {
            let mut words: Vec<&str> = text.split(' ').collect();
            let last = words.pop().unwrap();
            let mistyped = format!("{} {last}x", words.join(" "));
            for error in [Share::parse(text).err(), Share::parse(&mistyped).err()].into_iter().flatten() {
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains(last), "{description}: {shown}");
            }
            assert_eq!(Share::parse(&mistyped).unwrap_err().nearest(), Some(last), "{description}");
        }
    }
}
