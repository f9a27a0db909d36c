//! A base backup of a running PostgreSQL server, with row counts before and after it.
//!
//! A small synchronous client of our own over the messages of `postgres-protocol`: it does what a base backup needs and
//! nothing else. It changes nothing on the server but a checkpoint, and holds the log by a temporary slot meanwhile.
//!
//! ```text
//! conninfo, passfile -> connection (tls, auth) -> count, backup, count -> declaration
//! ```

mod auth;
mod backup;
mod connection;
mod conninfo;
mod count;
mod error;
mod mend;
mod passfile;
mod tls;

pub use conninfo::ConninfoError;
pub use error::{PostgresqlError, ServerMessage};
pub use passfile::PassfileError;

use pouch_format::{Declaration, PostgresqlDeclaration, SystemIdentifier, Text};

use crate::{CaptureError, Postgresql, SnapshotSink, SourceReport};
use connection::{Connection, Purpose};
use conninfo::Settings;

/// The oldest version whose `BASE_BACKUP` is spoken here.
const OLDEST: u32 = 150_000;

/// Bytes of every database that may be connected to, and none if there is none.
const ESTIMATE: &str =
    "SELECT sum(pg_database_size(oid)) FROM pg_database WHERE has_database_privilege(oid, 'CONNECT')";

/// A server that can be captured, as far as it can be told beforehand.
struct Server {
    connection: Connection,
    version: Text<255>,
    version_num: u32,
    data_checksums: bool,
    wal_segment_bytes: u64,
}

impl Postgresql {
    fn settings(&self) -> Result<Settings, PostgresqlError> {
        Ok(Settings::resolve(&self.conninfo.0, &|name| std::env::var(name).ok())?)
    }

    pub(crate) fn check(&self) -> Result<SourceReport, CaptureError> {
        let settings = self.settings()?;
        let server = Server::reach(&settings)?;
        let source = format!("PostgreSQL {} at {settings}", server.version.as_str());
        if !self.count_rows {
            return Ok(SourceReport { source, entries: None, bytes: None });
        }
        count::check(&settings)?;
        let mut connection = Connection::open(&settings, Purpose::Database(&settings.database))?;
        let rows = connection.query("estimate its size", ESTIMATE, 1)?;
        let bytes = rows.first().and_then(|row| row.first()?.as_ref()?.parse().ok());
        Ok(SourceReport { source, entries: None, bytes })
    }

    pub(crate) fn capture(&self, sink: &mut dyn SnapshotSink) -> Result<Declaration, CaptureError> {
        let settings = self.settings()?;
        // Rights and versions first, for counting may take an hour; but no connection stays idle meanwhile.
        drop(Server::reach(&settings)?);
        let before = self.counts(&settings)?;
        let mut server = Server::reach(&settings)?;
        let system_identifier = server.identify()?;
        let backup = backup::take(&mut server.connection, &settings, sink)?;
        let Server { version, version_num, data_checksums, wal_segment_bytes, .. } = server;
        let after = self.counts(&settings)?;
        Ok(Declaration::Postgresql(Box::new(PostgresqlDeclaration {
            system_identifier,
            server_version: version,
            server_version_num: version_num,
            wal_segment_bytes,
            data_checksums,
            timeline: backup.timeline,
            start_lsn: backup.start_lsn,
            stop_lsn: backup.stop_lsn,
            tablespaces: backup.tablespaces,
            databases: count::declare(before, after)?,
        })))
    }

    fn counts(&self, settings: &Settings) -> Result<count::Counts, PostgresqlError> {
        if self.count_rows { count::count(settings) } else { Ok(count::Counts::default()) }
    }
}

impl Server {
    /// Connects for replication and looks whether a base backup can be taken.
    fn reach(settings: &Settings) -> Result<Self, PostgresqlError> {
        let mut connection = Connection::open(settings, Purpose::Replication)?;
        let server = || settings.to_string();
        let version = connection.server_version.clone();
        let version_num = connection.show("server_version_num")?.parse().unwrap_or(0);
        if version_num < OLDEST {
            return Err(PostgresqlError::TooOld { server: server(), found: version });
        }
        let data_checksums = connection.show("data_checksums")? == "on";
        let segment = connection.show("wal_segment_size")?;
        let wal_segment_bytes =
            bytes_of(&segment).ok_or_else(|| connection.protocol(format!("wal_segment_size {segment}")))?;
        let version = Text::try_from(version).map_err(|_| connection.protocol("a version of over 255 bytes"))?;
        Ok(Self { connection, version, version_num, data_checksums, wal_segment_bytes })
    }

    fn identify(&mut self) -> Result<SystemIdentifier, PostgresqlError> {
        let rows = self.connection.query("say which cluster it is", "IDENTIFY_SYSTEM", 1)?;
        let identifier = rows.first().and_then(|row| row.first()?.as_ref()?.parse().ok());
        identifier.ok_or_else(|| self.connection.protocol("a system identifier that is no number"))
    }
}

/// A size as `SHOW` writes it, e.g. `16MB` (PostgreSQL manual, 20.1.1).
fn bytes_of(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "B" => 1,
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_have_units() {
        let sizes = ["16MB", "1GB", "64kB", "16777216", "16 MB", "MB", "99999999999GB"].map(super::bytes_of);
        assert_eq!(sizes, [Some(16 << 20), Some(1 << 30), Some(64 << 10), Some(16_777_216), None, None, None]);
    }
}
