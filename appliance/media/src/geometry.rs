//! Where everything of a volume lies, computed from two numbers: the sectors of its data area, and its repair.
//!
//! ```text
//! 0            data area: a tar of whole parts; its last 512 bytes are the head of what follows
//! data         table, first half
//!              a gap: one sector that ends with the head of what follows
//!              repair: row 0 of all groups, row 1 of all groups, ...
//!              a gap, table, second half
//!              a gap, custody, first copy; a gap, custody, second copy
//!              the end of the tar: one sector of zeros
//! ```
//!
//! Sector `s` of the data area is source symbol `s / groups` of group `s % groups`, so that any run of sectors is spread over
//! all groups; so is repair row `j`, group `g`, at `j * groups + g`. The two halves of the table lie on both sides of the
//! repair, which is longer than the longest run that it mends: no such run meets both. SPEC.md, geometry.

use std::ops::Range;

use crate::SECTOR;

/// Work symbols of the code of a volume: what source and repair of a group need at most, the repair rounded up to a power of two.
const WORK: u64 = 8192;

/// Bytes of a sector's digest in the table.
pub const DIGEST: usize = 16;

/// Bytes of the head of a sector of the table, with the digest of the rest.
pub const TABLE_HEAD: usize = 64;

/// Digests in a sector of the table: 252.
pub const TABLE_ENTRIES: u64 = ((SECTOR - TABLE_HEAD) / DIGEST) as u64;

/// Most source sectors of a group of the table.
const TABLE_SOURCE: u64 = 1024;

/// Sectors of a copy of the custody record: 128 KiB.
pub const CUSTODY_SECTORS: u64 = 32;

/// Most sectors of a data area: 2^36, which are 256 TiB.
pub const DATA_MOST: u64 = 1 << 36;

/// What has no geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// A data area that cannot be.
    #[error("a data area has 1 to {DATA_MOST} sectors, not {found}")]
    Data {
        /// Its sectors.
        found: u64,
    },
    /// A share of repair that cannot be.
    #[error("repair is 1 to 1000 in a thousand of the data, not {found}")]
    Repair {
        /// In a thousand of the data.
        found: u16,
    },
}

/// An interleaved code over sectors: groups of source symbols, each with repair symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// How many groups: the distance, in sectors, of two symbols of one group.
    pub count: u64,
    /// Source symbols of a group; what lies beyond the last source sector counts as zeros.
    pub source: u16,
    /// Repair symbols of a group.
    pub repair: u16,
}

/// Where everything of a volume lies. All numbers are sectors of 4096 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    data: u64,
    permille: u16,
    groups: Groups,
    table: Groups,
}

impl Geometry {
    /// The geometry of a data area of `data` sectors with `permille` in a thousand of them as repair (50 by default).
    ///
    /// # Errors
    /// [`GeometryError`].
    pub fn new(data: u64, permille: u16) -> Result<Self, GeometryError> {
        if data == 0 || data > DATA_MOST {
            return Err(GeometryError::Data { found: data });
        }
        if permille == 0 || permille > 1000 {
            return Err(GeometryError::Repair { found: permille });
        }
        let repair_of = |source: u64| (source * u64::from(permille)).div_ceil(1000);
        // The smallest power of two that holds the repair of all the sources for which it leaves room; 4096 always does.
        let chunk = (0..12).map(|power| 1 << power).find(|chunk| repair_of(WORK - chunk) <= *chunk).unwrap_or(WORK / 2);
        let count = data.div_ceil(WORK - chunk);
        let source = data.div_ceil(count);
        let groups = Groups { count, source: short(source), repair: short(repair_of(source)) };
        let entries = data + groups.repair_sectors();
        let sectors = entries.div_ceil(TABLE_ENTRIES);
        let count = sectors.div_ceil(TABLE_SOURCE);
        let source = sectors.div_ceil(count);
        let table = Groups { count, source: short(source), repair: short((source * 5).div_ceil(4) + 2) };
        Ok(Self { data, permille, groups, table })
    }

    /// The largest geometry of at most `sectors` sectors in all; none if not even a data area of one sector fits.
    #[must_use]
    pub fn within(sectors: u64, permille: u16) -> Option<Self> {
        // What fits is found by halving: the sectors of a volume only grow with its data area.
        let fits = |data| Self::new(data, permille).ok().filter(|geometry| geometry.sectors() <= sectors);
        let mut best = fits(1)?;
        let (mut fit, mut not) = (1, sectors.saturating_add(1).min(DATA_MOST + 1));
        while not - fit > 1 {
            let middle = fit + (not - fit) / 2;
            match fits(middle) {
                Some(geometry) => (best, fit) = (geometry, middle),
                None => not = middle,
            }
        }
        Some(best)
    }

    /// Sectors of the data area.
    #[must_use]
    pub const fn data(&self) -> u64 {
        self.data
    }

    /// Repair, in a thousand of the data.
    #[must_use]
    pub const fn permille(&self) -> u16 {
        self.permille
    }

    /// The code over the data area.
    #[must_use]
    pub const fn groups(&self) -> Groups {
        self.groups
    }

    /// The code over the table, whose source sectors hold the digests of the data area, then of the repair.
    #[must_use]
    pub const fn table(&self) -> Groups {
        self.table
    }

    /// Sectors that the table has a digest of: the data area, then the repair.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.data + self.groups.repair_sectors()
    }

    /// Rows of the table in its first half.
    const fn first_rows(&self) -> u64 {
        (self.table.source as u64 + self.table.repair as u64).div_ceil(2)
    }

    /// Where the first half of the table lies: row 0 on.
    #[must_use]
    pub const fn first_table(&self) -> Range<u64> {
        self.data..self.data + self.first_rows() * self.table.count
    }

    /// Where the repair lies.
    #[must_use]
    pub const fn repair(&self) -> Range<u64> {
        let start = self.first_table().end + 1;
        start..start + self.groups.repair_sectors()
    }

    /// Where the second half of the table lies.
    #[must_use]
    pub const fn second_table(&self) -> Range<u64> {
        let rows = self.table.source as u64 + self.table.repair as u64 - self.first_rows();
        let start = self.repair().end + 1;
        start..start + rows * self.table.count
    }

    /// Where a copy of the custody record lies: the first, or the second.
    #[must_use]
    pub const fn custody(&self, second: bool) -> Range<u64> {
        let start = self.second_table().end + 1 + if second { CUSTODY_SECTORS + 1 } else { 0 };
        start..start + CUSTODY_SECTORS
    }

    /// Sectors of the whole volume.
    #[must_use]
    pub const fn sectors(&self) -> u64 {
        self.custody(true).end + 1
    }

    /// Where the sector of the table of this row and group lies.
    #[must_use]
    pub const fn table_sector(&self, row: u16, group: u64) -> u64 {
        let place = self.data + row as u64 * self.table.count + group;
        if place < self.first_table().end { place } else { place - self.first_table().end + self.second_table().start }
    }

    /// Where the repair sector of this row and group lies.
    #[must_use]
    pub const fn repair_sector(&self, row: u16, group: u64) -> u64 {
        self.repair().start + row as u64 * self.groups.count + group
    }

    /// The longest run of sectors, wherever it begins, that the repair mends on its own.
    #[must_use]
    pub const fn longest_run(&self) -> u64 {
        self.groups.repair as u64 * self.groups.count
    }
}

impl Groups {
    /// Sectors of all repair symbols.
    #[must_use]
    pub const fn repair_sectors(self) -> u64 {
        self.repair as u64 * self.count
    }
}

/// A number of symbols, which the bounds of [`Geometry::new`] keep below 2^13.
fn short(symbols: u64) -> u16 {
    u16::try_from(symbols).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_its_place_and_nothing_has_two() {
        for data in [1, 2, 251, 7680, 7681, 157_000, 1 << 28, DATA_MOST] {
            for permille in [1, 20, 50, 100, 500, 1000] {
                let geometry = Geometry::new(data, permille).unwrap();
                let groups = geometry.groups();
                assert!(u64::from(groups.source) * groups.count >= data, "{data} {permille}");
                assert!(u64::from(groups.source.max(1) - 1) * groups.count < data, "{data} {permille}");
                let chunk = u64::from(groups.repair).next_power_of_two();
                assert!(u64::from(groups.source) + chunk <= WORK, "{data} {permille}: {groups:?}");
                assert!(u64::from(groups.repair) * 1000 >= u64::from(groups.source) * u64::from(permille));
                let table = geometry.table();
                assert!(u64::from(table.source) * table.count * TABLE_ENTRIES >= geometry.entries());
                assert_eq!(geometry.table_sector(0, 0), geometry.first_table().start);
                let last = geometry.table_sector(table.source + table.repair - 1, table.count - 1);
                assert_eq!(last + 1, geometry.second_table().end);
                assert_eq!(geometry.repair_sector(groups.repair - 1, groups.count - 1) + 1, geometry.repair().end);
                // Either half holds as many sectors as the table needs, and some more.
                for half in [geometry.first_table(), geometry.second_table()] {
                    assert!(half.end - half.start >= u64::from(table.source) * table.count);
                }
                assert!(geometry.repair().end - geometry.repair().start >= geometry.longest_run());
            }
        }
    }

    #[test]
    fn a_disk_is_filled() {
        for sectors in [100, 5000, 1 << 20, 1 << 28] {
            let geometry = Geometry::within(sectors, 50).unwrap();
            assert!(geometry.sectors() <= sectors);
            assert!(Geometry::new(geometry.data() + 1, 50).unwrap().sectors() > sectors);
        }
        assert_eq!(Geometry::within(50, 50), None);
    }

    #[test]
    fn the_default_costs_six_in_a_hundred_and_mends_a_run_of_four() {
        let geometry = Geometry::new(157_286, 50).unwrap();
        assert_eq!(geometry.groups(), Groups { count: 21, source: 7490, repair: 375 });
        assert!(geometry.sectors() * 100 < geometry.data() * 107);
        assert!(geometry.longest_run() * 100 > geometry.sectors() * 4);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(Geometry::new(0, 50), Err(GeometryError::Data { found: 0 }));
        assert_eq!(Geometry::new(DATA_MOST + 1, 50), Err(GeometryError::Data { found: DATA_MOST + 1 }));
        assert_eq!(Geometry::new(1, 0), Err(GeometryError::Repair { found: 0 }));
        assert_eq!(Geometry::new(1, 1001), Err(GeometryError::Repair { found: 1001 }));
    }
}
