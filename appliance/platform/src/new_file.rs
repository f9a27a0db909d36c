//! New files on their way to disk.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    os::unix::fs::FileExt,
};

use crate::file::{set_direct, sync_range_start};

/// Smallest file that goes around the page cache, in bytes.
const DIRECT: u64 = 4 << 20;

/// What is written at once around the page cache, in bytes.
const BLOCK: usize = 1 << 20;

/// Where direct I/O wants its memory, in bytes: the largest sector in use.
const ALIGN: usize = 4096;

/// Shortest run of zeros that becomes a hole, in bytes: a block of every usual file system.
const HOLE: usize = 4096;

/// Content in the cache that is pushed to disk at once, in bytes, so that little is left for the end.
const PUSH: u64 = 16 << 20;

/// A new file that is written once, from its start to its end; nothing in it is durable before `fsync`.
///
/// A large file goes around the page cache where the file system can do that: through the cache each byte costs a fresh
/// page and another copy, and a registry of terabytes would push out everything else. The rest of a file that does not
/// fill a block, small files, and file systems without direct I/O go through the cache. Long runs of zeros become holes.
///
/// [`NewFile::finish`] writes what is left; a file that is dropped before lacks its end.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    /// Bytes in the file, holes included.
    length: u64,
    /// The end of the file is a hole so far.
    hole: bool,
    /// Bytes that the cache was told to write.
    pushed: u64,
    /// What is not in the file yet; none if the file goes through the cache.
    block: Option<Block>,
}

impl NewFile {
    /// `size` is about what the file is going to have, in bytes.
    #[must_use]
    pub fn new(file: File, size: u64) -> Self {
        // A file system that cannot do it says so here or at the first write.
        let direct = size >= DIRECT && set_direct(&file, true).is_ok();
        Self { file, length: 0, hole: false, pushed: 0, block: direct.then(Block::new) }
    }

    /// Writes what is left, and gives the file back.
    ///
    /// # Errors
    /// What writing says.
    pub fn finish(mut self) -> io::Result<File> {
        if let Some(block) = self.block.take() {
            set_direct(&self.file, false)?;
            self.write_cached(block.filled())?;
        }
        if self.hole {
            self.file.set_len(self.length)?;
        }
        Ok(self.file)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(mut block) = self.block.take() else { return self.write_cached(bytes) };
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = block.fill_from(rest);
            if block.is_full() {
                match self.put(block.filled()) {
                    Err(error) if error.kind() == ErrorKind::InvalidInput => {
                        set_direct(&self.file, false)?;
                        self.write_cached(block.filled())?;
                        return self.write_cached(rest);
                    }
                    written => written?,
                }
                block.clear();
            }
        }
        self.block = Some(block);
        Ok(())
    }

    fn write_cached(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes)?;
        if self.length - self.pushed >= PUSH {
            sync_range_start(&self.file, self.pushed, self.length - self.pushed)?;
            self.pushed = self.length;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.hole = bytes.len() >= HOLE && is_zero(bytes);
        if !self.hole {
            self.file.write_all_at(bytes, self.length)?;
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    /// Does nothing: a block is written once it is full, and the last one by [`NewFile::finish`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A buffer of [`BLOCK`] bytes that begins where direct I/O wants it.
#[derive(Debug)]
struct Block {
    memory: Vec<u8>,
    start: usize,
    filled: usize,
}

impl Block {
    fn new() -> Self {
        let memory = vec![0; BLOCK + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN).min(ALIGN);
        Self { memory, start, filled: 0 }
    }

    /// Takes what there is room for, and gives back the rest.
    fn fill_from<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (taken, rest) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
        let from = self.start + self.filled;
        if let Some(room) = self.memory.get_mut(from..from + taken.len()) {
            room.copy_from_slice(taken);
        }
        self.filled += taken.len();
        rest
    }

    fn is_full(&self) -> bool {
        self.filled == BLOCK
    }

    fn filled(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.filled).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.filled = 0;
    }
}

/// Looks at 16 bytes at a time, and stops at the first that are not zero.
fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    /// Bytes with runs of zeros that begin and end anywhere.
    fn sample(length: usize) -> Vec<u8> {
        let noise = |n: usize| (n.wrapping_mul(0x9E37_79B9) >> 13).to_le_bytes()[0];
        (0..length).map(|n| if n % 5_000_000 > 1_500_000 { 0 } else { noise(n) }).collect()
    }

    fn written(mut content: NewFile, bytes: &[u8], step: usize) -> File {
        bytes.chunks(step).for_each(|chunk| content.write_all(chunk).unwrap());
        content.finish().unwrap()
    }

    fn assert_holds(file: &File, bytes: &[u8], what: &str) {
        assert_eq!(file.metadata().unwrap().len(), bytes.len() as u64, "{what}");
        let mut found = vec![1; bytes.len()];
        file.read_exact_at(&mut found, 0).unwrap();
        assert!(found == bytes, "{what}");
    }

    #[test]
    fn content_is_what_was_appended() {
        let large = usize::try_from(DIRECT).unwrap();
        for size in [0, 1, 4095, 4096, BLOCK, large - 1, large, large + 1, large + BLOCK, 3 * large + 4097] {
            for step in [700_001, 256 << 10, 3 * BLOCK] {
                let bytes = sample(size);
                let file = NewFile::new(tempfile::tempfile().unwrap(), size as u64);
                let file = written(file, &bytes, step);
                assert_holds(&file, &bytes, &format!("{size} bytes by {step}"));
            }
        }
    }

    #[test]
    fn zeros_at_the_end_take_no_space() {
        let mut bytes = sample(1_500_000);
        bytes.resize(64 << 20, 0);
        let file = written(NewFile::new(tempfile::tempfile().unwrap(), 64 << 20), &bytes, 256 << 10);
        assert_holds(&file, &bytes, "a hole");
        assert!(file.metadata().unwrap().blocks() * 512 <= 3 << 20);
    }

    #[test]
    fn what_cannot_go_around_the_cache_goes_through_it() {
        let bytes = sample(9_000_000);
        // Beside the sources, for a temporary folder may be one in memory.
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut content = NewFile::new(file, 9_000_000);
        // Memory that begins at an odd address: every file system refuses that, as some refuse everything.
        let block = content.block.as_mut().expect("a file system with direct I/O");
        block.start += 1;
        assert!(block.start + BLOCK <= block.memory.len());
        content.write_all(&bytes).unwrap();
        assert!(content.block.is_none());
        assert_holds(&content.finish().unwrap(), &bytes, "through the cache");
    }
}
