//! Recipes: from an unpacked tree to a registry that works, and the proof that it does.
//!
//! Which recipe is the snapshot's own declaration to say. None of them touches the vault, the state or a key; all run on
//! a tree that was checked against signed digests, and all may assume that an insider made its content.

mod command;
mod error;
mod postgres;
mod tool;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pouch_console::Output;
use pouch_format::{Declaration, RegistryName};
use pouch_platform::{Dir, effective_uid, user};
use serde::{Deserialize, Serialize};

pub use error::{RestoreError, ToolStep};
pub use postgres::{PostgresqlReport, RowsReport};
use tool::{RunAs, ToolLog, Tools};

/// `[restore]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreSettings {
    /// Where PostgreSQL's programs are; none: `/usr/lib/postgresql/<major version of the snapshot>/bin`.
    pub postgresql_bin: Option<PathBuf>,
    /// The user who runs PostgreSQL and owns the restored tree; none: the user of this process, who is not root then.
    pub run_as: Option<String>,
    /// A superuser of the restored cluster.
    pub role: String,
    /// How many tables `pg_amcheck` looks through at once.
    pub jobs: u16,
    /// How long the scratch server may take to replay the log, in seconds.
    pub start_seconds: u64,
    /// Settings of the scratch server, e.g. `shared_preload_libraries`; those of home are never used.
    pub settings: BTreeMap<String, String>,
}

impl Default for RestoreSettings {
    fn default() -> Self {
        Self {
            postgresql_bin: None,
            run_as: None,
            role: "postgres".to_owned(),
            jobs: 2,
            start_seconds: 3600,
            settings: BTreeMap::new(),
        }
    }
}

/// What is to be restored, and how.
#[derive(Debug)]
pub struct Job<'a> {
    /// The registry.
    pub registry: &'a RegistryName,
    /// The unpacked tree, which the recipe may change.
    pub tree: &'a Dir,
    /// The tree's path, from the root of the file system.
    pub path: &'a Path,
    /// What the snapshot says of itself.
    pub declaration: &'a Declaration,
    /// `[restore]` of the configuration.
    pub settings: &'a RestoreSettings,
    /// `command` of the registry's configuration.
    pub command: Option<&'a [String]>,
    /// The log of the programs that are run, open for appending.
    pub log: File,
    /// The log's path.
    pub log_path: &'a Path,
}

/// One step and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What was done.
    pub name: &'static str,
    /// Seconds it took.
    pub seconds: f64,
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Restored {
    /// The recipe: the source of the snapshot.
    pub recipe: &'static str,
    /// What is ready now.
    pub ready: PathBuf,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// What a person must read, though the restore is done.
    pub findings: Vec<String>,
    /// What an operator does before the registry is in use.
    pub advice: Vec<String>,
    /// What was found in a PostgreSQL cluster.
    pub postgresql: Option<PostgresqlReport>,
}

/// Measures steps, and says on stderr what is being done.
#[derive(Debug)]
pub(crate) struct Steps<'o> {
    output: &'o Output,
    done: Vec<Step>,
}

impl<'o> Steps<'o> {
    fn new(output: &'o Output) -> Self {
        Self { output, done: Vec::new() }
    }

    /// Does one step.
    fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T, RestoreError>,
    ) -> Result<T, RestoreError> {
        self.output.note(format!("{name} ..."));
        tracing::info!(step = name, "restore");
        let started = Instant::now();
        let result = work()?;
        self.done.push(Step { name, seconds: started.elapsed().as_secs_f64() });
        Ok(result)
    }
}

/// Checks, before anything is unpacked, whether this machine has what a recipe needs as far as that can be known: the
/// programs that are configured, the user who is to run PostgreSQL, and that he can get to `place`.
///
/// # Errors
/// [`RestoreError`].
pub fn check(settings: &RestoreSettings, place: &Path) -> Result<(), RestoreError> {
    tool::check()?;
    if let Some(program) = settings.postgresql_bin.as_ref().map(|bin| bin.join("postgres"))
        && !program.is_file()
    {
        return Err(RestoreError::NoProgram { program });
    }
    match run_as(settings)? {
        Some(user) => postgres::check_reach(&user, place),
        None => Ok(()),
    }
}

/// Runs the recipe that the declaration names.
///
/// # Errors
/// [`RestoreError`]; no process is left behind.
pub fn restore(job: Job<'_>, output: &Output) -> Result<Restored, RestoreError> {
    let steps = Steps::new(output);
    match job.declaration {
        // Whoever unpacked it compared every file with the index; that is all there is to a directory.
        Declaration::Directory {} => Ok(Restored {
            recipe: "directory",
            ready: job.path.to_owned(),
            steps: steps.done,
            findings: Vec::new(),
            advice: Vec::new(),
            postgresql: None,
        }),
        Declaration::Command { .. } => command::restore(job, steps),
        Declaration::Postgresql(declaration) => {
            let declaration = declaration.clone();
            postgres::restore(job, &declaration, steps)
        }
    }
}

/// The user who runs the programs, or none to run them as ourselves.
fn run_as(settings: &RestoreSettings) -> Result<Option<RunAs>, RestoreError> {
    let Some(name) = &settings.run_as else { return Ok(None) };
    let (uid, gid) = user(name)?.ok_or_else(|| RestoreError::NoUser { user: name.clone() })?;
    match effective_uid() {
        me if me == uid => Ok(None),
        0 => Ok(Some(RunAs { name: name.clone(), uid, gid })),
        _ => Err(RestoreError::NotRoot { user: name.clone() }),
    }
}
