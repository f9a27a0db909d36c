//! The relay itself: each datagram meets every impairment once, in this order: cut, burst, length, chance, damage, doubling,
//! overtaking.

use super::counts::Counts;
use super::loss::Losses;
use super::random::Random;
use super::reorder::{Held, distance};
use super::settings::Settings;
use super::{damage, inject, wire};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most transmissions whose sequence numbers are followed; of further ones nothing is said.
const TRANSMISSIONS: usize = 4096;

/// A relay at work.
#[derive(Debug)]
pub struct Relay {
    settings: Settings,
    counts: Counts,
    /// The run of losses that goes on now.
    run: u64,
    losses: Losses,
    doubling: Random,
    overtaking: Random,
    damage: Random,
    strangers: Random,
    held: Held,
    /// When the wire was cut.
    cut_since: Option<Duration>,
    /// How much of the recording has been played.
    played: usize,
    /// For each transmission: its highest sequence number, and how many of its datagrams came.
    seen: BTreeMap<u64, (u64, u64)>,
}

impl Relay {
    /// A relay before its first datagram.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let random = |stream| Random::new(settings.seed, stream);
        Self {
            losses: Losses::new(settings.loss, random(1)),
            doubling: random(2),
            overtaking: random(3),
            damage: random(4),
            strangers: random(5),
            held: Held::default(),
            cut_since: None,
            played: 0,
            seen: BTreeMap::new(),
            counts: Counts::default(),
            run: 0,
            settings,
        }
    }

    /// A datagram comes in at a time counted from any beginning; `emit` gets what goes out, in its order.
    pub fn pass(&mut self, datagram: &[u8], now: Duration, emit: &mut impl FnMut(&[u8])) {
        let number = self.counts.received;
        self.counts.received += 1;
        self.counts.received_bytes += length(datagram);
        self.note(datagram);
        self.inject(datagram, emit);
        let dropped = self.drops(datagram, number, now);
        self.counts.fate(dropped, &mut self.run);
        if !dropped {
            self.forward(datagram, number, emit);
        }
        while let Some(late) = self.held.due(number) {
            self.send(&late, emit);
        }
    }

    /// Lets go what was held back: there is nothing left to overtake it.
    pub fn flush(&mut self, emit: &mut impl FnMut(&[u8])) {
        while let Some(late) = self.held.due(u64::MAX) {
            self.send(&late, emit);
        }
    }

    /// One datagram of chance, without any real one.
    pub fn noise(&mut self, emit: &mut impl FnMut(&[u8])) {
        self.counts.noise += 1;
        let noise = inject::noise(&mut self.strangers);
        self.send(&noise, emit);
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let missed = self.seen.values().map(|(highest, came)| (highest + 1).saturating_sub(*came)).sum();
        Counts { missed, ..self.counts.clone() }
    }

    fn send(&mut self, datagram: &[u8], emit: &mut impl FnMut(&[u8])) {
        self.counts.sent += 1;
        self.counts.sent_bytes += length(datagram);
        emit(datagram);
    }

    fn note(&mut self, datagram: &[u8]) {
        let (Some(transmission), Some(sequence)) =
            (wire::number(datagram, wire::TRANSMISSION), wire::number(datagram, wire::SEQUENCE))
        else {
            return;
        };
        // What is not of our link has no sequence; one that would make nonsense of the count is left out too.
        if sequence >= u64::from(u32::MAX)
            || (self.seen.len() >= TRANSMISSIONS && !self.seen.contains_key(&transmission))
        {
            return;
        }
        let (highest, came) = self.seen.entry(transmission).or_insert((0, 0));
        *highest = sequence.max(*highest);
        *came += 1;
    }

    /// Whether a datagram is lost. The model of chance moves on for each, so that it does not depend on the others.
    fn drops(&mut self, datagram: &[u8], number: u64, now: Duration) -> bool {
        let by_chance = self.losses.next();
        let counts = &mut self.counts;
        if self.cut_since.is_none() && self.settings.cut.is_some_and(|cut| number >= cut.at) {
            self.cut_since = Some(now);
        }
        let cut = match (self.settings.cut, self.cut_since) {
            (Some(cut), Some(since)) => now < since.saturating_add(cut.lasts),
            _ => false,
        };
        let burst =
            self.settings.burst.is_some_and(|burst| number.checked_sub(burst.at).is_some_and(|n| n < burst.length));
        let too_long =
            self.settings.shrink.is_some_and(|shrink| number >= shrink.at && datagram.len() > shrink.longest);
        let reasons = [
            (cut, &mut counts.cut),
            (burst, &mut counts.burst),
            (too_long, &mut counts.too_long),
            (by_chance, &mut counts.lost),
        ];
        for (applies, count) in reasons {
            if applies {
                *count += 1;
                return true;
            }
        }
        false
    }

    fn forward(&mut self, datagram: &[u8], number: u64, emit: &mut impl FnMut(&[u8])) {
        let damaged = self.damaged(datagram);
        let datagram = damaged.as_deref().unwrap_or(datagram);
        let twice = self.doubling.chance(self.settings.duplicate);
        if self.overtaking.chance(self.settings.reorder) {
            self.counts.reordered += 1;
            self.held.keep(datagram, number.saturating_add(distance(self.settings.distance, &mut self.overtaking)));
        } else {
            self.send(datagram, emit);
        }
        if twice {
            self.counts.duplicated += 1;
            self.send(datagram, emit);
        }
    }

    /// The datagram as it arrives, where that is other than it was sent.
    fn damaged(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let (settings, counts, random) = (&self.settings, &mut self.counts, &mut self.damage);
        let copy = || datagram.to_vec();
        if random.chance(settings.truncate) {
            counts.truncated += 1;
            let mut short = copy();
            damage::cut(&mut short, random);
            return Some(short);
        }
        if random.chance(settings.corrupt) {
            counts.corrupted += 1;
            let mut wrong = copy();
            damage::flip(&mut wrong, random);
            return Some(wrong);
        }
        if random.chance(settings.corrupt_sealed) {
            counts.corrupted_sealed += 1;
            let mut wrong = copy();
            damage::flip_and_seal(&mut wrong, random);
            return Some(wrong);
        }
        None
    }

    fn inject(&mut self, real: &[u8], emit: &mut impl FnMut(&[u8])) {
        for (sealed, count) in [(false, self.settings.forge), (true, self.settings.forge_sealed)] {
            for _ in 0..count {
                self.counts.forged += 1;
                let forged = inject::forged(real, sealed, &mut self.strangers);
                self.send(&forged, emit);
            }
        }
        for other in 0..self.settings.foreign {
            self.counts.foreign += 1;
            // Ids that differ for each of them and for each seed, and never are those of the real one.
            let other = (self.settings.seed << 16) ^ (u64::from(other) + 1);
            self.send(&inject::foreign(real, other), emit);
        }
        for _ in 0..self.settings.noise {
            self.noise(emit);
        }
        if let Some(old) = self.settings.replay.get_mut(self.played).map(std::mem::take) {
            self.played += 1;
            self.counts.replayed += 1;
            self.send(&old, emit);
        }
    }
}

fn length(datagram: &[u8]) -> u64 {
    u64::try_from(datagram.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
