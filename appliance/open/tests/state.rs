//! The state: two copies, of which one suffices; none, and then two officers; and a log that shows what was done to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use common::{World, clock, snapshot};
use pouch_format::{RegistryName, Rule, Sha256Digest};
use pouch_open::{DispatchNote, Event, LogFault, RecoverError, State, StateError, Warning};

fn land() -> RegistryName {
    "land".parse().unwrap()
}

/// A world that admitted pouches 1 and 2, and the digest of the last.
fn two() -> (World, Sha256Digest) {
    let world = World::new();
    let one = world.import_first(1);
    let last = world.import_next(2, Some(one), false);
    (world, last)
}

fn copies(world: &World) -> [PathBuf; 2] {
    [world.path("state-a/state-a.json"), world.path("state-b/state-b.json")]
}

fn open_error(world: &World) -> StateError {
    State::open(&world.places(), &world.vault()).map(|_| ()).unwrap_err()
}

/// Rollback and replay are refused, and the next pouch is taken.
fn assert_remembers(world: &World, last: Sha256Digest) {
    world.refuses(&world.path("good-1"), "IMPORT-SEQ");
    world.refuses(&world.path("good-2"), "IMPORT-REPLAY");
    world.import_next(3, Some(last), false);
    assert!(world.state().warnings().is_empty(), "both copies are whole again: {:?}", world.state().warnings());
    let [a, b] = copies(world).map(|copy| fs::read(copy).unwrap());
    assert_eq!(a, b);
}

#[test]
fn a_new_embassy_has_no_state_and_writes_none_until_it_keeps_something() {
    let world = World::new();
    let state = world.state();
    assert_eq!((state.ledger().generation(), state.ledger().heads().len()), (0, 0));
    assert!(copies(&world).iter().all(|copy| !copy.exists()));
    drop(state);
    // A pouch that was refused leaves it as new as it was.
    let refused = world.source("refused", &world.draft(1, None));
    world.refuses(&refused, "IMPORT-FIRST");
    let draft = world.draft(1, None);
    assert!(world.import(&world.source("pouch", &draft), Some(draft.digest())).is_ok());
}

#[test]
fn one_copy_lost_is_no_loss() {
    for lost in [0, 1] {
        let (world, last) = two();
        let copy = &copies(&world)[lost];
        fs::remove_file(copy).unwrap();
        assert!(matches!(world.state().warnings(), [Warning::CopyLost { path, .. }] if path == copy));
        assert_remembers(&world, last);
    }
}

#[test]
fn one_copy_damaged_is_no_loss() {
    let good = fs::read(&copies(&two().0)[0]).unwrap();
    for at in 0..good.len() {
        // Every byte once, the two copies in turn.
        let (world, _) = match at % 16 {
            0 => two(),
            _ => continue,
        };
        for offset in 0..16.min(good.len() - at) {
            let copy = &copies(&world)[offset % 2];
            let good = fs::read(copy).unwrap();
            let mut bytes = good.clone();
            bytes[at + offset] ^= 0x01;
            fs::write(copy, bytes).unwrap();
            let state = world.state();
            assert!(matches!(state.warnings(), [Warning::CopyLost { .. }]), "{at}: {:?}", state.warnings());
            assert_eq!(state.ledger().head(&land()).unwrap().sequence, 2);
            drop(state);
            fs::write(copy, good).unwrap();
        }
    }
    for damage in ["", "{}", "{\"sha256\":\"\"}", "\0\0\0\0", "null\n"] {
        for lost in [0, 1] {
            let (world, last) = two();
            fs::write(&copies(&world)[lost], damage).unwrap();
            assert!(matches!(world.state().warnings(), [Warning::CopyLost { .. }]));
            assert_remembers(&world, last);
        }
    }
}

#[test]
fn a_copy_that_is_no_file_is_lost_too() {
    let (world, _) = two();
    let copy = &copies(&world)[1];
    fs::remove_file(copy).unwrap();
    fs::create_dir(copy).unwrap();
    assert!(matches!(world.state().warnings(), [Warning::CopyLost { .. }]));
    fs::remove_dir(copy).unwrap();
    std::os::unix::fs::symlink("/dev/zero", copy).unwrap();
    assert!(matches!(world.state().warnings(), [Warning::CopyLost { .. }]));
    fs::remove_file(copy).unwrap();
    fs::File::create(copy).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(world.state().warnings(), [Warning::CopyLost { .. }]));
}

#[test]
fn the_newer_copy_decides() {
    for old in [0, 1] {
        let world = World::new();
        let one = world.import_first(1);
        let before = fs::read(&copies(&world)[old]).unwrap();
        let last = world.import_next(2, Some(one), false);
        // A disk of yesterday is put back.
        fs::write(&copies(&world)[old], before).unwrap();
        let state = world.state();
        assert!(matches!(state.warnings(), [Warning::CopyOld { found, newest, .. }] if found < newest));
        drop(state);
        assert_remembers(&world, last);
    }
}

#[test]
fn copies_that_contradict_each_other_refuse() {
    let (one, _) = two();
    let other = World::new();
    let first = other.import_first(7);
    other.import_next(8, Some(first), false);
    fs::copy(&copies(&other)[1], &copies(&one)[1]).unwrap();
    let error = open_error(&one);
    assert_eq!(error.rule(), Some(Rule::ImportState));
    assert_eq!(error.to_string(), "both copies of the state have generation 2, but they differ");
}

#[test]
fn both_copies_lost_refuses() {
    for damage in [[None, None], [Some("x"), None], [None, Some("x")], [Some("x"), Some("")]] {
        let (world, last) = two();
        for (copy, damage) in copies(&world).iter().zip(damage) {
            match damage {
                Some(text) => fs::write(copy, text).unwrap(),
                None => fs::remove_file(copy).unwrap(),
            }
        }
        let before = snapshot::of(world.root.path());
        assert_eq!(open_error(&world).rule(), Some(Rule::ImportState));
        assert!(State::read(&world.places(), &world.vault()).is_err());
        // Neither the log alone nor the vault alone makes it look new.
        snapshot::assert_same(world.root.path(), &before);
        let log = world.path("state-a/log.jsonl");
        let kept = fs::read(&log).unwrap();
        fs::remove_file(&log).unwrap();
        assert_eq!(open_error(&world).rule(), Some(Rule::ImportState));
        fs::write(&log, kept).unwrap();
        fs::rename(world.path("vault"), world.path("vault-away")).unwrap();
        assert_eq!(open_error(&world).rule(), Some(Rule::ImportState));
        fs::remove_dir_all(world.path("vault")).unwrap();
        fs::rename(world.path("vault-away"), world.path("vault")).unwrap();

        let state = recover(&world, 2, last, ["A. Tamm", "B. Kask"]).unwrap();
        assert_eq!(state.ledger().head(&land()).unwrap().sequence, 2);
        drop(state);
        assert_remembers(&world, last);
        assert!(fs::read_to_string(&log).unwrap().contains(r#""event":"recovered","officers":["A. Tamm","B. Kask"]"#));
    }
}

fn recover(world: &World, sequence: u64, manifest: Sha256Digest, officers: [&str; 2]) -> Result<State, RecoverError> {
    let notes = BTreeMap::from([(land(), DispatchNote { sequence, manifest })]);
    State::recover(&world.places(), &world.vault(), &notes, officers, clock())
}

#[test]
fn recovery_takes_the_right_notes_and_two_officers() {
    let (world, last) = two();
    let officers = ["A. Tamm", "B. Kask"];
    // Nothing is lost yet.
    assert!(matches!(recover(&world, 2, last, officers), Err(RecoverError::NotLost)));
    let one = fs::read(&copies(&world)[0]).unwrap();
    copies(&world).iter().for_each(|copy| fs::remove_file(copy).unwrap());
    let before = snapshot::of(world.root.path());
    for alone in [["A. Tamm", "A. Tamm"], ["A. Tamm", " a. tamm "], ["A. Tamm", ""], ["A. Tamm", "\u{1b}[2J"]] {
        assert!(matches!(recover(&world, 2, last, alone), Err(RecoverError::Officers)), "{alone:?}");
    }
    let first = world.draft(1, None).digest();
    assert!(matches!(recover(&world, 1, first, officers), Err(RecoverError::NotNewest { .. })));
    assert!(matches!(recover(&world, 3, last, officers), Err(RecoverError::NotNewest { .. })));
    assert!(matches!(recover(&world, 2, first, officers), Err(RecoverError::Digest { .. })));
    let none = State::recover(&world.places(), &world.vault(), &BTreeMap::new(), officers, clock());
    assert!(matches!(none, Err(RecoverError::NoNote { registry }) if registry == land()));
    snapshot::assert_same(world.root.path(), &before);
    recover(&world, 2, last, officers).unwrap();
    // A lost copy that turns up again is the older one.
    fs::write(&copies(&world)[0], one).unwrap();
    assert!(matches!(world.state().warnings(), [Warning::CopyOld { .. }]));
    assert_remembers(&world, last);
}

#[test]
fn two_processes_do_not_change_it_at_once() {
    let (world, _) = two();
    let first = world.state();
    let error = open_error(&world);
    assert!(matches!(error, StateError::Busy(_)), "{error}");
    // Reading is for everybody.
    assert_eq!(State::read(&world.places(), &world.vault()).unwrap().0, *first.ledger());
    drop(first);
    drop(world.state());
}

#[test]
fn directories_of_others_are_no_place_for_it() {
    use std::os::unix::fs::PermissionsExt;
    let (world, _) = two();
    fs::set_permissions(world.path("state-b"), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(open_error(&world), StateError::Dir(_)));
}

// The log.

/// A world with a log of five lines, and its lines.
fn logged() -> (World, Vec<String>) {
    let (world, _) = two();
    let mut state = world.state();
    let event = Event::refused("import", "land-000001", Some(Rule::ImportSeq), "pouch 1 is not newer than pouch 2");
    state.record(&event, clock()).unwrap();
    let exported = Event::session_key_exported(&"land-000002".parse().unwrap(), Sha256Digest([2; 32]), &[]);
    state.record(&exported, clock()).unwrap();
    let done = Event::done("unpack", &"land-000002".parse().unwrap(), Sha256Digest([2; 32]), &[Rule::ZstdFrame]);
    state.record(&done, clock()).unwrap();
    let log = fs::read_to_string(world.path("state-a/log.jsonl")).unwrap();
    let lines: Vec<String> = log.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 5);
    (world, lines)
}

fn faults(world: &World, lines: &[String]) -> Vec<LogFault> {
    let mut text = lines.join("\n");
    text.push('\n');
    fs::write(world.path("state-a/log.jsonl"), text).unwrap();
    faults_now(world)
}

fn faults_now(world: &World) -> Vec<LogFault> {
    let (_, warnings) = State::read(&world.places(), &world.vault()).unwrap();
    let opened = world.state().warnings().to_vec();
    assert_eq!(warnings, opened);
    warnings
        .into_iter()
        .map(|warning| match warning {
            Warning::Log(fault) => fault,
            other => panic!("{other}"),
        })
        .collect()
}

#[test]
fn the_log_says_what_happened() {
    let (_, lines) = logged();
    let kept: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&kept["line"], &kept["event"], &kept["pouch"]), (&1.into(), &"kept".into(), &"land-000001".into()));
    let passed: Vec<&str> = kept["passed"].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap()).collect();
    let every = "SIGN-GRAMMAR SIGN-WEAK SIGN-INVALID MANIFEST-SIZE MANIFEST-VERSION MANIFEST-SYNTAX MANIFEST-RANGE \
                 MANIFEST-CHAIN MANIFEST-CANONICAL IMPORT-REGISTRY IMPORT-PROFILE SIGN-UNKNOWN SIGN-KEY \
                 SIGN-THRESHOLD SIGN-RECIPIENT POUCH-PARTS SEGMENT-SIZE SEGMENT-DIGEST IMPORT-FIRST IMPORT-REPLAY IMPORT-SEQ IMPORT-GAP IMPORT-FORK \
                 IMPORT-TIME";
    assert_eq!(passed, every.split_whitespace().collect::<Vec<_>>());
    assert!(lines[2].contains(r#""event":"refused","verb":"import","what":"land-000001","rule":"IMPORT-SEQ""#));
    assert!(lines[3].contains(r#""event":"session-key-exported","pouch":"land-000002""#));
    assert!(lines[4].contains(r#""event":"done","verb":"unpack""#));
}

#[test]
fn every_edited_byte_of_the_log_is_noticed() {
    let (world, lines) = logged();
    assert_eq!(faults(&world, &lines), []);
    let text = format!("{}\n", lines.join("\n")).into_bytes();
    for at in (0..text.len()).step_by(3) {
        let mut bytes = text.clone();
        bytes[at] ^= 0x01;
        fs::write(world.path("state-a/log.jsonl"), bytes).unwrap();
        assert!(!faults_now(&world).is_empty(), "byte {at}");
    }
}

#[test]
fn lines_dropped_moved_doubled_or_cut_are_noticed() {
    let (world, lines) = logged();
    for at in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(at);
        assert!(!faults(&world, &dropped).is_empty(), "dropped {at}");
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at].clone());
        assert!(!faults(&world, &doubled).is_empty(), "doubled {at}");
        let mut moved = lines.clone();
        moved.swap(at, (at + 1) % lines.len());
        assert!(!faults(&world, &moved).is_empty(), "moved {at}");
        assert_eq!(faults(&world, &lines[..at]).last(), Some(&LogFault::HeadMissing { line: 5 }), "cut at {at}");
    }
    fs::remove_file(world.path("state-a/log.jsonl")).unwrap();
    assert_eq!(faults_now(&world), [LogFault::HeadMissing { line: 5 }]);
}

#[test]
fn a_line_of_an_absurd_number_does_no_harm() {
    for at_end in [false, true] {
        let (world, last) = two();
        let log = world.path("state-a/log.jsonl");
        let text = fs::read_to_string(&log).unwrap();
        let line = format!("{{\"line\":{},\"previous\":\"{}\"}}\n", u64::MAX, "0".repeat(64));
        fs::write(&log, if at_end { text + &line } else { line + &text }).unwrap();
        assert!(!world.state().warnings().is_empty());
        world.import_next(3, Some(last), false);
    }
}

#[test]
fn a_log_of_any_bytes_is_bounded_and_does_no_harm() {
    let (world, _) = logged();
    for text in ["\n".repeat(100_000).into_bytes(), vec![b'x'; 3 << 20], vec![0xFF; 4096], b"{}\n{}\n".to_vec()] {
        fs::write(world.path("state-a/log.jsonl"), &text).unwrap();
        let found = faults_now(&world);
        assert!((1..=17).contains(&found.len()), "{}", found.len());
        // Nothing of the evidence is overwritten by what follows.
        world.state().record(&Event::refused("import", "x", None, ""), clock()).unwrap();
        let after = fs::read(world.path("state-a/log.jsonl")).unwrap();
        assert!(after.starts_with(&text));
        assert!(!faults_now(&world).is_empty(), "damage stays visible");
    }
}

#[test]
fn damage_stays_visible_and_stops_nothing() {
    let (world, lines) = logged();
    assert_eq!(faults(&world, &lines[..3]), [LogFault::HeadMissing { line: 5 }]);
    let last = world.draft(2, Some(world.draft(1, None).digest())).digest();
    world.import_next(3, Some(last), false);
    // The chain goes on from where the state knew it to end, so the hole shows for ever.
    assert_eq!(faults_now(&world), [LogFault::Broken { line: 4 }]);
    world.import_next(4, Some(world.draft(3, Some(last)).digest()), false);
    assert_eq!(faults_now(&world), [LogFault::Broken { line: 4 }]);
}

#[test]
fn a_line_cut_off_in_writing_is_written_again() {
    let (world, lines) = logged();
    let whole = format!("{}\n", lines.join("\n"));
    fs::write(world.path("state-a/log.jsonl"), format!("{whole}{{\"line\":6,\"at\":\"20")).unwrap();
    assert_eq!(faults_now(&world), []);
    world.state().record(&Event::refused("import", "x", None, "y"), clock()).unwrap();
    assert_eq!(faults_now(&world), []);
    let text = fs::read_to_string(world.path("state-a/log.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 6);
    // A whole line that the state did not come to know is kept, and counted.
    let copies = copies(&world).map(|copy| (fs::read(&copy).unwrap(), copy));
    world.state().record(&Event::refused("import", "x", None, "z"), clock()).unwrap();
    copies.iter().for_each(|(bytes, copy)| fs::write(copy, bytes).unwrap());
    assert_eq!(faults_now(&world), []);
    world.state().record(&Event::refused("import", "x", None, "last"), clock()).unwrap();
    assert_eq!(faults_now(&world), []);
    assert_eq!(fs::read_to_string(world.path("state-a/log.jsonl")).unwrap().lines().count(), 8);
}

#[test]
fn text_from_outside_is_bounded_and_stays_on_its_line() {
    let (world, _) = logged();
    let hostile = "\u{1b}[2J\n{\"line\":7}\r\u{7f}\u{9b}\u{202e}".repeat(10_000);
    world.state().record(&Event::refused(&hostile, &hostile, None, &hostile), clock()).unwrap();
    assert_eq!(faults_now(&world), []);
    let text = fs::read_to_string(world.path("state-a/log.jsonl")).unwrap();
    let line = text.lines().last().unwrap();
    assert!(line.len() < 64 << 10);
    let bidi = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    assert!(!line.chars().any(|c| c.is_control() || bidi(c)), "escaped for whoever shows the log");
}
