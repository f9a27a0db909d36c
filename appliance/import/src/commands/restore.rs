//! `pouch-import restore`

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use pouch_cli::explain::{dir, lock};
use pouch_console::{Exit, Failure, Output};
use pouch_format::PouchId;
use pouch_import::config::Config;
use pouch_import::restore::{self, Job};
use pouch_import::versions::{Version, Versions};
use pouch_open::{Clock, Event, Reopened};
use pouch_platform::Dir;

use super::opener::{self, Opener};
use super::unpack::{dry_run, passed};
use super::{Known, PASSED, load, record, trust};
use crate::cli::{Cli, RestoreArgs};
use crate::output::tree::{self, Earlier, RestoreReport};

/// Largest report that is read back, in bytes.
const REPORT_BYTES: u64 = 1 << 20;

pub(crate) fn run(cli: &Cli, arguments: &RestoreArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let trust = trust(&config)?;
    let known = Known::read_aloud(&config, output)?;
    let (id, reopened) = opener::find(&arguments.target, &known)?;
    let version = Version::new(id.sequence, reopened.digest());
    if let Some(versions) = Versions::look(&config.restored, &id.registry).map_err(dir)?
        && finished(&versions, &version)?
    {
        let _lock = (!arguments.dry_run).then(|| versions.lock().map_err(lock)).transpose()?;
        return done_before(&versions, &version, arguments.dry_run, output);
    }
    let opener = Opener::new(&config, &trust, reopened.manifest(), &arguments.token)?;
    if arguments.dry_run {
        restore::check(&config.restore, &config.restored)?;
        return dry_run(&config.restored, &id, &reopened, &opener, output);
    }

    let versions = Versions::open(&config.restored, &id.registry).map_err(dir)?;
    let _lock = versions.lock().map_err(lock)?;
    // Somebody else may have restored it while we waited for the lock or the token.
    if finished(&versions, &version)? {
        return done_before(&versions, &version, false, output);
    }
    let_pass(&config, &versions)?;
    restore::check(&config.restore, versions.dir().path())?;
    // Before the space is judged, for what an interrupted restore left takes as much of it.
    remove_unfinished(&versions, &version)?;
    opener::check_space(versions.dir(), reopened.manifest())?;
    let decryptor = opener.log_in(output)?;
    let started = Instant::now();
    let staged = versions.begin(&version).map_err(dir)?;
    let unpacked = opener::fill(&staged, &known.vault, (&id, &reopened), decryptor, output)?;
    let tree = staged.publish().map_err(dir)?;

    let log = Log::open(&versions, &version)?;
    let path = versions.path(&version);
    let job = Job {
        registry: &id.registry,
        tree: &tree,
        path: &path,
        declaration: &unpacked.declaration,
        settings: &config.restore,
        command: config.command(&id.registry),
        log: log.file,
        log_path: &log.path,
    };
    let restored = restore::restore(job, output).map_err(|error| explain(error, &path, &log.path))?;
    let report = RestoreReport {
        registry: id.registry.to_string(),
        pouch: id.to_string(),
        manifest_sha256: reopened.digest(),
        as_of: reopened.manifest().as_of,
        restored_at: Clock::system().now(),
        log: log.path,
        seconds: started.elapsed().as_secs_f64(),
        restored,
    };
    finish(&config, &known, &versions, (&id, &reopened, &version), &report)?;
    tree::restored(&report, output)
}

/// Whether there is a tree that was restored to the end: it has a report.
fn finished(versions: &Versions, version: &Version) -> Result<bool, Failure> {
    Ok(versions.has(version).map_err(dir)? && versions.dir().exists(report_file(version)).map_err(dir)?)
}

/// The report of an earlier restore. What was restored is an operator's now, and never touched again. The caller holds
/// the lock, unless nothing may be changed.
fn done_before(versions: &Versions, version: &Version, dry_run: bool, output: &Output) -> Result<Exit, Failure> {
    let bytes = versions.dir().read_bounded(report_file(version), REPORT_BYTES).map_err(dir)?;
    let damaged = |error: serde_json::Error| {
        Failure::new("RESTORE-REPORT", Exit::Data, format!("the report of an earlier restore is damaged: {error}"))
            .fact("report", versions.dir().path().join(report_file(version)).display())
            .hint("nothing was written; if nothing uses the tree beside it, remove the report and run it again")
    };
    let report: serde_json::Value = serde_json::from_slice(&bytes).map_err(damaged)?;
    let earlier: Earlier = serde_json::from_slice(&bytes).map_err(damaged)?;
    if !dry_run {
        versions.set_current(version).map_err(dir)?;
    }
    tree::restored_before(&report, &earlier, output)
}

/// Removes the tree of a restore that did not come to its end, unless a server runs on it; and the report of a tree that
/// is gone, which must not speak for the next one.
fn remove_unfinished(versions: &Versions, version: &Version) -> Result<(), Failure> {
    if versions.dir().exists(report_file(version)).map_err(dir)? {
        versions.dir().remove_file(report_file(version)).map_err(dir)?;
        versions.dir().sync().map_err(dir)?;
    }
    if !versions.has(version).map_err(dir)? {
        return Ok(());
    }
    let pid = Path::new(version.as_str()).join("data/postmaster.pid");
    if versions.dir().exists(&pid).map_err(dir)? {
        let message =
            format!("a server runs, or was killed, on the unfinished tree {version}", version = version.as_str());
        return Err(Failure::new("RESTORE-RUNNING", Exit::TryAgain, message)
            .fact("tree", versions.path(version).display())
            .hint("nothing was written; stop that server, or remove its postmaster.pid if it is gone"));
    }
    tracing::info!(version = version.as_str(), "removing the tree of a restore that was not finished");
    versions.dir().remove_tree(version.as_str()).map_err(dir)
}

/// Where another user runs PostgreSQL, he passes through our folder to his tree, but cannot list it.
fn let_pass(config: &Config, versions: &Versions) -> Result<(), Failure> {
    if config.restore.run_as.is_none() {
        return Ok(());
    }
    for path in [config.restored.as_path(), versions.dir().path()] {
        let metadata = Dir::open(path).and_then(|dir| dir.own_metadata()).map_err(dir)?;
        if metadata.mode == 0o700 {
            std::fs::set_permissions(path, Permissions::from_mode(PASSED)).map_err(|error| {
                Failure::new("DISK", Exit::from(&error), format!("cannot set the mode of {}: {error}", path.display()))
            })?;
        }
    }
    Ok(())
}

/// The log of the programs that a recipe runs, beside the tree.
struct Log {
    file: File,
    path: std::path::PathBuf,
}

impl Log {
    fn open(versions: &Versions, version: &Version) -> Result<Self, Failure> {
        let name = format!("{}.log", version.as_str());
        let file = versions.dir().open_append(&name).map_err(dir)?;
        Ok(Self { file, path: versions.dir().path().join(name) })
    }
}

fn report_file(version: &Version) -> String {
    format!("{}.json", version.as_str())
}

fn explain(error: restore::RestoreError, tree: &Path, log: &Path) -> Failure {
    let failure = Failure::from(error);
    let hint = failure.hint.clone().unwrap_or_default();
    failure
        .fact("tree", tree.display())
        .fact("log", log.display())
        .hint(format!("the tree is left for a look, and `current` leads where it did before; {hint}"))
}

/// In this order: the log, the report, which makes the tree an operator's, and `current` last.
fn finish(
    config: &Config,
    known: &Known,
    versions: &Versions,
    (id, reopened, version): (&PouchId, &Reopened, &Version),
    report: &RestoreReport,
) -> Result<(), Failure> {
    record(config, &known.vault, &Event::done("restore", id, reopened.digest(), &passed()))?;
    let bytes = serde_json::to_vec_pretty(report)
        .map_err(|error| Failure::new("RESTORE-REPORT", Exit::Software, format!("the report is no JSON: {error}")))?;
    versions.dir().replace_file(report_file(version), &bytes).map_err(dir)?;
    versions.set_current(version).map_err(dir)
}
