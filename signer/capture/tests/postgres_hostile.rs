//! What answers need not be PostgreSQL, nor honest: nothing it says may crash, hang or fool us.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a test fails by panicking"
)]

mod common;
mod fake;

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use common::{Memory, source};
use fake::*;
use pouch_capture::{CaptureError, PostgresqlError};
use pouch_format::Rule;

#[test]
fn a_good_server_is_captured() {
    let mut memory = Memory::default();
    let declaration = sending(&good()).capture(&mut memory).unwrap();
    assert_eq!(
        memory.order,
        [
            "tablespaces",
            "tablespaces/16385",
            "tablespaces/16385/PG_15_202209061",
            "tablespaces/16385/PG_15_202209061/1",
            "data",
            "data/backup_label",
            "data/pg_wal",
            "data/pg_wal/archive_status",
            "data/backup_manifest",
        ]
    );
    assert_eq!(memory.text("data/backup_manifest"), "{}\n");
    let json = serde_json::to_string(&declaration).unwrap();
    assert_eq!(
        json,
        "{\"source\":\"postgresql\",\"system_identifier\":\"7300000000000000001\",\"server_version\":\"15.0\",\
         \"server_version_num\":150000,\"wal_segment_bytes\":16777216,\"data_checksums\":true,\"timeline\":1,\
         \"start_lsn\":\"0/2000028\",\"stop_lsn\":\"0/2000100\",\
         \"tablespaces\":[{\"oid\":16385,\"location\":\"/srv/fast\"}],\"databases\":[]}"
    );
}

#[test]
fn what_is_no_postgresql() {
    for answer in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"E\0\0\0\0", b"R\x7f\xff\xff\xff", b"R\0\0\0\x08\0\0\0\x63"]
    {
        let error = Fake::new(vec![answer.to_vec()]).error();
        assert!(matches!(error, PostgresqlError::Protocol { .. }), "{answer:?}: {error:?}");
    }
    let error = Fake::new(vec![]).error();
    assert!(matches!(error, PostgresqlError::Broken { .. }), "{error:?}");
    let error = Fake::new(vec![b"R\0\0".to_vec()]).error();
    assert!(matches!(error, PostgresqlError::Broken { .. }), "{error:?}");
}

#[test]
fn one_who_says_nothing_holds_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let _listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
    let conninfo = format!("host={} user=u connect_timeout=2", directory.path().display());
    let began = Instant::now();
    let error = source(&format!("source = 'postgresql'\nconninfo = '{conninfo}'")).check().unwrap_err();
    assert!(matches!(error, CaptureError::Postgresql(PostgresqlError::Broken { .. })), "{error:?}");
    assert!((Duration::from_secs(1)..Duration::from_secs(10)).contains(&began.elapsed()));
}

#[test]
fn an_old_server() {
    let error = Fake::new(vec![welcome("14.9"), result("140009")]).error();
    assert!(matches!(&error, PostgresqlError::TooOld { found, .. } if found == "14.9"), "{error:?}");
    assert!(error.to_string().ends_with("is version 14.9; 15 is the oldest that can be captured"), "{error}");
}

#[test]
fn ways_to_ask_for_a_password() {
    let method = |code, more: &[u8]| match Fake::new(vec![auth(code, more)]).error() {
        PostgresqlError::Method { method, .. } => method,
        other => panic!("{other:?}"),
    };
    assert_eq!((method(7, b""), method(9, b""), method(2, b"")), ("gss", "sspi", "krb5"));
    assert_eq!(method(10, b"SCRAM-SHA-1\0\0"), "an unknown SASL mechanism");

    let offer = || auth(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
    // A nonce that is not ours, and a proof before it was asked for.
    for answer in [auth(11, b"r=other,s=AAAA,i=4096"), auth(0, b""), auth(12, b"v=AAAA")] {
        let error = Fake::new(vec![offer(), answer]).error();
        assert!(matches!(error, PostgresqlError::Protocol { .. }), "{error:?}");
    }
}

/// A server that speaks SCRAM up to its last message, which is `proof`, and asks for `iterations`.
fn scram_error(iterations: u32, proof: &'static [u8]) -> PostgresqlError {
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hear = |answer: &dyn Fn(&[u8]) -> Vec<u8>| {
            let mut heard = [0; 4096];
            let length = stream.read(&mut heard).unwrap();
            let _ = stream.write_all(&answer(&heard[..length]));
        };
        hear(&|_| auth(10, b"SCRAM-SHA-256\0\0"));
        hear(&|heard| {
            let text = String::from_utf8_lossy(heard).into_owned();
            let nonce = text.split_once("r=").unwrap().1;
            auth(11, format!("r={nonce}x,s=AAAA,i={iterations}").as_bytes())
        });
        hear(&|_| auth(12, proof));
    });
    let fake = Fake { directory };
    fake.error()
}

#[test]
fn a_server_that_does_not_know_the_password_is_an_impostor() {
    for proof in [&b"v=AAAA"[..], b"e=other-error", b"", b"v=\xff"] {
        let error = scram_error(4096, proof);
        assert!(matches!(&error, PostgresqlError::Impostor { user, .. } if user == "u"), "{proof:?}: {error:?}");
    }
    let began = Instant::now();
    let error = scram_error(u32::MAX, b"v=AAAA");
    assert!(matches!(error, PostgresqlError::Protocol { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "4 billion rounds of a hash are not computed for anybody");
}

#[test]
fn talk_of_a_server_is_made_harmless() {
    let talk = format!("\x1b[2J{}", "x".repeat(100_000));
    let error = Fake::new(vec![error("28P01", &talk)]).error();
    assert!(matches!(error, PostgresqlError::Refused { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("\\u{1b}[2J") && text.len() < 2000 && !text.contains('\x1b'), "{text}");
}

#[test]
fn backups_out_of_shape() {
    let [tablespace, base, manifest] = good();
    let protocol: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("an archive twice", vec![tablespace.clone(), tablespace.clone(), base.clone(), manifest.clone()]),
        ("an unknown archive", vec![archive("7.tar", &[]), tablespace.clone(), base.clone(), manifest.clone()]),
        ("a path for an archive", vec![archive("../16385.tar", &[])]),
        ("an archive missing", vec![base.clone(), manifest.clone()]),
        ("a manifest too early", vec![manifest.clone(), tablespace.clone(), base.clone()]),
        ("a manifest twice", vec![tablespace.clone(), base.clone(), manifest.clone(), manifest.clone()]),
        ("an archive after the manifest", vec![base.clone(), tablespace.clone(), manifest.clone(), base.clone()]),
        ("no manifest", vec![tablespace.clone(), base.clone()]),
        ("data of nothing", vec![part(b'd', b"x"), tablespace.clone(), base.clone(), manifest.clone()]),
        ("an unknown message", vec![part(b'x', b"")]),
        ("an empty message", vec![message(b'd', b"")]),
        ("a message of 2 MiB", vec![part(b'n', b"base.tar\0\0"), part(b'd', &vec![0; 2 << 20])]),
    ];
    for (what, parts) in protocol {
        let error = sending(&parts).error();
        assert!(matches!(error, PostgresqlError::Protocol { .. }), "{what}: {error:?}");
    }
    for (start, stop) in [
        (("0/2000028", "1"), ("0/2000027", "1")),
        (("0/2000028", "1"), ("0/2000100", "2")),
        (("x", "1"), ("0/2000100", "1")),
        (("0/2000028", "-1"), ("0/2000100", "-1")),
    ] {
        let error = sending_between(start, &good(), stop).error();
        assert!(matches!(error, PostgresqlError::Protocol { .. }), "{error:?}");
    }
}

#[test]
fn archives_that_the_walker_refuses() {
    for (name, entries, rule) in [
        ("a link", vec![entry("pg_tblspc/", b'5', b""), entry("pg_tblspc/1", b'2', b"")], Rule::ArchiveType),
        ("a step up", vec![entry("../evil", b'0', b"")], Rule::ArchiveName),
        ("a dot elsewhere", vec![entry("./base/", b'5', b"")], Rule::ArchiveName),
        ("no parent", vec![entry("base/1", b'0', b"")], Rule::ArchiveParent),
        ("twice", vec![entry("a", b'0', b""), entry("A", b'0', b"")], Rule::ArchiveUnique),
    ] {
        let error = sending(&[archive("base.tar", &entries)]).error();
        assert!(
            matches!(&error, PostgresqlError::Archive { archive, .. } if archive == "base.tar"),
            "{name}: {error:?}"
        );
        assert_eq!(error.rule(), Some(rule), "{name}: {error}");
    }
    let cut = [part(b'n', b"base.tar\0\0"), part(b'd', &entry("a", b'0', b"x")), manifest()];
    assert_eq!(sending(&cut).error().rule(), Some(Rule::ArchiveTruncated));
}

#[test]
fn an_error_amid_the_backup_is_the_servers() {
    let parts = [
        part(b'n', b"base.tar\0\0"),
        part(b'd', &entry("a", b'0', &[1; 5000])[..1000]),
        error("58P01", "could not open file \"base/1/2\""),
    ];
    let error = sending(&parts).error();
    let PostgresqlError::Server { message, .. } = &error else { panic!("{error:?}") };
    assert_eq!(message.message, "could not open file \"base/1/2\"");
}

#[test]
fn every_byte_of_a_backup_flipped_and_cut() {
    let whole = backup(("0/2000028", "1"), &good(), ("0/2000100", "1"));
    let began = Instant::now();
    // Every byte of what is no content, every 7th of all.
    let places = (0..whole.len()).filter(|at| at % 7 == 0 || whole[*at] != 0);
    let mut accepted = 0;
    for at in places {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        for answer in [flipped, whole[..at].to_vec()] {
            let mut answers = until_backup();
            let cut = answer.len() < whole.len();
            answers.push(answer);
            let captured = Fake::new(answers).capture(&mut Memory::default());
            assert!(!(cut && captured.is_ok()), "accepted when cut at byte {at}");
            accepted += u32::from(captured.is_ok());
        }
    }
    // Names, numbers and content are the server's to say; what frames them is not.
    assert!(accepted > 0);
    println!("{accepted} of {} accepted, {:?}", whole.len(), began.elapsed());
}
