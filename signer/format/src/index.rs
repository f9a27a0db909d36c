//! The index: every entry of the archive and what the source declares about itself. Confidential, so it is sealed.
//!
//! SPEC.md section 4. JSON lines: a head, one line an entry in the order of the archive, an end.

use serde::{Deserialize, Serialize};

use crate::{Blake3Digest, Declaration, EntryPath, RegistryName, Rule, limits};

/// The first line of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexHead {
    /// Format version, as in the manifest.
    #[serde(rename = "pouch-index")]
    pub version: u64,
    /// The registry, as in the manifest.
    pub registry: RegistryName,
    /// The sequence number, as in the manifest.
    pub sequence: u64,
}

/// One entry of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum IndexEntry {
    /// A directory.
    Directory {
        /// Its path.
        path: EntryPath,
        /// Permission bits of the source, at most 0o777; told, never applied.
        #[serde(deserialize_with = "permission_bits")]
        mode: u32,
        /// Seconds since 1970.
        mtime: i64,
    },
    /// A regular file.
    File {
        /// Its path.
        path: EntryPath,
        /// Permission bits of the source, at most 0o777; told, never applied.
        #[serde(deserialize_with = "permission_bits")]
        mode: u32,
        /// Seconds since 1970.
        mtime: i64,
        /// Size in bytes.
        size: u64,
        /// Where its first byte lies in the archive.
        offset: u64,
        /// BLAKE3 of its content.
        blake3: Blake3Digest,
    },
}

fn permission_bits<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        mode @ 0..=0o777 => Ok(mode),
        mode => Err(serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(mode.into()), &"permission bits")),
    }
}

/// The last line of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexEnd {
    /// Entries before this line.
    pub entries: u64,
    /// What the source says of itself.
    pub declaration: Declaration,
}

/// Why a line is not a line of an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Longer than any line.
    #[error("line {line} of the index has more than {limit} bytes")]
    TooLong {
        /// From 1.
        line: u64,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not JSON of the known fields.
    #[error("line {line} of the index, column {column}: {}", detail.escape_default())]
    Syntax {
        /// From 1.
        line: u64,
        /// From 1.
        column: usize,
        /// What the JSON reader says.
        detail: String,
    },
    /// Says something in another way than the canonical one.
    #[error("line {line} of the index is not in canonical form")]
    NotCanonical {
        /// From 1.
        line: u64,
    },
}

impl IndexError {
    /// The rule that refuses.
    #[must_use]
    pub fn rule(&self) -> Rule {
        Rule::IndexSyntax
    }
}

/// Appends one line in its canonical form: compact JSON and a newline.
pub fn write_line<T: Serialize>(out: &mut Vec<u8>, line: &T) {
    // Writing plain data into memory cannot fail.
    let written = serde_json::to_writer(&mut *out, line);
    debug_assert!(written.is_ok());
    out.push(b'\n');
}

/// Reads line `number` (from 1) of an index; `bytes` is the line without its newline.
///
/// # Errors
/// [`IndexError`] when it is not the canonical encoding of a `T`.
pub fn read_line<T: Serialize + serde::de::DeserializeOwned>(number: u64, bytes: &[u8]) -> Result<T, IndexError> {
    if bytes.len() > limits::INDEX_LINE_BYTES {
        return Err(IndexError::TooLong { line: number, limit: limits::INDEX_LINE_BYTES });
    }
    let value: T = serde_json::from_slice(bytes).map_err(|e| IndexError::Syntax {
        line: number,
        column: e.column(),
        detail: e.to_string(),
    })?;
    let mut canonical = Vec::with_capacity(bytes.len() + 1);
    write_line(&mut canonical, &value);
    if canonical.strip_suffix(b"\n") == Some(bytes) {
        Ok(value)
    } else {
        Err(IndexError::NotCanonical { line: number })
    }
}
