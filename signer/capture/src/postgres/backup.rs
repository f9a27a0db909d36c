//! One base backup, streamed from the server into the sink (PostgreSQL manual, 55.4, `BASE_BACKUP`).
//!
//! ```text
//! server   rows: start | rows: tablespaces | copy: ( n { d } )* m { d } | rows: stop
//! sink     tablespaces/<oid>/...   data/...   data/backup_manifest
//! ```

use std::io::{self, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Buf, Bytes};
use postgres_protocol::message::backend::Message;
use pouch_format::{EntryPath, Lsn, PathError, Tablespace, Text};

use super::PostgresqlError;
use super::connection::{Connection, Row};
use super::conninfo::Settings;
use super::error::ServerMessage;
use super::mend::Mended;
use crate::tar::{Unpack, unpack};
use crate::{CaptureError, Meta, SinkError, SnapshotSink};

const TASK: &str = "take a base backup";
/// Most tablespaces of a server.
const TABLESPACES: usize = 4096;
/// Largest manifest of a backup, in bytes: about 1.5 million files. It is held in memory, for its size comes last.
const MANIFEST_BYTES: usize = 256 << 20;
/// Most bytes given to the sink at once.
const CHUNK_BYTES: usize = 1 << 20;
/// A directory that the server does not send itself.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Everything of the server as of one instant. Its log is included, so that nothing else is needed to start from it;
/// no waiting for an archiver, since the log is here.
const COMMAND: &str = "BASE_BACKUP ( LABEL 'pouch', PROGRESS false, CHECKPOINT 'fast', WAL true, WAIT false, \
     MANIFEST 'yes', MANIFEST_CHECKSUMS 'SHA256', TABLESPACE_MAP true, VERIFY_CHECKSUMS true )";

/// What the server says of the backup it has sent.
pub(super) struct Backup {
    pub(super) timeline: u32,
    pub(super) start_lsn: Lsn,
    pub(super) stop_lsn: Lsn,
    pub(super) tablespaces: Vec<Tablespace>,
}

/// Takes a base backup over `connection`, which is for replication.
pub(super) fn take(
    connection: &mut Connection,
    settings: &Settings,
    sink: &mut dyn SnapshotSink,
) -> Result<Backup, CaptureError> {
    hold_log(connection, settings)?;
    stream(connection, sink).map_err(|error| match error {
        CaptureError::Postgresql(PostgresqlError::Server { message, .. }) => {
            refusal(connection, settings, message).into()
        }
        other => other,
    })
}

fn stream(connection: &mut Connection, sink: &mut dyn SnapshotSink) -> Result<Backup, CaptureError> {
    connection.start(COMMAND)?;
    let (start_lsn, timeline) = position(connection)?;
    let tablespaces = tablespaces(connection)?;
    match connection.receive()? {
        Message::CopyOutResponse(_) => {}
        other => return Err(connection.unexpected(TASK, &other).into()),
    }
    Layout::new(&tablespaces)?.receive(connection, sink)?;
    let (stop_lsn, stop_timeline) = position(connection)?;
    connection.finish(TASK)?;
    if stop_timeline != timeline || stop_lsn < start_lsn {
        let detail = format!("a backup from {start_lsn} to {stop_lsn}, timeline {timeline} to {stop_timeline}");
        return Err(connection.protocol(detail).into());
    }
    Ok(Backup { timeline, start_lsn, stop_lsn, tablespaces })
}

/// Makes the server keep its log from here on until this connection ends: otherwise, when a backup takes long, a
/// checkpoint may remove what the backup needs.
fn hold_log(connection: &mut Connection, settings: &Settings) -> Result<(), PostgresqlError> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let slot = format!("pouch_{}_{nanos}", std::process::id());
    let sql = format!("CREATE_REPLICATION_SLOT {slot} TEMPORARY PHYSICAL RESERVE_WAL");
    match connection.query("hold its log", &sql, 1) {
        Ok(_) => Ok(()),
        // Configuration limit exceeded; or no slots at all.
        Err(PostgresqlError::Server { message, .. }) if matches!(message.sqlstate.as_str(), "53400" | "55000") => {
            Err(PostgresqlError::NoSlotLeft { server: settings.to_string(), message })
        }
        Err(other) => Err(other),
    }
}

/// A result set of one row: a position and its timeline.
fn position(connection: &mut Connection) -> Result<(Lsn, u32), PostgresqlError> {
    let rows = connection.rows(TASK, 1)?;
    let read = |row: &Row| Some((row.first()?.as_ref()?.parse().ok()?, row.get(1)?.as_ref()?.parse().ok()?));
    rows.first().and_then(read).ok_or_else(|| connection.protocol("a position of another shape"))
}

/// The tablespaces, by rising oid; the one without an oid is the data directory itself.
fn tablespaces(connection: &mut Connection) -> Result<Vec<Tablespace>, PostgresqlError> {
    let mut tablespaces = Vec::new();
    for row in connection.rows(TASK, TABLESPACES)? {
        let Some(Some(oid)) = row.first() else { continue };
        let location = row.get(1).cloned().flatten().and_then(|location| Text::try_from(location).ok());
        let (Ok(oid), Some(location)) = (oid.parse(), location) else {
            return Err(connection.protocol("a tablespace of another shape"));
        };
        tablespaces.push(Tablespace { oid, location });
    }
    tablespaces.sort_by_key(|tablespace| tablespace.oid);
    if tablespaces.windows(2).any(|pair| matches!(pair, [a, b] if a.oid == b.oid)) {
        return Err(connection.protocol("a tablespace twice"));
    }
    Ok(tablespaces)
}

/// What it means when the server ends a backup.
fn refusal(connection: &Connection, settings: &Settings, message: Box<ServerMessage>) -> PostgresqlError {
    let server = settings.to_string();
    match message.sqlstate.as_str() {
        // Data corrupted: said after all was sent, with a warning for each page before.
        "XX001" => PostgresqlError::Corrupt { server, message, pages: connection.warnings.clone() },
        "42501" => {
            let user = pouch_format::escaped(settings.user.as_bytes());
            PostgresqlError::NoReplicationRight { server, user, message }
        }
        _ => PostgresqlError::Server { server, task: TASK, message },
    }
}

/// Where each archive goes, and which are still to come.
struct Layout {
    data: EntryPath,
    manifest: EntryPath,
    parent: EntryPath,
    /// Archives to come, under the names that the server gives them.
    expected: Vec<(String, EntryPath)>,
    /// Whether `parent` has been made.
    parent_made: bool,
    now: i64,
}

impl Layout {
    fn new(tablespaces: &[Tablespace]) -> Result<Self, PostgresqlError> {
        let build = || {
            let data = EntryPath::parse(b"data")?;
            let parent = EntryPath::parse(b"tablespaces")?;
            let mut expected = vec![("base.tar".to_owned(), data.clone())];
            for Tablespace { oid, .. } in tablespaces {
                expected.push((format!("{oid}.tar"), parent.join(oid.to_string().as_bytes())?));
            }
            Ok::<_, PathError>((data.join(b"backup_manifest")?, data, parent, expected))
        };
        let (manifest, data, parent, expected) = build().map_err(PostgresqlError::Layout)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        Ok(Self { data, manifest, parent, expected, parent_made: false, now })
    }

    /// Receives everything up to the end of the copy.
    fn receive(mut self, connection: &mut Connection, sink: &mut dyn SnapshotSink) -> Result<(), CaptureError> {
        let mut copy = Copy { connection, chunk: Bytes::new(), next: None, failure: None };
        let mut manifest_seen = false;
        loop {
            match copy.next_part()? {
                Part::Archive(name) if !manifest_seen => self.archive(&name, &mut copy, sink)?,
                Part::Manifest if !manifest_seen && self.expected.is_empty() => {
                    manifest_seen = true;
                    self.manifest(&mut copy, sink)?;
                }
                Part::End if manifest_seen => return Ok(()),
                part => return Err(copy.connection.protocol(format!("{part:?} out of place in a base backup")).into()),
            }
        }
    }

    fn archive(&mut self, name: &str, copy: &mut Copy<'_>, sink: &mut dyn SnapshotSink) -> Result<(), CaptureError> {
        let Some(at) = self.expected.iter().position(|(expected, _)| expected == name) else {
            return Err(copy.connection.protocol(format!("archive \"{name}\" is not expected")).into());
        };
        let (_, below) = self.expected.swap_remove(at);
        let meta = Meta { mtime: self.now, mode: DIRECTORY_MODE };
        if below != self.data && !self.parent_made {
            sink.directory(&self.parent, &meta).map_err(CaptureError::Sink)?;
            self.parent_made = true;
        }
        sink.directory(&below, &meta).map_err(CaptureError::Sink)?;
        match unpack(Mended::new(&mut *copy), Some(&below), sink) {
            Ok(()) => Ok(()),
            Err(Unpack::Sink(error)) => Err(CaptureError::Sink(error)),
            // What broke the stream is the reason, not how the archive looked thereafter.
            Err(Unpack::Tar(source)) => Err(CaptureError::Postgresql(copy.failure.take().unwrap_or_else(|| {
                PostgresqlError::Archive { archive: pouch_format::escaped(name.as_bytes()), source }
            }))),
        }
    }

    fn manifest(&self, copy: &mut Copy<'_>, sink: &mut dyn SnapshotSink) -> Result<(), CaptureError> {
        let mut content = Vec::new();
        while copy.fill()? {
            if content.len() + copy.chunk.len() > MANIFEST_BYTES {
                return Err(PostgresqlError::LongManifest { limit: MANIFEST_BYTES }.into());
            }
            content.extend_from_slice(&copy.chunk);
            copy.chunk.clear();
        }
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let meta = Meta { mtime: self.now, mode: FILE_MODE };
        let mut give = || -> Result<(), SinkError> {
            sink.begin_file(&self.manifest, size, &meta)?;
            content.chunks(CHUNK_BYTES).try_for_each(|chunk| sink.data(chunk))?;
            sink.end_file()
        };
        give().map_err(CaptureError::Sink)
    }
}

/// A part of the copy stream.
#[derive(Debug)]
enum Part {
    Archive(String),
    Manifest,
    End,
}

/// The copy stream of a backup; reading it gives the bytes of the present part, and ends with that.
struct Copy<'c> {
    connection: &'c mut Connection,
    /// Bytes of the present part that came and were not read yet.
    chunk: Bytes,
    /// The part that begins once the present one is read.
    next: Option<Part>,
    /// Why reading failed.
    failure: Option<PostgresqlError>,
}

impl Copy<'_> {
    /// Goes on to the next part; nothing of the present one may be left.
    fn next_part(&mut self) -> Result<Part, PostgresqlError> {
        if self.fill()? {
            return Err(self.connection.protocol("data out of place in a base backup"));
        }
        self.next.take().ok_or_else(|| self.connection.protocol("a base backup without end"))
    }

    /// Makes sure that `chunk` holds something, unless the present part is at its end.
    fn fill(&mut self) -> Result<bool, PostgresqlError> {
        while self.chunk.is_empty() && self.next.is_none() {
            match self.connection.receive()? {
                Message::CopyData(body) => self.take_message(body.into_bytes())?,
                Message::CopyDone => self.next = Some(Part::End),
                other => return Err(self.connection.unexpected(TASK, &other)),
            }
        }
        Ok(!self.chunk.is_empty())
    }

    fn take_message(&mut self, mut body: Bytes) -> Result<(), PostgresqlError> {
        let kind = body.first().copied();
        body.advance(usize::from(kind.is_some()));
        match kind {
            Some(b'd') => self.chunk = body,
            Some(b'n') => {
                let name = body.split(|byte| *byte == 0).next().unwrap_or_default();
                self.next = Some(Part::Archive(pouch_format::escaped(name)));
            }
            Some(b'm') => self.next = Some(Part::Manifest),
            // Progress, which was not asked for.
            Some(b'p') => {}
            _ => return Err(self.connection.protocol("an unknown sort of message in a base backup")),
        }
        Ok(())
    }
}

impl Read for Copy<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.fill() {
            Ok(_) => {
                let length = out.len().min(self.chunk.len());
                if let Some(out) = out.get_mut(..length) {
                    self.chunk.copy_to_slice(out);
                }
                Ok(length)
            }
            Err(failure) => {
                self.failure = Some(failure);
                Err(io::Error::other("the copy stream broke"))
            }
        }
    }
}
