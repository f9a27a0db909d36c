//! Where the entries of an archive go.

use std::convert::Infallible;

use pouch_format::{EntryPath, Totals};

/// Receives the entries of an archive, in its order.
///
/// ```text
/// archive = { directory | file { data } end_file } end
/// ```
///
/// Between `file` and `end_file` exactly the announced number of bytes comes. After an error, of the sink or of the
/// archive, nothing more is called; so whatever came before `end` may be a part of something that is refused.
pub trait Sink {
    /// Why the sink cannot go on.
    type Error: std::error::Error;

    /// A directory, with its time of change in seconds since 1970.
    ///
    /// # Errors
    /// When the sink cannot take it.
    fn directory(&mut self, path: &EntryPath, mtime: i64) -> Result<(), Self::Error>;

    /// A regular file of `size` bytes begins, whose first byte lies at `offset` of the archive.
    ///
    /// # Errors
    /// When the sink cannot take it.
    fn file(&mut self, path: &EntryPath, size: u64, mtime: i64, offset: u64) -> Result<(), Self::Error>;

    /// The next bytes of the file: 1 byte to 256 KiB.
    ///
    /// # Errors
    /// When the sink cannot take them.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// The file is complete.
    ///
    /// # Errors
    /// When the sink cannot take it.
    fn end_file(&mut self) -> Result<(), Self::Error>;

    /// The archive is complete and was accepted to its last byte.
    ///
    /// # Errors
    /// When the sink cannot take it.
    fn end(&mut self, totals: Totals) -> Result<(), Self::Error>;
}

/// Takes everything and does nothing with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Sink for Discard {
    type Error = Infallible;

    fn directory(&mut self, _: &EntryPath, _: i64) -> Result<(), Infallible> {
        Ok(())
    }

    fn file(&mut self, _: &EntryPath, _: u64, _: i64, _: u64) -> Result<(), Infallible> {
        Ok(())
    }

    fn data(&mut self, _: &[u8]) -> Result<(), Infallible> {
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn end(&mut self, _: Totals) -> Result<(), Infallible> {
        Ok(())
    }
}
