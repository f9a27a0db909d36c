//! A server that says what it is told to, and the messages to tell it.
#![allow(dead_code, unreachable_pub, reason = "every test binary that includes this file uses another part of it")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use pouch_capture::{CaptureError, Declaration, PostgresqlError};

use super::common::{Memory, source};

/// A server that answers the n-th thing it hears on a connection with the n-th of its answers, and then hangs up.
pub struct Fake {
    pub directory: tempfile::TempDir,
}

impl Fake {
    pub fn new(answers: Vec<Vec<u8>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                for answer in &answers {
                    let mut heard = [0; 4096];
                    if !matches!(stream.read(&mut heard), Ok(1..)) || stream.write_all(answer).is_err() {
                        break;
                    }
                }
            }
        });
        Self { directory }
    }

    pub fn capture(&self, sink: &mut Memory) -> Result<Declaration, CaptureError> {
        let passfile = self.directory.path().join("passfile");
        fs::write(&passfile, "*:*:*:*:secret\n").unwrap();
        fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).unwrap();
        let directory = self.directory.path().display();
        source(&format!(
            "source = 'postgresql'\ncount_rows = false\n\
             conninfo = 'host={directory} user=u connect_timeout=2 passfile={}'",
            passfile.display()
        ))
        .capture(sink)
    }

    pub fn error(&self) -> PostgresqlError {
        match self.capture(&mut Memory::default()).unwrap_err() {
            CaptureError::Postgresql(error) => error,
            other => panic!("{other:?}"),
        }
    }
}

pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as i32 + 4).to_be_bytes();
    [&[tag][..], &length, body].concat()
}

pub fn auth(code: i32, more: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes()[..], more].concat())
}

pub fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

pub fn welcome(version: &str) -> Vec<u8> {
    let status = message(b'S', format!("server_version\0{version}\0").as_bytes());
    [auth(0, b""), status, message(b'K', &[0; 8]), ready()].concat()
}

pub fn row(values: &[Option<&str>]) -> Vec<u8> {
    let mut body = (values.len() as i16).to_be_bytes().to_vec();
    for value in values {
        body.extend(value.map_or(-1, |value| value.len() as i32).to_be_bytes());
        body.extend(value.unwrap_or_default().as_bytes());
    }
    message(b'D', &body)
}

/// A result set; what the columns are called does not matter.
pub fn rows(rows: &[&[Option<&str>]]) -> Vec<u8> {
    let rows: Vec<u8> = rows.iter().flat_map(|values| row(values)).collect();
    [message(b'T', &[0, 0]), rows, message(b'C', b"SELECT\0")].concat()
}

pub fn result(value: &str) -> Vec<u8> {
    [rows(&[&[Some(value)]]), ready()].concat()
}

pub fn error(sqlstate: &str, text: &str) -> Vec<u8> {
    message(b'E', format!("SERROR\0C{sqlstate}\0M{text}\0\0").as_bytes())
}

/// An entry as PostgreSQL writes it.
pub fn entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut head = [0_u8; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[100..108].copy_from_slice(b"0000600 ");
    head[108..116].copy_from_slice(b"0000000 ");
    head[116..124].copy_from_slice(b"0000000 ");
    head[124..136].copy_from_slice(format!("{:011o} ", content.len()).as_bytes());
    head[136..148].copy_from_slice(b"00000000001 ");
    head[148..156].fill(b' ');
    head[156] = kind;
    head[257..265].copy_from_slice(b"ustar\x0000");
    head[265..273].copy_from_slice(b"postgres");
    head[297..305].copy_from_slice(b"postgres");
    head[329..337].copy_from_slice(b"0000000 ");
    head[337..345].copy_from_slice(b"0000000 ");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:07o} ").as_bytes());
    let mut entry = [&head[..], content].concat();
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

/// The parts of a backup's copy stream.
pub fn part(kind: u8, body: &[u8]) -> Vec<u8> {
    message(b'd', &[&[kind][..], body].concat())
}

pub fn archive(name: &str, entries: &[Vec<u8>]) -> Vec<u8> {
    let content = [entries.concat(), vec![0; 1024]].concat();
    [part(b'n', format!("{name}\0\0").as_bytes()), part(b'd', &content)].concat()
}

pub fn manifest() -> Vec<u8> {
    [part(b'm', b""), part(b'd', b"{}\n")].concat()
}

/// Everything a server says until it is asked for the backup.
pub fn until_backup() -> Vec<Vec<u8>> {
    let identity = rows(&[&[Some("7300000000000000001"), Some("1"), Some("0/1"), None]]);
    let slot = rows(&[&[Some("pouch"), Some("0/1"), None, None]]);
    vec![
        welcome("15.0"),
        result("150000"),
        result("on"),
        result("16MB"),
        [identity, ready()].concat(),
        [slot, ready()].concat(),
    ]
}

/// A server with one tablespace, 16385, that sends this copy stream.
pub fn sending(parts: &[Vec<u8>]) -> Fake {
    sending_between(("0/2000028", "1"), parts, ("0/2000100", "1"))
}

pub fn sending_between(start: (&str, &str), parts: &[Vec<u8>], stop: (&str, &str)) -> Fake {
    let mut answers = until_backup();
    answers.push(backup(start, parts, stop));
    Fake::new(answers)
}

pub fn backup(start: (&str, &str), parts: &[Vec<u8>], stop: (&str, &str)) -> Vec<u8> {
    [
        rows(&[&[Some(start.0), Some(start.1)]]),
        rows(&[&[Some("16385"), Some("/srv/fast"), None], &[None, None, None]]),
        message(b'H', &[0, 0, 0]),
        parts.concat(),
        message(b'c', b""),
        rows(&[&[Some(stop.0), Some(stop.1)]]),
        message(b'C', b"BASE_BACKUP\0"),
        ready(),
    ]
    .concat()
}

pub fn good() -> [Vec<u8>; 3] {
    [
        archive("16385.tar", &[entry("PG_15_202209061/", b'5', b""), entry("PG_15_202209061/1", b'0', b"a table")]),
        archive(
            "base.tar",
            &[
                entry("backup_label", b'0', b"START"),
                entry("pg_wal/", b'5', b""),
                entry("./pg_wal/archive_status/", b'5', b""),
            ],
        ),
        manifest(),
    ]
}
