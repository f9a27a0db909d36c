//! Row counts of the restored cluster against those that home declared.

use std::collections::{BTreeMap, BTreeSet};

use pouch_console::escape;
use pouch_format::{DatabaseRows, TableRows};
use serde::Serialize;

use super::RestoreError;
use super::server::Server;

/// Counts every ordinary table outside the system schemas: one query makes the others (`\gexec` of psql), so that the
/// server itself quotes its names. The same tables and the same count as at home.
const COUNT: &str = r"SET search_path = pg_catalog; SET row_security = off;
SELECT format('SELECT %L, %L, count(*) FROM ONLY %I.%I', n.nspname, c.relname, n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' \gexec
";

/// A table: its schema and name.
type Name = (String, String);

/// How the counts compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowsReport {
    /// Tables with exactly the declared rows.
    pub exact: usize,
    /// Tables that changed during the backup, with rows between the count before and the one after.
    pub within: usize,
    /// Tables created or dropped during the backup, and not there.
    pub absent: usize,
    /// Rows of all declared tables.
    pub rows: u64,
    /// Tables that are there and not declared: made and dropped during the backup.
    pub undeclared: Vec<String>,
}

impl RowsReport {
    /// What a person must read.
    pub(super) fn findings(&self) -> Vec<String> {
        self.undeclared.iter().map(|table| format!("table {table} is there, but home did not count it")).collect()
    }
}

/// Counts and compares.
pub(super) fn compare(server: &Server<'_>, declared: &[DatabaseRows]) -> Result<RowsReport, RestoreError> {
    let mut report = RowsReport::default();
    let mut wrong = Vec::new();
    for database in declared {
        let found = count(server, database.database.as_str())?;
        judge(database, &found, &mut report, &mut wrong);
    }
    if wrong.is_empty() {
        return Ok(report);
    }
    for line in &wrong {
        server.tools().log.line(line)?;
    }
    let tables = declared.iter().map(|database| database.tables.len()).sum();
    Err(RestoreError::Rows { tables, wrong })
}

fn count(server: &Server<'_>, database: &str) -> Result<BTreeMap<Name, u64>, RestoreError> {
    let fields = server.ask(database, COUNT)?;
    let read = |row: &[String]| match row {
        [schema, table, rows] => rows.parse().ok().map(|rows| ((schema.clone(), table.clone()), rows)),
        _ => None,
    };
    let counts: Option<BTreeMap<Name, u64>> = fields.chunks(3).map(read).collect();
    counts.ok_or_else(|| RestoreError::Answer { tool: "psql".to_owned(), said: "counts of another shape".to_owned() })
}

/// Judges one database: `found` against `declared`. What is wrong becomes a line of `wrong`.
fn judge(declared: &DatabaseRows, found: &BTreeMap<Name, u64>, report: &mut RowsReport, wrong: &mut Vec<String>) {
    let database = declared.database.as_str();
    let mut known = BTreeSet::new();
    for table in &declared.tables {
        let name = (table.schema.as_str().to_owned(), table.table.as_str().to_owned());
        let rows = found.get(&name).copied();
        report.rows = report.rows.saturating_add(rows.unwrap_or(0));
        match (verdict(table, rows), rows) {
            (Verdict::Exact, _) => report.exact += 1,
            (Verdict::Within, _) => report.within += 1,
            (Verdict::Absent, _) => report.absent += 1,
            (Verdict::Wrong, rows) => wrong.push(format!(
                "{} has {}, home counted {} before and {} after the backup",
                shown(database, &name),
                rows.map_or_else(|| "no such table".to_owned(), |rows| format!("{rows} rows")),
                number(table.rows_before),
                number(table.rows_after),
            )),
        }
        known.insert(name);
    }
    let undeclared = found.keys().filter(|name| !known.contains(*name));
    report.undeclared.extend(undeclared.map(|name| shown(database, name)));
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Exact,
    Within,
    Absent,
    Wrong,
}

fn verdict(table: &TableRows, found: Option<u64>) -> Verdict {
    match (table.rows_before, table.rows_after, found) {
        (Some(before), Some(after), Some(found)) if before == after && found == before => Verdict::Exact,
        (Some(before), Some(after), Some(found)) if (before.min(after)..=before.max(after)).contains(&found) => {
            Verdict::Within
        }
        (Some(_), Some(_), _) => Verdict::Wrong,
        // Created or dropped during the backup: not there, or filled or emptied as far as it was at that moment.
        (Some(most), None, Some(found)) | (None, Some(most), Some(found)) if found > most => Verdict::Wrong,
        (_, _, Some(_)) => Verdict::Within,
        (_, _, None) => Verdict::Absent,
    }
}

fn number(rows: Option<u64>) -> String {
    rows.map_or_else(|| "no table".to_owned(), |rows| rows.to_string())
}

fn shown(database: &str, name: &Name) -> String {
    format!("\"{}\".\"{}\" of database \"{}\"", escape(&name.0), escape(&name.1), escape(database))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(before: Option<u64>, after: Option<u64>) -> TableRows {
        TableRows {
            schema: "s".to_owned().try_into().unwrap(),
            table: "t\n".to_owned().try_into().unwrap(),
            rows_before: before,
            rows_after: after,
        }
    }

    #[test]
    fn counts_are_exact_where_nothing_changed_and_within_where_it_did() {
        let verdict = |before, after, found| verdict(&table(before, after), found);
        assert_eq!(verdict(Some(3), Some(3), Some(3)), Verdict::Exact);
        assert_eq!(verdict(Some(3), Some(3), Some(4)), Verdict::Wrong);
        assert_eq!(verdict(Some(3), Some(3), None), Verdict::Wrong);
        assert_eq!(verdict(Some(3), Some(5), Some(4)), Verdict::Within);
        assert_eq!(verdict(Some(5), Some(3), Some(3)), Verdict::Within);
        assert_eq!(verdict(Some(5), Some(3), Some(6)), Verdict::Wrong);
        assert_eq!(verdict(None, Some(3), None), Verdict::Absent);
        assert_eq!(verdict(Some(3), None, None), Verdict::Absent);
        assert_eq!(verdict(None, Some(3), Some(4)), Verdict::Wrong);
        assert_eq!(verdict(Some(3), None, Some(2)), Verdict::Within);
    }

    #[test]
    fn a_wrong_count_names_the_table_on_one_line() {
        let declared =
            DatabaseRows { database: "d".to_owned().try_into().unwrap(), tables: vec![table(Some(3), Some(3))] };
        let found = BTreeMap::from([(("s".to_owned(), "t\n".to_owned()), 2), (("s".to_owned(), "u".to_owned()), 9)]);
        let (mut report, mut wrong) = (RowsReport::default(), Vec::new());
        judge(&declared, &found, &mut report, &mut wrong);
        assert_eq!(wrong, [r#""s"."t\n" of database "d" has 2 rows, home counted 3 before and 3 after the backup"#]);
        assert_eq!(report.undeclared, [r#""s"."u" of database "d""#]);
    }
}
