//! One window of a round: its symbols in the order in which they go.

use std::ops::Range;

use pouch_carry::HASH;

use super::plan::Parcel;
use super::prepare::Outgoing;
use super::stream::StreamError;
use crate::datagram::REPAIR;

/// Rows of source symbols that are read at once.
pub(super) const STAGE: u16 = 16;

/// A block of the window.
struct Slot {
    parcel: Parcel,
    /// Its hash and its repair symbols, once it is ready.
    ready: Option<([u8; HASH], Vec<u8>)>,
}

/// A symbol: which slot, which row. Rows below the window's source rows are source symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    slot: usize,
    row: u16,
}

/// The window, and how far it has gone.
pub(super) struct Window {
    number: u32,
    slots: Vec<Slot>,
    waiting: usize,
    /// Rows that hold source symbols, and all rows.
    source_rows: u16,
    rows: u16,
    /// The next symbol.
    next: Symbol,
    /// Bursts since the row began, and groups of rows before.
    burst: usize,
    group: usize,
    /// The first of the rows that are in the stage.
    staged: Option<u16>,
}

impl Window {
    pub(super) fn new(number: u32, parcels: impl Iterator<Item = Parcel>) -> Self {
        let slots: Vec<Slot> = parcels.map(|parcel| Slot { parcel, ready: None }).collect();
        let source_rows = slots.iter().map(|slot| slot.parcel.sources.end).max().unwrap_or(0);
        let repair_rows = slots.iter().map(|slot| slot.parcel.repair).max().unwrap_or(0);
        Self {
            number,
            waiting: slots.len(),
            slots,
            source_rows,
            rows: source_rows + repair_rows,
            next: Symbol { slot: 0, row: 0 },
            burst: 0,
            group: 0,
            staged: None,
        }
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn parcels(&self) -> impl Iterator<Item = Parcel> + '_ {
        self.slots.iter().map(|slot| slot.parcel.clone())
    }

    /// Whether all blocks are ready.
    pub(super) const fn is_ready(&self) -> bool {
        self.waiting == 0
    }

    /// Whether all symbols have gone.
    pub(super) const fn is_over(&self) -> bool {
        self.next.row >= self.rows
    }

    /// A block is ready.
    pub(super) fn put(&mut self, slot: usize, ready: ([u8; HASH], Vec<u8>)) {
        if let Some(slot) = self.slots.get_mut(slot)
            && slot.ready.replace(ready).is_none()
        {
            self.waiting = self.waiting.saturating_sub(1);
        }
    }

    /// The memory of the repair symbols, to be used again.
    pub(super) fn into_memory(self) -> impl Iterator<Item = Vec<u8>> {
        self.slots.into_iter().filter_map(|slot| slot.ready.map(|(_, repair)| repair))
    }

    /// Collects the symbols of the next burst, at most `most`, and says on which lane it goes, but for the round.
    ///
    /// A burst ends where a row ends, or after as many whole rows as fit: then each row goes on another lane than the
    /// one before, and so every block's symbols are spread over all lanes.
    pub(super) fn compose(&mut self, most: usize, symbols: &mut Vec<Symbol>) -> usize {
        symbols.clear();
        let lane = self.group + self.burst;
        while !self.is_over() {
            while self.next.slot < self.slots.len() && symbols.len() < most {
                if self.has(self.next) {
                    symbols.push(self.next);
                }
                self.next.slot += 1;
            }
            if self.next.slot < self.slots.len() {
                self.burst += 1;
                return lane;
            }
            self.next = Symbol { slot: 0, row: self.next.row + 1 };
            let stage_ends = self.next.row <= self.source_rows && self.next.row.is_multiple_of(STAGE);
            if symbols.is_empty() {
                continue;
            }
            if symbols.len() + self.slots.len() > most || stage_ends {
                self.group += 1;
                self.burst = 0;
                return lane;
            }
        }
        lane
    }

    /// Whether there is such a symbol in this round.
    fn has(&self, symbol: Symbol) -> bool {
        let Some(Slot { parcel, .. }) = self.slots.get(symbol.slot) else { return false };
        match symbol.row.checked_sub(self.source_rows) {
            None => parcel.sources.contains(&symbol.row),
            Some(repair) => repair < parcel.repair,
        }
    }

    /// Reads the source symbols of a burst into the stage, if they are not there.
    pub(super) fn stage(
        &mut self,
        outgoing: &Outgoing,
        symbols: &[Symbol],
        stage: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let Some(row) = symbols.first().map(|symbol| symbol.row).filter(|row| *row < self.source_rows) else {
            return Ok(());
        };
        let first = row - row % STAGE;
        if self.staged == Some(first) {
            return Ok(());
        }
        let symbol = outgoing.symbol();
        let bytes = usize::from(STAGE) * symbol;
        stage.resize(self.slots.len() * bytes, 0);
        for (slot, place) in self.slots.iter().zip(stage.chunks_exact_mut(bytes)) {
            let rows = &slot.parcel.sources;
            let count = usize::from(rows.end.saturating_sub(first).min(STAGE));
            let (Some((hash, _)), Some(place)) = (&slot.ready, place.get_mut(..count * symbol)) else { continue };
            if !place.is_empty() && rows.start < first + STAGE {
                outgoing.read(&slot.parcel.block, hash, usize::from(first) * symbol, place)?;
            }
        }
        self.staged = Some(first);
        Ok(())
    }

    /// The block, the index and the bytes of a symbol that [`Window::stage`] has made ready.
    pub(super) fn symbol<'w>(&'w self, of: Symbol, size: usize, stage: &'w [u8]) -> Option<(u32, u16, &'w [u8])> {
        let slot = self.slots.get(of.slot)?;
        let range = |place: usize| Range { start: place * size, end: (place + 1) * size };
        let number = slot.parcel.block.number;
        match of.row.checked_sub(self.source_rows) {
            None => {
                let place = of.slot * usize::from(STAGE) + usize::from(of.row % STAGE);
                Some((number, of.row, stage.get(range(place))?))
            }
            Some(repair) => {
                let (_, symbols) = slot.ready.as_ref()?;
                let index = (slot.parcel.first + repair) % pouch_carry::REPAIR_MOST;
                Some((number, REPAIR | index, symbols.get(range(repair.into()))?))
            }
        }
    }
}
