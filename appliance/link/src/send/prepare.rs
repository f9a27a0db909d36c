//! Blocks made ready ahead of their window: read, sealed, and their repair symbols made, by a few threads.
//!
//! What is kept of a block is its hash and the repair symbols of this round; its source symbols are read a second time
//! when they go. So memory does not grow with the stream, nor with the window's bytes.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use pouch_carry::{Block, CodeError, Context, Encoder, HASH, REPAIR_MOST, seal};

use super::plan::{Parcel, Plan};
use super::stream::{PouchStream, StreamError};
use crate::announcement::Stream;

/// A pouch on its way out.
#[derive(Debug)]
pub struct Outgoing {
    source: PouchStream,
    plan: Plan,
    stream: Stream,
    context: Context,
    id: u64,
}

impl Outgoing {
    /// A pouch, sent by a plan that was made for its length.
    #[must_use]
    pub fn new(source: PouchStream, plan: Plan) -> Self {
        let stream = Stream {
            pouch: source.pouch().clone(),
            manifest: source.manifest(),
            signatures: source.signatures(),
            layout: *plan.layout(),
        };
        let (context, id) = (stream.context(), stream.id());
        Self { source, plan, stream, context, id }
    }

    /// The pouch as it lies in its directory.
    #[must_use]
    pub const fn source(&self) -> &PouchStream {
        &self.source
    }

    /// What goes, and in which order.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What is announced.
    #[must_use]
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The stream's name on the wire.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Bytes of a symbol.
    pub(super) fn symbol(&self) -> usize {
        self.plan.layout().shape().symbol().into()
    }

    /// Bytes of a block from `from` on, sealed with its hash.
    pub(super) fn read(&self, block: &Block, hash: &[u8; HASH], from: usize, to: &mut [u8]) -> Result<(), StreamError> {
        let length = to.len();
        let content = block.payload.saturating_sub(from).min(length);
        let (bytes, rest) = to.split_at_mut_checked(content).unwrap_or_default();
        self.source.read_at(block.offset + from as u64, bytes)?;
        rest.fill(0);
        let start = (usize::from(block.symbols) * self.symbol()).saturating_sub(HASH);
        // Where the hash begins, seen from here; it never begins within the content.
        let (skip, at) = (from.saturating_sub(start), start.saturating_sub(from));
        let place = rest.iter_mut().skip(at.saturating_sub(content));
        if start < from + length {
            place.zip(hash.iter().skip(skip)).for_each(|(to, from)| *to = *from);
        }
        Ok(())
    }
}

/// Why a block is not ready.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The pouch cannot be read.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The block cannot be coded.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// What is to be made ready.
pub(super) struct Job {
    pub(super) outgoing: Arc<Outgoing>,
    pub(super) parcel: Parcel,
    /// The window and the place in it.
    pub(super) place: (u32, usize),
    /// Memory for the repair symbols, used again.
    pub(super) repair: Vec<u8>,
    pub(super) reply: Sender<Ready>,
}

/// A block that is ready.
pub(super) struct Ready {
    pub(super) place: (u32, usize),
    /// Its hash and its repair symbols.
    pub(super) made: Result<([u8; HASH], Vec<u8>), PrepareError>,
}

/// The threads that make blocks ready. Dropping it ends them, after the block that each is at.
pub struct Pool {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// One thread for each processor but one, at least one.
    ///
    /// # Errors
    /// What the system says to a new thread.
    pub fn new() -> std::io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::new();
        for _ in 0..processors.saturating_sub(1).max(1) {
            let queue = Arc::clone(&queue);
            threads.push(std::thread::Builder::new().name("prepare".to_owned()).spawn(move || work(&queue))?);
        }
        Ok(Self { jobs: Some(jobs), threads })
    }

    /// Takes a job; its answer comes by its channel.
    pub(super) fn push(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The threads outlive the sender.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // One that panicked has answered nothing; its session says so.
            let _ = thread.join();
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    let (mut encoder, mut block) = (Encoder::default(), Vec::new());
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { outgoing, parcel, place, mut repair, reply }) = job else { return };
        let made = prepare(&outgoing, &parcel, &mut encoder, &mut block, &mut repair).map(|hash| (hash, repair));
        // Nobody waits for it any more when its session has ended.
        let _ = reply.send(Ready { place, made });
    }
}

fn prepare(
    outgoing: &Outgoing,
    parcel: &Parcel,
    encoder: &mut Encoder,
    bytes: &mut Vec<u8>,
    repair: &mut Vec<u8>,
) -> Result<[u8; HASH], PrepareError> {
    let (block, symbol) = (&parcel.block, outgoing.symbol());
    bytes.resize(usize::from(block.symbols) * symbol, 0);
    if let Some(payload) = bytes.get_mut(..block.payload) {
        outgoing.source.read_at(block.offset, payload)?;
    }
    seal(bytes, block.payload, &outgoing.context, block.number);
    repair.resize(usize::from(parcel.repair) * symbol, 0);
    // Repair symbols are counted in a circle.
    let before_end = usize::from(parcel.repair.min(REPAIR_MOST - parcel.first)) * symbol;
    let (first, wrapped) = repair.split_at_mut_checked(before_end).unwrap_or_default();
    if !first.is_empty() {
        encoder.encode(bytes, symbol, parcel.first, first)?;
    }
    if !wrapped.is_empty() {
        encoder.encode(bytes, symbol, 0, wrapped)?;
    }
    Ok(bytes.last_chunk().copied().unwrap_or_default())
}
