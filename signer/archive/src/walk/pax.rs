//! The records of one pax header: path, size and mtime, each once, each well-formed.
//!
//! POSIX.1-2017, pax, "pax Extended Header".

use pouch_format::{escaped, limits};

use crate::{Fault, RecordFault, header::OCTAL_END};

/// What the records say instead of the header.
#[derive(Debug, Default)]
pub(super) struct Pax {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    /// Whole seconds, rounded down.
    mtime: Option<i64>,
    /// Which record the size was, for messages.
    size_record: usize,
}

impl Pax {
    /// Takes the content of a pax header apart.
    pub(super) fn parse(records: &[u8]) -> Result<Self, Fault> {
        let mut pax = Self::default();
        let mut rest = records;
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let fail = |fault| Fault::PaxRecord { number, fault };
            let (key, value, behind) = next_record(rest).map_err(fail)?;
            pax.set(key, value, number).map_err(fail)?;
            rest = behind;
        }
        Ok(pax)
    }

    fn set(&mut self, key: &[u8], value: &[u8], number: usize) -> Result<(), RecordFault> {
        match key {
            b"path" => {
                once("path", self.path.is_some())?;
                // What else a name must not be is up to its own rule. An empty value would take the record back.
                if value.is_empty() || value.contains(&0) {
                    return Err(bad_value("path", value));
                }
                self.path = Some(value.to_vec());
            }
            b"size" => {
                once("size", self.size.is_some())?;
                self.size = Some(size(value).ok_or_else(|| bad_value("size", value))?);
                self.size_record = number;
            }
            b"mtime" => {
                once("mtime", self.mtime.is_some())?;
                self.mtime = Some(seconds(value).ok_or_else(|| bad_value("mtime", value))?);
            }
            other => return Err(RecordFault::Key { key: escaped(other) }),
        }
        Ok(())
    }

    /// The path as stated.
    pub(super) fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    /// The size of a file whose header states `header`.
    ///
    /// A size that fits must stand in both places; one that does not leaves 0 in the header. So a reader that ignores
    /// the record goes astray at once or not at all.
    pub(super) fn size(&self, header: u64) -> Result<u64, Fault> {
        match self.size {
            None => Ok(header),
            Some(pax) if header == if pax < OCTAL_END { pax } else { 0 } => Ok(pax),
            Some(pax) => Err(Fault::SizeConflict { header, pax }),
        }
    }

    /// That no size is stated.
    pub(super) fn no_size(&self) -> Result<(), Fault> {
        match self.size {
            None => Ok(()),
            Some(size) => {
                Err(Fault::PaxRecord { number: self.size_record, fault: RecordFault::DirectorySize { size } })
            }
        }
    }

    /// The time of an entry whose header states `header`; both agree, as for the size.
    pub(super) fn mtime(&self, header: u64) -> Result<i64, Fault> {
        let Some(pax) = self.mtime else {
            // At most 33 bits.
            return Ok(i64::try_from(header).unwrap_or(i64::MAX));
        };
        let fits = u64::try_from(pax).ok().filter(|seconds| *seconds < OCTAL_END);
        if header == fits.unwrap_or(0) { Ok(pax) } else { Err(Fault::TimeConflict { header, pax }) }
    }
}

fn once(key: &'static str, taken: bool) -> Result<(), RecordFault> {
    if taken { Err(RecordFault::Duplicate { key }) } else { Ok(()) }
}

fn bad_value(key: &'static str, value: &[u8]) -> RecordFault {
    RecordFault::Value { key, value: escaped(value) }
}

type Record<'r> = (&'r [u8], &'r [u8], &'r [u8]);

/// Key, value and what follows of `LENGTH KEY=VALUE\n...`.
fn next_record(bytes: &[u8]) -> Result<Record<'_>, RecordFault> {
    let beginning = || escaped(bytes.get(..bytes.len().min(24)).unwrap_or_default());
    let length = || RecordFault::Length { found: beginning() };
    let space = bytes.iter().take(6).position(|byte| *byte == b' ').ok_or_else(length)?;
    let (digits, _) = bytes.split_at(space);
    let stated = plain_decimal(digits).and_then(|number| usize::try_from(number).ok()).ok_or_else(length)?;
    if stated > bytes.len() || stated < space + 2 {
        return Err(RecordFault::Overrun { stated, left: bytes.len() });
    }
    let (record, behind) = bytes.split_at(stated);
    let body = record.get(space + 1..).unwrap_or_default();
    match body.split_last() {
        Some((b'\n', body)) => {
            let equals = body.iter().position(|byte| *byte == b'=');
            let equals = equals.filter(|at| *at > 0).ok_or_else(|| RecordFault::NoKey { found: escaped(body) })?;
            let (key, value) = body.split_at(equals);
            Ok((key, value.get(1..).unwrap_or_default(), behind))
        }
        Some((byte, _)) => Err(RecordFault::Newline { byte: *byte }),
        None => Err(RecordFault::Overrun { stated, left: bytes.len() }),
    }
}

/// Digits without a leading zero, sign or space.
fn plain_decimal(digits: &[u8]) -> Option<u64> {
    let plain = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || digits.first() != Some(&b'0'));
    if plain { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

fn size(value: &[u8]) -> Option<u64> {
    plain_decimal(value).filter(|size| *size <= limits::FILE_BYTES)
}

/// `[-]SECONDS[.FRACTION]`, rounded down to whole seconds.
fn seconds(value: &[u8]) -> Option<i64> {
    let negative = value.first() == Some(&b'-');
    let unsigned = if negative { value.get(1..)? } else { value };
    let mut parts = unsigned.splitn(2, |byte| *byte == b'.');
    let whole = plain_decimal(parts.next()?)?;
    let fraction = match parts.next() {
        None => false,
        Some(digits) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            digits.iter().any(|digit| *digit != b'0')
        }
        Some(_) => return None,
    };
    match (negative, whole) {
        (false, whole) => i64::try_from(whole).ok(),
        // "-0" and "-0.000" are not how anybody spells 0.
        (true, 0) if !fraction => None,
        (true, whole) => 0i64.checked_sub_unsigned(whole)?.checked_sub(i64::from(fraction)),
    }
}
