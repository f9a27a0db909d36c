//! A block that is being collected.
//!
//! A block of K source symbols has K places in the file. A repair symbol waits at the place of a source symbol that is
//! missing, so that it costs no memory; when all K places are taken, by whichever symbols, the block can be restored.
//! Only the place of the hash, at the end, is not in the file: a repair symbol that finds no other place waits in memory.

use std::io;

use pouch_carry::resume::{BlockRecord, BlockState};
use pouch_carry::{Bitmap, Block, BlockHash, HASH, REPAIR_MOST};

use super::stage::{Pool, Stage};
use super::store::Store;

/// What is being done with an open block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Symbols are missing.
    Collecting,
    /// Enough symbols are there; a worker is going to take it.
    Ready,
    /// A worker has it.
    Working,
}

/// What became of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It was needed.
    New,
    /// It was needed, and no more are.
    Last,
    /// It was there, or enough others.
    Unneeded,
}

/// Where a repair symbol waits.
#[derive(Debug)]
pub(crate) enum Place {
    /// In the file, where this source symbol is missing.
    File(u16),
    /// Here.
    Memory(Vec<u8>),
}

/// Repair symbols that wait.
#[derive(Debug, Default)]
pub(crate) struct Repairs {
    /// Each with its index.
    pub(crate) list: Vec<(u16, Place)>,
    /// The places taken.
    filled: Bitmap,
    /// No place before this one is free.
    cursor: u16,
}

/// A block that is being collected.
#[derive(Debug)]
pub(crate) struct Open {
    /// Which.
    pub(crate) block: Block,
    /// Source symbols that are there, in the file or the stage.
    pub(crate) have: Bitmap,
    /// Different symbols, source and repair.
    pub(crate) count: u16,
    /// The last bytes of the last source symbol, if it is there.
    pub(crate) hash: BlockHash,
    pub(crate) repairs: Option<Box<Repairs>>,
    stage: Option<Stage>,
    pub(crate) doing: Doing,
    /// Whether it has changed since its record was written.
    pub(crate) dirty: bool,
    /// Which opening of a block this is.
    pub(crate) serial: u64,
    /// The time of the latest symbol, in ticks of the keeper.
    pub(crate) touched: u32,
}

/// The stream that a block is of, as far as collecting needs it.
pub(crate) struct Ground<'a> {
    pub(crate) store: &'a Store,
    pub(crate) pool: &'a mut Pool,
    /// Bytes of a symbol.
    pub(crate) symbol: usize,
    /// Symbols of a stage.
    pub(crate) group: u16,
}

impl Open {
    /// Opens a block of which `record` is known.
    pub(crate) fn new(block: Block, record: Option<&BlockRecord>, serial: u64) -> Self {
        let have = record.map(|record| record.have).unwrap_or_default();
        Self {
            block,
            have,
            count: have.count(),
            hash: record.map_or(BlockHash([0; HASH]), |record| record.hash),
            repairs: None,
            stage: None,
            doing: Doing::Collecting,
            dirty: false,
            serial,
            touched: 0,
        }
    }

    /// Takes a source symbol of the right size, below the block's number of them.
    pub(crate) fn source(&mut self, index: u16, bytes: &[u8], at: &mut Ground<'_>) -> io::Result<Taken> {
        if self.doing != Doing::Collecting || self.have.has(index) {
            return Ok(Taken::Unneeded);
        }
        if self.repairs.as_ref().is_some_and(|repairs| repairs.filled.has(index)) {
            self.move_repair(index, at)?;
        }
        self.stage_or_write(index, bytes, at)?;
        self.have.set(index);
        if index + 1 == self.block.symbols
            && let Some(hash) = bytes.last_chunk::<HASH>()
        {
            self.hash = BlockHash(*hash);
        }
        self.counted(at)
    }

    /// Takes a repair symbol of the right size.
    pub(crate) fn repair(&mut self, index: u16, bytes: &[u8], at: &mut Ground<'_>) -> io::Result<Taken> {
        let known = |repairs: &Repairs| repairs.list.iter().any(|(known, _)| *known == index);
        if self.doing != Doing::Collecting || self.repairs.as_deref().is_some_and(known) {
            return Ok(Taken::Unneeded);
        }
        let Some(place) = self.wait(bytes, at)? else { return Ok(Taken::Unneeded) };
        let repairs = self.repairs.get_or_insert_default();
        if repairs.list.len() < usize::from(REPAIR_MOST) {
            repairs.list.push((index, place));
        }
        self.counted(at)
    }

    fn counted(&mut self, at: &mut Ground<'_>) -> io::Result<Taken> {
        self.count += 1;
        self.dirty = true;
        if self.count < self.block.symbols {
            return Ok(Taken::New);
        }
        self.flush(at)?;
        self.doing = Doing::Ready;
        Ok(Taken::Last)
    }

    /// Finds a place for a repair symbol; none if only memory is left, and no memory is.
    fn wait(&mut self, bytes: &[u8], at: &mut Ground<'_>) -> io::Result<Option<Place>> {
        let have = &self.have;
        let repairs = self.repairs.get_or_insert_default();
        let free = (repairs.cursor..self.block.symbols).find(|place| !have.has(*place) && !repairs.filled.has(*place));
        repairs.cursor = free.unwrap_or(self.block.symbols);
        match free {
            Some(place) if (usize::from(place) + 1) * at.symbol <= self.block.payload => {
                at.store.write(&self.block, at.symbol, place, bytes)?;
                repairs.filled.set(place);
                repairs.cursor = place + 1;
                Ok(Some(Place::File(place)))
            }
            _ => Ok(at.pool.take(bytes.len()).map(|mut buffer| {
                buffer.copy_from_slice(bytes);
                Place::Memory(buffer)
            })),
        }
    }

    /// Moves the repair symbol that waits where a source symbol belongs; it is dropped if it finds no other place.
    fn move_repair(&mut self, index: u16, at: &mut Ground<'_>) -> io::Result<()> {
        let Some(repairs) = &mut self.repairs else { return Ok(()) };
        let waits = |(_, place): &(u16, Place)| matches!(place, Place::File(place) if *place == index);
        let Some(position) = repairs.list.iter().position(waits) else { return Ok(()) };
        let mut bytes = vec![0; at.symbol];
        at.store.read_symbol(&self.block, index, &mut bytes)?;
        let (repair, _) = repairs.list.swap_remove(position);
        // Not free: it is about to be taken.
        match self.wait(&bytes, at) {
            Ok(Some(place)) => {
                let repairs = self.repairs.get_or_insert_default();
                repairs.filled.clear(index);
                repairs.list.push((repair, place));
                Ok(())
            }
            other => {
                let repairs = self.repairs.get_or_insert_default();
                repairs.filled.clear(index);
                repairs.cursor = repairs.cursor.min(index);
                self.count -= 1;
                other.map(|_| ())
            }
        }
    }

    fn stage_or_write(&mut self, index: u16, bytes: &[u8], at: &mut Ground<'_>) -> io::Result<()> {
        let first = index - index % at.group;
        if self.stage.as_ref().is_some_and(|stage| !stage.is_empty() && stage.first() < first) {
            self.flush_kept(at)?;
        }
        let stage = match &mut self.stage {
            Some(stage) => stage,
            none => match at.pool.take(usize::from(at.group) * at.symbol) {
                Some(buffer) => none.insert(Stage::new(buffer, first)),
                None => return at.store.write(&self.block, at.symbol, index, bytes),
            },
        };
        if stage.is_empty() {
            stage.restart(first);
        }
        if stage.first() != first {
            // A late one of an earlier stage.
            return at.store.write(&self.block, at.symbol, index, bytes);
        }
        if stage.put(index, bytes, at.group.min(self.block.symbols - first)) {
            self.flush_kept(at)?;
        }
        Ok(())
    }

    /// Writes what is staged, and keeps the buffer.
    fn flush_kept(&mut self, at: &Ground<'_>) -> io::Result<()> {
        let Some(stage) = &mut self.stage else { return Ok(()) };
        let written = stage.write(at.store, &self.block, at.symbol);
        if written.is_err() {
            stage.forget(&mut self.have);
            let repairs = self.repairs.as_deref().map_or(0, |repairs| repairs.list.len());
            // At most 256.
            self.count = self.have.count() + u16::try_from(repairs).unwrap_or(REPAIR_MOST);
            if let Some(repairs) = &mut self.repairs {
                repairs.cursor = 0;
            }
        }
        stage.restart(0);
        written
    }

    /// Writes what is staged, and gives the buffer back.
    pub(crate) fn flush(&mut self, at: &mut Ground<'_>) -> io::Result<()> {
        let written = self.flush_kept(at);
        if let Some(stage) = self.stage.take() {
            at.pool.give(stage.into_bytes());
        }
        written
    }

    /// Whether symbols wait to be written.
    pub(crate) fn is_staged(&self) -> bool {
        self.stage.as_ref().is_some_and(|stage| !stage.is_empty())
    }

    /// Gives all memory back.
    pub(crate) fn close(self, pool: &mut Pool) {
        if let Some(stage) = self.stage {
            pool.give(stage.into_bytes());
        }
        give_repairs(self.repairs, pool);
    }

    /// What is in the file.
    pub(crate) fn record(&self) -> BlockRecord {
        let mut have = self.have;
        if let Some(stage) = &self.stage {
            stage.forget(&mut have);
        }
        BlockRecord { state: BlockState::Open, have, hash: self.hash }
    }
}

/// Gives the memory of repair symbols back.
pub(crate) fn give_repairs(repairs: Option<Box<Repairs>>, pool: &mut Pool) {
    for (_, place) in repairs.into_iter().flat_map(|repairs| repairs.list) {
        if let Place::Memory(buffer) = place {
            pool.give(buffer);
        }
    }
}
