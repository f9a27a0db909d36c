//! Who gives way when all places, or the disk, are taken.
//!
//! Without a link key anybody can announce streams and never send them. Of such a stream nothing is complete and nothing
//! new comes; it gives way to a stream whose symbols come. A stream of which a block is complete never gives way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::quarantine;
use super::session::Session;
use super::table::{NoSession, Shared, Table};

/// How long nothing new may come of a stream before it can give way.
pub(crate) const IDLE: Duration = Duration::from_secs(5);
/// Streams without a place that are remembered because their symbols came.
const CLAIMS: usize = 8;

/// The latest streams without a place whose symbols came.
#[derive(Debug, Default)]
pub(crate) struct Claims(VecDeque<u64>);

impl Claims {
    /// A symbol of this stream came.
    pub(crate) fn add(&mut self, stream: u64) {
        if self.has(stream) {
            return;
        }
        if self.0.len() == CLAIMS {
            self.0.pop_front();
        }
        self.0.push_back(stream);
    }

    pub(crate) fn has(&self, stream: u64) -> bool {
        self.0.contains(&stream)
    }
}

impl Session {
    /// Whether nothing is lost that is worth much if it is given up.
    fn gives_way(&self, now: Instant) -> bool {
        let nothing = self.states.complete() == 0 && self.states.unverified() == 0 && self.jobs == 0;
        nothing && !self.closing && now.saturating_duration_since(self.fed) >= IDLE
    }
}

impl NoSession {
    /// Whether there would be a place if another stream gave way.
    pub(crate) const fn for_want_of_a_place(&self) -> bool {
        matches!(self, Self::Streams { .. } | Self::Space { .. })
    }
}

impl Table {
    /// Gives up the stream that had nothing new for longest, if one can give way; says whether it did.
    pub(crate) fn displace(&mut self, shared: &Shared, now: Instant) -> bool {
        let idle = self.sessions.iter().enumerate().filter(|(_, session)| session.gives_way(now));
        let Some((place, _)) = idle.min_by_key(|(_, session)| session.fed) else { return false };
        let session = self.sessions.swap_remove(place);
        tracing::warn!(
            stream = quarantine::name(session.id), registry = %session.stream.pouch.registry,
            sequence = session.stream.pouch.sequence,
            "a stream of which nothing is complete and nothing comes gives way to another"
        );
        self.totals.add(&session.counts);
        for open in session.opens.into_iter().flatten() {
            open.close(&mut self.pool);
        }
        if let Err(error) = quarantine::remove(&shared.root, session.id) {
            tracing::warn!(stream = quarantine::name(session.id), %error, "a stream's directory is left behind");
        }
        true
    }
}
