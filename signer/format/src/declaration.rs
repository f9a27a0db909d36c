//! What a source says of itself: the facts against which a restore is judged. Sealed within the index.
//!
//! SPEC.md section 4. Nothing in here is ever executed or used as a path by a reader: it is compared and shown.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not what a declaration may hold in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// Too long, or with a NUL.
    #[error("a text of a declaration has at most {limit} bytes and no NUL; this one has {found} bytes")]
    Text {
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// Not a log sequence number.
    #[error("a log sequence number is two upper-case hexadecimal numbers around '/'; \"{}\" is not", found.escape_default())]
    Lsn {
        /// What was found.
        found: String,
    },
    /// Not a system identifier.
    #[error("a system identifier is a decimal number of 64 bits; \"{}\" is not", found.escape_default())]
    SystemIdentifier {
        /// What was found.
        found: String,
    },
}

/// A text of at most `LIMIT` bytes without NUL. It may hold control characters, so escape it before showing it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Text<const LIMIT: usize>(String);

impl<const LIMIT: usize> Text<LIMIT> {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const LIMIT: usize> TryFrom<String> for Text<LIMIT> {
    type Error = DeclarationError;
    fn try_from(text: String) -> Result<Self, DeclarationError> {
        if text.len() <= LIMIT && !text.contains('\0') {
            Ok(Self(text))
        } else {
            Err(DeclarationError::Text { limit: LIMIT, found: text.len() })
        }
    }
}

impl<const LIMIT: usize> From<Text<LIMIT>> for String {
    fn from(text: Text<LIMIT>) -> String {
        text.0
    }
}

/// The name of a database, schema or table: at most 255 bytes (a stock PostgreSQL allows 63).
pub type Identifier = Text<255>;

/// A position in PostgreSQL's write-ahead log, in bytes since its beginning; written like `1A/2B000028`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = DeclarationError;
    fn from_str(text: &str) -> Result<Self, DeclarationError> {
        let half = |digits: &str| u32::from_str_radix(digits, 16).ok().map(u64::from);
        let parsed = text.split_once('/').and_then(|(high, low)| Some(Self(half(high)? << 32 | half(low)?)));
        // One spelling only: no sign, no leading zero, no lower case.
        parsed
            .filter(|lsn| lsn.to_string() == text)
            .ok_or_else(|| DeclarationError::Lsn { found: text.chars().take(40).collect() })
    }
}

/// The number that `initdb` gives to a PostgreSQL cluster. In JSON a decimal string, for it needs all 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SystemIdentifier(pub u64);

impl fmt::Display for SystemIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for SystemIdentifier {
    type Err = DeclarationError;
    fn from_str(text: &str) -> Result<Self, DeclarationError> {
        let parsed = text.parse().ok().map(Self);
        parsed
            .filter(|id| id.to_string() == text)
            .ok_or_else(|| DeclarationError::SystemIdentifier { found: text.chars().take(40).collect() })
    }
}

macro_rules! as_text {
    ($($name:ident)+) => {$(
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
        impl TryFrom<String> for $name {
            type Error = DeclarationError;
            fn try_from(text: String) -> Result<Self, DeclarationError> {
                text.parse()
            }
        }
    )+};
}
as_text!(Lsn SystemIdentifier);

/// What a source says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase", deny_unknown_fields)]
pub enum Declaration {
    /// A directory.
    Directory {},
    /// The tar of a command.
    Command {
        /// The program as configured, without its arguments: those may hold secrets.
        program: Text<4096>,
    },
    /// A base backup of a running PostgreSQL server: `data/`, and `tablespaces/<oid>/` for each tablespace.
    Postgresql(Box<PostgresqlDeclaration>),
}

/// What a PostgreSQL server says of its base backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlDeclaration {
    /// Which cluster.
    pub system_identifier: SystemIdentifier,
    /// As the server names it, e.g. `15.14 (Debian 15.14-0+deb12u1)`.
    pub server_version: Text<255>,
    /// The same as a number, e.g. 150014: 10000 for the major version, 1 for the minor.
    pub server_version_num: u32,
    /// Bytes of one segment of the write-ahead log.
    pub wal_segment_bytes: u64,
    /// Whether pages carry checksums, which the server then verified while it read them.
    pub data_checksums: bool,
    /// The timeline of both positions.
    pub timeline: u32,
    /// Where replay of the log starts.
    pub start_lsn: Lsn,
    /// How far the log must be replayed before the snapshot is consistent. The log up to here is in the snapshot.
    pub stop_lsn: Lsn,
    /// Tablespaces other than the default ones, by rising oid.
    pub tablespaces: Vec<Tablespace>,
    /// Row counts of every database that can be connected to, by name in byte order. Empty: rows were not counted.
    pub databases: Vec<DatabaseRows>,
}

/// A tablespace outside the data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tablespace {
    /// Its number, which names its directory in the snapshot.
    pub oid: u32,
    /// Where it was at home. A reader never writes there.
    pub location: Text<4096>,
}

/// Row counts of one database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseRows {
    /// The database.
    pub database: Identifier,
    /// Its ordinary tables outside the system schemas, by schema and name in byte order.
    pub tables: Vec<TableRows>,
}

/// Row counts of one table, each in one snapshot of its whole database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableRows {
    /// Its schema.
    pub schema: Identifier,
    /// Its name.
    pub table: Identifier,
    /// Rows before the backup began; none if the table was not there.
    pub rows_before: Option<u64>,
    /// Rows after the backup ended; none if the table was not there any more.
    pub rows_after: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgresql() -> Declaration {
        Declaration::Postgresql(Box::new(PostgresqlDeclaration {
            system_identifier: SystemIdentifier(7_300_000_000_000_000_001),
            server_version: Text::try_from("15.14".to_owned()).unwrap(),
            server_version_num: 150_014,
            wal_segment_bytes: 16 << 20,
            data_checksums: true,
            timeline: 1,
            start_lsn: Lsn(0x0000_0001_0200_0028),
            stop_lsn: Lsn(0x0000_0001_0200_0100),
            tablespaces: vec![Tablespace { oid: 16_385, location: Text::try_from("/srv/fast".to_owned()).unwrap() }],
            databases: vec![DatabaseRows {
                database: Text::try_from("land".to_owned()).unwrap(),
                tables: vec![TableRows {
                    schema: Text::try_from("public".to_owned()).unwrap(),
                    table: Text::try_from("õigus".to_owned()).unwrap(),
                    rows_before: Some(3),
                    rows_after: None,
                }],
            }],
        }))
    }

    #[test]
    fn every_source_survives_json() {
        let command = Declaration::Command { program: Text::try_from("/usr/bin/dump".to_owned()).unwrap() };
        for declaration in [Declaration::Directory {}, command, postgresql()] {
            let json = serde_json::to_string(&declaration).unwrap();
            assert_eq!(serde_json::from_str::<Declaration>(&json).unwrap(), declaration, "{json}");
        }
        assert!(serde_json::to_string(&postgresql()).unwrap().starts_with(
            r#"{"source":"postgresql","system_identifier":"7300000000000000001","server_version":"15.14","#
        ));
    }

    #[test]
    fn unknown_fields_are_refused() {
        for json in [
            r#"{"source":"directory","more":1}"#,
            r#"{"source":"command","program":"x","argv":[]}"#,
            r#"{"source":"oracle"}"#,
            r#"{}"#,
        ] {
            assert!(serde_json::from_str::<Declaration>(json).is_err(), "{json}");
        }
        let json = serde_json::to_string(&postgresql()).unwrap();
        for inner in [r#""timeline":1"#, r#""oid":16385"#, r#""database":"land""#, r#""rows_after":null"#] {
            let more = json.replace(inner, &format!(r#"{inner},"more":1"#));
            assert_ne!(more, json);
            assert!(serde_json::from_str::<Declaration>(&more).is_err(), "{more}");
        }
    }

    #[test]
    fn texts_are_bounded() {
        assert!(Identifier::try_from("x".repeat(255)).is_ok());
        assert!(Identifier::try_from("x".repeat(256)).is_err());
        assert!(Identifier::try_from("a\0b".to_owned()).is_err());
        let json = format!(r#"{{"source":"command","program":"{}"}}"#, "x".repeat(4097));
        assert!(serde_json::from_str::<Declaration>(&json).is_err());
    }

    #[test]
    fn positions_have_one_spelling() {
        assert_eq!("1A/2B000028".parse(), Ok(Lsn(0x0000_001A_2B00_0028)));
        assert_eq!(Lsn(0).to_string(), "0/0");
        assert_eq!(Lsn(u64::MAX).to_string().parse(), Ok(Lsn(u64::MAX)));
        for bad in ["", "/", "1", "1/", "1/2/3", "+1/2", "01/2", "1a/2", "1/100000000", "-1/2"] {
            assert!(bad.parse::<Lsn>().is_err(), "{bad}");
        }
        assert!("18446744073709551615".parse::<SystemIdentifier>().is_ok());
        for bad in ["", "+1", "01", "18446744073709551616", "1.0"] {
            assert!(bad.parse::<SystemIdentifier>().is_err(), "{bad}");
        }
    }
}
