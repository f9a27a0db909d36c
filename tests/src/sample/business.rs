//! The business register.

use super::dice::Dice;
use super::{copy, names};
use std::io::{self, Write};

const TABLES: &str = "
CREATE TABLE company (id bigint, code text, name text, status text, founded date, capital numeric(14,2), board jsonb);
CREATE TABLE address (company bigint, kind text, county text, street text, postal_code text, since date);
CREATE TABLE filing (id bigint, company bigint, year integer, kind text, filed_at timestamptz, digest bytea, body jsonb);
";

const KEYS: &str = "
ALTER TABLE company ADD PRIMARY KEY (id);
ALTER TABLE company ADD UNIQUE (code);
ALTER TABLE address ADD PRIMARY KEY (company, kind);
ALTER TABLE filing ADD PRIMARY KEY (id);
ALTER TABLE filing ADD FOREIGN KEY (company) REFERENCES company;
CREATE INDEX ON filing (company, year);
";

const STATUS: &[&str] = &["registrisse kantud", "likvideerimisel", "pankrotis", "kustutatud"];
const KINDS: &[&str] = &["majandusaasta aruanne", "põhikiri", "Jahresabschluss", "годовой отчёт"];
const ROLES: &[&str] = &["juhatuse liige", "nõukogu liige", "prokurist", "Geschäftsführer", "директор"];
const ADDRESSES: &[&str] = &["juriidiline", "posti"];

/// Filings of a company.
const FILINGS: u64 = 6;

pub(super) fn write(dice: &Dice, companies: u64, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(TABLES.as_bytes())?;
    copy(out, "company (id, code, name, status, founded, capital, board)", companies, |id, out| {
        let mut dice = dice.row(11, id);
        let (name, status, founded) = (names::company(&mut dice), dice.of(STATUS), dice.day());
        write!(out, "{id}\t{}\t{name} {id}\t{status}\t{founded}\t{}.00\t[", 10_000_000 + id, dice.between(1, 400_000))?;
        for seat in 0..dice.between(1, 5) {
            let (person, role, since) = (names::person(&mut dice), dice.of(ROLES), dice.day());
            let comma = if seat == 0 { "" } else { ", " };
            write!(out, "{comma}{{\"name\": \"{person}\", \"role\": \"{role}\", \"since\": \"{since}\"}}")?;
        }
        out.write_all(b"]")
    })?;
    copy(out, "address (company, kind, county, street, postal_code, since)", companies * 2, |id, out| {
        let mut dice = dice.row(12, id);
        let kind = if id % 2 == 0 { ADDRESSES.first() } else { ADDRESSES.last() };
        let (kind, county, street) = (kind.copied().unwrap_or(""), names::county(&mut dice), names::street(&mut dice));
        write!(out, "{}\t{kind}\t{county}\t{street}\t{}\t{}", id / 2, dice.between(10_000, 99_999), dice.day())
    })?;
    copy(out, "filing (id, company, year, kind, filed_at, digest, body)", companies * FILINGS, |id, out| {
        let mut dice = dice.row(13, id);
        let (year, kind, time) = (2019 + id % FILINGS, dice.of(KINDS), dice.time());
        write!(out, "{id}\t{}\t{year}\t{kind}\t{time}\t\\\\x", id / FILINGS)?;
        (0..4).try_for_each(|_| write!(out, "{:016x}", dice.next()))?;
        let (revenue, profit, staff) = (dice.below(90_000_000), dice.below(9_000_000), dice.below(400));
        let (auditor, trade) = (names::person(&mut dice), names::trade(&mut dice));
        write!(out, "\t{{\"revenue\": {revenue}, \"profit\": {profit}, \"staff\": {staff}, \"trade\": \"{trade}\", ")?;
        write!(out, "\"auditor\": \"{auditor}\", \"notes\": [")?;
        for note in 0..dice.between(1, 6) {
            let comma = if note == 0 { "" } else { ", " };
            write!(out, "{comma}\"{} {}\"", names::trade(&mut dice), dice.below(1_000_000))?;
        }
        out.write_all(b"]}")
    })?;
    out.write_all(KEYS.as_bytes())
}
