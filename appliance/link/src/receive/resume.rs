//! What a receiver finds of its predecessor.

use std::io::{self, ErrorKind};
use std::time::Instant;

use jiff::Timestamp;
use pouch_carry::resume::BlockState as Recorded;
use pouch_platform::Dir;

use super::quarantine::{self, ANNOUNCEMENT, ARRIVED, Finished, STREAMS};
use super::report::Arrived;
use super::session::Session;
use super::states::BlockState;
use super::store::{PART, Store};
use super::table::BLOCKS_MOST;
use crate::announcement::{self, Announcement};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Streams to go on with.
    pub(crate) sessions: Vec<Session>,
    /// Streams that were published, and perhaps neither said to be nor handed over.
    pub(crate) published: Vec<(u64, Arrived)>,
}

/// Reads the directories of all streams. What cannot be gone on with is removed.
pub(crate) fn find(root: &Dir, finished: &Finished) -> io::Result<Found> {
    let mut found = Found::default();
    let streams = root.subdir(STREAMS).map_err(io::Error::other)?;
    for entry in streams.entries().map_err(io::Error::other)? {
        let name = entry.map_err(io::Error::other)?.name;
        let kept = match name.to_str().and_then(quarantine::stream) {
            Some(id) => resume(root, &streams, id, finished.has(id), &mut found)?,
            None => false,
        };
        if !kept {
            tracing::info!(name = %name.display(), "what is left of a stream is removed");
            streams.remove_tree(&name).map_err(io::Error::other)?;
        }
    }
    Ok(found)
}

fn resume(root: &Dir, streams: &Dir, id: u64, finished: bool, found: &mut Found) -> io::Result<bool> {
    let dir = streams.subdir(quarantine::name(id)).map_err(io::Error::other)?;
    let bytes = match dir.read_bounded(ANNOUNCEMENT, announcement::BYTES as u64) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::FileTooLarge) => return Ok(false),
        // What cannot be read just now is not to be taken for nothing: it would be removed with all that has come.
        Err(error) => return Err(io::Error::other(error)),
    };
    let Ok(Announcement { stream, .. }) = Announcement::read(&bytes, id) else { return Ok(false) };
    let (length, blocks) = (stream.layout.length(), stream.layout.blocks());
    if blocks > BLOCKS_MOST {
        return Ok(false);
    }
    if !dir.exists(PART).map_err(io::Error::other)? {
        let file = quarantine::file_name(&stream);
        if root.exists(format!("{ARRIVED}/{file}")).map_err(io::Error::other)? {
            let (stream, pouch, at) = (quarantine::name(id), stream.pouch.to_string(), Timestamp::now());
            let arrived = Arrived { stream, pouch, file, at, length, ..Arrived::default() };
            found.published.push((id, arrived));
            return Ok(true);
        }
        return Ok(false);
    }
    if finished {
        return Ok(false);
    }
    let store = Store::open(&dir).map_err(io::Error::other)?;
    let mut session = Session::new(stream, store, Timestamp::now(), Instant::now());
    session.resumed = true;
    // A file that is too short would be read beyond its end.
    let reserved = session.store.reserve(length, blocks);
    let store = std::sync::Arc::clone(&session.store);
    let layout = session.stream.layout;
    store.records(blocks, |number, record| {
        let symbols = layout.block(number).map_or(0, |block| block.symbols);
        let whole = record.state == Recorded::Complete || record.have.count() >= symbols;
        session.states.set(number, if whole { BlockState::Unverified } else { BlockState::Partial });
    })?;
    if let Err(error) = reserved {
        session.disk_failed(&error, Instant::now());
    }
    let (there, blocks) = (session.states.unverified(), session.states.blocks());
    tracing::info!(
        stream = quarantine::name(id), registry = %session.stream.pouch.registry,
        sequence = session.stream.pouch.sequence, there, blocks, "a stream goes on"
    );
    found.sessions.push(session);
    Ok(true)
}
