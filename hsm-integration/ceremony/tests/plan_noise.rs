//! Plans and bindings that nobody reviewed: no panic on any bytes, and whatever is taken can be turned into steps.

#![cfg(test)]

use pouch_ceremony::binding::Binding;
use pouch_ceremony::plan::Plan;
use pouch_ceremony::steps;
use pouch_console::Explain as _;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// All example plans.
fn examples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ceremonies");
    let plans = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("plan.toml"));
    let texts: Vec<String> =
        plans.filter(|plan| plan.is_file()).map(|plan| fs::read_to_string(plan).unwrap()).collect();
    assert!(texts.len() >= 2, "{} examples", texts.len());
    texts
}

/// Reads a plan from a file and says whether it was taken.
fn read(file: &Path, bytes: &[u8]) -> bool {
    fs::write(file, bytes).unwrap();
    match Plan::load(file) {
        Ok(reviewed) => {
            assert!(steps::of(&reviewed.plan).len() >= 4);
            drop(Binding::load(file, &reviewed.plan).map_err(|error| error.explain().render(false)));
            true
        }
        Err(error) => {
            let failure = error.explain();
            assert!(!failure.message.is_empty() && failure.exit.code() >= 64);
            false
        }
    }
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("plan.toml")
}

/// Values that mean trouble somewhere.
const VALUES: &[&str] = &[
    "0",
    "-1",
    "255",
    "256",
    "4294967296",
    "18446744073709551616",
    "\"\"",
    "\"\\u0000\"",
    "\"..\"",
    "\"a/b\"",
    "true",
    "[]",
    "{}",
    "[[[[[[]]]]]]",
    "1979-05-27",
    "nan",
    "\"ed25519\"",
    "\"quorum\"",
    "\"home\"",
    "\"\\u202e\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let folder = tempfile::tempdir().unwrap();
        read(&file(&folder), &bytes);
    }

    #[test]
    fn examples_with_other_values_lines_and_bytes(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..5), 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let examples = examples();
        let mut lines: Vec<String> = examples[which.index(examples.len())].lines().map(str::to_owned).collect();
        for (at, other, how) in changes {
            let (at, from) = (at.index(lines.len()), other.index(lines.len()));
            match (how, lines[at].clone().split_once(" = ")) {
                (0, Some((name, _))) => lines[at] = format!("{name} = {}", VALUES[other.index(VALUES.len())]),
                (1, _) => lines[at] = lines[from].clone(),
                (2, _) => lines.insert(at, lines[from].clone()),
                (3, _) => lines[at] = lines[at].chars().take(from).collect(),
                _ => lines[at] = lines[at].replace('e', "\u{301}"),
            }
        }
        read(&file(&folder), lines.join("\n").as_bytes());
    }
}

#[test]
fn the_examples_are_taken_and_larger_things_are_not() {
    let folder = tempfile::tempdir().unwrap();
    for text in examples() {
        assert!(read(&file(&folder), text.as_bytes()));
        // What is behind the end of the file counts too.
        assert!(!read(&file(&folder), format!("{text}\nunknown = 1").as_bytes()));
    }
    for bytes in [b"[".repeat(1 << 20), b"a.".repeat(1 << 19), vec![0; 1 << 20], b"title = '''".repeat(1 << 16)] {
        assert!(!read(&file(&folder), &bytes));
    }
}
