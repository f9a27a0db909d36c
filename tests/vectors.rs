//! Every vector of the format, through the real readers and through one that was written from SPEC.md alone.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::vectors::keys::Keys;
use acceptance::vectors::message::{SEIPD_TAG, Sealer, literal, packet, part};
use acceptance::vectors::read::{Verdict, judge};
use acceptance::vectors::{Folder, KINDS, Vector, make};
use pouch_format::{Profile, Rule, segment_file};
use pouch_open::{PouchKey, StreamError};

/// Rules that no bytes can break: they speak of a source, or of the reader's own disk.
const NOT_OF_BYTES: [Rule; 4] = [Rule::ImportState, Rule::SourceType, Rule::SourceName, Rule::SourceChanged];

const LONGEST: Duration = Duration::from_secs(2);
const MOST_MEMORY: u64 = 256 << 20;

/// A directory in memory where there is one: a reader is measured here, not a disk.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

fn kept() -> (Folder, Vec<Vector>) {
    let folder = Folder::kept();
    let vectors = folder.vectors().unwrap();
    (folder, vectors)
}

/// The most memory that this process had at once, in bytes (proc(5), `VmHWM`).
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// What is wrong with how the readers judge a vector.
fn flaw(vector: &Vector, folder: &Folder) -> Option<String> {
    let scratch = scratch();
    let started = Instant::now();
    let judged = catch_unwind(AssertUnwindSafe(|| judge(vector, folder, scratch.path())));
    let took = started.elapsed();
    let verdict = match judged {
        Err(_) => return Some("a panic".to_owned()),
        Ok(Err(error)) => return Some(format!("{error:#}")),
        Ok(Ok(verdict)) => verdict,
    };
    if took > LONGEST {
        return Some(format!("took {took:?}"));
    }
    let payload = vector.get("payload-sha256").map(str::to_owned);
    let expected = match vector.expect().unwrap() {
        Some(rule) => Verdict::Refused(rule),
        None => Verdict::Accepted(payload),
    };
    (verdict != expected).then(|| format!("{verdict:?} instead of {expected:?}"))
}

#[test]
fn every_vector_is_judged_as_it_says() {
    let (folder, vectors) = kept();
    assert!(vectors.len() >= 70, "only {} vectors in {}", vectors.len(), folder.path().display());
    let flaws: Vec<String> =
        vectors.iter().filter_map(|v| flaw(v, &folder).map(|flaw| format!("{}: {flaw}", v.name))).collect();
    assert!(flaws.is_empty(), "{} of {} vectors:\n  {}", flaws.len(), vectors.len(), flaws.join("\n  "));
    let peak = peak_memory();
    assert!(peak < MOST_MEMORY, "{peak} bytes of memory at once");
}

#[test]
fn every_rule_that_bytes_can_break_has_a_vector() {
    let (_, vectors) = kept();
    let tried: BTreeSet<Rule> = vectors.iter().filter_map(|vector| vector.expect().unwrap()).collect();
    let missing: Vec<_> =
        Rule::ALL.iter().filter(|rule| !tried.contains(rule) && !NOT_OF_BYTES.contains(rule)).collect();
    assert!(missing.is_empty(), "no vector is refused by {missing:?}");
    for kind in KINDS {
        let accepted = vectors.iter().filter(|v| v.kind() == kind && v.expect().unwrap().is_none()).count();
        assert!(accepted >= 5, "only {accepted} vectors of kind {kind} are accepted");
    }
}

/// What the second reader says of each vector: verdict and payload.
fn second_opinions(vectors: &[Vector], folder: &Folder) -> BTreeMap<String, (String, String)> {
    let paths: Vec<PathBuf> = vectors.iter().map(|vector| folder.path().join(&vector.name)).collect();
    let output = Command::new("python3").arg(folder.path().join("check.py")).args(paths).output();
    let output = output.expect("python3 is needed: install it");
    assert!(output.status.success(), "check.py: {}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let opinion = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next().unwrap(), (words.next().unwrap(), words.next().unwrap_or_default()))
    };
    said.lines().map(opinion).collect()
}

#[test]
fn a_reader_from_the_specification_alone_agrees() {
    let (folder, vectors) = kept();
    let opinions = second_opinions(&vectors, &folder);
    assert_eq!(opinions.len(), vectors.len());
    let mut flaws = Vec::new();
    for vector in &vectors {
        let (verdict, payload) = &opinions[&vector.name];
        let (expect, released) = (vector.get("expect").unwrap(), vector.get("payload-sha256").unwrap_or_default());
        let outside = ["MANIFEST-", "POUCH-", "SEGMENT-"].iter().any(|family| expect.starts_with(family));
        let agrees = match vector.kind() {
            "manifest" | "archive" | "index" => verdict == expect && payload == released,
            // Without a key it sees what lies outside of the ciphertext, and only that.
            "part" | "pouch" | "transit" if outside => verdict == expect,
            _ => verdict == "open",
        };
        if !agrees {
            flaws.push(format!("{}: {verdict} {payload} instead of {expect} {released}", vector.name));
        }
    }
    assert!(flaws.is_empty(), "{} of {} vectors:\n  {}", flaws.len(), vectors.len(), flaws.join("\n  "));
}

#[test]
fn the_table_of_rules_is_that_of_the_code() {
    let specification = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../signer/format/SPEC.md")).unwrap();
    let section = specification.split("\n## ").find(|section| section.starts_with("9. Rules")).unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> =
        Rule::ALL.iter().map(|rule| format!("| `{}` | {} |", rule.id(), rule.demand())).collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_generator_makes_what_is_kept() {
    let (_, kept) = kept();
    let made = make::all(&Keys::make().unwrap()).unwrap();
    let facts = |vectors: &[Vector]| -> BTreeMap<String, [Option<String>; 3]> {
        let fact = |vector: &Vector, key| vector.get(key).map(str::to_owned);
        vectors.iter().map(|v| (v.name.clone(), ["kind", "expect", "comment"].map(|key| fact(v, key)))).collect()
    };
    let (facts_made, facts_kept) = (facts(&made), facts(&kept));
    let other = |name: &&String| facts_made.get(*name) != facts_kept.get(*name);
    let others: BTreeSet<&String> = facts_made.keys().chain(facts_kept.keys()).filter(other).collect();
    assert!(others.is_empty(), "{others:?}: run `cargo run --release -p acceptance --bin make-vectors tests/vectors`");
    for vector in &made {
        assert_eq!(&Vector::decode(&vector.name, &vector.encode()).unwrap(), vector);
    }
}

/// Of the length of a chunk exactly, and then a chunk of nothing: authentic, but a second encoding of the same.
#[test]
fn an_empty_chunk_is_refused() {
    let sealer = Sealer::for_nobody(Profile::Rfc9580);
    let frame = vec![0; (1 << 20) - 6 - 6];
    let plain = literal(&frame);
    assert_eq!(plain.len(), 1 << 20);
    for (empty, refused) in [(false, Rule::ZstdFrame), (true, Rule::OpenpgpIntegrity)] {
        let body = sealer.encrypted_in_chunks(&plain, empty).unwrap();
        let sealed = [&sealer.pkesks[..], &packet(SEIPD_TAG, &body)].concat();
        let stated = part(segment_file(0), &sealed, frame.len() as u64, 1);
        let key = PouchKey::from_session_key(sealer.profile, &sealer.key, &stated, &sealed).unwrap();
        let Err(StreamError::Part(error)) = key.open(&stated, sealed) else { panic!("accepted") };
        assert_eq!(error.rule(), refused);
    }
}
