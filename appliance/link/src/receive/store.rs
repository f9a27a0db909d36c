//! The files of a stream: its bytes at their places, and the records of its blocks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use pouch_carry::Block;
use pouch_carry::resume::BlockRecord;
use pouch_platform::Dir;

/// The stream's bytes, each at its place.
pub(crate) const PART: &str = "stream.tar.part";
/// The records of its blocks, each at its number.
pub(crate) const RECORDS: &str = "blocks";

/// Bytes of the records that are read at once.
const READ: usize = 512;

/// The open files of a stream. No call of it needs another to have ended.
#[derive(Debug)]
pub(crate) struct Store {
    part: File,
    records: File,
}

impl Store {
    /// Opens the files in a stream's directory, and creates them if they are not there.
    pub(crate) fn open(dir: &Dir) -> Result<Self, pouch_platform::DirError> {
        Ok(Self { part: dir.open_or_create(PART)?, records: dir.open_or_create(RECORDS)? })
    }

    /// Takes the room for `length` bytes and for the records of `blocks` blocks.
    pub(crate) fn reserve(&self, length: u64, blocks: u32) -> io::Result<()> {
        pouch_platform::allocate(&self.part, length)?;
        pouch_platform::allocate(&self.records, u64::from(blocks) * BlockRecord::BYTES as u64)
    }

    /// Bytes of the stream for which no room is taken yet.
    pub(crate) fn lacks(&self, length: u64) -> io::Result<u64> {
        let metadata = pouch_platform::file_metadata(&self.part)?;
        Ok(length.saturating_sub(metadata.blocks.saturating_mul(512)))
    }

    /// Writes symbols of `symbol` bytes, from `first` on, to their places; what is no payload has none.
    pub(crate) fn write(&self, block: &Block, symbol: usize, first: u16, bytes: &[u8]) -> io::Result<()> {
        let start = usize::from(first) * symbol;
        let room = block.payload.saturating_sub(start).min(bytes.len());
        let bytes = bytes.get(..room).unwrap_or_default();
        // `start` is at most 1024 * 8896.
        self.part.write_all_at(bytes, block.offset + start as u64)
    }

    /// Reads the symbol at a place that is payload to its end.
    pub(crate) fn read_symbol(&self, block: &Block, place: u16, symbol: &mut [u8]) -> io::Result<()> {
        let start = usize::from(place) * symbol.len();
        self.part.read_exact_at(symbol, block.offset + start as u64)
    }

    /// Reads a block's payload.
    pub(crate) fn read(&self, block: &Block, payload: &mut [u8]) -> io::Result<()> {
        self.part.read_exact_at(payload, block.offset)
    }

    /// Writes the record of a block; none, if nothing of it is kept.
    pub(crate) fn put_record(&self, number: u32, record: Option<&BlockRecord>) -> io::Result<()> {
        let bytes = record.map_or([0; BlockRecord::BYTES], BlockRecord::to_bytes);
        self.records.write_all_at(&bytes, u64::from(number) * BlockRecord::BYTES as u64)
    }

    /// The record of a block, if there is one that is whole.
    pub(crate) fn record(&self, number: u32) -> io::Result<Option<BlockRecord>> {
        let mut bytes = [0; BlockRecord::BYTES];
        match self.records.read_exact_at(&mut bytes, u64::from(number) * BlockRecord::BYTES as u64) {
            // A damaged record is as none.
            Ok(()) => Ok(BlockRecord::from_bytes(&bytes).ok().flatten()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Calls `each` with every whole record of the first `blocks` blocks.
    pub(crate) fn records(&self, blocks: u32, mut each: impl FnMut(u32, BlockRecord)) -> io::Result<()> {
        let mut bytes = vec![0; READ * BlockRecord::BYTES];
        for first in (0..blocks).step_by(READ) {
            let offset = u64::from(first) * BlockRecord::BYTES as u64;
            let filled = read_up_to(&self.records, &mut bytes, offset)?;
            let read = bytes.get(..filled).unwrap_or_default();
            for (number, bytes) in (first..blocks).zip(read.as_chunks::<{ BlockRecord::BYTES }>().0) {
                if let Ok(Some(record)) = BlockRecord::from_bytes(bytes) {
                    each(number, record);
                }
            }
        }
        Ok(())
    }

    /// Makes the bytes durable.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        self.part.sync_data()
    }

    /// Makes the records durable.
    pub(crate) fn sync_records(&self) -> io::Result<()> {
        self.records.sync_data()
    }

    /// Cuts the file to its exact length, and makes all of it durable.
    pub(crate) fn finish(&self, length: u64) -> io::Result<()> {
        self.part.set_len(length)?;
        self.part.sync_all()
    }
}

fn read_up_to(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
