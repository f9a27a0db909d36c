//! What a relay is to do.

use super::loss::Loss;
use std::time::Duration;

/// A burst of exactly so many lost datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// The first of them, counted from 0.
    pub at: u64,
    /// How many.
    pub length: u64,
}

/// A wire that is cut for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The datagram that is lost first, counted from 0.
    pub at: u64,
    /// For how long everything is lost from then on.
    pub lasts: Duration,
}

/// A path that carries no longer datagrams from some time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrink {
    /// The first datagram, counted from 0, for which it counts.
    pub at: u64,
    /// The most bytes that a datagram may have.
    pub longest: usize,
}

/// What a relay does to the datagrams that pass it. Shares are from 0 to 1; with [`Settings::default`] nothing happens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The same seed does the same to the same datagrams.
    pub seed: u64,
    /// Loss by chance.
    pub loss: Loss,
    /// Loss of one burst at a place.
    pub burst: Option<Burst>,
    /// Loss of everything for a time.
    pub cut: Option<Cut>,
    /// Loss of what is too long.
    pub shrink: Option<Shrink>,
    /// The share that arrives twice.
    pub duplicate: f64,
    /// The share that is overtaken by others.
    pub reorder: f64,
    /// By how many others at least and at most; the least is 1.
    pub distance: (u32, u32),
    /// The share with a flipped bit, anywhere.
    pub corrupt: f64,
    /// The share with a flipped bit in the payload, under a right checksum.
    pub corrupt_sealed: f64,
    /// The share that is cut short.
    pub truncate: f64,
    /// Forged datagrams for each real one, with a tag of chance.
    pub forge: u32,
    /// Forged datagrams for each real one, with a right checksum.
    pub forge_sealed: u32,
    /// Datagrams of a foreign stream for each real one.
    pub foreign: u32,
    /// Datagrams of chance for each real one, of 0 to 65507 bytes.
    pub noise: u32,
    /// Datagrams of an old recording, one for each real one, until it has come to its end.
    pub replay: Vec<Vec<u8>>,
}
