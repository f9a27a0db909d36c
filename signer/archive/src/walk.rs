//! The strict walker: reads an archive that anybody may have made, and refuses whatever two readers could take for two
//! things.
//!
//! ```text
//! reader --Source: blocks, chunks--> Walker --Head: parsed header--> checks --> Sink
//!                                      pax: records
//! ```
//!
//! It holds one buffer of 256 KiB, one pax header of at most 64 KiB and 16 to 32 bytes a name, and hands the content of
//! files on from the buffer it was read into.

mod head;
mod pax;
mod source;
#[cfg(test)]
mod tests;

use std::io::{self, Read};

use pouch_format::{EntryPath, Totals, UniqueNames, limits};

use crate::{
    EntryHead, Fault, Refusal, Sink,
    header::{BLOCK, padding, write_head},
};
use head::{Class, Head};
use pax::Pax;
use source::Source;

/// Zero blocks beyond the end that [`Mode::Strict`] accepts: what a writer of 10240-byte records adds at most.
const RECORD_PADDING: u64 = 19 * BLOCK as u64;

/// Largest pax header, in bytes.
const PAX_BYTES: u64 = 64 << 10;

/// How much an archive is free to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Any tar that means the same to every reader: ustar headers, or pax with path, size and mtime. Permission bits and
    /// owners are ignored, an mtime loses its fraction (rounded down).
    Strict,
    /// The payload of a pouch: byte for byte what [`write_head`] and the writer above it would write.
    Canonical,
}

/// How many entries and how many bytes of content an archive may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    totals: Totals,
    exact: bool,
}

impl Budget {
    /// The limits of the format.
    pub const LIMITS: Self = Self::at_most(Totals { entries: limits::ENTRIES, bytes: limits::FILE_BYTES });

    /// At most so much.
    #[must_use]
    pub const fn at_most(totals: Totals) -> Self {
        Self { totals, exact: false }
    }

    /// So much and no less, as a manifest states it.
    #[must_use]
    pub const fn exactly(totals: Totals) -> Self {
        Self { totals, exact: true }
    }

    /// `before` and one entry of `size` bytes, if that is within the budget.
    pub(crate) fn add(self, before: Totals, size: u64) -> Result<Totals, Fault> {
        let Totals { entries, bytes } = before;
        let after = Totals { entries: entries.saturating_add(1), bytes: bytes.saturating_add(size) };
        for (what, found, limit) in [
            ("entries", after.entries, self.totals.entries.min(limits::ENTRIES)),
            ("bytes of content", after.bytes, self.totals.bytes),
        ] {
            if found > limit {
                return Err(Fault::OverBudget { what, found, limit });
            }
        }
        Ok(after)
    }

    /// Whether an archive may end with these totals.
    pub(crate) fn check_end(self, totals: Totals) -> Result<(), Fault> {
        for (what, found, limit) in
            [("entries", totals.entries, self.totals.entries), ("bytes of content", totals.bytes, self.totals.bytes)]
        {
            if self.exact && found < limit {
                return Err(Fault::UnderBudget { what, found, limit });
            }
        }
        Ok(())
    }
}

/// Why an archive was not walked to its end.
#[derive(Debug, thiserror::Error)]
pub enum WalkError<E: std::error::Error> {
    /// A rule refuses it.
    #[error("the archive is refused {0}")]
    Refused(#[from] Refusal),
    /// It cannot be read.
    #[error("cannot read the archive: {0}")]
    Read(#[from] io::Error),
    /// The sink cannot go on.
    #[error(transparent)]
    Sink(E),
}

/// Reads the archive to its end, and the reader to its end, and hands every entry to the sink.
///
/// Never reads more than 64 KiB beyond what it has checked, and hands on nothing that exceeds the budget.
///
/// # Errors
/// [`WalkError`]; the sink has then seen a part of the archive, and not [`Sink::end`].
pub fn walk<S: Sink>(
    reader: impl Read,
    mode: Mode,
    budget: Budget,
    sink: &mut S,
) -> Result<Totals, WalkError<S::Error>> {
    let mut walker = Walker {
        source: Source::new(reader),
        mode,
        budget,
        names: UniqueNames::new(),
        totals: Totals::default(),
        raw: Vec::new(),
        canonical: Vec::new(),
    };
    while let Some(entry) = walker.next_entry()? {
        walker.deliver(&entry, sink)?;
    }
    walker.finish(sink)
}

struct Walker<R> {
    source: Source<R>,
    mode: Mode,
    budget: Budget,
    names: UniqueNames,
    totals: Totals,
    /// The head of the entry at hand as it stands in the archive, and as it should in a pouch.
    raw: Vec<u8>,
    canonical: Vec<u8>,
}

/// An entry whose head has passed every check.
struct Entry {
    path: EntryPath,
    head: EntryHead,
}

/// What stops the walk on this side of the sink.
enum Stop {
    Refused(Refusal),
    Read(io::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl<E: std::error::Error> From<Stop> for WalkError<E> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::Refused(refusal),
            Stop::Read(error) => Self::Read(error),
        }
    }
}

impl<R: Read> Walker<R> {
    /// The next entry with its head checked, or none at the first zero block.
    fn next_entry(&mut self) -> Result<Option<Entry>, Stop> {
        let start = self.source.offset();
        let at_start = |fault| Refusal { offset: start, fault };
        self.raw.clear();
        let Some(first) = self.next_header(at_start)? else { return Ok(None) };
        let (head, pax, offset) = match first.class {
            Class::Pax => {
                let pax = self.read_pax(first.size, start)?;
                let offset = self.source.offset();
                let here = |fault| Refusal { offset, fault };
                let missing = |found| here(Fault::PaxWithoutEntry { found });
                let Some(second) = self.next_header(here)? else { return Err(missing("a zero block").into()) };
                if second.class == Class::Pax {
                    return Err(missing("a pax header").into());
                }
                (second, pax, offset)
            }
            _ => (first, Pax::default(), start),
        };
        let entry = self.check(&head, &pax).map_err(|fault| Refusal { offset, fault })?;
        if self.mode == Mode::Canonical {
            self.check_canonical(&entry).map_err(at_start)?;
        }
        Ok(Some(entry))
    }

    /// The next block as a header, or none if it is zero.
    fn next_header(&mut self, at: impl Fn(Fault) -> Refusal) -> Result<Option<Head>, Stop> {
        let block = match self.source.block("a header")? {
            Some(block) => block,
            None => return Err(at(Fault::NoEnd { found: 0 }).into()),
        };
        if block == [0; BLOCK] {
            return Ok(None);
        }
        self.raw.extend_from_slice(&block);
        Ok(Some(Head::parse(&block).map_err(at)?))
    }

    fn read_pax(&mut self, size: u64, start: u64) -> Result<Pax, Stop> {
        let at = |fault| Refusal { offset: start, fault };
        if size == 0 || size > PAX_BYTES {
            return Err(at(Fault::PaxSize { size, limit: PAX_BYTES }).into());
        }
        let mut records = Vec::new();
        let mut left = size;
        while left > 0 {
            let chunk = self.source.chunk(left, size, "a pax header")?;
            records.extend_from_slice(chunk);
            left -= chunk.len() as u64;
        }
        self.raw.extend_from_slice(&records);
        self.raw.extend_from_slice(padding(size));
        self.skip_padding(size)?;
        Ok(Pax::parse(&records).map_err(at)?)
    }

    /// Every rule that looks at one head alone or at the archive so far.
    fn check(&mut self, head: &Head, pax: &Pax) -> Result<Entry, Fault> {
        let path = EntryPath::parse(&head.path(pax)?)?;
        let mtime = pax.mtime(head.mtime)?;
        let (head, added) = if head.class == Class::Directory {
            pax.no_size()?;
            if head.size != 0 {
                return Err(Fault::DirectorySize { size: head.size });
            }
            (EntryHead::Directory { mtime }, self.names.add_directory(&path))
        } else {
            (EntryHead::File { mtime, size: pax.size(head.size)? }, self.names.add_file(&path))
        };
        added?;
        self.totals = self.budget.add(self.totals, head.size())?;
        Ok(Entry { path, head })
    }

    fn check_canonical(&mut self, entry: &Entry) -> Result<(), Fault> {
        self.canonical.clear();
        write_head(&mut self.canonical, &entry.path, entry.head);
        if self.canonical == self.raw {
            return Ok(());
        }
        let longer = self.canonical.len().max(self.raw.len());
        let at = (0..longer).find(|at| self.canonical.get(*at) != self.raw.get(*at)).unwrap_or(longer);
        let shown = |byte: Option<&u8>| byte.map_or_else(|| "nothing".to_owned(), |byte| format!("0x{byte:02x}"));
        let (found, expected) = (shown(self.raw.get(at)), shown(self.canonical.get(at)));
        Err(Fault::NotCanonical { at, found, expected })
    }

    fn deliver<S: Sink>(&mut self, entry: &Entry, sink: &mut S) -> Result<(), WalkError<S::Error>> {
        let EntryHead::File { mtime, size } = entry.head else {
            return sink.directory(&entry.path, entry.head.mtime()).map_err(WalkError::Sink);
        };
        sink.file(&entry.path, size, mtime, self.source.offset()).map_err(WalkError::Sink)?;
        let mut left = size;
        while left > 0 {
            let chunk = self.source.chunk(left, size, "the content of a file")?;
            left -= chunk.len() as u64;
            sink.data(chunk).map_err(WalkError::Sink)?;
        }
        self.skip_padding(size)?;
        sink.end_file().map_err(WalkError::Sink)
    }

    fn skip_padding(&mut self, size: u64) -> Result<(), Stop> {
        let whole = padding(size).len() as u64;
        let mut left = whole;
        while left > 0 {
            let offset = self.source.offset();
            let chunk = self.source.chunk(left, whole, "padding")?;
            if let Some((at, byte)) = first_nonzero(chunk) {
                return Err(Refusal { offset: offset + at, fault: Fault::Padding { byte } }.into());
            }
            left -= chunk.len() as u64;
        }
        Ok(())
    }

    /// From behind the first zero block to the end of the reader.
    fn finish<S: Sink>(mut self, sink: &mut S) -> Result<Totals, WalkError<S::Error>> {
        let offset = self.source.offset();
        let at = |fault| Refusal { offset, fault };
        match self.source.block("a zero block")? {
            None => return Err(at(Fault::NoEnd { found: 1 }).into()),
            Some(block) if block != [0; BLOCK] => return Err(at(Fault::LoneZeroBlock).into()),
            Some(_) => {}
        }
        self.check_nothing_follows()?;
        let at_end = |fault| Refusal { offset: self.source.offset(), fault };
        self.budget.check_end(self.totals).map_err(at_end)?;
        sink.end(self.totals).map_err(WalkError::Sink)?;
        Ok(self.totals)
    }

    fn check_nothing_follows(&mut self) -> Result<(), Stop> {
        let allowed = if self.mode == Mode::Strict { RECORD_PADDING } else { 0 };
        let mut seen = 0;
        loop {
            let offset = self.source.offset();
            let chunk = self.source.rest()?;
            let length = chunk.len() as u64;
            let bad = first_nonzero(chunk).or((seen + length > allowed).then_some((allowed.saturating_sub(seen), 0)));
            match bad {
                Some((at, byte)) => return Err(Refusal { offset: offset + at, fault: Fault::AfterEnd { byte } }.into()),
                None if length == 0 && seen % BLOCK as u64 == 0 => return Ok(()),
                None if length == 0 => return Err(Refusal { offset, fault: Fault::AfterEnd { byte: 0 } }.into()),
                None => seen += length,
            }
        }
    }
}

fn first_nonzero(bytes: &[u8]) -> Option<(u64, u8)> {
    (0..).zip(bytes).find(|(_, byte)| **byte != 0).map(|(at, byte)| (at, *byte))
}
