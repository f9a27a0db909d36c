//! Workers: a block is read back, restored if need be, and checked against its hash.

use std::io;
use std::time::Instant;

use pouch_carry::resume::{BlockRecord, BlockState};
use pouch_carry::{Bitmap, Decoder, HASH};

use super::jobs::Job;
use super::open::Place;
use super::table::Shared;

/// What a worker keeps from block to block.
#[derive(Default)]
struct Worker {
    block: Vec<u8>,
    repair: Vec<u8>,
    decoder: Decoder,
}

/// Works until told to stop.
pub(crate) fn run(shared: &Shared) {
    let mut worker = Worker::default();
    while !shared.stopping() {
        let Some(job) = shared.next_job() else { continue };
        let found = worker.work(&job);
        let now = Instant::now();
        let mut guard = shared.lock();
        let table = &mut *guard;
        let Some(session) = table.sessions.iter_mut().find(|session| session.id == job.stream) else { continue };
        match found {
            Ok(found) => session.done(job, found, &mut table.pool),
            Err(error) => session.undone(job, &error, now),
        }
    }
}

impl Worker {
    /// Does a job; says how many symbols repair gave, or nothing if the block is not what its hash says.
    fn work(&mut self, job: &Job) -> io::Result<Option<u16>> {
        let block = &job.block;
        let record = match job.record {
            Some(record) => record,
            None => match job.store.record(block.number)? {
                Some(record) => record,
                None => return self.wrong(job),
            },
        };
        let size = usize::from(block.symbols) * job.symbol;
        self.block.resize(size, 0);
        let (payload, rest) = self.block.split_at_mut(block.payload.min(size));
        job.store.read(block, payload)?;
        rest.fill(0);
        if record.have.has(block.symbols - 1)
            && let Some(place) = rest.last_chunk_mut::<HASH>()
        {
            *place = record.hash.0;
        }
        let missing = block.symbols.saturating_sub(record.have.count());
        if missing > 0 && !self.restore(job, &record.have) {
            return self.wrong(job);
        }
        let Ok(hash) = pouch_carry::open(&self.block, &job.context, block.number) else { return self.wrong(job) };
        self.write(job, &record.have)?;
        if job.record.is_some() || record.state != BlockState::Complete {
            let mut have = Bitmap::default();
            (0..block.symbols).for_each(|index| {
                have.set(index);
            });
            job.store.put_record(block.number, Some(&BlockRecord { state: BlockState::Complete, have, hash }))?;
        }
        Ok(Some(missing))
    }

    fn wrong(&self, job: &Job) -> io::Result<Option<u16>> {
        job.store.put_record(job.block.number, None)?;
        Ok(None)
    }

    /// Restores the missing symbols; says whether that could be done.
    fn restore(&mut self, job: &Job, have: &Bitmap) -> bool {
        let symbol = job.symbol;
        let list = job.repairs.as_deref().map_or(&[][..], |repairs| &repairs.list);
        // The decoder writes where repair symbols wait.
        self.repair.clear();
        for (_, place) in list {
            let bytes = match place {
                Place::File(place) => {
                    let start = usize::from(*place) * symbol;
                    self.block.get(start..start + symbol)
                }
                Place::Memory(bytes) => Some(bytes.as_slice()),
            };
            self.repair.extend_from_slice(bytes.unwrap_or_default());
        }
        let repair: Vec<(u16, &[u8])> =
            list.iter().map(|(index, _)| *index).zip(self.repair.chunks_exact(symbol)).collect();
        self.decoder.decode(&mut self.block, symbol, have, &repair).is_ok()
    }

    /// Writes the symbols that were missing, those that lie together at once.
    fn write(&self, job: &Job, have: &Bitmap) -> io::Result<()> {
        let mut missing = have.missing(job.block.symbols).peekable();
        while let Some(first) = missing.next() {
            let mut end = first + 1;
            while missing.next_if_eq(&end).is_some() {
                end += 1;
            }
            let range = usize::from(first) * job.symbol..usize::from(end) * job.symbol;
            job.store.write(&job.block, job.symbol, first, self.block.get(range).unwrap_or_default())?;
        }
        Ok(())
    }
}
