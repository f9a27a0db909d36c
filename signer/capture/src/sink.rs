//! Where a snapshot goes.

use pouch_format::EntryPath;

/// Why the receiver of a snapshot cannot go on. The capture stops and hands it back unchanged in
/// [`CaptureError::Sink`](crate::CaptureError::Sink), to be downcast by whoever made it.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// What is known of an entry besides its name and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Last modification, in whole seconds since 1970.
    pub mtime: i64,
    /// Permission bits of the source, `0o777` at most; told, never applied.
    pub mode: u32,
}

/// Receives a snapshot entry by entry.
///
/// Push, not pull: the bytes of a file are lent from the buffer in which they were read, so that no source needs a
/// thread or a further copy. The calls follow this grammar:
///
/// ```text
/// snapshot = { directory | begin_file { data } end_file }
/// ```
///
/// Between `begin_file` and `end_file` exactly the announced number of bytes comes. A directory comes before what is in
/// it, and no path comes twice. Entries of a [`Directory`](crate::Directory) come depth first, names sorted by their
/// bytes; those of the other two in the order of their producer (PostgreSQL comes back to `global` at the end).
/// The root itself is not an entry. After an error, of the sink or of the source, nothing more is called.
pub trait SnapshotSink {
    /// A directory.
    ///
    /// # Errors
    /// When the sink cannot take it.
    fn directory(&mut self, path: &EntryPath, meta: &Meta) -> Result<(), SinkError>;

    /// A regular file of `size` bytes begins.
    ///
    /// # Errors
    /// When the sink cannot take it.
    fn begin_file(&mut self, path: &EntryPath, size: u64, meta: &Meta) -> Result<(), SinkError>;

    /// The next bytes of the file, never none, at most 1 MiB.
    ///
    /// # Errors
    /// When the sink cannot take them.
    fn data(&mut self, bytes: &[u8]) -> Result<(), SinkError>;

    /// The file is complete.
    ///
    /// # Errors
    /// When the sink cannot take it.
    fn end_file(&mut self) -> Result<(), SinkError>;
}
