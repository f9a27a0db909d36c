//! Opens the parts of a stream on several cores and delivers their contents in order, in bounded memory.
//!
//! Worker `w` of `n` opens parts `w`, `w + n`, ... and hands each over only when its turn comes. It has one buffer for
//! contents, which comes back to it.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use pouch_format::Part;
use pouch_vault::VaultError;

use crate::key::PouchKey;
use crate::segment::{PartError, PartOpener};

/// Where sealed parts come from: it fills the buffer with the bytes of a part.
pub type Fetch<'a> = dyn Fn(&Part, &mut Vec<u8>) -> Result<(), VaultError> + Sync + 'a;

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
    /// Whoever takes the contents takes no more.
    #[error("the contents are not taken: {0}")]
    Delivery(io::Error),
}

/// Contents of this size or less are opened on several cores; larger ones one at a time, to keep within 256 MiB.
const PARALLEL_BYTES: u64 = 32 << 20;
/// More workers would not get their contents out faster than one reader of an archive takes them.
const WORKERS: usize = 2;

/// Opens `parts` in order and calls `deliver` with the content of each.
pub(crate) fn open_in_order(
    parts: &[Part],
    key: &PouchKey,
    fetch: &Fetch<'_>,
    mut deliver: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), StreamError> {
    let largest = parts.iter().map(|part| part.content).max().unwrap_or(0);
    let workers = if largest > PARALLEL_BYTES { 1 } else { WORKERS.min(parts.len()).max(1) };
    std::thread::scope(|scope| {
        let turns: Vec<Turn> = (0..workers)
            .map(|first| {
                let (sender, contents) = sync_channel(0);
                let (back, buffers) = sync_channel(1);
                let own = parts.iter().skip(first).step_by(workers);
                scope.spawn(move || open_own(own, key, fetch, &sender, &buffers));
                Turn { contents, back }
            })
            .collect();
        // Leaving this loop early drops the channels, which ends the workers.
        for turn in turns.iter().cycle().take(parts.len()) {
            let Ok(content) = turn.contents.recv() else { break };
            let content = content?;
            deliver(&content).map_err(StreamError::Delivery)?;
            // A worker that is through with its parts wants no buffer back.
            let _ = turn.back.send(content);
        }
        Ok(())
    })
}

/// What a worker hands over, and its buffer on the way back: fresh memory for each content would cost a fifth of it all.
struct Turn {
    contents: Receiver<Result<Vec<u8>, StreamError>>,
    back: SyncSender<Vec<u8>>,
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
        let decrypted = opener.fetch(part, fetch);
        // Everything up to here is done while the content before is still on its way.
        let Some(mut content) = first.take().or_else(|| buffers.recv().ok()) else { return };
        let opened = decrypted.and_then(|()| Ok(opener.decompress(part, &mut content)?));
        let failed = opened.is_err();
        if turn.send(opened.map(|()| content)).is_err() || failed {
            return;
        }
    }
}
