//! A set of 128-bit hashes that takes 20 to 32 bytes a hash, also while it grows.

/// Shards grow one at a time, so that growing never doubles the whole.
const SHARDS: usize = 256;
/// Slots of a shard's first table.
const FIRST: usize = 32;

/// A set of hashes. Zero marks an empty slot, so the hash zero counts as one.
#[derive(Debug)]
pub(super) struct Table {
    shards: Vec<Shard>,
}

#[derive(Clone, Debug, Default)]
struct Shard {
    slots: Vec<u128>,
    used: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { shards: vec![Shard::default(); SHARDS] }
    }
}

impl Table {
    /// Adds a hash; false if it was there.
    pub(super) fn insert(&mut self, hash: u128) -> bool {
        match self.shards.get_mut(shard_of(hash)) {
            Some(shard) => shard.insert(hash.max(1)),
            None => false,
        }
    }

    /// Whether the hash was added.
    pub(super) fn contains(&self, hash: u128) -> bool {
        self.shards.get(shard_of(hash)).is_some_and(|shard| matches!(shard.find(hash.max(1)), Find::Here))
    }
}

/// The highest byte chooses the shard, bits below choose the slot.
fn shard_of(hash: u128) -> usize {
    usize::from(hash.to_be_bytes()[0])
}

enum Find {
    Here,
    Free(usize),
    Full,
}

impl Shard {
    fn insert(&mut self, hash: u128) -> bool {
        if self.used * 5 >= self.slots.len() * 4 {
            self.grow();
        }
        match self.find(hash) {
            Find::Free(place) => {
                if let Some(slot) = self.slots.get_mut(place) {
                    *slot = hash;
                    self.used += 1;
                }
                true
            }
            Find::Here | Find::Full => false,
        }
    }

    fn find(&self, hash: u128) -> Find {
        let start = self.start(hash);
        let (before, from) = self.slots.split_at(start);
        let ring = (start..).zip(from).chain((0..).zip(before));
        for (place, slot) in ring {
            match *slot {
                0 => return Find::Free(place),
                taken if taken == hash => return Find::Here,
                _ => {}
            }
        }
        Find::Full
    }

    /// Maps the hash's middle 32 bits onto the slots, evenly for any number of slots.
    fn start(&self, hash: u128) -> usize {
        let bytes = hash.to_be_bytes();
        let middle = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        usize::try_from((u64::from(middle) * self.slots.len() as u64) >> 32).unwrap_or(0)
    }

    fn grow(&mut self) {
        let larger = (self.slots.len() + self.slots.len() / 2).max(FIRST);
        let old = std::mem::replace(&mut self.slots, vec![0; larger]);
        for hash in old.into_iter().filter(|slot| *slot != 0) {
            if let Find::Free(place) = self.find(hash)
                && let Some(slot) = self.slots.get_mut(place)
            {
                *slot = hash;
            }
        }
    }
}
