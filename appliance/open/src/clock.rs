//! The local clock, which is told and never asked.

use jiff::Timestamp;

/// Before this, no pouch of this format was sealed. Raised with each release.
pub const BUILD_FLOOR: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// The time that goes into log and receipt. No decision depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    now: Timestamp,
}

impl Clock {
    /// What the system says.
    #[must_use]
    pub fn system() -> Self {
        Self::at(Timestamp::now())
    }

    /// A given time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        // Whole seconds, as everywhere in a pouch.
        Self { now: Timestamp::from_second(now.as_second()).unwrap_or(Timestamp::UNIX_EPOCH) }
    }

    /// The time, in whole seconds.
    #[must_use]
    pub fn now(self) -> Timestamp {
        self.now
    }
}
