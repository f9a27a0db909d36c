//! The scratch server: our own configuration, a private socket, and a clean end whatever happens.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::scratch::{Scratch, hand_over};
use super::{RestoreError, ToolStep, Tools};
use crate::restore::RestoreSettings;

/// Between two looks at the starting server.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a shutdown may take, in seconds.
const STOP_SECONDS: &str = "600";
/// Most bytes of `postmaster.pid` that are read.
const PID_FILE_BYTES: u64 = 4096;

/// Settings of home that a server must at least have to replay the log, by their names in `pg_controldata`.
const AT_LEAST: [(&str, &str); 5] = [
    ("max_connections setting:", "max_connections"),
    ("max_worker_processes setting:", "max_worker_processes"),
    ("max_wal_senders setting:", "max_wal_senders"),
    ("max_prepared_xacts setting:", "max_prepared_transactions"),
    ("max_locks_per_xact setting:", "max_locks_per_transaction"),
];

/// A running scratch server. It is stopped when this is dropped.
#[derive(Debug)]
pub(super) struct Server<'t> {
    tools: &'t Tools,
    data: PathBuf,
    child: Child,
    stopped: bool,
    role: String,
    /// Configuration and socket.
    scratch: Scratch,
}

impl<'t> Server<'t> {
    /// Starts a server on `data` and waits until the log is replayed.
    pub(super) fn start(tools: &'t Tools, data: &Path, settings: &RestoreSettings) -> Result<Self, RestoreError> {
        let scratch = Scratch::create(data)?;
        let file = scratch.path.join("postgresql.conf");
        write(&scratch.path.join("pg_hba.conf"), "local all all trust\n", tools)?;
        write(&scratch.path.join("pg_ident.conf"), "", tools)?;
        write(&file, &configuration(tools, data, &scratch.path, settings)?, tools)?;
        hand_over(&scratch.path, tools)?;
        let start = tools.log.said_len()?;
        let arguments = ["-D".as_ref(), data.as_os_str(), "-c".as_ref(), &*assignment("config_file", &file)];
        let child = tools.start("postgres", &arguments)?;
        let mut server =
            Server { tools, data: data.to_owned(), child, stopped: false, role: settings.role.clone(), scratch };
        server.wait(start, settings.start_seconds)?;
        Ok(server)
    }

    /// The server writes `ready` into its file when it takes connections, that is, once the log is replayed.
    fn wait(&mut self, log_start: u64, seconds: u64) -> Result<(), RestoreError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().map_err(|e| self.failed(e))? {
                self.stopped = true;
                return Err(RestoreError::Tool {
                    step: ToolStep::Start,
                    tool: "postgres".to_owned(),
                    status: status.to_string(),
                    said: self.tools.log.said_since(log_start),
                });
            }
            if is_ready(&self.data.join("postmaster.pid"), self.child.id()) {
                return Ok(());
            }
            if started.elapsed() > Duration::from_secs(seconds) {
                return Err(RestoreError::Slow { seconds });
            }
            sleep(PAUSE);
        }
    }

    /// Asks a question of a database; returns the fields of all rows, one after the other.
    pub(super) fn ask(&self, database: &str, sql: &str) -> Result<Vec<String>, RestoreError> {
        let mut arguments: Vec<std::ffi::OsString> =
            ["-X", "-q", "-A", "-t", "-z", "-0", "-v", "ON_ERROR_STOP=1"].map(Into::into).to_vec();
        arguments.extend(self.address());
        arguments.extend(["-d".into(), database_name(database).into()]);
        let answer = self.tools.ask(ToolStep::Ask, "psql", &arguments, sql)?;
        let text = String::from_utf8(answer).map_err(|_| RestoreError::Answer {
            tool: "psql".to_owned(),
            said: "bytes that are no UTF-8".to_owned(),
        })?;
        let mut fields: Vec<String> = text.split('\0').map(str::to_owned).collect();
        // The last record ends with a separator too.
        fields.pop();
        Ok(fields)
    }

    /// How clients reach the server.
    pub(super) fn address(&self) -> Vec<std::ffi::OsString> {
        vec!["-h".into(), self.scratch.path.clone().into(), "-U".into(), self.role.clone().into(), "-w".into()]
    }

    pub(super) fn tools(&self) -> &Tools {
        self.tools
    }

    /// Shuts the server down cleanly.
    pub(super) fn stop(&mut self) -> Result<(), RestoreError> {
        let arguments = [
            "stop".as_ref(),
            "-D".as_ref(),
            self.data.as_os_str(),
            "-m".as_ref(),
            "fast".as_ref(),
            "-w".as_ref(),
            "-t".as_ref(),
            STOP_SECONDS.as_ref(),
        ];
        self.tools.run(ToolStep::Stop, "pg_ctl", &arguments)?;
        let status = self.child.wait().map_err(|e| self.failed(e))?;
        self.stopped = true;
        if status.success() {
            return Ok(());
        }
        let (tool, said) = ("postgres".to_owned(), "it did not shut down cleanly".to_owned());
        Err(RestoreError::Tool { step: ToolStep::Stop, tool, status: status.to_string(), said })
    }

    fn failed(&self, source: std::io::Error) -> RestoreError {
        RestoreError::Run { program: self.tools.bin.join("postgres"), source }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        if self.stopped || self.stop().is_ok() {
            return;
        }
        // Its own processes notice that it is gone and end too.
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            tracing::warn!(%error, "the scratch server cannot be stopped");
        }
    }
}

fn write(path: &Path, text: &str, tools: &Tools) -> Result<(), RestoreError> {
    std::fs::write(path, text).map_err(|source| RestoreError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })?;
    hand_over(path, tools)
}

/// The whole configuration of the scratch server. Later lines win, so the operator's come before those that keep the
/// server to itself.
fn configuration(
    tools: &Tools,
    data: &Path,
    scratch: &Path,
    settings: &RestoreSettings,
) -> Result<String, RestoreError> {
    let mut text = String::new();
    let mut set = |name: &str, value: &str| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{name} = '{}'", value.replace('\\', "\\\\").replace('\'', "''"));
    };
    let control = tools.ask(ToolStep::Start, "pg_controldata", &["-D".as_ref(), data.as_os_str()], "")?;
    for (name, value) in minimums(&String::from_utf8_lossy(&control)) {
        set(name, &value);
    }
    for (name, value) in &settings.settings {
        set(name, value);
    }
    set("listen_addresses", "");
    set("unix_socket_directories", &scratch.to_string_lossy());
    set("unix_socket_permissions", "0700");
    set("port", "5432");
    set("hba_file", &scratch.join("pg_hba.conf").to_string_lossy());
    set("ident_file", &scratch.join("pg_ident.conf").to_string_lossy());
    set("logging_collector", "off");
    set("log_destination", "stderr");
    set("lc_messages", "C");
    set("archive_mode", "off");
    set("autovacuum", "off");
    // The tree is durable already; this looks once, not file by file.
    set("recovery_init_sync_method", "syncfs");
    Ok(text)
}

/// What home had of the settings that the log depends on.
fn minimums(control: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for line in control.lines() {
        for (label, name) in AT_LEAST {
            let value = line.strip_prefix(label).map(str::trim);
            if let Some(value) = value.filter(|value| !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit())) {
                found.push((name, value.to_owned()));
            }
        }
    }
    found
}

/// An option of the server.
fn assignment(name: &str, value: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(format!("{name}="));
    text.push(value);
    text
}

/// A database named so that libpq does not take the name for a connection string.
fn database_name(name: &str) -> String {
    format!("dbname='{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Whether the server's file names our child and says that it is ready: lines 1 and 8 (PostgreSQL source, `pidfile.h`).
fn is_ready(path: &Path, pid: u32) -> bool {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(PID_FILE_BYTES).read_to_string(&mut text));
    let mut lines = text.lines().map(str::trim);
    read.is_ok() && lines.next() == Some(&pid.to_string()) && lines.nth(6) == Some("ready")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_home_that_the_log_needs_are_read() {
        let control = "pg_control version number:            1300\n\
             max_connections setting:              250\n\
             max_worker_processes setting:         8\n\
             max_prepared_xacts setting:           0; rm\n";
        assert_eq!(
            minimums(control),
            [("max_connections", "250".to_owned()), ("max_worker_processes", "8".to_owned())]
        );
    }

    #[test]
    fn a_database_is_a_name_and_no_connection_string() {
        assert_eq!(database_name("a' host='x\\"), "dbname='a\\' host=\\'x\\\\'");
    }

    #[test]
    fn ready_is_what_our_own_server_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postmaster.pid");
        assert!(!is_ready(&path, 7));
        std::fs::write(&path, "7\n/data\n1\n5432\n/tmp\n\n  1 2\nready   \n").unwrap();
        assert!(is_ready(&path, 7));
        assert!(!is_ready(&path, 8));
        std::fs::write(&path, "7\n/data\n1\n5432\n/tmp\n\n  1 2\nstarting\n").unwrap();
        assert!(!is_ready(&path, 7));
    }
}
