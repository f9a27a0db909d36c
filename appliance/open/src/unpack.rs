//! From sealed parts to a tree of files that is durable, complete and what was signed - or to a refusal.
//!
//! ```text
//!   vault -> part openers (OpenPGP, zstd) ==pipe==> walker (tar) ==pipe, messages==> writer of the tree
//!                                                                                      | in step with
//!                                                    index opener (OpenPGP, zstd) ----'
//! ```
//!
//! Openers, walker and writer share nothing but the two pipes, so that each can become a process of its own. Nothing is
//! published here: the caller removes the tree on any error, and renames it into place only after success.

use std::io::{self, BufReader, PipeReader, PipeWriter, Write};

use pouch_archive::{Budget, FrameWriter, Mode, ReceiveError, TreeError, TreeWriter, WalkError, receive, walk};
use pouch_format::{Declaration, Manifest, Rule, Totals};
use pouch_platform::{Dir, set_pipe_size};

use crate::index::{IndexFault, IndexFollower};
use crate::key::PouchKey;
use crate::ordered::{Fetch, StreamError, open_in_order};

/// Bytes of each pipe: fewer switches between its two ends. A smaller pipe does as well.
const PIPE_BYTES: usize = 1 << 20;
/// Bytes of messages read at once.
const HEADS_BYTES: usize = 64 << 10;

/// A tree that is complete, durable and what was signed.
#[derive(Debug)]
pub struct Unpacked {
    /// Entries and bytes.
    pub totals: Totals,
    /// What the source said of itself.
    pub declaration: Declaration,
}

/// Why a pouch is not unpacked. What was written is of no use and for the caller to remove.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A part of the archive cannot be had or is refused.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The index, or what it says of the archive.
    #[error(transparent)]
    Index(#[from] IndexFault),
    /// The walker refuses the archive.
    #[error("the archive is refused at byte {offset}: {text}")]
    Archive {
        /// By which rule.
        rule: Rule,
        /// Where, in bytes.
        offset: u64,
        /// Why.
        text: String,
    },
    /// The tree cannot be written.
    #[error("{0}")]
    Tree(#[source] TreeError<IndexFault>),
    /// A pipe failed, or what came through it makes no sense: our bug.
    #[error("the walker is broken: {reason}")]
    Walker {
        /// What is wrong with it.
        reason: String,
    },
}

impl UnpackError {
    /// The rule that refuses, if it is one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            UnpackError::Stream(StreamError::Part(error)) => Some(error.rule()),
            UnpackError::Index(error) => error.rule(),
            UnpackError::Archive { rule, .. } => Some(*rule),
            UnpackError::Tree(error) => error.rule(),
            UnpackError::Stream(_) | UnpackError::Walker { .. } => None,
        }
    }
}

/// Unpacks the pouch of `manifest` into the empty private directory `into`.
///
/// `fetch` gives sealed parts, `written` is told of bytes of content as they are written.
///
/// # Errors
/// [`UnpackError`]; then the tree in `into` is incomplete and must be removed.
pub fn unpack(
    manifest: &Manifest,
    key: &PouchKey,
    fetch: &Fetch<'_>,
    into: Dir,
    written: &dyn Fn(u64),
) -> Result<Unpacked, UnpackError> {
    let mut index = IndexFollower::new(manifest, key, fetch)?;
    let budget = Budget::exactly(manifest.totals);
    let broken = |error: io::Error| UnpackError::Walker { reason: error.to_string() };
    let (archive_reader, archive_writer) = pipe().map_err(broken)?;
    let (message_reader, message_writer) = pipe().map_err(broken)?;

    let on_entry = |entry: &pouch_archive::EntryReport<'_>| {
        if let pouch_archive::EntryKind::File { size, .. } = entry.kind {
            written(size);
        }
        index.entry(entry)
    };
    let mut tree = TreeWriter::new(into, budget, on_entry).map_err(UnpackError::Tree)?;
    std::thread::scope(|scope| {
        let opener = scope.spawn(move || open_archive(manifest, key, fetch, archive_writer));
        let walker = scope.spawn(move || walk_archive(archive_reader, budget, message_writer));
        // Heads of messages are collected, contents are larger than the buffer and pass it by.
        let received = receive(BufReader::with_capacity(HEADS_BYTES, message_reader), &mut tree);
        // Whoever failed first made the others fail: look in the order of the data's way. An opener that could not
        // deliver only felt that the walker had stopped.
        match join(opener) {
            Ok(()) | Err(StreamError::Delivery(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let walked = join(walker);
        received.map_err(unpack_error)?;
        walked.map_err(broken)
    })?;
    let totals = tree.commit().map_err(UnpackError::Tree)?;
    let declaration = index.finish()?;
    Ok(Unpacked { totals, declaration })
}

fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    // An unprivileged user may have no more room for pipes; the default size is only slower.
    if let Err(error) = set_pipe_size(&writer, PIPE_BYTES) {
        tracing::debug!(%error, "pipe keeps its default size");
    }
    Ok((reader, writer))
}

/// A thread that panicked is our bug: pass the panic on, do not hide it.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// OpenPGP and zstd: sealed parts in, archive out.
fn open_archive(
    manifest: &Manifest,
    key: &PouchKey,
    fetch: &Fetch<'_>,
    mut archive: PipeWriter,
) -> Result<(), StreamError> {
    open_in_order(&manifest.segments, key, fetch, |content| archive.write_all(content))
}

/// tar: archive in, messages out. Holds no key and touches no file.
fn walk_archive(archive: PipeReader, budget: Budget, messages: PipeWriter) -> io::Result<()> {
    let mut messages = FrameWriter::new(messages);
    match walk(archive, Mode::Canonical, budget, &mut messages) {
        Ok(_) => Ok(()),
        Err(WalkError::Refused(refusal)) => messages.refused(&refusal),
        Err(WalkError::Read(error) | WalkError::Sink(error)) => Err(error),
    }
}

fn unpack_error(error: ReceiveError<TreeError<IndexFault>>) -> UnpackError {
    match error {
        ReceiveError::Refused { rule, offset, text } => UnpackError::Archive { rule, offset, text },
        ReceiveError::Sink(TreeError::Report(fault)) => UnpackError::Index(fault),
        ReceiveError::Sink(error) => UnpackError::Tree(error),
        ReceiveError::Frame(error) => UnpackError::Walker { reason: error.to_string() },
    }
}
