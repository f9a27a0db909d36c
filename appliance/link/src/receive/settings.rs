//! What a receiver is told before it starts.

use std::path::PathBuf;
use std::time::Duration;

use crate::tag::LinkKey;

/// What a receiver works by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory of everything that arrives; nothing is written elsewhere.
    pub quarantine: PathBuf,
    /// The key of the link, if it has one: then nothing without a tag of it passes.
    pub key: Option<LinkKey>,
    /// Most streams that may be unfinished at a time.
    pub streams: u16,
    /// Most bytes that a stream may have.
    pub stream_bytes: u64,
    /// How much of its disk the quarantine may take, in percent.
    pub share: u8,
    /// How long nothing may be heard of the sender before there is an alarm.
    pub silence: Duration,
    /// Threads that repair and verify blocks, at least 1.
    pub workers: usize,
}

impl Settings {
    /// A receiver into `quarantine` as it is when nothing else is said: without a key, 8 streams of up to 2 TiB, 90 % of
    /// the disk, an alarm after 30 s, one worker.
    #[must_use]
    pub const fn new(quarantine: PathBuf) -> Self {
        Self {
            quarantine,
            key: None,
            streams: 8,
            stream_bytes: 2 << 40,
            share: 90,
            silence: Duration::from_secs(30),
            workers: 1,
        }
    }
}
