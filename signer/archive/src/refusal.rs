//! Why an archive is refused, and where.

use pouch_format::{NameConflict, PathError, Rule, escaped};

/// Why an archive is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {fault}")]
pub struct Refusal {
    /// Where the header, block or record concerned begins, in bytes from the start of the archive.
    pub offset: u64,
    /// What is wrong there.
    pub fault: Fault,
}

impl Refusal {
    /// The rule that refuses.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.fault.rule()
    }
}

/// What is wrong with an archive. Bytes from the archive are shown escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The archive ends too early.
    #[error("the archive ends in {place}, {found} bytes of {wanted} into it")]
    Truncated {
        /// In what.
        place: &'static str,
        /// Bytes that are there.
        found: u64,
        /// Bytes that should be.
        wanted: u64,
    },
    /// The archive ends without its two zero blocks.
    #[error("the archive ends after {found} zero blocks instead of 2")]
    NoEnd {
        /// Zero blocks there are.
        found: u64,
    },
    /// A zero block, and then something.
    #[error("a zero block is followed by a block that is not")]
    LoneZeroBlock,
    /// Something after the end.
    #[error("byte 0x{byte:02x} comes after the end of the archive")]
    AfterEnd {
        /// The first such byte; zero if it is one too many.
        byte: u8,
    },
    /// Padding that is not zero.
    #[error("byte 0x{byte:02x} stands in the padding")]
    Padding {
        /// The first such byte.
        byte: u8,
    },
    /// A header whose sum is not what it says.
    #[error("the header says checksum {stated}, its unsigned bytes make {computed}")]
    Checksum {
        /// As stated.
        stated: u64,
        /// As computed.
        computed: u64,
    },
    /// Not a ustar header.
    #[error("magic and version are \"{}\" instead of \"ustar\\x00\" \"00\"", found.escape_ascii())]
    Magic {
        /// The eight bytes.
        found: [u8; 8],
    },
    /// A field that must be empty is not.
    #[error("field {field} is not empty but \"{found}\"")]
    NotEmpty {
        /// Which.
        field: &'static str,
        /// What stands there, escaped.
        found: String,
    },
    /// A text that goes on behind its NUL, or never ends.
    #[error("field {field} is not one text and NULs to its end but \"{found}\"")]
    Text {
        /// Which.
        field: &'static str,
        /// What stands there, escaped.
        found: String,
    },
    /// Not a plain octal number.
    #[error("field {field} is \"{found}\" instead of octal digits and then spaces or NULs")]
    Number {
        /// Which.
        field: &'static str,
        /// What stands there, escaped.
        found: String,
    },
    /// Neither regular file nor directory.
    #[error("the type is '{}', which is {}", typeflag.escape_ascii(), type_name(*typeflag))]
    Type {
        /// As in the header.
        typeflag: u8,
    },
    /// Mode bits beyond permissions.
    #[error("the mode is {mode:04o}, and 0777 is the most")]
    Mode {
        /// As in the header.
        mode: u64,
    },
    /// A directory with content.
    #[error("a directory states a size of {size}")]
    DirectorySize {
        /// As stated.
        size: u64,
    },
    /// A pax header for all that follows.
    #[error("a global pax header")]
    PaxGlobal,
    /// A pax header of no or too many bytes.
    #[error("a pax header of {size} bytes; 1 to {limit} are allowed")]
    PaxSize {
        /// As stated.
        size: u64,
        /// The most.
        limit: u64,
    },
    /// A pax header where an entry must come.
    #[error("a pax header is followed by {found} instead of a file or directory")]
    PaxWithoutEntry {
        /// What follows.
        found: &'static str,
    },
    /// A malformed record.
    #[error("record {number} of the pax header {fault}")]
    PaxRecord {
        /// From 1.
        number: usize,
        /// What is wrong with it.
        fault: RecordFault,
    },
    /// Two statements of one size.
    #[error("the header states a size of {header}, the pax record {pax}")]
    SizeConflict {
        /// In the header.
        header: u64,
        /// In the record.
        pax: u64,
    },
    /// Two statements of one time.
    #[error("the header states the time {header}, the pax record {pax}")]
    TimeConflict {
        /// In the header.
        header: u64,
        /// In the record, whole seconds.
        pax: i64,
    },
    /// A name in three places.
    #[error("a pax record states the path, and the header has the prefix \"{prefix}\" all the same")]
    PathConflict {
        /// In the header, escaped.
        prefix: String,
    },
    /// A name that is not allowed.
    #[error(transparent)]
    Name(#[from] PathError),
    /// A name that does not fit with those before it.
    #[error(transparent)]
    Conflict(#[from] NameConflict),
    /// Not the one way to spell it.
    #[error("byte {at} of the entry's head is {found}, the canonical form has {expected}")]
    NotCanonical {
        /// From the beginning of the entry's head, its pax header if it has one.
        at: usize,
        /// In the archive, as `0x..`, or `nothing`.
        found: String,
        /// In the canonical form, likewise.
        expected: String,
    },
    /// More than the budget.
    #[error("{what} exceed the budget: {found} of {limit}")]
    OverBudget {
        /// Entries or bytes.
        what: &'static str,
        /// With this entry.
        found: u64,
        /// Allowed.
        limit: u64,
    },
    /// Less than an exact budget.
    #[error("{what} fall short of the budget: {found} of {limit}")]
    UnderBudget {
        /// Entries or bytes.
        what: &'static str,
        /// At the end.
        found: u64,
        /// Stated.
        limit: u64,
    },
}

/// What is wrong with a pax record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// The length is no number, has a leading zero, or is too long.
    #[error("does not begin with its length and a space but with \"{found}\"")]
    Length {
        /// How the record begins, escaped.
        found: String,
    },
    /// The length leads beyond the header or into the record's own key.
    #[error("states {stated} bytes where {left} are left")]
    Overrun {
        /// As stated.
        stated: usize,
        /// There are.
        left: usize,
    },
    /// No newline at the end.
    #[error("ends with byte 0x{byte:02x} instead of a newline")]
    Newline {
        /// What stands there.
        byte: u8,
    },
    /// No `=`.
    #[error("has no key and value but \"{found}\"")]
    NoKey {
        /// What it has, escaped.
        found: String,
    },
    /// A key other than path, size and mtime.
    #[error("has the key \"{key}\"; only path, size and mtime are allowed")]
    Key {
        /// The key, escaped.
        key: String,
    },
    /// A key for the second time.
    #[error("has the key \"{key}\" again")]
    Duplicate {
        /// The key.
        key: &'static str,
    },
    /// A value that the key cannot have.
    #[error("has the value \"{value}\", which is no {key}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value, escaped.
        value: String,
    },
    /// A size for what has none.
    #[error("states a size, {size}, of a directory")]
    DirectorySize {
        /// As stated.
        size: u64,
    },
}

impl Fault {
    /// The rule that refuses.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        match self {
            Self::Truncated { .. } | Self::NoEnd { .. } | Self::LoneZeroBlock => Rule::ArchiveTruncated,
            Self::AfterEnd { .. } | Self::Padding { .. } => Rule::ArchivePadding,
            Self::Checksum { .. } | Self::Magic { .. } | Self::NotEmpty { .. } | Self::Text { .. } => {
                Rule::ArchiveHeader
            }
            Self::Number { .. } => Rule::ArchiveNumber,
            Self::Type { .. } => Rule::ArchiveType,
            Self::Mode { .. } => Rule::ArchiveMode,
            Self::DirectorySize { .. } | Self::SizeConflict { .. } => Rule::ArchiveSize,
            Self::PaxRecord { fault: RecordFault::DirectorySize { .. }, .. } => Rule::ArchiveSize,
            Self::PaxGlobal
            | Self::PaxSize { .. }
            | Self::PaxWithoutEntry { .. }
            | Self::PaxRecord { .. }
            | Self::TimeConflict { .. }
            | Self::PathConflict { .. } => Rule::ArchivePax,
            Self::Name(error) => error.rule(),
            Self::Conflict(conflict) => conflict.rule(),
            Self::NotCanonical { .. } => Rule::ArchiveCanonical,
            Self::OverBudget { .. } | Self::UnderBudget { .. } => Rule::ArchiveBudget,
        }
    }

    pub(crate) fn number(field: &'static str, found: &[u8]) -> Self {
        Self::Number { field, found: escaped(found) }
    }
}

/// What a typeflag means to those who know it.
const fn type_name(typeflag: u8) -> &'static str {
    match typeflag {
        0 => "an entry from before POSIX",
        b'1' => "a hard link",
        b'2' => "a symbolic link",
        b'3' => "a character device",
        b'4' => "a block device",
        b'6' => "a FIFO",
        b'7' => "a contiguous file",
        b'K' => "a GNU long link name",
        b'L' => "a GNU long name",
        b'S' => "a GNU sparse file",
        b'X' => "a Solaris extended header",
        _ => "neither a regular file nor a directory",
    }
}
