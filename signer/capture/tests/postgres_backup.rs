//! Base backups of a real server, written to disk, verified and started.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod cluster;
mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use cluster::{Cluster, private_directory};
use common::{Disk, Memory, source};
use pouch_capture::{CaptureError, Declaration, PostgresqlError, Source};
use pouch_format::PostgresqlDeclaration;

fn postgresql(conninfo: &str) -> Source {
    source(&format!("source = \"postgresql\"\nconninfo = \"{conninfo}\"\n"))
}

fn declared(declaration: Declaration) -> PostgresqlDeclaration {
    match declaration {
        Declaration::Postgresql(declaration) => *declaration,
        other => panic!("{other:?}"),
    }
}

/// Rows before and after of every table, as `database.schema.table`.
fn rows(declaration: &PostgresqlDeclaration) -> Vec<(String, Option<u64>, Option<u64>)> {
    let databases = declaration.databases.iter();
    let tables = databases.flat_map(|database| {
        database.tables.iter().map(|table| {
            let name = format!("{}.{}.{}", database.database.as_str(), table.schema.as_str(), table.table.as_str());
            (name, table.rows_before, table.rows_after)
        })
    });
    tables.collect()
}

/// A registry with everything that is awkward: names, a tablespace, partitions, inheritance, two databases.
fn registry() -> Cluster {
    let cluster = Cluster::new("max_wal_size = 32MB\nmin_wal_size = 32MB\nwal_keep_size = 0\n", "");
    let fast = cluster.directory("fast");
    cluster.sql("postgres", &format!("CREATE TABLESPACE \"kiire ketas\" LOCATION '{}'", fast.display()));
    cluster.sql("postgres", "CREATE DATABASE \"maa\"\"register\"");
    cluster.sql("postgres", "CREATE DATABASE quiet TABLESPACE \"kiire ketas\"");
    cluster.sql(
        "maa\"register",
        "CREATE SCHEMA \"Õigus\";
         CREATE TABLE \"Õigus\".\"Kinnistu; --\" (id int, text text);
         INSERT INTO \"Õigus\".\"Kinnistu; --\" SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n;
         CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent);
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2), (3);
         CREATE TABLE parted (id int) PARTITION BY RANGE (id);
         CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
         INSERT INTO parted SELECT generate_series(0, 9);
         CREATE UNLOGGED TABLE fleeting (id int); INSERT INTO fleeting VALUES (1);
         CREATE TABLE busy (id bigserial, text text) TABLESPACE \"kiire ketas\";
         CREATE VIEW seen AS SELECT 1; CREATE MATERIALIZED VIEW kept AS SELECT 1;
         CREATE TEMPORARY TABLE gone (id int)",
    );
    cluster
}

/// Writes to the registry until told to stop: rows, whole segments of log, checkpoints that remove old ones.
fn write_until(cluster: &Cluster, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        cluster.sql(
            "maa\"register",
            "INSERT INTO busy (text) SELECT repeat('y', 900) FROM generate_series(1, 300);
             SELECT pg_switch_wal(); CHECKPOINT",
        );
    }
}

#[test]
fn a_backup_under_load_is_whole_and_starts() {
    let cluster = registry();
    let tree = private_directory();
    let stop = AtomicBool::new(false);
    let mut log_when_begun = String::new();
    let declaration = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_until(&cluster, &stop));
        let mut disk = Disk::new(tree.path(), |path| {
            // So slowly that the log moves on by many segments, and old ones would be removed.
            if path.as_str().ends_with("/PG_VERSION") {
                std::thread::sleep(std::time::Duration::from_millis(150));
            }
        });
        let captured = postgresql(&cluster.conninfo("postgres")).capture(&mut disk);
        stop.store(true, Ordering::Relaxed);
        log_when_begun = cluster.sql("postgres", "SELECT count(*) FROM pg_replication_slots");
        writer.join().unwrap();
        captured.unwrap()
    });
    assert_eq!(log_when_begun, "0", "the slot is gone with its connection");
    let declaration = declared(declaration);
    assert_eq!(
        declaration.system_identifier.to_string(),
        cluster.sql("postgres", "SELECT system_identifier FROM pg_control_system()")
    );
    assert!(declaration.server_version.as_str().starts_with("15."), "{declaration:?}");
    assert!((150_000..160_000).contains(&declaration.server_version_num));
    assert!(declaration.data_checksums);
    assert_eq!((declaration.wal_segment_bytes, declaration.timeline), (16 << 20, 1));
    assert!(declaration.start_lsn < declaration.stop_lsn);
    assert!(
        declaration.stop_lsn.0 - declaration.start_lsn.0 > 5 * (16 << 20),
        "the log moved on during the backup: {} to {}",
        declaration.start_lsn,
        declaration.stop_lsn
    );
    assert_eq!(declaration.tablespaces.len(), 1);
    assert_eq!(declaration.tablespaces[0].location.as_str(), cluster.socket().join("fast").to_str().unwrap());
    let oid = declaration.tablespaces[0].oid.to_string();
    assert_eq!(cluster.sql("postgres", "SELECT oid FROM pg_tablespace WHERE spcname = 'kiire ketas'"), oid);
    assert!(tree.path().join("tablespaces").join(&oid).is_dir());
    drop(cluster);

    let restored = Cluster::restore(tree);
    let rows = rows(&declaration);
    let names: Vec<&str> = rows.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "maa\"register.public.busy",
            "maa\"register.public.child",
            "maa\"register.public.parent",
            "maa\"register.public.part_1",
            "maa\"register.Õigus.Kinnistu; --",
        ]
    );
    assert_eq!(
        rows[1..].iter().map(|r| (r.1.unwrap(), r.2.unwrap())).collect::<Vec<_>>(),
        [(2, 2), (1, 1), (10, 10), (20_000, 20_000)]
    );
    let count = |table: &str| -> u64 {
        restored.sql("maa\"register", &format!("SELECT count(*) FROM ONLY {table}")).parse().unwrap()
    };
    assert_eq!(count("\"Õigus\".\"Kinnistu; --\""), 20_000);
    assert_eq!((count("parent"), count("child"), count("part_1"), count("fleeting")), (1, 2, 10, 0));
    let (before, after) = (rows[0].1.unwrap(), rows[0].2.unwrap());
    assert!(before < after, "rows were written meanwhile");
    assert!((before..=after).contains(&count("busy")), "{before} <= {} <= {after}", count("busy"));
    let databases: Vec<&str> = declaration.databases.iter().map(|d| d.database.as_str()).collect();
    assert_eq!(databases, ["maa\"register", "postgres", "quiet"]);
}

#[test]
fn check_tells_what_there_is() {
    let cluster = registry();
    let report = postgresql(&cluster.conninfo("postgres")).check().unwrap();
    assert!(report.source.starts_with("PostgreSQL 15."), "{report:?}");
    assert!(report.source.ends_with(&format!("at {}, port {}", cluster.socket().display(), cluster.port())));
    assert!(report.bytes.unwrap() > 10 << 20, "{report:?}");
}

#[test]
fn rows_need_not_be_counted() {
    let cluster = Cluster::new("", "");
    let toml =
        format!("source = \"postgresql\"\nconninfo = \"{}\"\ncount_rows = false\n", cluster.conninfo("postgres"));
    let mut memory = Memory::default();
    let declaration = declared(source(&toml).capture(&mut memory).unwrap());
    assert!(declaration.databases.is_empty() && declaration.tablespaces.is_empty());
    assert_eq!(memory.order.first().map(String::as_str), Some("data"));
    assert_eq!(memory.order.last().map(String::as_str), Some("data/backup_manifest"));
    assert!(memory.text("data/backup_manifest").contains("\"Checksum-Algorithm\": \"SHA256\""));
    assert_eq!(memory.text("data/PG_VERSION"), "15\n");
    assert!(!memory.order.iter().any(|path| path.contains("postmaster.pid")));
}

#[test]
fn a_corrupt_page_is_found() {
    let cluster = Cluster::new("", "");
    cluster.sql(
        "postgres",
        "CREATE TABLE t (id int, text text); INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 10000) n",
    );
    let file = cluster.sql("postgres", "SELECT pg_relation_filepath('t')");
    cluster.while_stopped(|data| {
        use std::os::unix::fs::FileExt;
        let heap = std::fs::File::options().write(true).open(data.join(&file)).unwrap();
        heap.write_at(b"rot", 3 * 8192 + 4000).unwrap();
    });
    let mut memory = Memory::default();
    let toml =
        format!("source = \"postgresql\"\nconninfo = \"{}\"\ncount_rows = false\n", cluster.conninfo("postgres"));
    let error = source(&toml).capture(&mut memory).unwrap_err();
    let CaptureError::Postgresql(PostgresqlError::Corrupt { pages, .. }) = &error else { panic!("{error:?}") };
    assert!(pages.iter().any(|page| page.contains(&file) && page.contains("block 3")), "{pages:?}");
    assert!(error.hint().unwrap().contains("nothing was sealed"));
    assert!(error.to_string().contains(&file), "{error}");
}

#[test]
fn the_error_of_the_sink_comes_back() {
    struct Full;
    impl pouch_capture::SnapshotSink for Full {
        fn directory(
            &mut self,
            _: &pouch_format::EntryPath,
            _: &pouch_capture::Meta,
        ) -> Result<(), pouch_capture::SinkError> {
            Ok(())
        }
        fn begin_file(
            &mut self,
            _: &pouch_format::EntryPath,
            _: u64,
            _: &pouch_capture::Meta,
        ) -> Result<(), pouch_capture::SinkError> {
            Err(Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull)))
        }
        fn data(&mut self, _: &[u8]) -> Result<(), pouch_capture::SinkError> {
            panic!("nothing may come after an error")
        }
        fn end_file(&mut self) -> Result<(), pouch_capture::SinkError> {
            panic!("nothing may come after an error")
        }
    }
    let cluster = Cluster::new("", "");
    let error = postgresql(&cluster.conninfo("postgres")).capture(&mut Full).unwrap_err();
    let CaptureError::Sink(error) = error else { panic!("{error:?}") };
    let error = error.downcast::<std::io::Error>().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    // The server lets go of everything.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while cluster.sql("postgres", "SELECT count(*) FROM pg_replication_slots") != "0" {
        assert!(std::time::Instant::now() < deadline, "the slot is still there");
    }
}
