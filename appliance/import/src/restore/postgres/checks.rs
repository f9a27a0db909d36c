//! Is it the declared cluster, to its last byte of log; do its texts still sort as its indexes do; is it sound.

use std::ffi::OsString;

use pouch_format::{Lsn, PostgresqlDeclaration, SystemIdentifier};

use super::server::Server;
use super::{RestoreError, ToolStep};

/// The database that every cluster has, whatever else was dropped; `postgres` may be gone.
const TEMPLATE: &str = "template1";

/// System identifier, whether the server still replays, end of the log.
const IDENTIFY: &str =
    "SELECT system_identifier, pg_is_in_recovery(), pg_current_wal_insert_lsn() FROM pg_control_system();";

/// Databases that can be connected to; -2 marks one whose DROP was interrupted.
const DATABASES: &str = "SELECT datname FROM pg_database WHERE datallowconn AND datconnlimit <> -2 ORDER BY datname;";

/// Databases whose texts this machine sorts by another version of the rules than home did.
const COLLATIONS: &str = "SELECT datname, coalesce(datcollversion, '-'), coalesce(pg_database_collation_actual_version(oid), '-') \
     FROM pg_database WHERE datallowconn AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid) \
     ORDER BY datname;";

const HAS_AMCHECK: &str = "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck';";

/// Compares the cluster with its declaration; returns where its log ends.
pub(super) fn identify(server: &Server<'_>, declaration: &PostgresqlDeclaration) -> Result<String, RestoreError> {
    let fields = server.ask(TEMPLATE, IDENTIFY)?;
    let unexpected = || RestoreError::Answer { tool: "psql".to_owned(), said: fields.join(", ") };
    let [system, recovering, end] = fields.as_slice() else { return Err(unexpected()) };
    // The server shows the identifier as a signed number.
    let found =
        system.parse::<i64>().map(|number| SystemIdentifier(number.cast_unsigned())).map_err(|_| unexpected())?;
    if found != declaration.system_identifier {
        return Err(RestoreError::Identity { found, declared: declaration.system_identifier });
    }
    let position: Lsn = end.parse().map_err(|_| unexpected())?;
    if recovering != "f" || position < declaration.stop_lsn {
        return Err(RestoreError::Position { found: end.clone(), declared: declaration.stop_lsn.to_string() });
    }
    Ok(end.clone())
}

/// Names databases whose indexes on text this machine may read in another order.
pub(super) fn collations(server: &Server<'_>) -> Result<Vec<String>, RestoreError> {
    let fields = server.ask(TEMPLATE, COLLATIONS)?;
    let finding = |row: &[String]| match row {
        [database, home, here] => Some(format!(
            "database \"{database}\" sorts text by version {home} of its rules at home and {here} here: REINDEX it, then ALTER \
             DATABASE ... REFRESH COLLATION VERSION"
        )),
        _ => None,
    };
    Ok(fields.chunks(3).filter_map(finding).collect())
}

/// Looks through every table and index of every database; returns how many databases that were.
///
/// The extension that does it is put into databases that lack it, and taken out again.
pub(super) fn amcheck(server: &Server<'_>, jobs: u16) -> Result<usize, RestoreError> {
    let databases = server.ask(TEMPLATE, DATABASES)?;
    let mut lacking = Vec::new();
    for database in &databases {
        if server.ask(database, HAS_AMCHECK)? == ["0"] {
            lacking.push(database);
        }
    }
    let mut arguments: Vec<OsString> = server.address();
    arguments.extend(["--all", "--install-missing", "--maintenance-db", TEMPLATE].map(Into::into));
    arguments.extend(["--jobs".into(), jobs.max(1).to_string().into()]);
    server.tools().run(ToolStep::Amcheck, "pg_amcheck", &arguments)?;
    for database in lacking {
        server.ask(database, "DROP EXTENSION amcheck;\n")?;
    }
    Ok(databases.len())
}
