//! Messages written.

use std::io::{self, BufWriter, Write};

use pouch_format::{EntryPath, Totals};

use super::{DATA_BYTES, Kind, TEXT_BYTES};
use crate::{Refusal, Sink};

/// Small messages are collected to this many bytes.
const BUFFER: usize = 64 << 10;

/// A sink that writes messages.
#[derive(Debug)]
pub struct FrameWriter<W: Write> {
    inner: BufWriter<W>,
}

impl<W: Write> FrameWriter<W> {
    /// Messages go to `inner`, by way of a buffer of 64 KiB, which [`Sink::end`] and [`FrameWriter::refused`] flush.
    pub fn new(inner: W) -> Self {
        Self { inner: BufWriter::with_capacity(BUFFER, inner) }
    }

    /// Says that the archive is refused; the last message.
    ///
    /// # Errors
    /// What `inner` says.
    pub fn refused(&mut self, refusal: &Refusal) -> io::Result<()> {
        let rule = refusal.rule().id();
        let text = refusal.fault.to_string();
        let text = text.get(..text.floor_char_boundary(TEXT_BYTES)).unwrap_or_default();
        let length = u8::try_from(rule.len()).map_err(io::Error::other)?;
        let parts = [&refusal.offset.to_le_bytes(), &[length][..], rule.as_bytes(), text.as_bytes()];
        self.message(Kind::Refused, &parts)?;
        self.inner.flush()
    }

    fn message(&mut self, kind: Kind, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).map_err(io::Error::other)?;
        self.inner.write_all(&[kind as u8])?;
        self.inner.write_all(&length.to_le_bytes())?;
        parts.iter().try_for_each(|part| self.inner.write_all(part))
    }
}

impl<W: Write> Sink for FrameWriter<W> {
    type Error = io::Error;

    fn directory(&mut self, path: &EntryPath, mtime: i64) -> io::Result<()> {
        self.message(Kind::Directory, &[&mtime.to_le_bytes(), path.as_bytes()])
    }

    fn file(&mut self, path: &EntryPath, size: u64, mtime: i64, offset: u64) -> io::Result<()> {
        let numbers = [size.to_le_bytes(), mtime.to_le_bytes(), offset.to_le_bytes()];
        self.message(Kind::File, &[numbers.as_flattened(), path.as_bytes()])
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(DATA_BYTES).try_for_each(|chunk| self.message(Kind::Data, &[chunk]))
    }

    fn end_file(&mut self) -> io::Result<()> {
        self.message(Kind::EndFile, &[])
    }

    fn end(&mut self, totals: Totals) -> io::Result<()> {
        self.message(Kind::End, &[&totals.entries.to_le_bytes(), &totals.bytes.to_le_bytes()])?;
        self.inner.flush()
    }
}
