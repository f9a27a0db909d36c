//! The canonical writer: its bytes, its limits, its errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

mod hostile;

use std::io::{self, Read};

use hostile::{Header, pax_header, record};
use pouch_archive::{BLOCK, Budget, CanonicalTar, Discard, EntryHead, Mode, WriteError, padding, walk, write_head};
use pouch_format::{EntryPath, Rule, Totals};

fn path(text: &str) -> EntryPath {
    text.parse().unwrap()
}

fn head(text: &str, head: EntryHead) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_head(&mut bytes, &path(text), head);
    bytes
}

const FILE: EntryHead = EntryHead::File { mtime: 5, size: 7 };
const DIRECTORY: EntryHead = EntryHead::Directory { mtime: 5 };

/// The specification once more, spelled by hand.
#[test]
fn a_head_is_spelled_as_specified() {
    let plain = |name: &[u8]| Header::new(b'0', name).size(7).mtime(5).build();
    let directory = |name: &[u8]| Header::new(b'5', name).mtime(5).build();
    assert_eq!(head("f", FILE), plain(b"f"));
    assert_eq!(head("d", DIRECTORY), directory(b"d/"));
    assert_eq!(&head("f", FILE)[148..156], b"0007347\0");

    let full = "x".repeat(100);
    assert_eq!(head(&full, FILE), plain(full.as_bytes()));
    let long = "x".repeat(101);
    let expected = [pax_header(&record("path", &long)), plain(full.as_bytes())].concat();
    assert_eq!(head(&long, FILE), expected);
    // With its slash the name of a directory is one longer.
    let expected = [pax_header(&record("path", format!("{full}/"))), directory(full.as_bytes())].concat();
    assert_eq!(head(&full, DIRECTORY), expected);
    let expected = [pax_header(&record("path", "õ/")), directory("õ/".as_bytes())].concat();
    assert_eq!(head("õ", DIRECTORY), expected);

    // Cut where a character ends, and before a slash.
    let name = "x".repeat(99) + "õ";
    let expected = [pax_header(&record("path", &name)), plain("x".repeat(99).as_bytes())].concat();
    assert_eq!(head(&name, FILE), expected);
    let name = "x".repeat(99) + "/y";
    let expected = [pax_header(&record("path", &name)), plain("x".repeat(99).as_bytes())].concat();
    assert_eq!(head(&name, FILE), expected);
}

#[test]
fn numbers_that_do_not_fit_become_records() {
    let most = (1u64 << 33) - 1;
    assert_eq!(
        head("f", EntryHead::File { mtime: most.cast_signed(), size: most }),
        Header::new(b'0', b"f").size(most).mtime(most).build()
    );
    let empty = || Header::new(b'0', b"f").build();
    for (mtime, size, records) in [
        (0, 1 << 33, vec![record("size", "8589934592")]),
        (0, i64::MAX as u64, vec![record("size", "9223372036854775807")]),
        (-1, 0, vec![record("mtime", "-1")]),
        (i64::MIN, 0, vec![record("mtime", "-9223372036854775808")]),
        (1 << 33, 1 << 33, vec![record("size", "8589934592"), record("mtime", "8589934592")]),
    ] {
        let expected = [pax_header(&records.concat()), empty()].concat();
        assert_eq!(head("f", EntryHead::File { mtime, size }), expected, "{mtime} {size}");
    }
    let all = [record("path", "õ"), record("size", "8589934592"), record("mtime", "-1")].concat();
    let expected = [pax_header(&all), Header::new(b'0', "õ".as_bytes()).build()].concat();
    assert_eq!(head("õ", EntryHead::File { mtime: -1, size: 1 << 33 }), expected);
}

#[test]
fn every_length_of_name_is_read_back() {
    for length in 1..=600usize {
        let name: String = (0..length).map(|at| if at % 200 == 199 && at + 1 < length { '/' } else { 'n' }).collect();
        let mut tar = CanonicalTar::new(Vec::new());
        for (at, _) in name.match_indices('/') {
            tar.append_dir(&path(&name[..at]), 1).unwrap();
        }
        tar.append_file(&path(&name), 1, 1, &mut &b"x"[..]).unwrap();
        let archive = tar.finish().unwrap().inner;
        walk(archive.as_slice(), Mode::Canonical, Budget::LIMITS, &mut Discard).unwrap();
    }
}

#[test]
fn padding_fills_the_block() {
    for (size, zeros) in [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511), (u64::MAX, 1)] {
        assert_eq!(padding(size), &[0; BLOCK][..zeros], "{size}");
    }
}

#[test]
fn a_file_has_exactly_the_size_it_was_said_to_have() {
    for size in [0usize, 1, 511, 70_000, 600_000] {
        let content = vec![b'x'; size];
        let attempt = |stated: u64| {
            CanonicalTar::new(io::sink()).append_file(&path("f"), stated, 0, &mut content.as_slice()).map(drop)
        };
        attempt(size as u64).unwrap();
        match attempt(size as u64 + 1).unwrap_err() {
            WriteError::Shorter { stated, found, .. } => assert_eq!((stated, found), (size as u64 + 1, size as u64)),
            other => panic!("{other}"),
        }
        if size > 0 {
            match attempt(size as u64 - 1).unwrap_err() {
                WriteError::Longer { stated, found, .. } => assert_eq!((stated, found), (size as u64 - 1, size as u64)),
                other => panic!("{other}"),
            }
        }
    }
    let error = CanonicalTar::new(io::sink()).append_file(&path("f"), 3, 0, &mut &b"ab"[..]).unwrap_err();
    assert_eq!(error.to_string(), "\"f\" should have 3 bytes and has 2");
}

#[test]
fn pieces_have_exactly_the_size_too() {
    let mut tar = CanonicalTar::new(Vec::new());
    let mut file = tar.start_file(&path("f"), 3, 0).unwrap();
    file.write(b"ab").unwrap();
    assert!(matches!(file.write(b"cd"), Err(WriteError::Longer { stated: 3, found: 4, .. })));
    file.write(b"c").unwrap();
    file.finish().unwrap();
    let mut file = tar.start_file(&path("g"), 3, 0).unwrap();
    file.write(b"ab").unwrap();
    assert!(matches!(file.finish(), Err(WriteError::Shorter { stated: 3, found: 2, .. })));
    assert!(matches!(tar.append_dir(&path("d"), 0), Err(WriteError::Broken { .. })));
}

#[test]
fn an_archive_with_a_hole_in_it_is_never_finished() {
    let mut tar = CanonicalTar::new(Vec::new());
    drop(tar.start_file(&path("f"), 3, 0).unwrap());
    assert!(matches!(tar.append_file(&path("g"), 0, 0, &mut io::empty()), Err(WriteError::Broken { .. })));
    assert!(matches!(tar.finish(), Err(WriteError::Broken { since }) if since == path("f")));
}

#[test]
fn names_that_do_not_fit_together_are_not_written() {
    let mut tar = CanonicalTar::new(Vec::new());
    tar.append_dir(&path("d"), 0).unwrap();
    tar.append_file(&path("d/x"), 0, 0, &mut io::empty()).unwrap();
    let rule = |result: Result<(), WriteError>| match result.unwrap_err() {
        WriteError::Conflict(conflict) => conflict.rule(),
        other => panic!("{other}"),
    };
    assert_eq!(rule(tar.append_dir(&path("D"), 0)), Rule::ArchiveUnique);
    assert_eq!(rule(tar.append_file(&path("d/X"), 0, 0, &mut io::empty()).map(drop)), Rule::ArchiveUnique);
    assert_eq!(rule(tar.append_dir(&path("e/f"), 0)), Rule::ArchiveParent);
    // Nothing of them was written, so the archive is whole.
    let finished = tar.finish().unwrap();
    assert_eq!(finished.totals, Totals { entries: 2, bytes: 0 });
    walk(finished.inner.as_slice(), Mode::Canonical, Budget::exactly(finished.totals), &mut Discard).unwrap();
}

#[test]
fn errors_of_source_and_destination_are_told_apart() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unreadable"))
        }
    }
    for size in [5, 1 << 20] {
        let error = CanonicalTar::new(io::sink()).append_file(&path("f"), size, 0, &mut Broken).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the content of \"f\": unreadable");
    }
    let mut full = [0u8; 100];
    let mut tar = CanonicalTar::new(&mut full[..]);
    tar.append_dir(&path("d"), 0).unwrap();
    assert!(matches!(tar.finish(), Err(WriteError::Io(_))));
}
