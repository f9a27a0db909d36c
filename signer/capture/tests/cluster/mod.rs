//! A throw-away PostgreSQL 15 cluster: in a temporary directory, on a Unix socket and a loopback port, gone when dropped.
//!
//! PostgreSQL refuses to run as root, so its programs run as user `postgres` when this process is root.
#![allow(dead_code, unreachable_pub, reason = "every test binary that includes this file uses another part of it")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where Debian keeps the programs.
const BIN: &str = "/usr/lib/postgresql/15/bin";

/// Settings of every cluster: throw-away, so nothing need be durable.
const SETTINGS: &str = "fsync = off\nsynchronous_commit = off\nlog_min_messages = warning\nlogging_collector = off\n\
     shared_buffers = 32MB\npassword_encryption = 'scram-sha-256'\nlisten_addresses = '127.0.0.1'\n";

/// A cluster that runs.
pub struct Cluster {
    root: tempfile::TempDir,
    data: PathBuf,
    port: u16,
}

impl Cluster {
    /// A new cluster with data checksums, on which superuser `postgres` is trusted on the Unix socket.
    ///
    /// `settings` go to `postgresql.conf`, `hba` to the head of `pg_hba.conf`.
    pub fn new(settings: &str, hba: &str) -> Self {
        let root = private_directory();
        let data = root.path().join("data");
        let initdb = ["-k", "-N", "-E", "UTF8", "--locale=C.UTF-8", "-U", "postgres", "-A", "trust", "-D"];
        run("initdb", &initdb, Some(&data));
        let cluster = Self { port: free_port(), root, data };
        cluster.append("postgresql.conf", SETTINGS);
        cluster.append("postgresql.conf", &format!("unix_socket_directories = '{}'\n", cluster.socket().display()));
        cluster.append("postgresql.conf", settings);
        let local = "local all postgres trust\nlocal replication postgres trust\n";
        cluster.write("pg_hba.conf", &format!("{hba}{local}"));
        cluster.start();
        cluster
    }

    /// Starts what a capture wrote: `tree` holds `data` and perhaps `tablespaces/<oid>`. It is verified first.
    pub fn restore(tree: tempfile::TempDir) -> Self {
        let data = tree.path().join("data");
        let tablespaces = tree.path().join("tablespaces");
        for oid in fs::read_dir(&tablespaces).into_iter().flatten() {
            let oid = oid.unwrap().file_name();
            std::os::unix::fs::symlink(tablespaces.join(&oid), data.join("pg_tblspc").join(&oid)).unwrap();
        }
        hand_over(tree.path());
        run("pg_verifybackup", &["--exit-on-error"], Some(&data));
        // Its paths are those of home; the links above stand in for it.
        let _ = fs::remove_file(data.join("tablespace_map"));
        let cluster = Self { port: free_port(), root: tree, data };
        cluster.append("postgresql.conf", &format!("unix_socket_directories = '{}'\n", cluster.socket().display()));
        cluster.start();
        cluster
    }

    fn start(&self) {
        let data = self.data.to_str().unwrap();
        let log = self.root.path().join("log");
        let options = format!("-p {}", self.port);
        let arguments = ["start", "-w", "-t", "60", "-s", "-D", data, "-o", &options, "-l", log.to_str().unwrap()];
        let output = as_postgres("pg_ctl").args(arguments).output().unwrap();
        assert!(output.status.success(), "pg_ctl start: {}\n{}", talk(&output), self.log());
    }

    /// Stops it, cleanly, changes what must not run, and starts it again.
    pub fn while_stopped(&self, change: impl FnOnce(&Path)) {
        run("pg_ctl", &["stop", "-w", "-s", "-m", "fast", "-D"], Some(&self.data));
        change(&self.data);
        self.start();
    }

    /// Makes it read its configuration again.
    pub fn reload(&self) {
        run("pg_ctl", &["reload", "-s", "-D"], Some(&self.data));
    }

    /// Runs SQL as superuser `postgres` and gives what it prints: fields parted by `|`, rows by newlines.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql).output().unwrap();
        assert!(output.status.success(), "psql: {}", talk(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The same, to be run by the caller.
    pub fn psql(&self, database: &str, sql: &str) -> Command {
        let mut command = as_postgres("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", sql]);
        command.arg("-h").arg(self.socket()).args(["-p", &self.port.to_string()]);
        command
    }

    /// How `user` reaches it by the Unix socket.
    pub fn conninfo(&self, user: &str) -> String {
        format!("host={} port={} user={user}", self.socket().display(), self.port)
    }

    /// How `user` reaches it by loopback.
    pub fn conninfo_tcp(&self, user: &str) -> String {
        format!("host=localhost hostaddr=127.0.0.1 port={} user={user}", self.port)
    }

    /// Its loopback port, which also names its socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of its socket, which is also the directory that goes when it is dropped.
    pub fn socket(&self) -> &Path {
        self.root.path()
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.root.path().join("log")).unwrap_or_default()
    }

    /// A new directory beside the data, owned by the server's user.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.root.path().join(name);
        fs::create_dir(&path).unwrap();
        hand_over(&path);
        path
    }

    /// Writes a file in the data directory, readable by the server's user only.
    pub fn write(&self, name: &str, content: &str) {
        let path = self.data.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        hand_over(&path);
    }

    fn append(&self, name: &str, content: &str) {
        let before = fs::read_to_string(self.data.join(name)).unwrap();
        self.write(name, &(before + content));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stop = ["stop", "-w", "-s", "-m", "immediate", "-D", self.data.to_str().unwrap()];
        let _ = as_postgres("pg_ctl").args(stop).output();
    }
}

/// A temporary directory that only the server's user (and root) can enter.
pub fn private_directory() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap();
    hand_over(directory.path());
    directory
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Gives a tree to the server's user.
fn hand_over(path: &Path) {
    if is_root() {
        let output = Command::new("chown").args(["-R", "postgres:postgres"]).arg(path).output().unwrap();
        assert!(output.status.success(), "chown: {}", talk(&output));
    }
}

/// One of PostgreSQL's programs, as a user that it agrees to run as.
fn as_postgres(program: &str) -> Command {
    let path = Path::new(BIN).join(program);
    assert!(path.is_file(), "{} is missing: install PostgreSQL 15", path.display());
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    command.current_dir("/").env("PGCLIENTENCODING", "UTF8");
    command
}

fn run(program: &str, arguments: &[&str], last: Option<&Path>) {
    let output = as_postgres(program).args(arguments).args(last).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", talk(&output));
}

fn talk(output: &Output) -> String {
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
