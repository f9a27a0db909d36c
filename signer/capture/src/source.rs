//! Which source a registry has, as its configuration says.

use std::fmt;
use std::path::PathBuf;

use pouch_format::Declaration;
use serde::{Deserialize, Serialize};

use crate::{CaptureError, SnapshotSink};

/// The source of a registry's snapshots: one TOML table, in which unknown keys are fatal.
///
/// ```toml
/// source = "directory"
/// path = "/srv/registry/land"
/// ```
/// ```toml
/// source = "postgresql"
/// conninfo = "host=/run/postgresql user=backup"   # optional
/// count_rows = true                               # optional
/// ```
/// ```toml
/// source = "command"
/// argv = ["/usr/local/bin/dump-business-registry", "--tar"]
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum Source {
    /// Everything in a directory.
    Directory(Directory),
    /// A base backup of a running PostgreSQL server.
    Postgresql(Postgresql),
    /// What a command writes to its standard output, which must be a tar.
    Command(Command),
}

/// Everything in a directory, which must stand still meanwhile (a file system snapshot is the usual way).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// The directory.
    pub path: PathBuf,
}

/// A base backup of a running PostgreSQL server, version 15 or later.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Postgresql {
    /// How to reach the server; what it leaves out comes from the `PG*` environment, then from libpq's defaults.
    #[serde(default)]
    pub conninfo: Conninfo,
    /// Whether to count the rows of every table before and after the backup, for a restore to compare.
    #[serde(default = "yes")]
    pub count_rows: bool,
}

/// What a command writes to its standard output.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments; no shell is involved. The environment is inherited.
    pub argv: Vec<String>,
}

/// A connection string in libpq's `keyword=value` form. It is read when it is used, not before, so that a password that
/// should not be in it is not repeated by the configuration reader's message.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Conninfo(pub String);

impl fmt::Debug for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conninfo({} bytes)", self.0.len())
    }
}

const fn yes() -> bool {
    true
}

/// What is known of a source without capturing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceReport {
    /// The source in a few words, e.g. `PostgreSQL 15.14 at /run/postgresql, port 5432`; safe for a terminal.
    pub source: String,
    /// Entries of the snapshot, where they can be counted beforehand.
    pub entries: Option<u64>,
    /// Bytes of content, exact for a directory, an estimate for a server.
    pub bytes: Option<u64>,
}

impl Source {
    /// Looks whether the source can be captured: a directory is walked whole, a server asked, a command only looked up.
    /// Nothing is changed and nothing is read but names.
    ///
    /// # Errors
    /// As [`Source::capture`], except what shows only while reading.
    pub fn check(&self) -> Result<SourceReport, CaptureError> {
        match self {
            Self::Directory(source) => source.check(),
            Self::Postgresql(source) => source.check(),
            Self::Command(source) => source.check(),
        }
    }

    /// Captures the source into `sink`.
    ///
    /// # Errors
    /// [`CaptureError`]; the sink then holds a part of a snapshot that must be thrown away.
    pub fn capture(&self, sink: &mut dyn SnapshotSink) -> Result<Declaration, CaptureError> {
        match self {
            Self::Directory(source) => source.capture(sink),
            Self::Postgresql(source) => source.capture(sink),
            Self::Command(source) => source.capture(sink),
        }
    }
}
