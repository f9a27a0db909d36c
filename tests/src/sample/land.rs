//! The land register.

use super::dice::Dice;
use super::{copy, names};
use std::io::{self, Write};

const TABLES: &str = "
CREATE TABLE owner (id bigint, personal_code text, name text, born date, is_company boolean);
CREATE TABLE parcel (id bigint, cadastral_id text, county text, address text, purpose text, area_m2 integer, geometry bytea);
CREATE TABLE ownership (parcel bigint, owner bigint, numerator integer, denominator integer, since date);
CREATE TABLE encumbrance (id bigint, parcel bigint, kind text, holder text, amount numeric(14,2), terms jsonb);
CREATE TABLE history (id bigint, parcel bigint, changed_at timestamptz, official text, field text, was text, became text);
";

const KEYS: &str = "
ALTER TABLE owner ADD PRIMARY KEY (id);
ALTER TABLE parcel ADD PRIMARY KEY (id);
ALTER TABLE parcel ADD UNIQUE (cadastral_id);
ALTER TABLE ownership ADD PRIMARY KEY (parcel, owner);
ALTER TABLE ownership ADD FOREIGN KEY (parcel) REFERENCES parcel, ADD FOREIGN KEY (owner) REFERENCES owner;
ALTER TABLE encumbrance ADD PRIMARY KEY (id);
ALTER TABLE history ADD PRIMARY KEY (id);
CREATE INDEX ON history (parcel);
";

const PURPOSES: &[&str] =
    &["elamumaa", "maatulundusmaa", "ärimaa", "tootmismaa", "kaitsealune maa", "transpordimaa", "Grünland"];
const KINDS: &[&str] = &["hüpoteek", "servituut", "keelumärge", "Wegerecht", "ипотека"];

pub(super) fn write(dice: &Dice, parcels: u64, out: &mut dyn Write) -> io::Result<()> {
    let owners = parcels / 2 + 1;
    out.write_all(TABLES.as_bytes())?;
    copy(out, "owner (id, personal_code, name, born, is_company)", owners, |id, out| {
        let mut dice = dice.row(1, id);
        let company = dice.chance(15);
        let name = if company { names::company(&mut dice) } else { names::person(&mut dice) };
        let code = dice.between(3, 6) * 10_000_000_000 + id;
        write!(out, "{id}\t{code}\t{name}\t{}\t{company}", dice.day())
    })?;
    copy(out, "parcel (id, cadastral_id, county, address, purpose, area_m2, geometry)", parcels, |id, out| {
        let mut dice = dice.row(2, id);
        let cadastral = format!("{:05}:{:03}:{:04}", 10_000 + id / 10_000_000, id / 10_000 % 1000, id % 10_000);
        let (county, street, purpose) = (names::county(&mut dice), names::street(&mut dice), dice.of(PURPOSES));
        write!(out, "{id}\t{cadastral}\t{county}\t{street}\t{purpose}\t{}\t\\\\x", dice.between(300, 400_000))?;
        polygon(&mut dice, out)
    })?;
    copy(out, "ownership (parcel, owner, numerator, denominator, since)", parcels, |id, out| {
        let mut dice = dice.row(3, id);
        let parts = dice.between(1, 4);
        write!(out, "{id}\t{}\t1\t{parts}\t{}", dice.below(owners), dice.day())
    })?;
    copy(out, "encumbrance (id, parcel, kind, holder, amount, terms)", parcels / 2, |id, out| {
        let mut dice = dice.row(4, id);
        let (kind, holder) = (dice.of(KINDS), names::company(&mut dice));
        write!(out, "{id}\t{}\t{kind}\t{holder}\t{}.{:02}", dice.below(parcels), dice.below(900_000), dice.below(100))?;
        let (rank, until, notary) = (dice.between(1, 5), dice.day(), names::person(&mut dice));
        write!(out, "\t{{\"rank\": {rank}, \"until\": \"{until}\", \"notary\": \"{notary}\"}}")
    })?;
    copy(out, "history (id, parcel, changed_at, official, field, was, became)", parcels * 4, |id, out| {
        let mut dice = dice.row(5, id);
        let (time, official) = (dice.time(), names::person(&mut dice));
        write!(out, "{id}\t{}\t{time}\t{official}\t", id / 4)?;
        match dice.below(3) {
            0 => write!(out, "purpose\t{}\t{}", dice.of(PURPOSES), dice.of(PURPOSES)),
            1 => write!(out, "address\t{}\t{}", names::street(&mut dice), names::street(&mut dice)),
            _ => write!(out, "area_m2\t{}\t{}", dice.between(300, 400_000), dice.between(300, 400_000)),
        }
    })?;
    out.write_all(KEYS.as_bytes())
}

/// A closed ring of 6 to 24 corners as hexadecimal well-known binary (OGC 06-103r4, 8.2): byte order 1, type 3, one ring,
/// the number of points, and per point x and y in metres of the national grid, little-endian doubles.
fn polygon(dice: &mut Dice, out: &mut dyn Write) -> io::Result<()> {
    let corners = dice.between(6, 24);
    let east = dice.between(370_000_000, 730_000_000);
    let north = dice.between(6_380_000_000, 6_610_000_000);
    hex(&[1, 3, 0, 0, 0, 1, 0, 0, 0], out)?;
    hex(&u32::try_from(corners + 1).unwrap_or(u32::MAX).to_le_bytes(), out)?;
    let mut first = None;
    for _ in 0..corners {
        let point = (millimetres(east + dice.below(400_000)), millimetres(north + dice.below(400_000)));
        first.get_or_insert(point);
        hex(&point.0.to_le_bytes(), out)?;
        hex(&point.1.to_le_bytes(), out)?;
    }
    let (x, y) = first.unwrap_or_default();
    hex(&x.to_le_bytes(), out)?;
    hex(&y.to_le_bytes(), out)
}

/// Millimetres as metres. Exact: coordinates are far below 2^52.
fn millimetres(n: u64) -> f64 {
    let high = u32::try_from(n >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(n & 0xffff_ffff).unwrap_or(u32::MAX);
    (f64::from(high) * 4_294_967_296.0 + f64::from(low)) / 1000.0
}

fn hex(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}
