//! Seals contents into parts on all cores, in bounded memory, while the snapshot is still being read.
//!
//! ```text
//!   capture -> [ buffer ] -> worker: zstd frame -> OpenPGP message -> SHA-256 -> file -> syncer: fsync
//!                  ^              |
//!                  '--- reused ---'
//! ```
//!
//! There is one content buffer for each worker and one for each stream that is being filled; whoever fills waits until
//! one is free.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use openssl::sha::Sha256;
use pouch_format::{Part, Sha256Digest, index_file, limits, segment_file};
use pouch_platform::{Dir, DirError, NewFile};
use zstd::bulk::Compressor;
use zstd::zstd_safe::{self, CParameter};

use crate::envelope::{Envelope, EnvelopeError};

/// Buffers that are being filled: one for the archive, one for the index.
const FILLING: usize = 2;

/// Which of the two streams of a pouch a part belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// The canonical tar.
    Archive,
    /// The index.
    Index,
}

/// How parts are made.
#[derive(Clone, Copy, Debug)]
pub struct PartOptions {
    /// zstd level, 1 to 19.
    pub level: i32,
    /// Content of a part, in bytes; at most [`limits::PART_CONTENT_BYTES`].
    pub part_bytes: usize,
    /// Threads that compress and encrypt.
    pub workers: usize,
}

impl Default for PartOptions {
    fn default() -> Self {
        // More threads than 8 would take more than 600 MiB and outrun any disk.
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        Self { level: 3, part_bytes: 32 << 20, workers }
    }
}

/// Why a part could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    /// A file of the staged pouch cannot be created.
    #[error(transparent)]
    Create(#[from] DirError),
    /// A file of the staged pouch cannot be written or synced.
    #[error("writing {part}: {source}")]
    Write {
        /// The part's file.
        part: String,
        /// What the system says.
        source: io::Error,
    },
    /// The compressor refuses.
    #[error("compressing {part}: {reason}")]
    Compress {
        /// The part's file.
        part: String,
        /// What the library says.
        reason: String,
    },
    /// The message around the frame could not be made.
    #[error("sealing {part}: {source}")]
    Envelope {
        /// The part's file.
        part: String,
        /// Why.
        source: EnvelopeError,
    },
    /// The snapshot needs more parts than a pouch may have.
    #[error("the snapshot needs more than {limit} parts; raise `part_size`")]
    TooMany {
        /// Parts allowed.
        limit: usize,
    },
}

/// The sealed parts of a pouch, in their order.
#[derive(Debug, Default)]
pub(crate) struct SealedParts {
    pub(crate) segments: Vec<Part>,
    pub(crate) index: Vec<Part>,
}

struct Job {
    stream: Stream,
    place: usize,
    content: Vec<u8>,
    filled: usize,
}

/// Takes contents in; handed to the one who produces them.
pub(crate) struct Feed<'a> {
    jobs: &'a SyncSender<Job>,
    spare: &'a Receiver<Vec<u8>>,
    part_bytes: usize,
}

/// The workers have stopped, because one of them failed; its error is the one to report.
#[derive(Debug, thiserror::Error)]
#[error("sealing stopped")]
pub(crate) struct Stopped;

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> Self {
        io::Error::new(io::ErrorKind::BrokenPipe, stopped)
    }
}

/// Runs `produce`, which writes both streams into the feed, and seals what it writes into `dir`.
///
/// The outer result is about sealing, the inner one is what `produce` returns; when both fail, sealing was first.
pub(crate) fn seal_parts<R>(
    envelope: &Envelope,
    dir: &Dir,
    options: PartOptions,
    produce: impl FnOnce(&Feed<'_>) -> R,
) -> Result<(R, SealedParts), PartsError> {
    let (job_sender, job_receiver) = sync_channel::<Job>(0);
    let (spare_sender, spare_receiver) = channel::<Vec<u8>>();
    let (file_sender, file_receiver) = sync_channel::<(String, std::fs::File)>(8);
    for _ in 0..options.workers + FILLING {
        // Buffers are allocated when first used: a small registry costs little.
        let _ = spare_sender.send(Vec::new());
    }
    let workers: Vec<_> = (0..options.workers)
        .map(|_| Worker::new(envelope, dir, options, file_sender.clone()))
        .collect::<Result<_, _>>()?;
    let job_receiver = Mutex::new(Some(job_receiver));
    std::thread::scope(|scope| {
        let workers: Vec<_> = workers
            .into_iter()
            .map(|worker| {
                let (jobs, spare) = (&job_receiver, spare_sender.clone());
                scope.spawn(move || worker.run(jobs, &spare))
            })
            .collect();
        drop((spare_sender, file_sender));
        let syncer = scope.spawn(move || sync_files(&file_receiver));

        let feed = Feed { jobs: &job_sender, spare: &spare_receiver, part_bytes: options.part_bytes };
        let produced = produce(&feed);
        drop(job_sender);

        let mut parts = Vec::new();
        for worker in workers {
            parts.extend(join(worker)?);
        }
        join(syncer)?;
        Ok((produced, in_order(parts)))
    })
}

/// A thread that panicked is our bug: pass the panic on, do not hide it.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn in_order(mut parts: Vec<(Stream, usize, Part)>) -> SealedParts {
    parts.sort_by_key(|(_, place, _)| *place);
    let mut sealed = SealedParts::default();
    for (stream, _, part) in parts {
        match stream {
            Stream::Archive => sealed.segments.push(part),
            Stream::Index => sealed.index.push(part),
        }
    }
    sealed
}

/// Makes files durable while the workers go on.
fn sync_files(files: &Receiver<(String, std::fs::File)>) -> Result<(), PartsError> {
    for (part, file) in files {
        file.sync_all().map_err(|source| PartsError::Write { part, source })?;
    }
    Ok(())
}

/// One thread with its compressor and buffers.
struct Worker<'a> {
    envelope: &'a Envelope,
    dir: &'a Dir,
    files: SyncSender<(String, std::fs::File)>,
    compressor: Compressor<'static>,
    frame: Vec<u8>,
}

impl<'a> Worker<'a> {
    fn new(
        envelope: &'a Envelope,
        dir: &'a Dir,
        options: PartOptions,
        files: SyncSender<(String, std::fs::File)>,
    ) -> Result<Self, PartsError> {
        let set_up = || -> io::Result<Compressor<'static>> {
            let mut compressor = Compressor::new(options.level)?;
            compressor.set_parameter(CParameter::ChecksumFlag(true))?;
            compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
            Ok(compressor)
        };
        let compressor =
            set_up().map_err(|e| PartsError::Compress { part: "the first part".to_owned(), reason: e.to_string() })?;
        Ok(Self { envelope, dir, files, compressor, frame: Vec::new() })
    }

    fn run(
        mut self,
        jobs: &Mutex<Option<Receiver<Job>>>,
        spare: &Sender<Vec<u8>>,
    ) -> Result<Vec<(Stream, usize, Part)>, PartsError> {
        let mut parts = Vec::new();
        while let Some(job) = next_job(jobs) {
            match self.seal(&job) {
                Ok(part) => parts.push((job.stream, job.place, part)),
                Err(error) => {
                    // Dropping the receiver tells the producer to stop at its next part.
                    jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                    return Err(error);
                }
            }
            // Nobody waits for buffers any more once the snapshot is read.
            let _ = spare.send(job.content);
        }
        Ok(parts)
    }

    fn seal(&mut self, job: &Job) -> Result<Part, PartsError> {
        if job.place >= limits::PARTS {
            return Err(PartsError::TooMany { limit: limits::PARTS });
        }
        let name = match job.stream {
            Stream::Archive => segment_file(job.place),
            Stream::Index => index_file(job.place),
        };
        let content = job.content.get(..job.filled).unwrap_or_default();
        self.frame.clear();
        self.frame.reserve(zstd_safe::compress_bound(content.len()));
        self.compressor
            .compress_to_buffer(content, &mut self.frame)
            .map_err(|e| PartsError::Compress { part: name.clone(), reason: e.to_string() })?;

        let write = |source| PartsError::Write { part: name.clone(), source };
        let file = self.dir.create_new(&name)?;
        let mut out =
            HashingWriter { file: NewFile::new(file, self.frame.len() as u64), sha256: Sha256::new(), size: 0 };
        self.envelope.seal(&self.frame, &mut out).map_err(|error| match error {
            EnvelopeError::Write(source) => write(source),
            source => PartsError::Envelope { part: name.clone(), source },
        })?;
        let HashingWriter { file, sha256, size } = out;
        let file = file.finish().map_err(write)?;
        let part = Part {
            name: name.clone(),
            size,
            sha256: Sha256Digest(sha256.finish()),
            frame: self.frame.len() as u64,
            content: content.len() as u64,
        };
        // The syncer only goes away by failing, and then its error is reported.
        let _ = self.files.send((name, file));
        Ok(part)
    }
}

fn next_job(jobs: &Mutex<Option<Receiver<Job>>>) -> Option<Job> {
    let receiver = jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    receiver.as_ref()?.recv().ok()
}

/// Counts and hashes what goes into a file.
struct HashingWriter {
    file: NewFile,
    sha256: Sha256,
    size: u64,
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.file.write(bytes)?;
        self.sha256.update(bytes.get(..done).unwrap_or_default());
        self.size += done as u64;
        Ok(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Cuts one stream into contents of parts.
pub(crate) struct PartWriter<'a> {
    feed: &'a Feed<'a>,
    stream: Stream,
    place: usize,
    buffer: Vec<u8>,
    filled: usize,
}

impl<'a> PartWriter<'a> {
    pub(crate) fn new(feed: &'a Feed<'a>, stream: Stream) -> Self {
        Self { feed, stream, place: 0, buffer: Vec::new(), filled: 0 }
    }

    /// The free rest of the current part, never empty, to be filled by a read without a copy between.
    pub(crate) fn space(&mut self) -> Result<&mut [u8], Stopped> {
        if self.filled == self.feed.part_bytes {
            self.send()?;
        }
        if self.buffer.is_empty() {
            self.buffer = self.empty_buffer()?;
        }
        Ok(self.buffer.get_mut(self.filled..).unwrap_or_default())
    }

    /// Says that `count` bytes of [`Self::space`] are filled.
    pub(crate) fn filled(&mut self, count: usize) {
        self.filled = self.filled.saturating_add(count).min(self.buffer.len());
    }

    /// Sends what is left and says how many parts there are.
    pub(crate) fn finish(mut self) -> Result<usize, Stopped> {
        if self.filled > 0 || self.place == 0 {
            self.send()?;
        }
        Ok(self.place)
    }

    fn send(&mut self) -> Result<(), Stopped> {
        let content = std::mem::take(&mut self.buffer);
        let job = Job { stream: self.stream, place: self.place, content, filled: self.filled };
        self.feed.jobs.send(job).map_err(|_| Stopped)?;
        self.place += 1;
        self.filled = 0;
        Ok(())
    }

    fn empty_buffer(&self) -> Result<Vec<u8>, Stopped> {
        let mut buffer = self.feed.spare.recv().map_err(|_| Stopped)?;
        buffer.resize(self.feed.part_bytes, 0);
        Ok(buffer)
    }
}

impl Write for PartWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let space = self.space()?;
        let count = space.len().min(bytes.len());
        if let (Some(to), Some(from)) = (space.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        self.filled(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
