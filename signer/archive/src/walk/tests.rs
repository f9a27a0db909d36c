use std::io::{self, Read};

use super::{Budget, Mode, WalkError, pax::Pax, walk};
use crate::{Discard, EntryHead, header::write_head};

fn mtime(value: &str, header: u64) -> Option<i64> {
    let body = format!(" mtime={value}\n");
    let record = format!("{}{body}", body.len() + 2);
    Pax::parse(record.as_bytes()).ok()?.mtime(header).ok()
}

#[test]
fn times_are_rounded_down_to_whole_seconds() {
    for (value, header, seconds) in [
        ("0", 0, 0),
        ("0.0", 0, 0),
        ("0.999999999", 0, 0),
        ("1700000000", 1_700_000_000, 1_700_000_000),
        ("1700000000.9", 1_700_000_000, 1_700_000_000),
        ("-1", 0, -1),
        ("-0.5", 0, -1),
        ("-1.000", 0, -1),
        ("-1.001", 0, -2),
        ("8589934591", (1 << 33) - 1, (1 << 33) - 1),
        ("8589934592", 0, 1 << 33),
    ] {
        assert_eq!(mtime(value, header), Some(seconds), "{value}");
        assert_eq!(mtime(value, header + 1), None, "{value} against another header");
    }
}

#[test]
fn a_reader_that_fails_is_not_a_refusal() {
    /// A header, and then an error.
    struct Broken(Vec<u8>);
    impl Read for Broken {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("torn off"));
            }
            let got = self.0.as_slice().read(room)?;
            self.0.drain(..got);
            Ok(got)
        }
    }
    let mut head = Vec::new();
    write_head(&mut head, &"f".parse().unwrap(), EntryHead::File { mtime: 0, size: 1 });
    let error = walk(Broken(head), Mode::Canonical, Budget::LIMITS, &mut Discard).unwrap_err();
    assert!(matches!(error, WalkError::Read(_)), "{error}");
}

#[test]
fn an_interrupted_read_is_tried_again() {
    struct Interrupted<'b>(&'b [u8], bool);
    impl Read for Interrupted<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(room) }
        }
    }
    walk(Interrupted(&crate::END, false), Mode::Canonical, Budget::LIMITS, &mut Discard).unwrap();
}
