//! The manifest: the signed statement about a pouch, and the only part that is readable without the embassy's key.
//!
//! SPEC.md section 3. [`Manifest::parse`] is the only way in from bytes; what it returns has passed every
//! `MANIFEST-*` rule.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::object::{Object, object, objects};
use crate::{
    Blake3Digest, Fingerprint, PouchId, Profile, RegistryName, Rule, Sha256Digest, index_file, limits, segment_file,
};

/// The version of the format that this crate writes and reads.
pub const VERSION: u64 = 1;

/// What a pouch carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A whole snapshot.
    Full,
}

/// A holder of a key that opens the pouch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The certificate.
    pub certificate: Fingerprint,
    /// The encryption key of that certificate.
    pub key: Fingerprint,
}

/// What the archive holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Files and directories.
    pub entries: u64,
    /// Bytes of all files' contents.
    pub bytes: u64,
}

/// One sealed part: a segment of the archive, or a part of the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The file, fixed by the part's place: `segment-000000.pgp` and so on.
    pub name: String,
    /// Size of the file, in bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: Sha256Digest,
    /// Size of the zstd frame within, in bytes.
    pub frame: u64,
    /// Size of what the frame decompresses to, in bytes.
    pub content: u64,
}

/// The signed statement about one pouch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version.
    #[serde(rename = "pouch")]
    pub version: u64,
    /// The registry.
    pub registry: RegistryName,
    /// Place in the registry's one sequence, from 1.
    pub sequence: u64,
    /// SHA-256 of the manifest before it in the sequence.
    pub previous: Option<Sha256Digest>,
    /// What it carries.
    pub kind: Kind,
    /// The time whose state the snapshot shows.
    pub as_of: Timestamp,
    /// The time of sealing.
    pub sealed_at: Timestamp,
    /// The registry's recovery point objective, in seconds; 0 for none.
    pub rpo_seconds: u64,
    /// Which OpenPGP packets.
    pub profile: Profile,
    /// Certificates whose keys are to sign.
    pub signers: Vec<Fingerprint>,
    /// Who can open it.
    #[serde(deserialize_with = "objects")]
    pub recipients: Vec<Recipient>,
    /// What the archive holds.
    #[serde(deserialize_with = "object")]
    pub totals: Totals,
    /// BLAKE3 of the index, which holds the BLAKE3 of every file.
    pub index_blake3: Blake3Digest,
    /// The parts of the archive.
    #[serde(deserialize_with = "objects")]
    pub segments: Vec<Part>,
    /// The parts of the index.
    #[serde(deserialize_with = "objects")]
    pub index: Vec<Part>,
}

/// Why bytes are not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Larger than any manifest.
    #[error("the manifest has {size} bytes, more than {limit}")]
    TooLarge {
        /// Bytes found.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Not JSON of the known fields.
    #[error("line {line}, column {column}: {}", detail.escape_default())]
    Syntax {
        /// What the JSON reader says.
        detail: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Says something in another way than the canonical one.
    #[error("byte {offset} differs from the canonical encoding of the same statement")]
    NotCanonical {
        /// The first byte that differs, from 0.
        offset: usize,
    },
    /// A version that this reader does not know.
    #[error("format version {found}; this software reads version {VERSION}")]
    Version {
        /// What was found.
        found: u64,
    },
    /// A number or a count out of its range.
    #[error("{field} is {value}; it must be from {least} to {most}")]
    Range {
        /// The field's path.
        field: String,
        /// What was found.
        value: u64,
        /// Least allowed.
        least: u64,
        /// Most allowed.
        most: u64,
    },
    /// A part whose name does not fit its place.
    #[error("part {place} is named \"{}\", not \"{expected}\"", found.escape_default())]
    PartName {
        /// Place in its list, from 0.
        place: usize,
        /// What was found.
        found: String,
        /// What its place demands.
        expected: String,
    },
    /// The same certificate twice in a list.
    #[error("{list} names {fingerprint} twice")]
    Repeated {
        /// `signers` or `recipients`.
        list: &'static str,
        /// The certificate.
        fingerprint: Fingerprint,
    },
    /// `previous` does not fit the sequence number.
    #[error("sequence {sequence} {} a predecessor", if *has_previous { "must not name" } else { "must name" })]
    Chain {
        /// The sequence number.
        sequence: u64,
        /// Whether a predecessor is named.
        has_previous: bool,
    },
    /// A time before 1970, after 2200, or with a fraction of a second.
    #[error("{field} is {value}; it must be a whole second of the years 1970 to 2199")]
    Time {
        /// `as_of` or `sealed_at`.
        field: &'static str,
        /// What was found.
        value: Timestamp,
    },
}

impl ManifestError {
    /// The rule that refuses.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            ManifestError::TooLarge { .. } => Rule::ManifestSize,
            ManifestError::Syntax { .. } => Rule::ManifestSyntax,
            ManifestError::NotCanonical { .. } => Rule::ManifestCanonical,
            ManifestError::Version { .. } => Rule::ManifestVersion,
            ManifestError::Chain { .. } => Rule::ManifestChain,
            ManifestError::Range { .. }
            | ManifestError::PartName { .. }
            | ManifestError::Repeated { .. }
            | ManifestError::Time { .. } => Rule::ManifestRange,
        }
    }
}

/// Just enough to tell a version that is not ours from nonsense.
#[derive(Deserialize)]
struct VersionOnly {
    pouch: u64,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`], by the first rule that refuses.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        // MANIFEST-SIZE
        let size = bytes.len() as u64;
        if size > limits::MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { size, limit: limits::MANIFEST_BYTES });
        }
        // MANIFEST-VERSION, before the fields of a version that is not ours are called wrong.
        if let Ok(Object(VersionOnly { pouch })) = serde_json::from_slice(bytes)
            && pouch != VERSION
        {
            return Err(ManifestError::Version { found: pouch });
        }
        // MANIFEST-SYNTAX
        let Object::<Manifest>(manifest) = serde_json::from_slice(bytes).map_err(|e| ManifestError::Syntax {
            detail: e.to_string(),
            line: e.line(),
            column: e.column(),
        })?;
        manifest.check()?;
        // MANIFEST-CANONICAL
        let canonical = manifest.to_bytes();
        if canonical != bytes {
            let offset = canonical.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            return Err(ManifestError::NotCanonical { offset });
        }
        Ok(manifest)
    }

    /// The canonical encoding: compact JSON, fields in the order of SPEC.md, one newline at the end.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The pouch that this manifest is of.
    #[must_use]
    pub fn id(&self) -> PouchId {
        PouchId { registry: self.registry.clone(), sequence: self.sequence }
    }

    /// Size of the archive, in bytes.
    #[must_use]
    pub fn archive_bytes(&self) -> u64 {
        self.segments.iter().map(|p| p.content).sum()
    }

    /// Size of the index, in bytes.
    #[must_use]
    pub fn index_bytes(&self) -> u64 {
        self.index.iter().map(|p| p.content).sum()
    }

    /// Size of all sealed parts, in bytes.
    #[must_use]
    pub fn sealed_bytes(&self) -> u64 {
        self.parts().map(|p| p.size).sum()
    }

    /// All sealed parts, in the order in which they travel.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.segments.iter().chain(&self.index)
    }

    /// Everything but syntax and canonical form, so that a writer can check what it is about to sign.
    ///
    /// # Errors
    /// [`ManifestError`], by the first rule that refuses.
    pub fn check(&self) -> Result<(), ManifestError> {
        if self.version != VERSION {
            return Err(ManifestError::Version { found: self.version });
        }
        // MANIFEST-RANGE
        range("sequence", self.sequence, 1, limits::SEQUENCE)?;
        range("rpo_seconds", self.rpo_seconds, 0, limits::RPO_SECONDS)?;
        range("signers", self.signers.len() as u64, 1, limits::SIGNATURES as u64)?;
        range("recipients", self.recipients.len() as u64, 1, limits::RECIPIENTS as u64)?;
        range("totals.entries", self.totals.entries, 0, limits::ENTRIES)?;
        range("totals.bytes", self.totals.bytes, 0, self.archive_bytes_bounded()?)?;
        whole_second("as_of", self.as_of)?;
        whole_second("sealed_at", self.sealed_at)?;
        distinct("signers", self.signers.iter())?;
        distinct("recipients", self.recipients.iter().map(|r| &r.certificate))?;
        // MANIFEST-CHAIN
        if (self.sequence == 1) == self.previous.is_some() {
            return Err(ManifestError::Chain { sequence: self.sequence, has_previous: self.previous.is_some() });
        }
        Ok(())
    }

    /// Checks both lists of parts, then gives the size of the archive, which can no longer overflow.
    fn archive_bytes_bounded(&self) -> Result<u64, ManifestError> {
        check_parts("segments", &self.segments, segment_file)?;
        check_parts("index", &self.index, index_file)?;
        Ok(self.archive_bytes())
    }
}

fn check_parts(list: &str, parts: &[Part], name: fn(usize) -> String) -> Result<(), ManifestError> {
    range(list, parts.len() as u64, 1, limits::PARTS as u64)?;
    // A sealed part is larger than its content only by what packets, tags and an incompressible frame add.
    let most = limits::PART_CONTENT_BYTES + limits::PART_OVERHEAD_BYTES;
    for (place, part) in parts.iter().enumerate() {
        let expected = name(place);
        if part.name != expected {
            return Err(ManifestError::PartName { place, found: part.name.clone(), expected });
        }
        range(&format!("{list}[{place}].content"), part.content, 1, limits::PART_CONTENT_BYTES)?;
        range(&format!("{list}[{place}].frame"), part.frame, 1, most)?;
        range(&format!("{list}[{place}].size"), part.size, part.frame, most)?;
    }
    Ok(())
}

fn range(field: &str, value: u64, least: u64, most: u64) -> Result<(), ManifestError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(ManifestError::Range { field: field.to_owned(), value, least, most })
    }
}

fn whole_second(field: &'static str, value: Timestamp) -> Result<(), ManifestError> {
    const YEAR_2200: i64 = 7_258_118_400;
    if value.subsec_nanosecond() == 0 && (0..YEAR_2200).contains(&value.as_second()) {
        Ok(())
    } else {
        Err(ManifestError::Time { field, value })
    }
}

fn distinct<'a>(list: &'static str, names: impl Iterator<Item = &'a Fingerprint>) -> Result<(), ManifestError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ManifestError::Repeated { list, fingerprint: name.clone() });
        }
    }
    Ok(())
}
