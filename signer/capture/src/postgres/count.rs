//! Counts the rows of every table, so that a restore can be judged (PostgreSQL manual, 53.11 and 53.15).

use std::collections::{BTreeMap, BTreeSet};

use pouch_format::{DatabaseRows, Identifier, TableRows};

use super::PostgresqlError;
use super::connection::{Connection, Purpose, Row};
use super::conninfo::Settings;

/// Most databases of a server.
const DATABASES: usize = 4096;
/// Most tables of a server that a declaration can hold.
const TABLES: usize = 65_536;
/// Tables that are named in an error.
const NAMED: usize = 20;
/// How often a database is counted anew because a table was dropped meanwhile.
const ATTEMPTS: usize = 5;

/// Databases that hold data and can be connected to; -2 marks one whose DROP was interrupted.
const LIST_DATABASES: &str =
    "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2";

/// Ordinary tables and leaves of partitioned ones, outside the system schemas. Temporary tables are gone with their
/// session; unlogged ones come back empty from any base backup.
const LIST_TABLES: &str = "SELECT n.nspname, c.relname, c.relpersistence, has_table_privilege(c.oid, 'SELECT') \
     AND has_schema_privilege(n.oid, 'USAGE') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind = 'r' AND c.relpersistence IN ('p', 'u') \
     AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";

/// One view of the whole database. With row security off a policy that would hide rows is an error, not a lower count.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = '5min'; SET idle_in_transaction_session_timeout = 0; \
     SET search_path = pg_catalog; SET row_security = off; BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// A table: its schema and name.
type Name = (String, String);
/// Rows of each table, before and after.
type Both = BTreeMap<Name, (Option<u64>, Option<u64>)>;

/// Rows of every table of every database.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<String, BTreeMap<Name, u64>>);

/// Counts the rows of every table of every database.
pub(super) fn count(settings: &Settings) -> Result<Counts, PostgresqlError> {
    let mut counts = Counts::default();
    let mut left = TABLES;
    for database in databases(settings)? {
        let rows = count_database(settings, &database, left)?;
        left -= rows.len();
        counts.0.insert(database, rows);
    }
    Ok(counts)
}

/// Checks that the rows of every table can be counted.
pub(super) fn check(settings: &Settings) -> Result<(), PostgresqlError> {
    let mut left = TABLES;
    for database in databases(settings)? {
        left -= tables(&mut session(settings, &database)?, settings, &database, left)?.len();
    }
    Ok(())
}

fn databases(settings: &Settings) -> Result<BTreeSet<String>, PostgresqlError> {
    let mut connection = Connection::open(settings, Purpose::Database(&settings.database))?;
    let rows = connection.query("list its databases", LIST_DATABASES, DATABASES)?;
    rows.into_iter()
        .map(|row| match <[Option<String>; 1]>::try_from(row) {
            Ok([Some(name)]) => Ok(name),
            _ => Err(connection.protocol("a list of databases of another shape")),
        })
        .collect()
}

fn session(settings: &Settings, database: &str) -> Result<Connection, PostgresqlError> {
    let mut connection = Connection::open(settings, Purpose::Database(database))?;
    connection.run("begin to count rows", SESSION)?;
    Ok(connection)
}

/// The tables of a database whose rows are to be counted, at most `limit`, all of which can be read.
fn tables(
    connection: &mut Connection,
    settings: &Settings,
    database: &str,
    limit: usize,
) -> Result<BTreeSet<Name>, PostgresqlError> {
    let mut tables = BTreeSet::new();
    let mut unreadable = Vec::new();
    // Unlogged tables are not counted, but listed.
    for row in connection.query("list its tables", LIST_TABLES, TABLES * 4)? {
        let Some((name, logged, readable)) = table(row) else {
            return Err(connection.protocol("a list of tables of another shape"));
        };
        let shown = pouch_format::escaped(format!("{}.{}", name.0, name.1).as_bytes());
        if !logged {
            let database = pouch_format::escaped(database.as_bytes());
            tracing::warn!(database, table = shown, "an unlogged table: its rows are in no base backup");
        } else if readable {
            tables.insert(name);
        } else if unreadable.len() < NAMED {
            unreadable.push(shown);
        }
    }
    if !unreadable.is_empty() {
        let escape = |name: &str| pouch_format::escaped(name.as_bytes());
        let (user, database) = (escape(&settings.user), escape(database));
        return Err(PostgresqlError::NotReadable { user, database, tables: unreadable });
    }
    if tables.len() > limit {
        return Err(PostgresqlError::TooManyTables { limit: TABLES });
    }
    Ok(tables)
}

/// Name, whether it is logged, whether it can be read.
fn table(row: Row) -> Option<(Name, bool, bool)> {
    let [schema, name, persistence, readable] = <[Option<String>; 4]>::try_from(row).ok()?;
    Some(((schema?, name?), persistence? == "p", readable? == "t"))
}

fn count_database(settings: &Settings, database: &str, limit: usize) -> Result<BTreeMap<Name, u64>, PostgresqlError> {
    let mut attempt = 1;
    loop {
        match try_count_database(settings, database, limit) {
            // A table was dropped between the list and the count.
            Err(PostgresqlError::Server { message, .. }) if message.sqlstate == "42P01" && attempt < ATTEMPTS => {
                attempt += 1;
            }
            counted => return counted,
        }
    }
}

fn try_count_database(
    settings: &Settings,
    database: &str,
    limit: usize,
) -> Result<BTreeMap<Name, u64>, PostgresqlError> {
    let mut connection = session(settings, database)?;
    let tables = tables(&mut connection, settings, database, limit)?;
    let mut counts = BTreeMap::new();
    for name in tables {
        // ONLY: the rows of tables that inherit from this one are counted with those.
        let sql = format!("SELECT count(*) FROM ONLY {}.{}", quoted(&name.0), quoted(&name.1));
        let rows = connection.query("count rows", &sql, 1)?;
        let count = rows.first().and_then(|row| row.first()?.as_ref()?.parse().ok());
        counts.insert(name, count.ok_or_else(|| connection.protocol("a count that is no number"))?);
    }
    Ok(counts)
}

/// A name as an SQL identifier (PostgreSQL manual, 4.1.1).
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Both counts as the declaration holds them.
pub(super) fn declare(before: Counts, after: Counts) -> Result<Vec<DatabaseRows>, PostgresqlError> {
    let mut merged: BTreeMap<String, Both> = BTreeMap::new();
    for (database, tables) in before.0 {
        let entry = merged.entry(database).or_default();
        tables.into_iter().for_each(|(name, rows)| entry.entry(name).or_default().0 = Some(rows));
    }
    for (database, tables) in after.0 {
        let entry = merged.entry(database).or_default();
        tables.into_iter().for_each(|(name, rows)| entry.entry(name).or_default().1 = Some(rows));
    }
    if merged.values().map(Both::len).sum::<usize>() > TABLES {
        return Err(PostgresqlError::TooManyTables { limit: TABLES });
    }
    merged
        .into_iter()
        .map(|(database, tables)| {
            let tables = tables.into_iter().map(|((schema, table), (rows_before, rows_after))| {
                Ok(TableRows { schema: identifier(schema)?, table: identifier(table)?, rows_before, rows_after })
            });
            Ok(DatabaseRows {
                database: identifier(database)?,
                tables: tables.collect::<Result<_, PostgresqlError>>()?,
            })
        })
        .collect()
}

fn identifier(name: String) -> Result<Identifier, PostgresqlError> {
    let shown = pouch_format::escaped(name.as_bytes());
    Identifier::try_from(name).map_err(|source| PostgresqlError::LongName { name: shown, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, &str, u64)]) -> Counts {
        let mut counts = Counts::default();
        for (database, table, rows) in of {
            let tables = counts.0.entry((*database).to_owned()).or_default();
            tables.insert(("s".to_owned(), (*table).to_owned()), *rows);
        }
        counts
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("a\"; DROP TABLE b; --"), "\"a\"\"; DROP TABLE b; --\"");
    }

    #[test]
    fn both_counts_are_declared_in_order() {
        let declared =
            declare(counts(&[("b", "y", 1), ("b", "x", 2)]), counts(&[("b", "y", 3), ("a", "z", 4)])).unwrap();
        let flat: Vec<_> = declared
            .iter()
            .flat_map(|d| d.tables.iter().map(|t| (d.database.as_str(), t.table.as_str(), t.rows_before, t.rows_after)))
            .collect();
        assert_eq!(flat, [("a", "z", None, Some(4)), ("b", "x", Some(2), None), ("b", "y", Some(1), Some(3)),]);
    }

    #[test]
    fn too_many_tables_are_not_declared() {
        let names: Vec<String> = (0..=TABLES).map(|n| n.to_string()).collect();
        let many: Vec<_> = names.iter().map(|name| ("d", name.as_str(), 0)).collect();
        assert!(matches!(declare(counts(&many), Counts::default()), Err(PostgresqlError::TooManyTables { .. })));
        assert!(declare(counts(&many[1..]), Counts::default()).is_ok());
    }
}
