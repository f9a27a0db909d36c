//! The parallel links, and what becomes of a burst when one of them fails.

use std::time::Duration;

use crate::lower::{LinkError, Transmit};

/// After so long a lane that failed is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// One link.
struct Lane {
    name: String,
    transmit: Box<dyn Transmit>,
    /// Since when it fails, and when it is to be tried again.
    down: Option<(Duration, Duration)>,
    datagrams: u64,
    failures: u64,
}

/// A lane's state, for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneState {
    /// What it is called.
    pub name: String,
    /// For how long it has failed; none if it works.
    pub down: Option<Duration>,
    /// Datagrams that left on it.
    pub datagrams: u64,
    /// Bursts that it refused.
    pub failures: u64,
}

/// What went wrong with a datagram before it could be sent.
pub(super) type WriteError = openssl::error::ErrorStack;

/// All links.
pub struct Lanes {
    lanes: Vec<Lane>,
    buffer: Vec<u8>,
}

impl Lanes {
    /// Links by name; at most 256, for a datagram says in one byte which one it took.
    #[must_use]
    pub fn new(lanes: impl IntoIterator<Item = (String, Box<dyn Transmit>)>) -> Self {
        let lane = |(name, transmit)| Lane { name, transmit, down: None, datagrams: 0, failures: 0 };
        Self { lanes: lanes.into_iter().take(256).map(lane).collect(), buffer: Vec::new() }
    }

    /// Bytes that a datagram may have on every lane; 0 without lanes.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.lanes.iter().map(|lane| lane.transmit.largest()).min().unwrap_or(0)
    }

    /// Most bytes that a datagram costs on the wire besides its own.
    #[must_use]
    pub fn overhead(&self) -> usize {
        self.lanes.iter().map(|lane| lane.transmit.overhead()).max().unwrap_or(0)
    }

    /// Datagrams that every lane takes in one burst.
    #[must_use]
    pub fn burst(&self) -> usize {
        self.lanes.iter().map(|lane| lane.transmit.burst()).min().unwrap_or(1).max(1)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lanes.len()
    }

    /// How many do not fail.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.down.is_none()).count()
    }

    /// The state of each.
    #[must_use]
    pub fn states(&self, now: Duration) -> Vec<LaneState> {
        let state = |lane: &Lane| LaneState {
            name: lane.name.clone(),
            down: lane.down.map(|(since, _)| now.saturating_sub(since)),
            datagrams: lane.datagrams,
            failures: lane.failures,
        };
        self.lanes.iter().map(state).collect()
    }

    /// Sends a burst on the lane that is `wanted`, modulo their number, or on the next one that does not fail. `write` is
    /// told the lane's number and appends the datagrams, of `size` bytes each. Says whether it left: if not, every lane fails.
    pub(super) fn send(
        &mut self,
        now: Duration,
        wanted: usize,
        size: usize,
        mut write: impl FnMut(u8, &mut Vec<u8>) -> Result<(), WriteError>,
    ) -> Result<bool, WriteError> {
        let count = self.lanes.len();
        for offset in 0..count {
            let number = (wanted + offset) % count;
            if self.send_on(number, now, size, &mut write)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same, on every lane; says on how many it left.
    pub(super) fn send_on_all(
        &mut self,
        now: Duration,
        size: usize,
        mut write: impl FnMut(u8, &mut Vec<u8>) -> Result<(), WriteError>,
    ) -> Result<usize, WriteError> {
        let mut left = 0;
        for number in 0..self.lanes.len() {
            left += usize::from(self.send_on(number, now, size, &mut write)?);
        }
        Ok(left)
    }

    /// Sends on one lane, unless it fails and it is not time to try it again.
    fn send_on(
        &mut self,
        number: usize,
        now: Duration,
        size: usize,
        write: &mut impl FnMut(u8, &mut Vec<u8>) -> Result<(), WriteError>,
    ) -> Result<bool, WriteError> {
        let Some(lane) = self.lanes.get_mut(number) else { return Ok(false) };
        if lane.down.is_some_and(|(_, again)| now < again) {
            return Ok(false);
        }
        self.buffer.clear();
        write(u8::try_from(number).unwrap_or(u8::MAX), &mut self.buffer)?;
        match lane.transmit.send(&self.buffer, size) {
            Ok(()) => {
                lane.sent((self.buffer.len() / size.max(1)) as u64);
                Ok(true)
            }
            Err(error) => {
                lane.failed(now, &error);
                Ok(false)
            }
        }
    }
}

impl Lane {
    fn sent(&mut self, datagrams: u64) {
        self.datagrams += datagrams;
        if self.down.take().is_some() {
            tracing::warn!(rule = "LINK-LANE", lane = %self.name, "the link works again");
        }
    }

    fn failed(&mut self, now: Duration, error: &LinkError) {
        self.failures += 1;
        let since = match self.down {
            Some((since, _)) => since,
            None => {
                tracing::error!(rule = "LINK-LANE", lane = %self.name, %error, "the link fails; it is tried again");
                now
            }
        };
        self.down = Some((since, now + AGAIN));
    }
}
