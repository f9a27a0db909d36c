//! Where the sealer tells how far it is.

/// Told about bytes as they are read from the source; called often, so it must cost little.
pub trait Progress: Sync {
    /// `count` more bytes of the registry have been read.
    fn read(&self, count: u64);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn read(&self, _count: u64) {}
}
