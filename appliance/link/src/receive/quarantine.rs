//! The quarantine's directory.
//!
//! ```text
//! streams/<stream>/{announcement,stream.tar.part,blocks}   arrived/<pouch>-<stream>.tar   finished   status.json   metrics.prom   lock
//! ```

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use pouch_platform::{Dir, DirError};

use super::store::PART;
use crate::announcement::Stream;

/// What a receiver holds locked.
pub(crate) const LOCK: &str = "lock";
/// Directories of streams that are under way.
pub(crate) const STREAMS: &str = "streams";
/// Files that are whole.
pub(crate) const ARRIVED: &str = "arrived";
/// The streams that are finished, one a line.
const FINISHED: &str = "finished";
/// The announcement of a stream, as it came.
pub(crate) const ANNOUNCEMENT: &str = "announcement";
/// A file that is made and removed at once.
const TRIAL: &str = ".trial";
/// Finished streams that are remembered.
const REMEMBERED: usize = 16_384;
/// Bytes of a line of the log of finished streams.
const LINE: usize = 17;
/// Bytes of the log's end that are read.
const LOG: u64 = (2 * REMEMBERED * LINE) as u64;

/// The name of a stream's directory.
pub(crate) fn name(stream: u64) -> String {
    format!("{stream:016x}")
}

/// The name of a stream's file once it is whole.
pub(crate) fn file_name(stream: &Stream) -> String {
    format!("{}-{:016x}.tar", stream.pouch, stream.id())
}

/// Makes the directories beneath that are not there, and tries those that are: one that is not ours would only be noticed
/// when a pouch is whole.
pub(crate) fn prepare(root: &Dir) -> Result<(), DirError> {
    for name in [STREAMS, ARRIVED] {
        if !root.exists(name)? {
            root.create_dir(name)?;
        }
        let trial = format!("{name}/{TRIAL}");
        match root.open_or_create(&trial) {
            Ok(_) => root.remove_file(&trial)?,
            // Of a full disk it is told otherwise.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            Err(error) => return Err(error),
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

/// Makes a stream's announcement durable, and the names that lead to it: without them a power cut would leave bytes of no
/// stream.
pub(crate) fn anchor(root: &Dir, id: u64) -> io::Result<()> {
    let streams = root.subdir(STREAMS).map_err(io::Error::other)?;
    let dir = streams.subdir(name(id)).map_err(io::Error::other)?;
    dir.open_file(ANNOUNCEMENT).map_err(io::Error::other)?.sync_all()?;
    dir.sync().and_then(|()| streams.sync()).map_err(io::Error::other)
}

/// Gives a whole stream its name among those that arrived, durably. What has the name already came as this stream, too, and
/// is replaced.
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
    /// Reads the log, and writes it anew if it is long or was cut short: what is appended must begin a line.
    pub(crate) fn read(root: &Dir) -> Result<Self, io::Error> {
        let mut finished = Self::default();
        let mut file = root.open_append(FINISHED).map_err(io::Error::other)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG)))?;
        let mut bytes = Vec::new();
        io::Read::by_ref(&mut file).take(LOG).read_to_end(&mut bytes)?;
        // A line that is damaged costs its stream only.
        let text = String::from_utf8_lossy(&bytes);
        text.lines().filter_map(stream).for_each(|id| finished.remember(id));
        if length >= LOG || bytes.last().is_some_and(|last| *last != b'\n') {
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

/// Removes what is left of a stream that is finished.
pub(crate) fn forget(root: &Dir, id: u64) {
    if let Err(error) = remove(root, id) {
        tracing::warn!(stream = name(id), %error, "a finished stream's directory is left behind");
    }
}

/// The stream of this name.
pub(crate) fn stream(name: &str) -> Option<u64> {
    u64::from_str_radix(name, 16).ok().filter(|_| name.len() + 1 == LINE)
}

/// Removes a stream's directory.
pub(crate) fn remove(root: &Dir, id: u64) -> Result<(), DirError> {
    root.remove_tree(format!("{STREAMS}/{}", name(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(bytes: &[u8]) -> (tempfile::TempDir, Dir) {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(folder.path().join(FINISHED), bytes).unwrap();
        let root = Dir::open_private(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn a_damaged_log_costs_the_damaged_lines() {
        let whole = b"0000000000000001\n0000000000000002\n0000000000000003\n";
        for place in 0..whole.len() {
            for bit in [0x80, 0x01, 0x20] {
                let mut damaged = whole.to_vec();
                damaged[place] ^= bit;
                let (_folder, root) = log(&damaged);
                let finished = Finished::read(&root).unwrap();
                let known = (1..=3).filter(|id| finished.has(*id)).count();
                assert!(known >= 1, "{place} {bit}");
            }
            let (_folder, root) = log(&whole[..place]);
            Finished::read(&root).unwrap();
            log_finished(&root, 9).unwrap();
            let finished = Finished::read(&root).unwrap();
            assert!(finished.has(9) && finished.has(1) == (place >= LINE - 1), "{place}");
        }
    }

    #[test]
    fn of_a_long_log_the_end_counts() {
        let lines: Vec<String> = (0..100_000_u64).map(|id| format!("{id:016x}\n")).collect();
        let (folder, root) = log(lines.concat().as_bytes());
        let finished = Finished::read(&root).unwrap();
        assert!(finished.has(99_999) && finished.has(100_000 - REMEMBERED as u64) && !finished.has(1));
        assert_eq!(std::fs::metadata(folder.path().join(FINISHED)).unwrap().len(), (REMEMBERED * LINE) as u64);
    }
}
