//! Every vector of the one-way link, through the real readers and through one that was written from SPEC.md alone.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use acceptance::link_vectors::read::{FACTS, judge, stated};
use acceptance::link_vectors::{folder, kept, make};
use acceptance::vectors::Vector;

/// Rules that bytes can break; the others speak of a receiver's limits, its disk and its clock.
const OF_BYTES: [&str; 8] = [
    "LINK-DATAGRAM",
    "LINK-TAG",
    "LINK-ANNOUNCEMENT",
    "LINK-STREAM",
    "LINK-BLOCK",
    "LINK-INCOMPLETE",
    "LINK-CODE",
    "accepted",
];

#[test]
fn every_vector_is_judged_as_it_says() {
    let vectors = kept().unwrap();
    assert!(vectors.len() >= 80, "{}", vectors.len());
    for vector in &vectors {
        assert_eq!(judge(vector).unwrap(), stated(vector).unwrap(), "{}", vector.name);
    }
    let shown = |rule: &&str| {
        vectors
            .iter()
            .any(|vector| ["expect", "refused"].iter().any(|key| vector.get(key).is_some_and(|v| v.contains(*rule))))
    };
    assert!(OF_BYTES.iter().all(shown));
}

#[test]
fn the_generator_makes_what_is_kept() {
    let by_name = |vectors: Vec<Vector>| vectors.into_iter().map(|v| (v.name.clone(), v)).collect::<BTreeMap<_, _>>();
    let (made, kept) = (by_name(make::all().unwrap()), by_name(kept().unwrap()));
    let other = |name: &&String| made.get(*name) != kept.get(*name);
    let others: BTreeSet<&String> = made.keys().chain(kept.keys()).filter(other).collect();
    assert!(
        others.is_empty(),
        "{others:?}: cargo run --release -p acceptance --bin make-vectors -- --link appliance/link/vectors"
    );
}

#[test]
fn a_reader_from_the_specification_alone_agrees() {
    let (vectors, folder) = (kept().unwrap(), folder());
    let paths = vectors.iter().map(|vector| folder.join(&vector.name));
    let output = Command::new("python3").arg(folder.join("check.py")).args(paths).output();
    let output = output.expect("python3 is needed: install it");
    assert!(output.status.success(), "check.py: {}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let facts = |vector: &Vector| {
        let facts = FACTS.into_iter().filter_map(|key| Some(format!("\t{key}: {}", vector.get(key)?)));
        format!("{}\t{}{}", vector.name, vector.get("expect").unwrap(), facts.collect::<String>())
    };
    for (vector, line) in vectors.iter().zip(said.lines()) {
        assert_eq!(line, facts(vector));
    }
    assert_eq!(said.lines().count(), vectors.len());
}
