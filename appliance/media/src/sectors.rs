//! What has sectors and can be read anywhere.

use std::io;

/// Bytes of a sector, which is also the symbol of the code.
pub const SECTOR: usize = 4096;

/// A volume, a part of one, or an image of one: sectors of [`SECTOR`] bytes, numbered from 0.
pub trait Sectors: Sync {
    /// Reads whole sectors from sector `first` on: as many as fill `to`, whose length is a multiple of [`SECTOR`].
    ///
    /// # Errors
    /// What the medium says; also for sectors beyond its end.
    fn read(&self, first: u64, to: &mut [u8]) -> io::Result<()>;

    /// Says that these sectors will be read soon, so that the medium can fetch many at once.
    fn expect(&self, first: u64, count: u64) {
        let _ = (first, count);
    }
}
