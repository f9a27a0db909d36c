//! What the tests share: a PostgreSQL cluster with a tablespace, and base backups of it as trees of a pouch.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pouch_format::{
    DatabaseRows, Declaration, Identifier, Lsn, PostgresqlDeclaration, SystemIdentifier, TableRows, Tablespace, Text,
};

pub(crate) const BIN: &str = "/usr/lib/postgresql/15/bin";
/// A table whose name must survive every quoting.
pub(crate) const ODD_TABLE: &str = "o'dd \"ta\\ble\"\n\u{202e}x";

/// Whether we must become `postgres` to run PostgreSQL.
pub(crate) fn root() -> bool {
    pouch_platform::effective_uid() == 0
}

pub(crate) fn run_as() -> Option<String> {
    root().then(|| "postgres".to_owned())
}

/// A directory that user postgres can reach.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("pg-").tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    folder
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

fn create_for_postgres(path: &Path) {
    std::fs::create_dir(path).unwrap();
    if root() {
        let (uid, gid) = pouch_platform::user("postgres").unwrap().expect("these tests need user postgres");
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
    }
}

/// A cluster that runs until dropped.
pub(crate) struct Cluster {
    pub(crate) folder: tempfile::TempDir,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        assert!(Path::new(BIN).is_dir(), "these tests need PostgreSQL 15 in {BIN}");
        let cluster = Self { folder: folder() };
        for name in ["home", "run", "fast"] {
            create_for_postgres(&cluster.path(name));
        }
        let home = cluster.text("home");
        cluster.tool("initdb", &["-D", &home, "-k", "-U", "postgres", "-A", "trust", "--locale=C.UTF-8"]);
        let options = format!("-k {} -c listen_addresses='' -c fsync=off", cluster.text("run"));
        let log = cluster.text("run") + "/log";
        cluster.tool("pg_ctl", &["start", "-w", "-D", &home, "-l", &log, "-o", &options]);
        cluster
    }

    pub(crate) fn fill(&self) {
        let fast = self.text("fast");
        self.sql("postgres", &format!("CREATE TABLESPACE fast LOCATION '{fast}'"));
        self.sql("postgres", "CREATE DATABASE land");
        self.sql(
            "land",
            "CREATE TABLE parcel TABLESPACE fast AS SELECT g id, repeat('x', 80) note FROM generate_series(1, 5000) g",
        );
        self.sql("land", "CREATE INDEX ON parcel (id)");
        self.sql("land", &format!("CREATE TABLE \"{}\" AS SELECT 1 one", ODD_TABLE.replace('"', "\"\"")));
        // What an insider might leave behind for the embassy's server.
        self.sql("postgres", "ALTER SYSTEM SET archive_command = 'touch /tmp/pouch-must-not-exist'");
        self.sql("postgres", "ALTER SYSTEM SET shared_preload_libraries = 'no_such_library'");
        self.sql("postgres", "ALTER SYSTEM SET listen_addresses = '127.0.0.1'");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn tool(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = as_postgres(&format!("{BIN}/{program}"));
        // The server that pg_ctl starts would keep a pipe open.
        let output = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
        output
    }

    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let mut command = as_postgres(&format!("{BIN}/psql"));
        command.args(["-X", "-A", "-t", "-q", "-h", &self.text("run"), "-U", "postgres", "-d", database, "-c", sql]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A base backup as the tree of a pouch: `data/`, `tablespaces/<oid>/`.
    pub(crate) fn backup(&self, into: &Path) -> Declaration {
        let backup = into.parent().unwrap().join("backup");
        create_for_postgres(&backup);
        let backup = backup.to_str().unwrap();
        let arguments = ["-h", &self.text("run"), "-U", "postgres", "-D", backup, "-Ft", "-X", "fetch", "-c", "fast"];
        self.tool("pg_basebackup", &arguments);
        let oid: u32 = self.sql("postgres", "SELECT oid FROM pg_tablespace WHERE spcname = 'fast'").parse().unwrap();
        let space = format!("tablespaces/{oid}");
        for (tar, name) in [("base.tar".to_owned(), "data"), (format!("{oid}.tar"), &space)] {
            std::fs::create_dir_all(into.join(name)).unwrap();
            let status = Command::new("tar")
                .args(["xf", &format!("{backup}/{tar}"), "--no-same-owner", "-C"])
                .arg(into.join(name))
                .status()
                .unwrap();
            assert!(status.success());
        }
        set_mode(&into.join("data"), 0o700);
        std::fs::copy(format!("{backup}/backup_manifest"), into.join("data/backup_manifest")).unwrap();
        self.declaration(oid)
    }

    fn declaration(&self, oid: u32) -> Declaration {
        let rows = |table: &str, rows| TableRows {
            schema: text("public"),
            table: text(table),
            rows_before: Some(rows),
            rows_after: Some(rows),
        };
        let system = self.sql("postgres", "SELECT system_identifier FROM pg_control_system()");
        Declaration::Postgresql(Box::new(PostgresqlDeclaration {
            system_identifier: SystemIdentifier(system.parse().unwrap()),
            server_version: Text::try_from("15".to_owned()).unwrap(),
            server_version_num: 150_000,
            wal_segment_bytes: 16 << 20,
            data_checksums: true,
            timeline: 1,
            start_lsn: Lsn(0),
            stop_lsn: Lsn(1),
            tablespaces: vec![Tablespace { oid, location: Text::try_from(self.text("fast")).unwrap() }],
            databases: vec![DatabaseRows {
                database: text("land"),
                tables: vec![rows(ODD_TABLE, 1), rows("parcel", 5000)],
            }],
        }))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = as_postgres(&format!("{BIN}/pg_ctl"))
            .args(["stop", "-m", "immediate", "-D", &self.text("home")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

pub(crate) fn text(text: &str) -> Identifier {
    Text::try_from(text.to_owned()).unwrap()
}

pub(crate) fn as_postgres(program: &str) -> Command {
    if !root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", program]).current_dir("/");
    command
}
