//! What is sent, and in which order, before a byte of it is read.

use std::ops::Range;

use pouch_carry::missing::{Gap, Gaps};
use pouch_carry::{Block, Layout, LayoutError, REPAIR_MOST, SOURCE_MOST, SYMBOL_MOST, SYMBOL_UNIT, Shape, windows};

use super::window::STAGE;
use crate::announcement::{self, DEPTH_MOST};
use crate::datagram::HEAD;

/// Blocks of a window, if their symbols are small.
const DEPTH: u16 = 64;
/// Most bytes of a window at the default depth: what a receiver has open at the same time.
const WINDOW: usize = 96 << 20;
/// Least repair symbols of a block, unless there is to be no repair: a share of a small pouch would be one or two.
const REPAIR_LEAST: u16 = 32;

/// Least bytes of a datagram.
const LEAST: usize = HEAD + announcement::BYTES;

/// A share of repair, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u16);

impl Share {
    /// 6.25 %: 64 repair symbols for 1024.
    pub const DEFAULT: Self = Self(625);
    /// 25 %: all 256 repair symbols of a block.
    pub const MOST: Self = Self(2500);

    /// A share of so many hundredths of a percent, at most [`Share::MOST`].
    #[must_use]
    pub const fn new(hundredths: u16) -> Option<Self> {
        if hundredths <= Self::MOST.0 { Some(Self(hundredths)) } else { None }
    }

    /// Hundredths of a percent.
    #[must_use]
    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// The share of `count`, rounded up.
    fn of(self, count: u16) -> u16 {
        let share = (u32::from(count) * u32::from(self.0)).div_ceil(10_000);
        u16::try_from(share).unwrap_or(REPAIR_MOST)
    }

    /// Repair symbols for blocks of `source` symbols.
    fn repair(self, source: u16) -> u16 {
        if self.0 == 0 { 0 } else { self.of(source).clamp(REPAIR_LEAST, REPAIR_MOST) }
    }
}

/// How a stream is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Bytes that a datagram may have.
    pub largest: usize,
    /// Blocks of a window, or as many as are usual for symbols of this size.
    pub depth: Option<u16>,
    /// How much repair.
    pub repair: Share,
    /// How often all is sent, each time with other repair symbols; at least 1.
    pub rounds: u16,
}

/// Why nothing can be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Datagrams too small for an announcement.
    #[error("a datagram of {largest} bytes has no room for an announcement, which has {LEAST}")]
    Small {
        /// Bytes that a datagram may have.
        largest: usize,
    },
    /// A depth that cannot be.
    #[error("a window has 1 to {DEPTH_MOST} blocks, not {found}")]
    Depth {
        /// Blocks of a window.
        found: u16,
    },
    /// No round.
    #[error("at least one round is sent")]
    Rounds,
    /// No layout for the stream.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A block that the stream does not have.
    #[error("block {found} is beyond the last of {blocks}")]
    Block {
        /// The block.
        found: u32,
        /// Blocks of the stream.
        blocks: u32,
    },
    /// Nothing is missing.
    #[error("no block is named")]
    Nothing,
}

/// What goes of a block in one round: source symbols, and the repair symbols `first`, `first + 1`, ..., modulo
/// [`REPAIR_MOST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The block.
    pub block: Block,
    /// Which source symbols; perhaps none.
    pub sources: Range<u16>,
    /// The first repair symbol.
    pub first: u16,
    /// How many repair symbols.
    pub repair: u16,
}

/// Consecutive blocks of which the same goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    blocks: Range<u32>,
    /// Blocks of the runs before.
    before: u32,
    sources: Range<u16>,
    /// The first repair symbol of round 1.
    first: u16,
    repair: u16,
}

/// All that is sent of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    layout: Layout,
    runs: Vec<Run>,
    blocks: u32,
    depth: u16,
    repair: u16,
    rounds: u16,
}

impl Plan {
    /// A stream of `length` bytes, whole.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn whole(length: u64, settings: &Settings) -> Result<Self, PlanError> {
        let layout = layout(length, settings)?;
        let repair = settings.repair.repair(layout.shape().source());
        let sources = 0..layout.shape().source();
        let run = Run { blocks: 0..layout.blocks(), before: 0, sources, first: 0, repair };
        Self::of(layout, vec![run], repair, settings)
    }

    /// Only what a receiver lacks of it, in one round. The repair symbols are taken from the last one downwards, for the
    /// first ones went before.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn only(length: u64, settings: &Settings, gaps: &Gaps) -> Result<Self, PlanError> {
        let layout = layout(length, settings)?;
        if gaps.is_empty() {
            return Err(PlanError::Nothing);
        }
        if gaps.end() > layout.blocks() {
            return Err(PlanError::Block { found: gaps.end() - 1, blocks: layout.blocks() });
        }
        let (mut runs, mut before) = (Vec::new(), 0);
        for (place, gap) in gaps.as_slice().iter().enumerate() {
            let (sources, repair) = resent(gaps, place, gap.need, layout.shape().source(), settings.repair);
            let blocks = gap.first..gap.first + gap.count;
            runs.push(Run { blocks, before, sources, first: REPAIR_MOST - repair, repair });
            before += gap.count;
        }
        let repair = runs.iter().map(|run| run.repair).max().unwrap_or(0);
        Self::of(layout, runs, repair, &Settings { rounds: 1, ..*settings })
    }

    fn of(layout: Layout, runs: Vec<Run>, repair: u16, settings: &Settings) -> Result<Self, PlanError> {
        if settings.rounds == 0 {
            return Err(PlanError::Rounds);
        }
        let blocks = runs.last().map_or(0, |run| run.before + run.blocks.end - run.blocks.start);
        let depth = match settings.depth {
            Some(depth) if (1..=DEPTH_MOST).contains(&depth) => depth,
            Some(found) => return Err(PlanError::Depth { found }),
            None => usual_depth(layout.shape()),
        };
        Ok(Self { layout, runs, blocks, depth: even_depth(blocks, depth), repair, rounds: settings.rounds })
    }

    /// How the stream is cut.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Rounds.
    #[must_use]
    pub const fn rounds(&self) -> u16 {
        self.rounds
    }

    /// Most blocks of a window.
    #[must_use]
    pub const fn depth(&self) -> u16 {
        self.depth
    }

    /// Repair symbols of a block in one round, at most.
    #[must_use]
    pub const fn repair(&self) -> u16 {
        self.repair
    }

    /// Blocks of which something goes in a round.
    #[must_use]
    pub const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Windows of a round, as ranges of [`Plan::parcel`]'s numbers.
    pub fn windows(&self) -> impl Iterator<Item = Range<u32>> + use<> {
        windows(self.blocks, self.depth)
    }

    /// What goes of the `number`-th of the blocks, from 0, in a round, from 1.
    #[must_use]
    pub fn parcel(&self, number: u32, round: u16) -> Option<Parcel> {
        let last = self.runs.partition_point(|run| run.before <= number).checked_sub(1)?;
        let run = self.runs.get(last)?;
        let block = self.layout.block(run.blocks.start + (number - run.before))?;
        let rounds_before = u32::from(round.saturating_sub(1));
        let first = (u32::from(run.first) + rounds_before * u32::from(run.repair)) % u32::from(REPAIR_MOST);
        let first = u16::try_from(first).unwrap_or(0);
        let sources = run.sources.start.min(block.symbols)..run.sources.end.min(block.symbols);
        Some(Parcel { block, sources, first, repair: run.repair })
    }

    /// Symbols of a round.
    #[must_use]
    pub fn symbols(&self) -> u64 {
        let last = self.layout.blocks() - 1;
        let short = self.layout.block(last).map_or(0, |block| block.symbols);
        let of = |run: &Run| {
            let less = if run.blocks.contains(&last) { run.sources.end - run.sources.end.min(short) } else { 0 };
            let each = run.sources.len() as u64 + u64::from(run.repair);
            // Of the last block's rows all may be missing.
            run.blocks.len() as u64 * each - u64::from(less.min(run.sources.end - run.sources.start))
        };
        self.runs.iter().map(of).sum()
    }

    /// Bytes of memory that sending takes, about: the repair symbols of two windows, and a run of source symbols of one.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let symbols = u64::from(self.repair) * 2 + u64::from(STAGE);
        symbols * u64::from(self.depth) * u64::from(self.layout.shape().symbol())
    }

    /// Most datagrams lost in a row that lose no block: of the smallest window.
    #[must_use]
    pub fn burst(&self) -> u64 {
        let last = self.layout.block(self.layout.blocks() - 1);
        let short = last.is_some_and(|last| last.symbols < self.layout.shape().source());
        let blocks = |window: Range<u32>| {
            // Where a short block has ended the others are one nearer to each other.
            let less = u64::from(short && window.len() > 1 && window.end == self.blocks);
            window.len() as u64 - less
        };
        self.windows().map(blocks).min().unwrap_or(0) * u64::from(self.repair)
    }
}

/// Which source symbols, and how many repair symbols, go again of the blocks of a gap that lack `need` of `source`.
///
/// Fresh repair symbols, if there are enough of them. Else source symbols too, and mostly it is known which: a link that
/// was cut lost the end of a window before the gap, and the beginning of the one behind it.
fn resent(gaps: &Gaps, place: usize, need: u16, source: u16, repair: Share) -> (Range<u16>, u16) {
    let share = repair.repair(source);
    let wanted = need.saturating_add(repair.of(need)).saturating_add(2);
    // What the first round sent is no news.
    if wanted <= REPAIR_MOST - share && need < source {
        return (0..0, wanted);
    }
    let gap = |place: Option<usize>| place.and_then(|place| gaps.as_slice().get(place));
    let (before, here, behind) = (gap(place.checked_sub(1)), gap(Some(place)), gap(place.checked_add(1)));
    let adjacent = |one: Option<&Gap>, other: Option<&Gap>| {
        one.zip(other).is_some_and(|(one, other)| one.first + one.count == other.first)
    };
    let wanted = wanted.min(source);
    match (adjacent(before, here), adjacent(here, behind)) {
        _ if need >= source => (0..source, share),
        (false, true) => (source - wanted..source, 0),
        (true, false) => (0..wanted, 0),
        _ => (0..source, share),
    }
}

/// Blocks of the largest symbols that fit, as equal as possible.
fn layout(length: u64, settings: &Settings) -> Result<Layout, PlanError> {
    let room = settings.largest.saturating_sub(HEAD).min(SYMBOL_MOST.into());
    let symbol = room - room % usize::from(SYMBOL_UNIT);
    match u16::try_from(symbol) {
        _ if settings.largest < LEAST => Err(PlanError::Small { largest: settings.largest }),
        Err(_) => Err(PlanError::Small { largest: settings.largest }),
        Ok(symbol) => Ok(Layout::even(Shape::new(symbol, SOURCE_MOST)?, length)?),
    }
}

/// As many blocks as make a window of [`WINDOW`] bytes, at most [`DEPTH`].
fn usual_depth(shape: Shape) -> u16 {
    let block = usize::from(shape.symbol()) * usize::from(SOURCE_MOST);
    u16::try_from(WINDOW / block).unwrap_or(DEPTH).clamp(1, DEPTH)
}

/// The depth at which windows are as equal as possible and none has fewer than `depth` blocks, if there are so many: a
/// smaller one would survive a shorter burst than was promised. Two more, for where the last block has ended the others
/// are one nearer to each other. Windows have about twice as many at most.
fn even_depth(blocks: u32, depth: u16) -> u16 {
    let count = (blocks / (u32::from(depth) + 2)).max(1);
    u16::try_from(blocks.div_ceil(count)).unwrap_or(depth).clamp(1, DEPTH_MOST)
}
