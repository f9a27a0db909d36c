//! Bytes of an archive with their place in it.

use std::io::{self, ErrorKind, Read};

use super::Stop;
use crate::{Fault, Refusal, frame::DATA_BYTES, header::BLOCK};

/// Most that is read beyond what is asked for, in bytes.
const AHEAD: usize = 64 << 10;

/// A reader with a buffer, from which content is lent rather than copied.
pub(super) struct Source<R> {
    reader: R,
    buffer: Box<[u8]>,
    /// What of the buffer is read and not yet used.
    start: usize,
    end: usize,
    /// Bytes used since the start of the archive.
    offset: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: vec![0; DATA_BYTES].into(), start: 0, end: 0, offset: 0 }
    }

    /// Where the next byte lies.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next block, or none if the archive ends right here.
    pub(super) fn block(&mut self, place: &'static str) -> Result<Option<[u8; BLOCK]>, Stop> {
        while self.end - self.start < BLOCK {
            if self.fill(AHEAD)? == 0 {
                break;
            }
        }
        let offset = self.offset;
        let bytes = self.take(BLOCK);
        match bytes.first_chunk() {
            Some(block) => Ok(Some(*block)),
            None if bytes.is_empty() => Ok(None),
            None => {
                let (found, wanted) = (bytes.len() as u64, BLOCK as u64);
                Err(Refusal { offset, fault: Fault::Truncated { place, found, wanted } }.into())
            }
        }
    }

    /// Some of the next `left` bytes, at least one, of `whole` bytes of something.
    pub(super) fn chunk(&mut self, left: u64, whole: u64, place: &'static str) -> Result<&[u8], Stop> {
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        if self.start == self.end && self.fill(most.saturating_add(AHEAD))? == 0 {
            let found = whole - left;
            let fault = Fault::Truncated { place, found, wanted: whole };
            return Err(Refusal { offset: self.offset - found, fault }.into());
        }
        Ok(self.take(most))
    }

    /// Some of what is left, or nothing if that is the end.
    pub(super) fn rest(&mut self) -> Result<&[u8], Stop> {
        if self.start == self.end {
            self.fill(AHEAD)?;
        }
        Ok(self.take(usize::MAX))
    }

    /// Uses up to `most` bytes of the buffer.
    fn take(&mut self, most: usize) -> &[u8] {
        let from = self.start;
        self.start += most.min(self.end - self.start);
        self.offset += (self.start - from) as u64;
        self.buffer.get(from..self.start).unwrap_or_default()
    }

    /// Reads once, behind what is in the buffer; 0 at the end of the archive.
    fn fill(&mut self, most: usize) -> io::Result<usize> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let until = self.end.saturating_add(most).min(self.buffer.len());
        let room = self.buffer.get_mut(self.end..until).unwrap_or_default();
        let got = loop {
            match self.reader.read(room) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += got;
        Ok(got)
    }
}
