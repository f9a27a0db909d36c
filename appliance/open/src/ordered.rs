//! Opens the parts of a stream on several cores and lends their contents in order, in bounded memory.
//!
//! Worker `w` of `n` opens parts `w`, `w + n`, ... and hands each over only when its turn comes. It has one buffer for
//! contents, which comes back to it.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use pouch_format::Part;
use pouch_vault::VaultError;

use crate::key::PouchKey;
use crate::segment::{PartError, PartOpener};

/// Where sealed parts come from.
pub type Fetch<'a> = dyn Fn(&Part) -> Result<Vec<u8>, VaultError> + Sync + 'a;

/// Why a stream did not open to its end.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// A part cannot be had.
    #[error(transparent)]
    Fetch(#[from] VaultError),
    /// A part is refused.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The decompressor cannot be set up.
    #[error("cannot set up a decompressor: {0}")]
    SetUp(io::Error),
}

/// Contents of this size or less are opened on several cores; larger ones one at a time, to keep within 256 MiB.
const PARALLEL_BYTES: u64 = 32 << 20;
/// More workers would not get their contents out faster than one reader of an archive takes them.
const WORKERS: usize = 2;

/// Opens `parts` and lends their contents, in order and as one stream, to `read`.
///
/// A part that does not open ends the stream with an error; what became of the parts that were read is the second result.
pub(crate) fn open_in_order<R>(
    parts: &[Part],
    key: &PouchKey,
    fetch: &Fetch<'_>,
    read: impl FnOnce(&mut Contents) -> R,
) -> (R, Result<(), StreamError>) {
    let largest = parts.iter().map(|part| part.content).max().unwrap_or(0);
    let workers = if largest > PARALLEL_BYTES { 1 } else { WORKERS.min(parts.len()).max(1) };
    std::thread::scope(|scope| {
        let turns = (0..workers).map(|first| {
            let (sender, contents) = sync_channel(0);
            let (back, buffers) = sync_channel(1);
            let own = parts.iter().skip(first).step_by(workers);
            scope.spawn(move || open_own(own, key, fetch, &sender, &buffers));
            Turn { contents, back }
        });
        let mut contents =
            Contents { turns: turns.collect(), turn: 0, left: parts.len(), current: Vec::new(), at: 0, failed: None };
        let result = read(&mut contents);
        // Dropping the channels ends the workers where not everything was read.
        (result, contents.failed.map_or(Ok(()), Err))
    })
}

/// The contents of all parts as one stream.
pub(crate) struct Contents {
    turns: Vec<Turn>,
    /// Whose turn it is.
    turn: usize,
    /// Parts that are still to come.
    left: usize,
    current: Vec<u8>,
    at: usize,
    failed: Option<StreamError>,
}

/// What a worker hands over, and its buffer on the way back: fresh memory for each content would cost a fifth of it all.
struct Turn {
    contents: Receiver<Result<Vec<u8>, StreamError>>,
    back: SyncSender<Vec<u8>>,
}

impl Contents {
    /// Gives the current content's buffer back and takes the next content; false when there is none.
    fn next_part(&mut self) -> io::Result<bool> {
        if self.left == 0 || self.failed.is_some() {
            return Ok(false);
        }
        let given = std::mem::take(&mut self.current);
        if let Some(last) = self.turns.get(self.turn)
            && !given.is_empty()
        {
            // A worker that is through with its parts wants no buffer back.
            let _ = last.back.send(given);
            self.turn = (self.turn + 1) % self.turns.len();
        }
        self.at = 0;
        self.left -= 1;
        let content = self.turns.get(self.turn).and_then(|turn| turn.contents.recv().ok());
        match content.ok_or_else(|| io::Error::other("the thread that opens parts has ended"))? {
            Ok(content) => self.current = content,
            Err(error) => {
                let said = io::Error::other(error.to_string());
                self.failed = Some(error);
                return Err(said);
            }
        }
        Ok(true)
    }
}

impl Read for Contents {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A content has at least one byte.
        if self.at == self.current.len() && !self.next_part()? {
            return Ok(0);
        }
        let rest = self.current.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}

fn open_own<'p>(
    parts: impl Iterator<Item = &'p Part>,
    key: &PouchKey,
    fetch: &Fetch<'_>,
    turn: &SyncSender<Result<Vec<u8>, StreamError>>,
    buffers: &Receiver<Vec<u8>>,
) {
    let mut opener = match PartOpener::new(key) {
        Ok(opener) => opener,
        Err(error) => {
            // A receiver that is gone wants to hear nothing more.
            let _ = turn.send(Err(StreamError::SetUp(error)));
            return;
        }
    };
    let mut first = Some(Vec::new());
    for part in parts {
        let decrypted = fetch(part).map_err(StreamError::from).and_then(|bytes| Ok(opener.decrypt(part, &bytes)?));
        // Everything up to here is done while the content before is still on its way.
        let Some(mut content) = first.take().or_else(|| buffers.recv().ok()) else { return };
        let opened = decrypted.and_then(|()| Ok(opener.decompress(part, &mut content)?));
        let failed = opened.is_err();
        if turn.send(opened.map(|()| content)).is_err() || failed {
            return;
        }
    }
}
