//! Every hostile archive is refused by the rule that it breaks, and nothing of it is accepted.
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
mod hostile;

use std::{collections::HashSet, convert::Infallible};

use common::{Root, look, unpack};
use pouch_archive::{Budget, Mode, Sink, Verdict, WalkError, lint, walk};
use pouch_format::{EntryPath, Rule, Totals};

/// Counts what it gets.
#[derive(Default)]
struct Count {
    ended: bool,
    bytes: u64,
}

impl Sink for Count {
    type Error = Infallible;

    fn directory(&mut self, _: &EntryPath, _: i64) -> Result<(), Infallible> {
        Ok(())
    }

    fn file(&mut self, _: &EntryPath, _: u64, _: i64, _: u64) -> Result<(), Infallible> {
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        assert!(!bytes.is_empty() && bytes.len() <= pouch_archive::DATA_BYTES);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn end(&mut self, _: Totals) -> Result<(), Infallible> {
        self.ended = true;
        Ok(())
    }
}

fn refusal(bytes: &[u8], mode: Mode) -> Option<(Rule, u64, String)> {
    let mut sink = Count::default();
    match walk(bytes, mode, Budget::LIMITS, &mut sink) {
        Ok(_) => {
            assert!(sink.ended);
            None
        }
        Err(WalkError::Refused(refusal)) => {
            assert!(!sink.ended && sink.bytes <= bytes.len() as u64);
            Some((refusal.rule(), refusal.offset, refusal.fault.to_string()))
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_hostile_archive_is_refused_by_its_rule() {
    let cases = hostile::hostile();
    assert!(cases.len() > 176, "{}", cases.len());
    let names: HashSet<_> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len(), "names are unique");
    for case in &cases {
        let (rule, offset, text) = refusal(&case.bytes, Mode::Strict).unwrap_or_else(|| panic!("{} passes", case.name));
        assert_eq!(rule, case.rule, "{}: at {offset}: {text}", case.name);
        assert!(offset <= case.bytes.len() as u64, "{}: {offset}", case.name);
        assert!(text.chars().all(pouch_format::is_plain), "{}: {text:?}", case.name);
        assert!(text.len() < 1000, "{}: {text}", case.name);
        let (canonical, ..) = refusal(&case.bytes, Mode::Canonical).unwrap_or_else(|| panic!("{} passes", case.name));
        assert!(canonical == case.rule || canonical == Rule::ArchiveCanonical, "{}: {canonical}", case.name);
    }
}

#[test]
fn nothing_but_private_files_is_ever_left_behind() {
    for case in hostile::hostile() {
        let root = Root::new();
        for mode in [Mode::Strict, Mode::Canonical] {
            assert!(unpack(&case.bytes, mode, &root.path()).is_err(), "{}", case.name);
        }
        look(&root.path(), &|_, _| ());
        let beside = std::fs::read_dir(root.path().parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "{}", case.name);
    }
}

#[test]
fn every_rule_of_the_archive_has_a_case() {
    let tried: HashSet<_> = hostile::hostile().iter().map(|case| case.rule).collect();
    for rule in Rule::ALL.iter().filter(|rule| rule.id().starts_with("ARCHIVE-")) {
        // Budgets are the caller's, canonical form and messages have their own tests.
        if !matches!(rule, Rule::ArchiveBudget | Rule::ArchiveCanonical) {
            assert!(tried.contains(rule), "{rule}");
        }
    }
}

#[test]
fn what_means_the_same_to_everybody_is_accepted_but_not_as_a_payload() {
    for (name, bytes) in hostile::uncanonical() {
        assert_eq!(refusal(&bytes, Mode::Strict), None, "{name}");
        let (rule, ..) = refusal(&bytes, Mode::Canonical).unwrap_or_else(|| panic!("{name} passes"));
        let expected = if name.starts_with("record-padding") { Rule::ArchivePadding } else { Rule::ArchiveCanonical };
        assert_eq!(rule, expected, "{name}");
    }
}

#[test]
fn a_plain_archive_is_accepted_by_both() {
    let bytes = hostile::archive(&[hostile::dir("d/"), hostile::file("d/x", b"content"), hostile::file("e", b"")]);
    assert_eq!(refusal(&bytes, Mode::Strict), None);
    assert_eq!(refusal(&bytes, Mode::Canonical), None);
    let verdict = lint(bytes.as_slice()).unwrap();
    assert_eq!(verdict, Verdict::Accepted(Totals { entries: 3, bytes: 7 }));
    assert_eq!(refusal(&hostile::archive(&[]), Mode::Canonical), None);
}

#[test]
fn lint_says_rule_place_and_reason() {
    let bytes = hostile::archive(&[hostile::file("ok", b"x"), hostile::file("../\x1b[2Jup", b"")]);
    let Verdict::Refused { rule, offset, text } = lint(bytes.as_slice()).unwrap() else { panic!("accepted") };
    assert_eq!((rule, offset), (Rule::ArchiveName, 1024));
    assert_eq!(text, r#"component 1 ("..") of the name is a step in the tree, not a name"#);
}

#[test]
fn a_reader_of_single_bytes_makes_no_difference() {
    /// Gives one byte a call.
    struct Drip<'b>(&'b [u8]);
    impl std::io::Read for Drip<'_> {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            let count = room.len().min(1);
            self.0.read(&mut room[..count])
        }
    }
    for case in hostile::hostile().iter().filter(|case| case.bytes.len() < 8192) {
        let Verdict::Refused { rule, .. } = lint(Drip(&case.bytes)).unwrap() else { panic!("{} passes", case.name) };
        assert_eq!(rule, case.rule, "{}", case.name);
    }
}

#[test]
fn budgets_are_exact_and_stop_before_the_first_byte_too_many() {
    let bytes = hostile::archive(&[hostile::dir("d/"), hostile::file("d/x", &[1; 1000]), hostile::file("e", &[2; 24])]);
    let exact = Totals { entries: 3, bytes: 1024 };
    let run = |budget| {
        let mut sink = Count::default();
        match walk(bytes.as_slice(), Mode::Canonical, budget, &mut sink) {
            Ok(totals) => Ok(totals),
            Err(WalkError::Refused(refusal)) => {
                assert!(!sink.ended);
                Err((refusal.rule(), sink.bytes))
            }
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(run(Budget::exactly(exact)), Ok(exact));
    assert_eq!(run(Budget::at_most(Totals { entries: 9, bytes: 9999 })), Ok(exact));
    for (entries, total, seen) in [(2, 1024, 1000), (1, 1024, 0), (0, 1024, 0), (3, 1023, 1000), (3, 999, 0), (3, 0, 0)]
    {
        let budget = Totals { entries, bytes: total };
        assert_eq!(run(Budget::at_most(budget)), Err((Rule::ArchiveBudget, seen)), "{budget:?}");
        assert_eq!(run(Budget::exactly(budget)), Err((Rule::ArchiveBudget, seen)), "{budget:?}");
    }
    for (entries, total) in [(4, 1024), (3, 1025)] {
        assert_eq!(run(Budget::exactly(Totals { entries, bytes: total })), Err((Rule::ArchiveBudget, 1024)));
    }
}

#[test]
fn a_bomb_is_not_read_beyond_its_budget() {
    /// An endless file.
    struct Bomb {
        header: Vec<u8>,
        given: u64,
    }
    impl std::io::Read for Bomb {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            let header = self.header.len().min(room.len());
            room[..header].copy_from_slice(&self.header.split_off(0)[..header]);
            room[header..].fill(b'x');
            self.given += room.len() as u64;
            Ok(room.len())
        }
    }
    let header = hostile::Header::new(b'0', b"bomb").size((1 << 33) - 1).build();
    let mut bomb = Bomb { header, given: 0 };
    let mut sink = Count::default();
    let budget = Budget::at_most(Totals { entries: 1, bytes: 1 << 20 });
    let error = walk(&mut bomb, Mode::Strict, budget, &mut sink).unwrap_err();
    let WalkError::Refused(refusal) = error else { panic!("{error}") };
    assert_eq!(refusal.rule(), Rule::ArchiveBudget);
    assert!(bomb.given <= 64 << 10, "{}", bomb.given);
    assert_eq!(sink.bytes, 0);
}
