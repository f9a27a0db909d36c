//! Pacing without feedback: a schedule in bits on the wire.
//!
//! Every burst has its time, which follows from the bits of the bursts before it. A burst may leave up to [`AHEAD`] of its
//! time; beyond, the sender sleeps until then, by the clock and not by counting; it never spins. What it oversleeps it
//! catches up, up to [`DEBT`].

use std::time::{Duration, Instant};

use pouch_carry::SYMBOL_MOST;

/// How long a burst takes on the wire.
const BURST: Duration = Duration::from_micros(50);
/// Least datagrams of a burst: below, every few datagrams would cost a system call and a sleep.
const BURST_LEAST: u64 = 32;
/// How long before its time a burst may leave. A sleep costs some 20 us of a processor however short it is (at 1 Gb/s and one
/// for each burst, a third of all that the sender takes), so it pays to sleep seldom. What leaves back to back is this and a
/// burst: 64 frames of 1500 bytes at 1 Gb/s, 450 at 10, fewer than the ring of a card has by default; and where the wire is
/// no faster than the rate, nothing queues at all.
const AHEAD: Duration = Duration::from_micros(500);
/// Most that is caught up after a sleep that was too long, or after work that took too long.
const DEBT: Duration = Duration::from_millis(2);
/// At the start of a transmission, after the link was idle.
pub const WARM_UP: Duration = Duration::from_millis(100);
/// By which the rate is divided meanwhile.
const WARM_UP_SHARE: u32 = 4;
/// After so long without a burst the link counts as idle.
const IDLE: Duration = Duration::from_secs(1);

/// Bits on the wire in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// Slowest: a modem; below, an announcement would take seconds.
    pub const LEAST: Self = Self(9600);
    /// Fastest that is meant.
    pub const MOST: Self = Self(400_000_000_000);

    /// A rate from [`Rate::LEAST`] to [`Rate::MOST`].
    #[must_use]
    pub const fn new(bits: u64) -> Option<Self> {
        if bits >= Self::LEAST.0 && bits <= Self::MOST.0 { Some(Self(bits)) } else { None }
    }

    /// Bits a second.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// How long so many bits take.
    #[must_use]
    pub fn time(self, bits: u64) -> Duration {
        let nanos = u128::from(bits) * 1_000_000_000 / u128::from(self.0.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Bits that go in so long a time.
    #[must_use]
    pub fn bits_in(self, time: Duration) -> u64 {
        u64::try_from(u128::from(self.0) * time.as_nanos() / 1_000_000_000).unwrap_or(u64::MAX)
    }

    /// Datagrams of a burst, each of so many bits on the wire.
    #[must_use]
    pub fn burst(self, datagram: u64) -> usize {
        let most = usize::from(SYMBOL_MOST);
        usize::try_from((self.bits_in(BURST) / datagram.max(1)).max(BURST_LEAST)).unwrap_or(most).min(most)
    }
}

/// Time, as the sender sees it; since some instant in the past.
pub trait Clock {
    /// Now.
    fn now(&self) -> Duration;
    /// Sleeps until then, or a little longer.
    fn sleep_until(&self, then: Duration);
}

/// The monotonic clock of the system.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep_until(&self, then: Duration) {
        let left = then.saturating_sub(self.now());
        if !left.is_zero() {
            std::thread::sleep(left);
        }
    }
}

/// The schedule of one link, or of several that share a rate.
#[derive(Debug)]
pub struct Pacer {
    rate: Rate,
    /// When the next burst may leave.
    next: Duration,
    /// Until when the rate is a share of itself.
    warm: Option<Duration>,
}

impl Pacer {
    /// At this rate, beginning with a warm-up.
    #[must_use]
    pub const fn new(rate: Rate) -> Self {
        Self { rate, next: Duration::ZERO, warm: None }
    }

    /// The rate.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Until when to sleep before the next burst; not at all if none.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        (self.next > now + AHEAD).then_some(self.next)
    }

    /// A burst of so many bits on the wire leaves now.
    pub fn sent(&mut self, now: Duration, bits: u64) {
        let idle = self.warm.is_none() || now.saturating_sub(self.next) >= IDLE;
        let warm = match self.warm {
            Some(warm) if !idle => warm,
            _ => *self.warm.insert(now + WARM_UP),
        };
        let time = self.rate.time(bits) * if now < warm { WARM_UP_SHARE } else { 1 };
        self.next = self.next.max(now.saturating_sub(DEBT)) + time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A clock that oversleeps by a while each time.
    struct Fake(Cell<Duration>, Duration);

    impl Clock for Fake {
        fn now(&self) -> Duration {
            self.0.get()
        }
        fn sleep_until(&self, then: Duration) {
            if then > self.0.get() {
                self.0.set(then + self.1);
            }
        }
    }

    fn run(oversleep: Duration, rate: Rate, bursts: u32, bits: u64) -> Vec<(Duration, u64)> {
        let (clock, mut pacer) = (Fake(Cell::new(Duration::from_secs(5)), oversleep), Pacer::new(rate));
        let mut sent = Vec::new();
        for _ in 0..bursts {
            if let Some(until) = pacer.wait(clock.now()) {
                clock.sleep_until(until);
            }
            let now = clock.now();
            pacer.sent(now, bits);
            sent.push((now - Duration::from_secs(5), bits));
        }
        sent
    }

    fn between(sent: &[(Duration, u64)], from: Duration, to: Duration) -> u64 {
        sent.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, bits)| bits).sum()
    }

    #[test]
    fn the_rate_is_kept_whatever_the_clock_oversleeps() {
        let rate = Rate::new(1_000_000_000).unwrap();
        for oversleep in [0, 60, 400, 1500] {
            let sent = run(Duration::from_micros(oversleep), rate, 12_000, 96_000);
            let warm = between(&sent, Duration::ZERO, WARM_UP);
            assert!(warm.abs_diff(25_000_000) < 700_000, "{oversleep}: {warm}");
            let steady = between(&sent, WARM_UP * 2, WARM_UP * 10);
            assert!(steady.abs_diff(800_000_000) < 4_000_000, "{oversleep}: {steady}");
            // Never more than the debt and what may go ahead above the rate, over any millisecond.
            for window in 0..900 {
                let from = Duration::from_millis(window);
                assert!(between(&sent, from, from + Duration::from_millis(1)) <= 3_700_000, "{oversleep} {window}");
            }
        }
    }

    #[test]
    fn a_long_stop_is_not_caught_up_and_idleness_warms_up_again() {
        let rate = Rate::new(100_000_000).unwrap();
        let mut pacer = Pacer::new(rate);
        pacer.sent(Duration::from_secs(1), 1000);
        let after = Duration::from_millis(1500);
        pacer.sent(after, 1000);
        assert_eq!(pacer.next, after - DEBT + rate.time(1000));
        let idle = Duration::from_secs(10);
        pacer.sent(idle, 1000);
        assert_eq!(pacer.next, idle - DEBT + rate.time(4000));
    }

    #[test]
    fn bursts_go_ahead_but_not_far() {
        let mut pacer = Pacer::new(Rate::new(1_000_000_000).unwrap());
        let (now, mut bursts) = (Duration::from_secs(1), 0);
        pacer.warm = Some(now);
        pacer.next = now;
        while pacer.wait(now).is_none() {
            pacer.sent(now, 32 * 1538 * 8);
            bursts += 1;
        }
        assert_eq!((bursts, pacer.wait(now)), (2, Some(pacer.next)));
    }

    #[test]
    fn bursts_are_short_but_never_single_datagrams() {
        let burst = |rate| Rate::new(rate).unwrap().burst(1538 * 8);
        assert_eq!((burst(10_000_000), burst(1_000_000_000), burst(10_000_000_000)), (32, 32, 40));
        assert_eq!(Rate::new(1), None);
        assert_eq!(Rate::new(u64::MAX), None);
    }
}
