//! The canonical head of an entry: the one way in which a pouch spells it.
//!
//! ```text
//! [pax header 512][records, padded to 512]   only if a record is needed
//! [ustar header 512]
//! ```
//!
//! Numbers fill their field with octal digits but for a last NUL. Mode is 0600 or 0700, owner and devices are 0, owner
//! names, link name and prefix are empty. A record stands for what the header cannot say: `path` if the name (a
//! directory's with its slash) is over 100 bytes or not ASCII, `size` from 2^33, `mtime` below 0 or from 2^33; in this
//! order. The header's number is then 0, its name the first 100 bytes, cut where a character and no slash ends.

use std::io::Write as _;

use pouch_format::EntryPath;
use tar::{EntryType, Header};

/// Size of a block, in bytes.
pub const BLOCK: usize = 512;

/// The end of an archive: two zero blocks.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The first number that 11 octal digits cannot hold.
pub(crate) const OCTAL_END: u64 = 1 << 33;

/// Longest name in a header, in bytes.
const NAME: usize = 100;

static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// What stands in the head of an entry besides its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryHead {
    /// A directory.
    Directory {
        /// Seconds since 1970.
        mtime: i64,
    },
    /// A regular file.
    File {
        /// Seconds since 1970.
        mtime: i64,
        /// Size in bytes, at most 2^63 - 1.
        size: u64,
    },
}

impl EntryHead {
    /// Seconds since 1970.
    #[must_use]
    pub const fn mtime(self) -> i64 {
        match self {
            Self::Directory { mtime } | Self::File { mtime, .. } => mtime,
        }
    }

    /// Size in bytes; 0 for a directory.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::Directory { .. } => 0,
            Self::File { size, .. } => size,
        }
    }
}

/// The zeros between a file of `size` bytes and the next block, 0 to 511 of them.
#[must_use]
pub fn padding(size: u64) -> &'static [u8] {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    ZEROS.get(..(BLOCK - over) % BLOCK).unwrap_or_default()
}

/// Appends the canonical head of an entry to `out`: 512 bytes, or at least 1536 if records are needed.
pub fn write_head(out: &mut Vec<u8>, path: &EntryPath, head: EntryHead) {
    let (kind, mode, slash) = match head {
        EntryHead::Directory { .. } => (EntryType::Directory, 0o700, "/"),
        EntryHead::File { .. } => (EntryType::Regular, 0o600, ""),
    };
    let records = records(path, slash, head);
    if !records.is_empty() {
        let fields = Fields { kind: EntryType::XHeader, mode: 0o600, size: records.len() as u64, mtime: 0 };
        push_header(out, b"pax", &fields);
        out.extend_from_slice(&records);
        out.extend_from_slice(padding(records.len() as u64));
    }
    let fits = |number: u64| if number < OCTAL_END { number } else { 0 };
    let mtime = u64::try_from(head.mtime()).map_or(0, fits);
    let fields = Fields { kind, mode, size: fits(head.size()), mtime };
    let name = format!("{path}{slash}");
    let name = if name.len() <= NAME { name.as_bytes() } else { cut(&name) };
    push_header(out, name, &fields);
}

/// What differs from one header to the next, but for the name.
struct Fields {
    kind: EntryType,
    mode: u32,
    size: u64,
    mtime: u64,
}

/// The canonical head of a file with mtime 0, for a name of at most 100 bytes of ASCII and a size below 2^33.
pub(crate) fn plain_head(name: &str, size: u64) -> [u8; BLOCK] {
    *header(name.as_bytes(), &Fields { kind: EntryType::Regular, mode: 0o600, size, mtime: 0 }).as_bytes()
}

fn push_header(out: &mut Vec<u8>, name: &[u8], fields: &Fields) {
    out.extend_from_slice(header(name, fields).as_bytes());
}

fn header(name: &[u8], fields: &Fields) -> Header {
    let mut header = Header::new_ustar();
    if let Some(to) = header.as_old_mut().name.get_mut(..name.len()) {
        to.copy_from_slice(name);
    }
    header.set_mode(fields.mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(fields.size);
    header.set_mtime(fields.mtime);
    header.set_entry_type(fields.kind);
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.set_device_major(0);
        ustar.set_device_minor(0);
    }
    header.set_cksum();
    header
}

/// The first 100 bytes at most, cut where a character ends, without a slash at the end.
fn cut(path: &str) -> &[u8] {
    let end = path.floor_char_boundary(NAME);
    path.get(..end).unwrap_or_default().trim_end_matches('/').as_bytes()
}

fn records(path: &EntryPath, slash: &str, head: EntryHead) -> Vec<u8> {
    let mut records = Vec::new();
    if path.as_bytes().len() + slash.len() > NAME || !path.as_str().is_ascii() {
        push_record(&mut records, "path", format_args!("{path}{slash}"));
    }
    if head.size() >= OCTAL_END {
        push_record(&mut records, "size", format_args!("{}", head.size()));
    }
    if u64::try_from(head.mtime()).is_err() || head.mtime().unsigned_abs() >= OCTAL_END {
        push_record(&mut records, "mtime", format_args!("{}", head.mtime()));
    }
    records
}

/// `LENGTH KEY=VALUE\n`, where the length counts the whole record with its own digits (POSIX pax, extended header).
fn push_record(records: &mut Vec<u8>, key: &str, value: std::fmt::Arguments<'_>) {
    let body = format!(" {key}={value}\n");
    let mut length = body.len() + 1;
    while length != body.len() + digits(length) {
        length = body.len() + digits(length);
    }
    // Writing to a vector cannot fail.
    let _ = write!(records, "{length}{body}");
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}
