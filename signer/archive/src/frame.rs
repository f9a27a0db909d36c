//! The messages between the walker and the writer of trees, so that the walker can be a process that is not trusted.
//!
//! ```text
//! message = kind u8, length u32, body of that many bytes      all numbers little-endian
//!   1 directory  mtime i64, path
//!   2 file       size u64, mtime i64, offset u64, path
//!   3 data       1 byte to 256 KiB
//!   4 end file   -
//!   5 end        entries u64, bytes u64
//!   6 refused    offset u64, length of the rule's id u8, rule's id, text up to 4096 bytes
//!
//! stream = { directory | file { data } end-file } ( end | refused )    a refusal may come anywhere
//! ```
//!
//! The reader trusts nothing: every length is bounded, every name checked again, every count followed.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{Frame, FrameError, FrameReader, ReceiveError, receive};
pub use write::FrameWriter;

/// Most bytes of content in one message.
pub const DATA_BYTES: usize = 256 << 10;

/// Longest text of a refusal, in bytes.
pub const TEXT_BYTES: usize = 4096;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Directory = 1,
    File = 2,
    Data = 3,
    EndFile = 4,
    End = 5,
    Refused = 6,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Directory, Self::File, Self::Data, Self::EndFile, Self::End, Self::Refused];

    const fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Data => "data",
            Self::EndFile => "end of file",
            Self::End => "end",
            Self::Refused => "refused",
        }
    }
}
