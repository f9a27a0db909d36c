//! One header block.
//!
//! ```text
//! name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | checksum 8 | type 1 | linkname 100 | magic 6 | version 2
//! uname 32 | gname 32 | devmajor 8 | devminor 8 | prefix 155 | reserved 12
//! ```
//!
//! POSIX.1-2017, pax, "ustar Interchange Format".

use std::borrow::Cow;

use pouch_format::{PathError, PathFault, escaped};

use super::pax::Pax;
use crate::{Fault, header::BLOCK};

const MAGIC: &[u8; 8] = b"ustar\x0000";

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    File,
    Directory,
    Pax,
}

/// What a header says, once it is found to be clean.
pub(super) struct Head {
    pub(super) class: Class,
    pub(super) size: u64,
    pub(super) mtime: u64,
    name: Vec<u8>,
    prefix: Vec<u8>,
}

/// The fields as they stand.
struct Fields<'b> {
    name: &'b [u8],
    mode: &'b [u8],
    uid: &'b [u8],
    gid: &'b [u8],
    size: &'b [u8],
    mtime: &'b [u8],
    checksum: &'b [u8],
    typeflag: u8,
    linkname: &'b [u8],
    magic: &'b [u8],
    uname: &'b [u8],
    gname: &'b [u8],
    devmajor: &'b [u8],
    devminor: &'b [u8],
    prefix: &'b [u8],
    reserved: &'b [u8],
}

impl<'b> Fields<'b> {
    fn of(block: &'b [u8; BLOCK]) -> Self {
        let mut rest = block.as_slice();
        let mut take = |length| {
            let (field, behind) = rest.split_at(length);
            rest = behind;
            field
        };
        // In the order in which they lie.
        Self {
            name: take(100),
            mode: take(8),
            uid: take(8),
            gid: take(8),
            size: take(12),
            mtime: take(12),
            checksum: take(8),
            typeflag: take(1).first().copied().unwrap_or(0),
            linkname: take(100),
            magic: take(8),
            uname: take(32),
            gname: take(32),
            devmajor: take(8),
            devminor: take(8),
            prefix: take(155),
            reserved: take(12),
        }
    }

    fn check_sum(&self, block: &[u8; BLOCK]) -> Result<(), Fault> {
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let stated = octal("checksum", self.checksum)?;
        let computed = sum(block) - sum(self.checksum) + 8 * u64::from(b' ');
        if stated == computed { Ok(()) } else { Err(Fault::Checksum { stated, computed }) }
    }

    fn class(&self) -> Result<Class, Fault> {
        match self.typeflag {
            b'0' => Ok(Class::File),
            b'5' => Ok(Class::Directory),
            b'x' => Ok(Class::Pax),
            b'g' => Err(Fault::PaxGlobal),
            typeflag => Err(Fault::Type { typeflag }),
        }
    }

    fn check_magic(&self) -> Result<(), Fault> {
        match self.magic.first_chunk() {
            Some(found) if found != MAGIC => Err(Fault::Magic { found: *found }),
            _ => Ok(()),
        }
    }

    /// What must be empty, and what must at least be one text or one number though nobody uses it.
    fn check_unused(&self) -> Result<(), Fault> {
        for (field, bytes) in [("linkname", self.linkname), ("reserved", self.reserved)] {
            if bytes.iter().any(|byte| *byte != 0) {
                return Err(Fault::NotEmpty { field, found: escaped(bytes) });
            }
        }
        for (field, bytes) in [("devmajor", self.devmajor), ("devminor", self.devminor)] {
            if bytes.iter().any(|byte| *byte != 0) && octal(field, bytes)? != 0 {
                return Err(Fault::NotEmpty { field, found: escaped(bytes) });
            }
        }
        for (field, bytes) in [("uname", self.uname), ("gname", self.gname)] {
            if text(field, bytes)?.len() == bytes.len() {
                return Err(Fault::Text { field, found: escaped(bytes) });
            }
        }
        octal("uid", self.uid)?;
        octal("gid", self.gid)?;
        match octal("mode", self.mode)? {
            0..=0o777 => Ok(()),
            mode => Err(Fault::Mode { mode }),
        }
    }
}

impl Head {
    /// Takes a block that is not zero for a header.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, Fault> {
        let fields = Fields::of(block);
        fields.check_sum(block)?;
        let class = fields.class()?;
        fields.check_magic()?;
        fields.check_unused()?;
        Ok(Self {
            class,
            size: octal("size", fields.size)?,
            mtime: octal("mtime", fields.mtime)?,
            name: text("name", fields.name)?.to_vec(),
            prefix: text("prefix", fields.prefix)?.to_vec(),
        })
    }

    /// The name of the entry, a directory's without its slash.
    pub(super) fn path<'h>(&'h self, pax: &'h Pax) -> Result<Cow<'h, [u8]>, Fault> {
        let whole = match pax.path() {
            Some(_) if !self.prefix.is_empty() => return Err(Fault::PathConflict { prefix: escaped(&self.prefix) }),
            Some(path) => Cow::Borrowed(path),
            // A prefix alone would be a name that ends with a slash, or none.
            None if self.name.is_empty() => return Err(no_name().into()),
            None if self.prefix.is_empty() => Cow::Borrowed(self.name.as_slice()),
            None => Cow::Owned([&self.prefix, b"/".as_slice(), &self.name].concat()),
        };
        if self.class != Class::Directory || !whole.ends_with(b"/") {
            return Ok(whole);
        }
        Ok(match whole {
            Cow::Borrowed(bytes) => Cow::Borrowed(without_last(bytes)),
            Cow::Owned(bytes) => Cow::Owned(without_last(&bytes).to_vec()),
        })
    }
}

fn no_name() -> PathError {
    PathError { number: 0, component: String::new(), fault: PathFault::EmptyName }
}

fn without_last(bytes: &[u8]) -> &[u8] {
    bytes.split_last().map_or(bytes, |(_, before)| before)
}

/// A text that fills its field or has nothing but NULs behind it.
fn text<'f>(field: &'static str, bytes: &'f [u8]) -> Result<&'f [u8], Fault> {
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, rest) = bytes.split_at(length);
    if rest.iter().all(|byte| *byte == 0) { Ok(text) } else { Err(Fault::Text { field, found: escaped(bytes) }) }
}

/// Octal digits from the first byte on, then at least one space or NUL, and nothing else.
///
/// Readers differ on everything beyond that: leading spaces, a field without an end, signs, base-256.
fn octal(field: &'static str, bytes: &[u8]) -> Result<u64, Fault> {
    let length = bytes.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let (digits, rest) = bytes.split_at(length);
    let ended = !rest.is_empty() && rest.iter().all(|byte| matches!(byte, b' ' | 0));
    if digits.is_empty() || !ended {
        return Err(Fault::number(field, bytes));
    }
    // At most 11 digits, so 33 bits.
    Ok(digits.iter().fold(0, |number, digit| number << 3 | u64::from(digit & 7)))
}
