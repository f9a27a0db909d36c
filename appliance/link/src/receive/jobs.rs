//! The blocks of a stream that workers take, and what they find.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use pouch_carry::resume::BlockRecord;
use pouch_carry::{Block, Context};

use super::open::{Doing, Repairs, give_repairs};
use super::session::Session;
use super::stage::Pool;
use super::states::BlockState;
use super::store::Store;

/// A block for a worker.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) stream: u64,
    pub(crate) store: Arc<Store>,
    pub(crate) context: Context,
    pub(crate) block: Block,
    pub(crate) symbol: usize,
    /// What is known of it; none if that stands in its record.
    pub(crate) record: Option<BlockRecord>,
    pub(crate) repairs: Option<Box<Repairs>>,
}

impl Session {
    /// The block that became ready, for a worker.
    pub(crate) fn job(&mut self, number: u32) -> Option<Job> {
        if self.full.is_some() {
            // It stays ready, and is queued again when there is room.
            return None;
        }
        let (stream, context, symbol) = (self.id, self.context, self.symbol);
        let store = Arc::clone(&self.store);
        let open = self.open_mut(number).filter(|open| open.doing == Doing::Ready)?;
        open.doing = Doing::Working;
        let record = Some(open.record());
        Some(Job { stream, store, context, block: open.block, symbol, record, repairs: open.repairs.take() })
    }

    /// A block that is only recorded as complete, for a worker without other work.
    pub(crate) fn verification(&mut self) -> Option<Job> {
        if self.full.is_some() {
            return None;
        }
        let number = self.states.next_unverified(self.verify_from)?;
        self.verify_from = number + 1;
        let block = self.stream.layout.block(number)?;
        let store = Arc::clone(&self.store);
        let (stream, context, symbol) = (self.id, self.context, self.symbol);
        Some(Job { stream, store, context, block, symbol, record: None, repairs: None })
    }

    /// What a worker found: that a block is complete (and how many symbols repair gave), or that its hash is wrong.
    pub(crate) fn done(&mut self, job: Job, found: Option<u16>, pool: &mut Pool) {
        let number = job.block.number;
        give_repairs(job.repairs, pool);
        if self.take_working(number, pool) {
            self.jobs = self.jobs.saturating_sub(1);
        } else if self.states.get(number) != BlockState::Unverified {
            return;
        }
        match found {
            Some(repaired) => {
                self.states.set(number, BlockState::Complete);
                self.fresh += 1;
                self.counts.repaired += u64::from(repaired);
            }
            None => {
                self.states.set(number, BlockState::Absent);
                self.counts.flawed += 1;
            }
        }
    }

    fn take_working(&mut self, number: u32, pool: &mut Pool) -> bool {
        let slot = self.slot(number);
        let Some(place) = self.opens.get_mut(slot) else { return false };
        match place.take() {
            Some(open) if open.block.number == number && open.doing == Doing::Working => {
                open.close(pool);
                true
            }
            other => {
                *place = other;
                false
            }
        }
    }

    /// A worker could not do its work: the block is as before.
    pub(crate) fn undone(&mut self, job: Job, error: &io::Error, now: Instant) {
        self.disk_failed(error, now);
        let number = job.block.number;
        if let Some(open) = self.open_mut(number).filter(|open| open.doing == Doing::Working) {
            open.doing = Doing::Ready;
            open.repairs = job.repairs;
        } else {
            self.verify_from = self.verify_from.min(number);
        }
    }

    /// Blocks that are ready, e.g. to be queued again after a pause.
    pub(crate) fn ready(&self) -> impl Iterator<Item = u32> + '_ {
        self.opens.iter().flatten().filter(|open| open.doing == Doing::Ready).map(|open| open.block.number)
    }
}
