//! The quarantine's directory.
//!
//! ```text
//! streams/<stream>/{announcement,stream.tar.part,blocks}   arrived/<pouch>-<stream>.tar   finished   status.json   metrics.prom   lock
//! ```

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read as _, Write as _};

use pouch_platform::{Dir, DirError};

use super::store::PART;
use crate::announcement::Stream;

/// Directories of streams that are under way.
pub(crate) const STREAMS: &str = "streams";
/// Files that are whole.
pub(crate) const ARRIVED: &str = "arrived";
/// The streams that are finished, one a line.
const FINISHED: &str = "finished";
/// The announcement of a stream, as it came.
pub(crate) const ANNOUNCEMENT: &str = "announcement";
/// Finished streams that are remembered.
const REMEMBERED: usize = 16_384;
/// Bytes of a line of the log of finished streams.
const LINE: usize = 17;

/// The name of a stream's directory.
pub(crate) fn name(stream: u64) -> String {
    format!("{stream:016x}")
}

/// The name of a stream's file once it is whole.
pub(crate) fn file_name(stream: &Stream) -> String {
    format!("{}-{:016x}.tar", stream.pouch, stream.id())
}

/// Makes the directories beneath that are not there.
pub(crate) fn prepare(root: &Dir) -> Result<(), DirError> {
    for name in [STREAMS, ARRIVED] {
        if !root.exists(name)? {
            root.create_dir(name)?;
        }
    }
    root.sync()
}

/// Bytes that the quarantine takes: whole files, and what is reserved for others.
pub(crate) fn used(root: &Dir) -> Result<u64, DirError> {
    let mut used = 0_u64;
    let arrived = root.subdir(ARRIVED)?;
    for entry in arrived.entries()? {
        // One that is taken away meanwhile takes nothing.
        used = used.saturating_add(arrived.metadata(entry?.name).map_or(0, |metadata| metadata.size));
    }
    let streams = root.subdir(STREAMS)?;
    for entry in streams.entries()? {
        let part = std::path::Path::new(&entry?.name).join(PART);
        used = used.saturating_add(streams.metadata(part).map_or(0, |metadata| metadata.size));
    }
    Ok(used)
}

/// Gives a whole stream its name among those that arrived, durably, and removes what is left of its directory.
pub(crate) fn publish(root: &Dir, stream: &Stream) -> Result<String, DirError> {
    let (directory, file) = (name(stream.id()), file_name(stream));
    let part = format!("{STREAMS}/{directory}/{PART}");
    root.rename(&part, format!("{ARRIVED}/{file}"))?;
    Ok(file)
}

/// The streams that are finished, as far back as is remembered.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Finished {
    /// Reads the log, and shortens it if it is long.
    pub(crate) fn read(root: &Dir) -> Result<Self, io::Error> {
        let mut finished = Self::default();
        let mut text = String::new();
        let mut file = root.open_append(FINISHED).map_err(io::Error::other)?;
        // Twice what is remembered, and the rest of it is read the next time.
        io::Read::by_ref(&mut file).take((4 * REMEMBERED * LINE) as u64).read_to_string(&mut text)?;
        for id in text.lines().filter_map(|line| u64::from_str_radix(line, 16).ok()) {
            finished.remember(id);
        }
        if text.len() > 2 * REMEMBERED * LINE {
            let kept: String = finished.order.iter().map(|id| format!("{id:016x}\n")).collect();
            root.replace_file(FINISHED, kept.as_bytes()).map_err(io::Error::other)?;
        }
        Ok(finished)
    }

    fn remember(&mut self, id: u64) {
        if self.known.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(crate) fn has(&self, id: u64) -> bool {
        self.known.contains(&id)
    }

    /// Remembers a stream that [`log_finished`] wrote down.
    pub(crate) fn add(&mut self, id: u64) {
        self.remember(id);
    }
}

/// Writes down, durably, that a stream is finished.
pub(crate) fn log_finished(root: &Dir, id: u64) -> io::Result<()> {
    let mut file = root.open_append(FINISHED).map_err(io::Error::other)?;
    writeln!(file, "{id:016x}")?;
    file.sync_all()
}

/// Removes a stream's directory.
pub(crate) fn remove(root: &Dir, id: u64) -> Result<(), DirError> {
    root.remove_tree(format!("{STREAMS}/{}", name(id)))
}
