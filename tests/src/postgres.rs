//! A PostgreSQL server of our own: in one folder, on a Unix socket, gone when we are.
//!
//! PostgreSQL refuses to run as root. As root it runs as user `postgres`, otherwise as ourselves.

use crate::process::{command, is_root, run};
use crate::sample::CONTENT_SQL;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The role that owns everything in our servers.
pub const ROLE: &str = "postgres";

/// Longest path of a Unix socket (`sockaddr_un`, unix(7)), in bytes.
const SOCKET_PATH: usize = 107;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(60);

/// A running server. Dropping it stops it; should this program die, the kernel tells the server to stop.
#[derive(Debug)]
pub struct Server {
    cluster: PathBuf,
    sockets: PathBuf,
    process: Child,
}

impl Server {
    /// Makes a new cluster in the folder `cluster` and starts it, with its socket in the folder `sockets`.
    ///
    /// # Errors
    /// PostgreSQL is not there or says no; the message says what.
    pub fn create(cluster: &Path, sockets: &Path) -> Result<Self, String> {
        own(cluster)?;
        let user = format!("--username={ROLE}");
        let options = ["--encoding=UTF8", "--no-locale", "--auth=trust", "--data-checksums", "--no-sync", &user];
        run(tool("initdb")?.args(options).arg("--pgdata").arg(cluster))?;
        Self::start(cluster, sockets)
    }

    /// Starts the server of an existing cluster.
    ///
    /// # Errors
    /// As [`Server::create`].
    pub fn start(cluster: &Path, sockets: &Path) -> Result<Self, String> {
        own(sockets)?;
        let socket = socket(sockets);
        let length = socket.as_os_str().len();
        if length > SOCKET_PATH {
            return Err(format!("{} has {length} bytes; a socket's path has at most {SOCKET_PATH}", socket.display()));
        }
        let log =
            File::create(sockets.join("server.log")).map_err(|error| format!("{}: {error}", sockets.display()))?;
        let errors = log.try_clone().map_err(|error| format!("{}: {error}", sockets.display()))?;
        let directory = format!("unix_socket_directories={}", sockets.display());
        // Nothing here has to outlive a power cut.
        let settings = ["listen_addresses=", &directory, "port=5432", "fsync=off", "max_wal_size=4GB"];
        let mut postgres = tool("postgres")?;
        postgres.arg("-D").arg(cluster).stdout(log).stderr(errors);
        postgres.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let process = postgres.spawn().map_err(|error| format!("cannot run postgres: {error}"))?;
        let mut server = Server { cluster: cluster.into(), sockets: sockets.into(), process };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        loop {
            let ended = self.process.try_wait().map_err(|error| format!("postgres: {error}"))?;
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.sockets.join("server.log")).unwrap_or_default();
                return Err(format!("PostgreSQL does not start in {}:\n{}", self.cluster.display(), log.trim_end()));
            }
            if run(tool("pg_isready")?.arg("--quiet").args(self.connection())).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What to tell libpq to reach the server, as `keyword=value`.
    #[must_use]
    pub fn conninfo(&self) -> String {
        format!("host={} port=5432 user={ROLE} dbname={ROLE}", self.sockets.display())
    }

    fn connection(&self) -> [String; 3] {
        [format!("--host={}", self.sockets.display()), "--port=5432".into(), format!("--username={ROLE}")]
    }

    fn psql(&self) -> Result<Command, String> {
        let mut psql = tool("psql")?;
        psql.args(self.connection()).args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", ROLE]);
        Ok(psql)
    }

    /// Runs the SQL that `write` writes.
    ///
    /// # Errors
    /// What the server says, or `write`.
    pub fn load(&self, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), String> {
        let mut psql = self.psql()?;
        psql.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = psql.spawn().map_err(|error| format!("cannot run psql: {error}"))?;
        let written = process.stdin.take().map_or(Ok(()), |stdin| {
            let mut stdin = BufWriter::with_capacity(1 << 20, stdin);
            write(&mut stdin).and_then(|()| stdin.flush())
        });
        let output = process.wait_with_output().map_err(|error| format!("psql: {error}"))?;
        if !output.status.success() {
            return Err(format!("psql: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
        }
        written.map_err(|error| format!("psql: {error}"))
    }

    /// What is in the tables: one line `table|rows|digest` a table.
    ///
    /// # Errors
    /// What the server says.
    pub fn content(&self) -> Result<Vec<String>, String> {
        let file = self.sockets.join("content.sql");
        fs::write(&file, CONTENT_SQL).map_err(|error| format!("{}: {error}", file.display()))?;
        let out = run(self.psql()?.args(["--no-align", "--tuples-only", "--field-separator=|", "--file"]).arg(&file))?;
        Ok(out.lines().map(String::from).collect())
    }

    /// Answers one query: rows of columns separated by `|`.
    ///
    /// # Errors
    /// What the server says.
    pub fn query(&self, sql: &str) -> Result<String, String> {
        run(self.psql()?.args(["--no-align", "--tuples-only", "--field-separator=|", "--command", sql]))
    }

    /// Stops the server and waits for its end.
    ///
    /// # Errors
    /// It does not stop.
    pub fn stop(mut self) -> Result<(), String> {
        self.halt()
    }

    fn halt(&mut self) -> Result<(), String> {
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return Ok(());
        }
        let stopped = run(tool("pg_ctl")?.args(["stop", "--mode=fast", "--silent", "--pgdata"]).arg(&self.cluster));
        if stopped.is_err() {
            // It did not listen. Nothing in it is worth keeping.
            let _ = self.process.kill();
        }
        self.process.wait().map_err(|error| format!("postgres: {error}"))?;
        stopped.map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already on the way out: there is nobody to tell.
        let _ = self.halt();
    }
}

/// A PostgreSQL program, as the user that may run it, and without settings of ours.
fn tool(name: &str) -> Result<Command, String> {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid", ROLE, "--regid", ROLE, "--init-groups"]);
    }
    // After the change of user, which would undo it.
    command.args(["--pdeathsig", "INT", "--"]).arg(bin()?.join(name)).current_dir("/").stdin(Stdio::null());
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("PG") {
            command.env_remove(variable);
        }
    }
    Ok(command)
}

/// The folder of the newest server here: Debian does not put it on the path.
///
/// # Errors
/// There is none: the message says how to install it.
pub fn bin() -> Result<PathBuf, String> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .max();
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
    };
    newest.map(|(_, bin)| bin).or_else(on_path).ok_or_else(|| "PostgreSQL is not installed; run: make tools".into())
}

/// Makes `folder` if need be, private to the user that runs the server.
fn own(folder: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    if is_root() {
        let (user, group) = account()?;
        chown(folder, Some(user), Some(group)).map_err(failed)?;
    }
    Ok(())
}

/// User and group number of `postgres`.
fn account() -> Result<(u32, u32), String> {
    let number = |flag| run(command("id", "TERM").args([flag, ROLE]));
    let parse = |text: String| text.trim().parse::<u32>().map_err(|error| format!("id: {error}"));
    Ok((parse(number("-u")?)?, parse(number("-g")?)?))
}

/// Whether a server can work in `folder` with its sockets in `sockets`: its user must be let through to the folder, and a
/// socket's path must not be too long.
#[must_use]
pub fn fits(folder: &Path, sockets: &Path) -> bool {
    let open = |above: &Path| fs::metadata(above).is_ok_and(|found| found.mode() & 0o001 != 0);
    socket(sockets).as_os_str().len() <= SOCKET_PATH && (!is_root() || folder.ancestors().all(open))
}

fn socket(sockets: &Path) -> PathBuf {
    sockets.join(".s.PGSQL.5432")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_lives_in_its_folder_and_leaves_nothing_running() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (cluster, sockets) = (folder.path().join("cluster"), folder.path().join("run"));
        let server = Server::create(&cluster, &sockets).unwrap();
        server
            .load(|out| out.write_all(b"CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, 'y');"))
            .unwrap();
        let before = server.content().unwrap();
        assert!(before[0].starts_with("public.t|2|"), "{before:?}");
        server.load(|out| out.write_all(b"DELETE FROM t WHERE a = 1; INSERT INTO t VALUES (1, 'x');")).unwrap();
        assert_eq!(server.content().unwrap(), before, "the order of rows is no content");
        server.load(|out| out.write_all(b"UPDATE t SET b = 'z' WHERE a = 1;")).unwrap();
        assert_ne!(server.content().unwrap(), before);
        assert!(server.load(|out| out.write_all(b"nonsense;")).unwrap_err().contains("syntax error"));
        let number = server.process.id();
        server.stop().unwrap();
        assert!(!Path::new(&format!("/proc/{number}")).exists());
        let server = Server::start(&cluster, &sockets).unwrap();
        assert_eq!(server.query("SELECT count(*) FROM t").unwrap(), "2\n");
    }
}
