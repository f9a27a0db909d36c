//! Two made-up registries, the same for the same seed: a land register and a business register.
//!
//! Each is one SQL script for `psql`: tables, `COPY` data, keys. Their shapes are those of real registries: geometry in
//! bytes, JSON documents, history rows, names in Estonian, German and Cyrillic.

mod business;
pub(crate) mod dice;
mod land;
mod names;

use dice::Dice;
use std::io::{self, Write};

/// A registry that can be made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    /// Parcels, owners, ownerships, encumbrances and the history of all of it.
    Land,
    /// Companies, their boards, addresses and filings.
    Business,
}

/// SQL for `psql -AtF '|'`: one line `table|rows|sha256` a table, the same for the same rows in any order.
pub const CONTENT_SQL: &str = include_str!("content.sql");

/// What a registry takes on PostgreSQL's disk, indexes included, for one unit of its main table, in bytes. Measured.
const LAND_UNIT: u64 = 1_230;
const BUSINESS_UNIT: u64 = 3_180;

impl Registry {
    /// All of them.
    pub const ALL: [Registry; 2] = [Registry::Land, Registry::Business];

    /// The name, as pouches carry it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Registry::Land => "land",
            Registry::Business => "business",
        }
    }

    /// The registry of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Registry::ALL.into_iter().find(|registry| registry.name() == name)
    }

    /// Writes the script that makes this registry of about `megabytes` on disk (10^6 bytes), the same for the same `seed`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(self, seed: u64, megabytes: u64, out: &mut dyn Write) -> io::Result<()> {
        let bytes = megabytes.saturating_mul(1_000_000);
        out.write_all(b"SET client_encoding = 'UTF8';\nSET synchronous_commit = off;\nBEGIN;\n")?;
        match self {
            Registry::Land => land::write(&Dice::new(seed), (bytes / LAND_UNIT).max(10), out)?,
            Registry::Business => business::write(&Dice::new(seed), (bytes / BUSINESS_UNIT).max(10), out)?,
        }
        out.write_all(b"COMMIT;\nANALYZE;\n")
    }
}

/// Writes one `COPY` block; `row` writes a line of tab-separated text columns without the line feed.
fn copy(
    out: &mut dyn Write,
    target: &str,
    rows: u64,
    mut row: impl FnMut(u64, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    writeln!(out, "COPY {target} FROM STDIN;")?;
    for number in 0..rows {
        row(number, out)?;
        out.write_all(b"\n")?;
    }
    out.write_all(b"\\.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(registry: Registry, seed: u64) -> String {
        let mut out = Vec::new();
        registry.write(seed, 1, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_same_seed_makes_the_same_registry_and_another_seed_another() {
        for registry in Registry::ALL {
            assert_eq!(script(registry, 7), script(registry, 7));
            assert_ne!(script(registry, 7), script(registry, 8));
            assert_eq!(Registry::named(registry.name()), Some(registry));
        }
    }

    #[test]
    fn names_are_of_several_scripts_and_every_row_has_its_columns() {
        for registry in Registry::ALL {
            let script = script(registry, 7);
            assert!(script.chars().any(|c| matches!(c, 'õ' | 'š' | 'ž')), "Estonian");
            assert!(script.chars().any(|c| matches!(c, 'ß' | 'ü')), "German");
            assert!(script.chars().any(|c| matches!(c, 'а'..='я')), "Cyrillic");
            let mut tabs = None;
            for line in script.lines() {
                if line.starts_with("COPY ") {
                    tabs = Some(line.matches(',').count());
                } else if line == "\\." {
                    tabs = None;
                } else if let Some(tabs) = tabs {
                    assert_eq!(line.matches('\t').count(), tabs, "{line}");
                }
            }
        }
    }
}
