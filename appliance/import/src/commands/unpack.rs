//! `pouch-import unpack`

use std::path::{Path, PathBuf};
use std::time::Instant;

use pouch_cli::explain::{dir, lock};
use pouch_console::{Exit, Failure, Output};
use pouch_format::{Declaration, PouchId, Rule};
use pouch_import::versions::{Version, Versions};
use pouch_open::{Event, Reopened};
use pouch_platform::Dir;

use super::opener::{self, Opener};
use super::{Known, load, record, trust};
use crate::cli::{Cli, UnpackArgs};
use crate::output::tree::{self, DryRun, TreeReport};

/// Every rule that opening checks, from the packets to the index: what a tree that was unpacked has passed.
pub(super) fn passed() -> Vec<Rule> {
    let opening =
        |rule: &Rule| ["OPENPGP-", "ZSTD-", "ARCHIVE-", "INDEX-"].iter().any(|part| rule.id().starts_with(part));
    Rule::ALL.iter().copied().filter(opening).collect()
}

pub(crate) fn run(cli: &Cli, arguments: &UnpackArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let trust = trust(&config)?;
    let known = Known::read_aloud(&config, output)?;
    let (id, reopened) = opener::find(&arguments.target, &known)?;
    let version = Version::new(id.sequence, reopened.digest());
    if let Some(versions) = Versions::look(&config.unpacked, &id.registry).map_err(dir)?
        && versions.has(&version).map_err(dir)?
    {
        let _lock = (!arguments.dry_run).then(|| versions.lock().map_err(lock)).transpose()?;
        return done_before(&versions, (&id, &reopened, &version), arguments.dry_run, output);
    }
    let opener = Opener::new(&config, &trust, reopened.manifest(), &arguments.token)?;
    if arguments.dry_run {
        return dry_run(&config.unpacked, &id, &reopened, &opener, output);
    }

    let versions = Versions::open(&config.unpacked, &id.registry).map_err(dir)?;
    let _lock = versions.lock().map_err(lock)?;
    // Somebody else may have unpacked it while we waited for the lock or the token.
    if versions.has(&version).map_err(dir)? {
        return done_before(&versions, (&id, &reopened, &version), false, output);
    }
    opener::check_space(versions.dir(), reopened.manifest())?;
    let decryptor = opener.log_in(output)?;
    let started = Instant::now();
    let staged = versions.begin(&version).map_err(dir)?;
    let unpacked = opener::fill(&staged, &known.vault, (&id, &reopened), decryptor, output)?;
    // The log first: a tree that is there was unpacked by somebody.
    record(&config, &known.vault, &Event::done("unpack", &id, reopened.digest(), &passed()))?;
    staged.publish().map_err(dir)?;
    versions.set_current(&version).map_err(dir)?;
    let source = source(&unpacked.declaration);
    let done = Some((source, started.elapsed().as_secs_f64()));
    tree::unpacked(&report(&id, &reopened, versions.path(&version), done), output)
}

/// It was unpacked before: `current` is led to the tree, unless nothing may be changed. The caller holds the lock, unless
/// nothing may be changed.
fn done_before(
    versions: &Versions,
    (id, reopened, version): (&PouchId, &Reopened, &Version),
    dry_run: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    if !dry_run {
        versions.set_current(version).map_err(dir)?;
    }
    tree::unpacked(&report(id, reopened, versions.path(version), None), output)
}

fn report(id: &PouchId, reopened: &Reopened, path: PathBuf, done: Option<(&'static str, f64)>) -> TreeReport {
    TreeReport {
        pouch: id.to_string(),
        manifest_sha256: reopened.digest(),
        as_of: reopened.manifest().as_of,
        path,
        entries: reopened.manifest().totals.entries,
        bytes: reopened.manifest().totals.bytes,
        already: done.is_none(),
        source: done.map(|(source, _)| source),
        seconds: done.map(|(_, seconds)| seconds),
    }
}

pub(super) fn source(declaration: &Declaration) -> &'static str {
    match declaration {
        Declaration::Directory {} => "directory",
        Declaration::Command { .. } => "command",
        Declaration::Postgresql(_) => "postgresql",
    }
}

/// Everything that can be known before a PIN is asked; making the [`Opener`] has checked token and key already.
pub(super) fn dry_run(
    base: &Path,
    id: &PouchId,
    reopened: &Reopened,
    opener: &Opener,
    output: &Output,
) -> Result<Exit, Failure> {
    // The folder may not be there yet; then it comes to lie on the file system of the one above it.
    let there = base.ancestors().find(|folder| folder.exists()).unwrap_or(base);
    let place = Dir::open(there).map_err(dir)?;
    opener::check_space(&place, reopened.manifest())?;
    let plan = DryRun {
        pouch: id.to_string(),
        manifest_sha256: reopened.digest(),
        as_of: reopened.manifest().as_of,
        bytes: reopened.manifest().totals.bytes,
        place: base.join(id.registry.as_str()).join(Version::new(id.sequence, reopened.digest()).as_str()),
        free_bytes: place.free_bytes().map_err(dir)?,
        token: opener.token()?,
        login: opener.login().name(),
    };
    tree::dry_run(&plan, output)
}
