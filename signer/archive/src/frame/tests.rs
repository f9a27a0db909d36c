use std::io;

use pouch_format::{EntryPath, Rule, Totals};

use super::{DATA_BYTES, Frame, FrameError, FrameReader, FrameWriter, ReceiveError, receive};
use crate::{Discard, Fault, Refusal, Sink};

fn path(text: &str) -> EntryPath {
    text.parse().unwrap()
}

/// A message as it travels.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &u32::try_from(body.len()).unwrap().to_le_bytes()[..], body].concat()
}

fn file(size: u64, name: &[u8]) -> Vec<u8> {
    message(2, &[&size.to_le_bytes()[..], &7i64.to_le_bytes(), &512u64.to_le_bytes(), name].concat())
}

fn directory(name: &[u8]) -> Vec<u8> {
    message(1, &[&7i64.to_le_bytes()[..], name].concat())
}

fn end(entries: u64, bytes: u64) -> Vec<u8> {
    message(5, &[entries.to_le_bytes(), bytes.to_le_bytes()].concat())
}

fn refused(rule: &[u8], text: &[u8]) -> Vec<u8> {
    let length = [u8::try_from(rule.len()).unwrap()];
    message(6, &[&9u64.to_le_bytes()[..], &length, rule, text].concat())
}

fn error(messages: &[Vec<u8>]) -> FrameError {
    match receive(messages.concat().as_slice(), &mut Discard).unwrap_err() {
        ReceiveError::Frame(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn messages_come_out_as_they_went_in() {
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(&mut bytes);
    let run = |writer: &mut FrameWriter<&mut Vec<u8>>| -> io::Result<()> {
        writer.directory(&path("kaust"), -5)?;
        writer.file(&path("kaust/õ"), 3, 1 << 40, 1024)?;
        writer.data(b"ab")?;
        writer.data(b"c")?;
        writer.end_file()?;
        writer.end(Totals { entries: 2, bytes: 3 })
    };
    run(&mut writer).unwrap();
    drop(writer);
    let mut reader = FrameReader::new(bytes.as_slice());
    let file = Frame::File { path: path("kaust/õ"), size: 3, mtime: 1 << 40, offset: 1024 };
    assert_eq!(reader.next().unwrap(), Some(Frame::Directory { path: path("kaust"), mtime: -5 }));
    assert_eq!(reader.next().unwrap(), Some(file));
    assert_eq!(reader.next().unwrap(), Some(Frame::Data(b"ab")));
    assert_eq!(reader.next().unwrap(), Some(Frame::Data(b"c")));
    assert_eq!(reader.next().unwrap(), Some(Frame::EndFile));
    assert_eq!(reader.next().unwrap(), Some(Frame::End(Totals { entries: 2, bytes: 3 })));
    assert_eq!(reader.next().unwrap(), None);
}

#[test]
fn a_refusal_names_rule_place_and_reason_and_is_cleaned() {
    let mut bytes = Vec::new();
    let refusal = Refusal { offset: 512, fault: Fault::Type { typeflag: b'2' } };
    FrameWriter::new(&mut bytes).refused(&refusal).unwrap();
    match receive(bytes.as_slice(), &mut Discard).unwrap_err() {
        ReceiveError::Refused { rule, offset, text } => {
            assert_eq!((rule, offset), (Rule::ArchiveType, 512));
            assert_eq!(text, "the type is '2', which is a symbolic link");
        }
        other => panic!("{other}"),
    }
    let evil = refused(b"ARCHIVE-TYPE", "a\x1b[2J\u{202e}b".as_bytes());
    match receive([file(5, b"f"), evil].concat().as_slice(), &mut Discard).unwrap_err() {
        ReceiveError::Refused { text, .. } => assert_eq!(text, "a\\u{1b}[2J\\u{202e}b"),
        other => panic!("{other}"),
    }
    for bad in [refused(b"NO-RULE", b"x"), refused(b"ARCHIVE-TYPE", b"\xff"), message(6, &[0, 0, 0, 0, 0, 0, 0, 0, 99])]
    {
        assert!(matches!(error(&[bad]), FrameError::Refusal { .. }));
    }
}

#[test]
fn lengths_are_bounded_before_they_are_used() {
    let huge = |kind| [&[kind][..], &u32::MAX.to_le_bytes()].concat();
    for kind in 1..=6 {
        assert!(matches!(error(&[huge(kind)]), FrameError::Length { found: 0xffff_ffff, .. }), "{kind}");
    }
    let too_long = vec![b'x'; 4096];
    for (name, bad) in [
        ("directory without a name", message(1, &[0; 8])),
        ("directory of a long name", directory(&too_long)),
        ("file without a name", message(2, &[0; 24])),
        ("file of a long name", file(0, &too_long)),
        ("end of file with a body", message(4, b"x")),
        ("short end", message(5, &[0; 15])),
        ("long end", message(5, &[0; 17])),
        ("short refusal", message(6, &[0; 8])),
    ] {
        assert!(matches!(error(&[bad]), FrameError::Length { .. }), "{name}");
    }
    let much = vec![0; DATA_BYTES + 1];
    assert!(matches!(error(&[file(1 << 20, b"f"), message(3, &much)]), FrameError::Length { .. }));
    assert!(matches!(error(&[file(1 << 20, b"f"), message(3, b"")]), FrameError::Length { .. }));
}

#[test]
fn order_is_kept() {
    for (name, messages) in [
        ("data first", vec![message(3, b"x")]),
        ("end of file first", vec![message(4, b"")]),
        ("data behind a directory", vec![directory(b"d"), message(3, b"x")]),
        ("file in a file", vec![file(1, b"f"), file(1, b"g")]),
        ("directory in a file", vec![file(1, b"f"), directory(b"d")]),
        ("end in a file", vec![file(0, b"f"), end(1, 0)]),
        ("data behind a file", vec![file(0, b"f"), message(4, b""), message(3, b"x")]),
    ] {
        assert!(matches!(error(&messages), FrameError::State { .. }), "{name}");
    }
    for kind in [0, 7, 255] {
        assert!(matches!(error(&[message(kind, b"")]), FrameError::Kind { found } if found == kind));
    }
    assert!(matches!(error(&[end(0, 0), end(0, 0)]), FrameError::AfterEnd));
    assert!(matches!(error(&[end(0, 0), vec![0]]), FrameError::AfterEnd));
}

#[test]
fn counts_are_kept() {
    let data = |bytes: &[u8]| message(3, bytes);
    let done = || message(4, b"");
    for (name, messages) in [
        ("too much", vec![file(2, b"f"), data(b"abc")]),
        ("too much in two", vec![file(2, b"f"), data(b"ab"), data(b"c")]),
        ("too little", vec![file(2, b"f"), data(b"a"), done()]),
        ("nothing", vec![file(2, b"f"), done()]),
    ] {
        assert!(matches!(error(&messages), FrameError::Size { announced: 2, .. }), "{name}");
    }
    for totals in [end(0, 1), end(2, 1), end(1, 0), end(1, 2)] {
        let messages = [file(1, b"f"), data(b"a"), done(), totals];
        assert!(matches!(error(&messages), FrameError::Totals { .. }));
    }
    assert!(matches!(error(&[file(1 << 63, b"f")]), FrameError::TooLarge { .. }));
}

#[test]
fn names_are_checked_again() {
    for name in [&b"../x"[..], b"/x", b"a//b", b"a\0b", b"a\xff", b"x/", "e\u{301}".as_bytes()] {
        assert!(matches!(error(&[directory(name)]), FrameError::Name(_)), "{name:?}");
        assert!(matches!(error(&[file(0, name)]), FrameError::Name(_)), "{name:?}");
    }
}

#[test]
fn a_cut_stream_is_never_complete() {
    let whole = [directory(b"d"), file(3, b"d/f"), message(3, b"abc"), message(4, b""), end(2, 3)].concat();
    receive(whole.as_slice(), &mut Discard).unwrap();
    for length in 0..whole.len() {
        let cut = whole.get(..length).unwrap();
        let error = receive(cut, &mut Discard).unwrap_err();
        assert!(matches!(error, ReceiveError::Frame(FrameError::Truncated { .. })), "{length}: {error}");
    }
}
