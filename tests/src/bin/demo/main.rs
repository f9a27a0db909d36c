//! The whole way of the data on one machine, in minutes: two registries are sealed at home, carried, and restored at the
//! embassy, and both sides are compared. Everything is throw-away and lies in one folder.
//! `demo [--profile rfc9580|rfc4880|pqc] [FOLDER [MEGABYTES]]`
//!
//! ```text
//! registry -> pouch-seal seal -> spool -> pouch-send ~> pouch-receive -> pouch-import import -> vault
//!          -> pouch-import restore -> registry
//! ```

mod link;
mod pouch;

use acceptance::place::{Keys, Place};
use acceptance::postgres::{self, Server, fits};
use acceptance::process::is_root;
use acceptance::sample::Registry;
use pouch::{Pouch, Report};
use pouch_console::{duration, size};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Of both registries together on disk, in 10^6 bytes.
const MEGABYTES: u64 = 300;

/// Makes the same registries each time.
const SEED: u64 = 7;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(keys) = keys(&mut arguments) else {
        say("usage: demo [--profile rfc9580|rfc4880|pqc] [FOLDER [MEGABYTES]]");
        return ExitCode::from(64);
    };
    let megabytes = arguments.get(1).map_or(Some(MEGABYTES), |text| text.parse().ok());
    let (Some(megabytes), true) = (megabytes, arguments.len() <= 2) else {
        say("usage: demo [--profile rfc9580|rfc4880|pqc] [FOLDER [MEGABYTES]]");
        return ExitCode::from(64);
    };
    match demo(keys, arguments.first().map(Path::new), megabytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say(&format!("failed: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// Takes the profile off the front of the arguments; nothing for a profile that does not exist.
fn keys(arguments: &mut Vec<String>) -> Option<Keys> {
    if arguments.first().is_none_or(|word| word != "--profile") {
        return Some(Keys::Rfc9580);
    }
    let word = arguments.drain(..arguments.len().min(2)).nth(1)?;
    [Keys::Rfc9580, Keys::Rfc4880, Keys::Pqc].into_iter().find(|keys| keys.profile() == word)
}

fn demo(keys: Keys, folder: Option<&Path>, megabytes: u64) -> Result<(), String> {
    let started = Instant::now();
    let folder = prepare(folder)?;
    say(&format!("Everything here is made up and throw-away, and lies in {}.", folder.display()));

    let token = if keys == Keys::Pqc { "kryoptic" } else { "SoftHSM" };
    heading(&format!("Ceremony: a reviewed plan is rehearsed with a token each ({token}, in place of an HSM)"));
    let made = format!("tokens, keys and certificates of profile {}; signed transcript", keys.profile());
    let place = step("home and embassy", &made, || Place::by_ceremony(&folder, keys))?;
    open_to_postgres(&place)?;

    heading("At home, two registries run on PostgreSQL");
    let mut homes = Vec::new();
    for registry in Registry::ALL {
        homes.push(Home::create(&place, registry, megabytes / 2)?);
    }

    heading("Seal: each registry is captured, packed, encrypted for the embassy and signed by the token");
    let mut pouches = Vec::new();
    for home in &homes {
        pouches.push(home.seal(&place)?);
    }

    heading("Home is lost");
    let before: Vec<(Registry, Vec<String>)> =
        step("home", "servers stopped, data wiped", || homes.into_iter().map(Home::wipe).collect())?;

    link::cross(&place, &mut pouches)?;

    heading("Import: verified without any secret, admitted as the first of its registry, kept sealed");
    for pouch in &pouches {
        pouch.import(&place)?;
    }
    pouches.first().map_or(Ok(()), |pouch| pouch.import_again(&place))?;

    heading("Restore: opened with the embassy's token, unpacked, proven, started");
    let mut same = 0;
    for (registry, content) in &before {
        let server = restore(&place, *registry)?;
        let after = step(registry.name(), "every row of every table compared", || server.content())?;
        same += compare(registry.name(), content, &after)?;
        server.stop()?;
    }

    heading("Result");
    say(&format!("{same} tables have the same rows and content at the embassy as at home."));
    say(&format!(
        "It took {}. To look around: {}; to be rid of it, remove that folder.",
        duration(started.elapsed()),
        folder.display()
    ));
    Ok(())
}

/// An empty folder that PostgreSQL's user can reach and whose socket paths are short enough.
fn prepare(folder: Option<&Path>) -> Result<PathBuf, String> {
    let wanted = std::path::absolute(folder.unwrap_or(Path::new("demo"))).map_err(|error| format!("demo: {error}"))?;
    let failed = |error: io::Error| format!("{}: {error}", wanted.display());
    if wanted.exists() {
        fs::remove_dir_all(&wanted).map_err(failed)?;
    }
    let above = wanted.parent().unwrap_or(Path::new("/"));
    let folder = if fits(above, &sockets(&wanted, "business")) {
        fs::create_dir_all(&wanted).map_err(failed)?;
        wanted
    } else {
        let other = tempfile::Builder::new().prefix("pouch-demo-").tempdir().map_err(failed)?.keep();
        say(&format!("PostgreSQL cannot work in {}.", wanted.display()));
        other
    };
    pass(&folder)?;
    Ok(folder)
}

/// Lets other users pass through `folder`.
fn pass(folder: &Path) -> Result<(), String> {
    fs::set_permissions(folder, Permissions::from_mode(0o711)).map_err(|error| format!("{}: {error}", folder.display()))
}

fn sockets(folder: &Path, registry: &str) -> PathBuf {
    folder.join("run").join(registry)
}

/// As root, restored clusters belong to the user that runs PostgreSQL.
fn open_to_postgres(place: &Place) -> Result<(), String> {
    fs::create_dir(place.path("run")).map_err(|error| format!("run: {error}"))?;
    ["home", "embassy", "run"].iter().try_for_each(|side| pass(&place.path(side)))?;
    if !is_root() {
        return Ok(());
    }
    let mut file =
        OpenOptions::new().append(true).open(place.path("embassy/import.toml")).map_err(|e| e.to_string())?;
    writeln!(file, "\n[restore]\nrun_as = \"{}\"", postgres::ROLE).map_err(|error| error.to_string())
}

/// A registry at home.
struct Home {
    registry: Registry,
    cluster: PathBuf,
    server: Server,
    content: Vec<String>,
}

impl Home {
    fn create(place: &Place, registry: Registry, megabytes: u64) -> Result<Self, String> {
        let (name, cluster) = (registry.name(), place.path("home").join(registry.name()));
        let server = step(name, "new server", || Server::create(&cluster, &sockets(place.folder(), name)))?;
        step(name, &format!("loaded with {megabytes} MB of made-up data"), || {
            server.load(|out| registry.write(SEED, megabytes, out))
        })?;
        let content = step(name, "every row of every table digested", || server.content())?;
        let capture = format!("source = \"postgresql\"\nconninfo = \"{}\"", server.conninfo());
        place.add_registry(name, &capture, "rpo = \"24h\"")?;
        Ok(Home { registry, cluster, server, content })
    }

    fn seal(&self, place: &Place) -> Result<Pouch, String> {
        let (name, started) = (self.registry.name(), Instant::now());
        let report = Report::of(place.seal()?, &["seal", name])?;
        let (pouch, signatures) = (report.text("/pouch")?, report.number("/signatures")?);
        let (content, sealed) = (size(report.number("/bytes")?), size(report.number("/sealed_bytes")?));
        done(name, &format!("{content} sealed as {pouch}, {sealed}, with {signatures} use of the key"), started);
        let (digest, folder) = (report.text("/manifest_sha256")?, report.text("/folder")?.into());
        Ok(Pouch { digest, name: pouch, folder, arrived: PathBuf::new() })
    }

    fn wipe(self) -> Result<(Registry, Vec<String>), String> {
        self.server.stop()?;
        fs::remove_dir_all(&self.cluster).map_err(|error| format!("{}: {error}", self.cluster.display()))?;
        Ok((self.registry, self.content))
    }
}

/// Restores the newest pouch of a registry and starts a server on it.
fn restore(place: &Place, registry: Registry) -> Result<Server, String> {
    let name = registry.name();
    let report = step(name, "opened, unpacked, proven (pg_verifybackup, pg_amcheck, row counts)", || {
        Report::of(place.import()?, &["restore", name])
    })?;
    let data = report.text("/postgresql/data")?;
    step(name, "server started on the restored data", || {
        Server::start(Path::new(&data), &sockets(place.folder(), name))
    })
}

/// Shows table by table whether both sides have the same; gives their number.
fn compare(registry: &str, home: &[String], embassy: &[String]) -> Result<usize, String> {
    for line in home {
        let [table, rows, digest] = line.split('|').collect::<Vec<_>>()[..] else {
            return Err(format!("what table is this? {line}"));
        };
        let short = digest.get(..16).unwrap_or(digest);
        let verdict = if embassy.contains(line) { "the same" } else { "DIFFERENT" };
        say(&format!("  {registry:<16} {table:<30} {rows:>9} rows  {short}...  {verdict}"));
    }
    if home.is_empty() || home != embassy {
        return Err(format!("{registry} is not what it was\nhome:    {home:?}\nembassy: {embassy:?}"));
    }
    Ok(home.len())
}

/// Does one step and shows how long it took.
fn step<T>(who: &str, what: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let started = Instant::now();
    let result = work()?;
    done(who, what, started);
    Ok(result)
}

fn done(who: &str, what: &str, started: Instant) {
    say(&format!("  {who:<16} {what:<70} {:>10}", duration(started.elapsed())));
}

fn heading(text: &str) {
    say("");
    say(text);
}

/// Every line says what this is.
fn say(text: &str) {
    // Where nobody listens there is nothing to do about it.
    let _ = writeln!(io::stdout().lock(), "{}", format!("DEMO  {text}").trim_end());
}
