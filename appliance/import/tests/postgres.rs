//! The PostgreSQL recipe on real base backups: restored, or refused with its reason; no server left behind.

#![cfg(test)]

mod common;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use common::{Cluster, as_postgres, folder, run_as, set_mode};
use pouch_console::{Exit, Explain as _, Failure, Output};
use pouch_format::{Declaration, PostgresqlDeclaration, SystemIdentifier};
use pouch_import::restore::{Job, RestoreSettings, Restored, restore};
use pouch_platform::Dir;

/// Restores the tree in `folder`.
fn recipe(folder: &Path, declaration: &Declaration) -> Result<Restored, Failure> {
    let tree = Dir::open(folder.join("tree")).unwrap();
    let log_path = folder.join("log");
    let settings = RestoreSettings { run_as: run_as(), start_seconds: 120, ..RestoreSettings::default() };
    let job = Job {
        registry: &"land".parse().unwrap(),
        tree: &tree,
        path: &folder.join("tree"),
        declaration,
        settings: &settings,
        command: None,
        log: File::options().create(true).append(true).open(&log_path).unwrap(),
        log_path: &log_path,
    };
    let restored = restore(job, &Output::new(Default::default())).map_err(|error| error.explain());
    assert!(!folder.join("tree/data/postmaster.pid").exists(), "a server is left behind");
    restored
}

fn backup(cluster: &Cluster) -> (tempfile::TempDir, Declaration) {
    let folder = folder();
    std::fs::create_dir(folder.path().join("tree")).unwrap();
    let declaration = cluster.backup(&folder.path().join("tree"));
    (folder, declaration)
}

fn edit(declaration: &Declaration, edit: impl FnOnce(&mut PostgresqlDeclaration)) -> Declaration {
    let mut declaration = declaration.clone();
    let Declaration::Postgresql(inner) = &mut declaration else { panic!("not postgresql") };
    edit(inner);
    declaration
}

#[test]
fn a_cluster_with_a_tablespace_is_restored_and_can_be_started() {
    let cluster = Cluster::start();
    cluster.fill();
    let (folder, declaration) = backup(&cluster);
    drop(cluster);
    let restored = recipe(folder.path(), &declaration).unwrap();
    let report = restored.postgresql.unwrap();
    let rows = report.rows.unwrap();
    assert_eq!((rows.exact, rows.within, rows.rows, rows.undeclared.len()), (2, 0, 5001, 0));
    assert_eq!(report.databases, 3, "land, postgres, template1");
    assert_eq!(restored.findings, Vec::<String>::new());
    assert!(restored.advice[0].starts_with("read postgresql.auto.conf"), "{:?}", restored.advice);
    let steps: Vec<&str> = restored.steps.iter().map(|step| step.name).collect();
    assert!(steps.contains(&"pg_verifybackup") && steps.contains(&"pg_amcheck"), "{steps:?}");

    // As an operator would start it, home's settings edited first.
    let data = folder.path().join("tree/data");
    let auto = std::fs::read_to_string(data.join("postgresql.auto.conf")).unwrap();
    assert!(auto.contains("no_such_library"), "home's settings are there to be read");
    std::fs::write(data.join("postgresql.auto.conf"), "").unwrap();
    let run = folder.path().join("run");
    std::fs::create_dir(&run).unwrap();
    set_mode(&run, 0o777);
    let log = run.join("log");
    let start = |arguments: &[&str]| {
        let mut command = as_postgres(&format!("{}/pg_ctl", common::BIN));
        command.args(arguments).arg("-D").arg(&data).arg("-l").arg(&log);
        assert!(command.stdout(std::process::Stdio::null()).status().unwrap().success());
    };
    start(&["start", "-w", "-o", &format!("-k {} -c listen_addresses=''", run.display())]);
    let mut psql = as_postgres(&format!("{}/psql", common::BIN));
    psql.args(["-XAtq", "-U", "postgres", "-d", "land", "-h"]).arg(&run);
    let count = psql.args(["-c", "SELECT count(*) FROM parcel; SELECT count(*) FROM pg_extension"]).output().unwrap();
    start(&["stop", "-w", "-m", "fast"]);
    assert_eq!(String::from_utf8(count.stdout).unwrap(), "5000\n1\n", "and no extension is left in it");
    assert!(!Path::new("/tmp/pouch-must-not-exist").exists());
}

#[test]
fn what_is_damaged_or_not_as_declared_is_refused() {
    let cluster = Cluster::start();
    cluster.fill();
    let relation = cluster.sql("land", "SELECT pg_relation_filepath('parcel')");

    // A flipped bit in a page of the tablespace.
    let (damaged, declaration) = backup(&cluster);
    let inner = relation.strip_prefix("pg_tblspc/").unwrap();
    let path = damaged.path().join("tree/tablespaces").join(inner);
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 8192 + 4000).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 8192 + 4000).unwrap();
    let failure = recipe(damaged.path(), &declaration).unwrap_err();
    assert_eq!((failure.id.as_str(), failure.exit), ("RESTORE-VERIFY", Exit::Data));
    assert!(failure.message.contains("checksum mismatch"), "{}", failure.message);
    assert!(failure.message.contains(inner.rsplit('/').next().unwrap()), "{}", failure.message);

    // One row fewer than home says.
    let (folder, declaration) = backup(&cluster);
    let more = edit(&declaration, |inner| {
        inner.databases[0].tables[1].rows_before = Some(5001);
        inner.databases[0].tables[1].rows_after = Some(5001);
    });
    let failure = recipe(folder.path(), &more).unwrap_err();
    assert_eq!((failure.id.as_str(), failure.exit), ("RESTORE-ROWS", Exit::Data));
    assert!(failure.message.contains("\"parcel\" of database \"land\" has 5000 rows, home counted 5001"));

    // Another cluster, too short a log; and programs of that version are not here.
    let (folder, declaration) = backup(&cluster);
    let other = edit(&declaration, |inner| inner.system_identifier = SystemIdentifier(7));
    assert_eq!(recipe(folder.path(), &other).unwrap_err().id, "RESTORE-IDENTITY");
    let (folder, declaration) = backup(&cluster);
    let later = edit(&declaration, |inner| inner.stop_lsn.0 = u64::MAX);
    assert_eq!(recipe(folder.path(), &later).unwrap_err().id, "RESTORE-IDENTITY");
    let newer = edit(&declaration, |inner| inner.server_version_num = 160_000);
    let failure = recipe(folder.path(), &newer).unwrap_err();
    assert_eq!((failure.id.as_str(), failure.exit), ("RESTORE-TOOL", Exit::Unavailable));
}

#[test]
fn a_log_that_lacks_its_end_does_not_start() {
    let cluster = Cluster::start();
    cluster.fill();
    let (folder, declaration) = backup(&cluster);
    drop(cluster);
    for entry in std::fs::read_dir(folder.path().join("tree/data/pg_wal")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let failure = recipe(folder.path(), &declaration).unwrap_err();
    assert_eq!((failure.id.as_str(), failure.exit), ("RESTORE-VERIFY", Exit::Data));
    assert!(failure.message.contains("WAL"), "{}", failure.message);
}
