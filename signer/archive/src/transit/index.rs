//! Where the parts lie in a tar that somebody else made.

use std::io;
use std::ops::Range;
use std::str::FromStr;

use pouch_format::{PouchId, escaped};

use super::{Layout, LayoutError, Place};
use crate::header::{BLOCK, END, padding};

/// Why a tar is not taken as a pouch in transit.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Its bytes are not those of the pouch that it would be.
    #[error("at byte {offset}: {fault}")]
    Refused {
        /// Where the head, padding or end concerned begins, in bytes from the start of the tar.
        offset: u64,
        /// What is wrong there.
        fault: Fault,
    },
    /// It cannot be read.
    #[error("cannot read the tar: {0}")]
    Read(#[from] io::Error),
}

/// What is wrong with a tar in transit. Bytes of it are shown escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It ends too early.
    #[error("the tar ends {found} bytes on, where {wanted} must follow")]
    Truncated {
        /// Bytes that are there.
        found: u64,
        /// Bytes that should be.
        wanted: u64,
    },
    /// An entry that no pouch has.
    #[error("\"{found}\" is not called as a part is, such as land-000041/manifest.json")]
    Name {
        /// The name, escaped.
        found: String,
    },
    /// An entry of another pouch than the first one.
    #[error("an entry of {found} in the tar of {pouch}")]
    Mixed {
        /// The pouch of the entry.
        found: PouchId,
        /// The pouch of the first entry.
        pouch: PouchId,
    },
    /// Parts that make no pouch.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A size that is no number.
    #[error("the size is \"{found}\" instead of eleven octal digits")]
    Size {
        /// What stands there, escaped.
        found: String,
    },
    /// A head that is not spelt as it must be.
    #[error("byte {at} of the head of {part} is 0x{found:02x} and must be 0x{expected:02x}")]
    Head {
        /// The part.
        part: Place,
        /// From the beginning of the head.
        at: usize,
        /// In the tar.
        found: u8,
        /// In the canonical form.
        expected: u8,
    },
    /// Something where only zeros may stand.
    #[error("byte 0x{byte:02x} stands where only zeros may")]
    NotZero {
        /// The first such byte.
        byte: u8,
    },
    /// Something behind the end.
    #[error("{more} bytes come after the end of the tar")]
    AfterEnd {
        /// So many.
        more: u64,
    },
}

/// Where the parts of a pouch lie in a tar of which all bytes but theirs were read, and are what they must be.
///
/// ```compile_fail
/// let forged = pouch_archive::transit::Index { layout: todo!() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    layout: Layout,
}

impl Index {
    /// Reads all heads, paddings and the end of a tar of `length` bytes, each byte once, and nothing of the parts.
    ///
    /// `read_at` fills the buffer with the bytes from a position on, or fails; it is never asked for bytes beyond
    /// `length`. At most 32 bytes of memory a part, and 131,074 parts.
    ///
    /// # Errors
    /// [`IndexError::Refused`] at the first byte that differs from the canonical form.
    pub fn read(length: u64, read_at: impl FnMut(u64, &mut [u8]) -> io::Result<()>) -> Result<Self, IndexError> {
        let mut reader = Reader { length, at: 0, read_at };
        let mut layout: Option<Layout> = None;
        loop {
            let start = reader.at;
            let refuse = |fault: Fault| IndexError::Refused { offset: start, fault };
            let block = reader.take::<BLOCK>()?;
            if block == [0; BLOCK] {
                let layout = layout.ok_or_else(|| refuse(LayoutError::Incomplete { after: None }.into()))?;
                layout.check_complete().map_err(|error| refuse(error.into()))?;
                reader.take_zeros(&mut [0; END.len() - BLOCK])?;
                reader.check_end()?;
                return Ok(Self { layout });
            }
            let (pouch, place) = name(&block).map_err(refuse)?;
            let layout = layout.get_or_insert_with(|| Layout::begin(pouch.clone()));
            if pouch != *layout.pouch() {
                return Err(refuse(Fault::Mixed { found: pouch, pouch: layout.pouch().clone() }));
            }
            let size = size(&block).map_err(refuse)?;
            let extent = layout.push(place, size).map_err(|error| refuse(error.into()))?;
            // Only name and size were taken out of the block: all that it says besides must follow from them.
            compare(place, &block, &layout.head(extent)).map_err(refuse)?;
            reader.skip(size)?;
            let mut room = [0; BLOCK];
            reader.take_zeros(room.get_mut(..padding(size).len()).unwrap_or_default())?;
        }
    }

    /// The layout that the tar has.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where the content of a part lies in the tar, by the name of its file; none if the pouch has no such part.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Range<u64>> {
        Some(self.layout.extent(Place::of(name)?)?.range())
    }
}

/// A tar of a known length, read forwards.
struct Reader<F> {
    length: u64,
    at: u64,
    read_at: F,
}

impl<F: FnMut(u64, &mut [u8]) -> io::Result<()>> Reader<F> {
    /// Moves on, if there is so much.
    fn skip(&mut self, wanted: u64) -> Result<u64, IndexError> {
        let (at, found) = (self.at, self.length.saturating_sub(self.at));
        if found < wanted {
            return Err(IndexError::Refused { offset: at, fault: Fault::Truncated { found, wanted } });
        }
        self.at += wanted;
        Ok(at)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], IndexError> {
        let mut bytes = [0; N];
        let at = self.skip(N as u64)?;
        (self.read_at)(at, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads as many bytes as `room` has, which must be zeros.
    fn take_zeros(&mut self, room: &mut [u8]) -> Result<(), IndexError> {
        if room.is_empty() {
            return Ok(());
        }
        let at = self.skip(room.len() as u64)?;
        (self.read_at)(at, room)?;
        match room.iter().find(|byte| **byte != 0) {
            Some(byte) => Err(IndexError::Refused { offset: at, fault: Fault::NotZero { byte: *byte } }),
            None => Ok(()),
        }
    }

    fn check_end(&self) -> Result<(), IndexError> {
        match self.length - self.at {
            0 => Ok(()),
            more => Err(IndexError::Refused { offset: self.at, fault: Fault::AfterEnd { more } }),
        }
    }
}

/// The pouch and the part that a header speaks of.
fn name(block: &[u8; BLOCK]) -> Result<(PouchId, Place), Fault> {
    let field = block.split_at(100).0;
    let bytes = field.split(|byte| *byte == 0).next().unwrap_or_default();
    let named = || {
        let (pouch, file) = std::str::from_utf8(bytes).ok()?.split_once('/')?;
        Some((PouchId::from_str(pouch).ok()?, Place::of(file)?))
    };
    named().ok_or_else(|| Fault::Name { found: escaped(bytes) })
}

/// The size that a header states; whether it is spelt as it must be shows when the header is compared.
fn size(block: &[u8; BLOCK]) -> Result<u64, Fault> {
    let digits = block.get(124..135).unwrap_or_default();
    let size = std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 8).ok());
    size.ok_or_else(|| Fault::Size { found: escaped(digits) })
}

fn compare(part: Place, found: &[u8; BLOCK], expected: &[u8; BLOCK]) -> Result<(), Fault> {
    let mut pairs = found.iter().zip(expected).enumerate();
    match pairs.find(|(_, (found, expected))| found != expected) {
        Some((at, (found, expected))) => Err(Fault::Head { part, at, found: *found, expected: *expected }),
        None => Ok(()),
    }
}
