//! Why a restore ended. The tree is left where it is for a look; `current` still points to what it did before.

use std::path::PathBuf;

use pouch_console::{Exit, Explain, Failure};
use pouch_format::SystemIdentifier;
use pouch_platform::{DirError, ProcessError};

/// Why a snapshot is not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A program that is needed is not on this machine.
    #[error("{} is not there", program.display())]
    NoProgram {
        /// The program.
        program: PathBuf,
    },
    /// A program cannot be run.
    #[error("{} cannot be run: {source}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A program ended with an error.
    #[error("{tool} ended with {status}: {said}")]
    Tool {
        /// The step: its rule, and what to do.
        step: ToolStep,
        /// The program's name.
        tool: String,
        /// How it ended.
        status: String,
        /// The last it said.
        said: String,
    },
    /// A program said something that cannot be understood.
    #[error("{tool} said something unexpected: {said}")]
    Answer {
        /// The program's name.
        tool: String,
        /// What it said.
        said: String,
    },
    /// PostgreSQL programs of another version than the snapshot.
    #[error("{} is of PostgreSQL {found}, the snapshot of {wanted}", bin.display())]
    Version {
        /// Where the programs are.
        bin: PathBuf,
        /// Their major version.
        found: u32,
        /// The snapshot's.
        wanted: u32,
    },
    /// PostgreSQL does not run as root.
    #[error("PostgreSQL does not run as root, and restore.run_as is not set")]
    Root,
    /// Only root can become another user.
    #[error("restore.run_as is \"{user}\", but only root can become another user")]
    NotRoot {
        /// The user named.
        user: String,
    },
    /// No such user.
    #[error("restore.run_as names user \"{user}\", whom this machine does not know")]
    NoUser {
        /// The user named.
        user: String,
    },
    /// The user who is to run PostgreSQL cannot get to the tree.
    #[error("user \"{user}\" cannot pass through {} (mode {mode:04o})", path.display())]
    Reach {
        /// The user.
        user: String,
        /// The directory that stops him.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Something of the snapshot is not where its declaration says.
    #[error("the snapshot has no {}", path.display())]
    Lacks {
        /// What is missing, within the tree.
        path: PathBuf,
    },
    /// Something of the snapshot is in the way.
    #[error("the snapshot has {} where a tablespace must go", path.display())]
    Taken {
        /// What is in the way, within the tree.
        path: PathBuf,
    },
    /// The server did not become ready.
    #[error("the scratch server is not ready after {seconds} s")]
    Slow {
        /// Seconds waited.
        seconds: u64,
    },
    /// Another cluster than the declaration's.
    #[error("the restored cluster has system identifier {found}, the declaration says {declared}")]
    Identity {
        /// Found.
        found: SystemIdentifier,
        /// Declared.
        declared: SystemIdentifier,
    },
    /// Not all of the log was replayed.
    #[error("the restored cluster ends at {found}, the declaration says {declared}")]
    Position {
        /// Found.
        found: String,
        /// Declared.
        declared: String,
    },
    /// Tables with another number of rows than declared.
    #[error("{} of {tables} tables have other rows than declared: {}", wrong.len(), first(wrong))]
    Rows {
        /// Tables compared.
        tables: usize,
        /// One line a table.
        wrong: Vec<String>,
    },
    /// The registry has no restore command.
    #[error("registry \"{registry}\" comes from a command, and registry.{registry}.command is not set")]
    NoCommand {
        /// The registry.
        registry: String,
    },
    /// A directory or file of the tree.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// A file outside of the tree: the log, the scratch directory.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The user database.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// The step in which a program failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolStep {
    /// The files against the backup's own manifest.
    Verify,
    /// Start of the scratch server, replay of the log.
    Start,
    /// A question to the scratch server.
    Ask,
    /// Every table and index looked through.
    Amcheck,
    /// The end of the scratch server.
    Stop,
    /// The registry's own restore command.
    Command,
}

impl ToolStep {
    fn explain(self) -> (&'static str, Exit, &'static str) {
        match self {
            ToolStep::Verify => (
                "RESTORE-VERIFY",
                Exit::Data,
                "the files are not those of the base backup although the pouch is what was signed: the disk here or the \
                 source at home is damaged; restore again, then ask home for a new pouch",
            ),
            ToolStep::Start => {
                ("RESTORE-START", Exit::Data, "read the log; settings for the scratch server go to restore.settings")
            }
            ToolStep::Ask => {
                ("RESTORE-ASK", Exit::Data, "read the log; restore.role must name a superuser of the cluster")
            }
            ToolStep::Amcheck => (
                "RESTORE-AMCHECK",
                Exit::Data,
                "read the log: a table or index is damaged, or amcheck is not installed; ask home to check the source",
            ),
            ToolStep::Stop => {
                ("RESTORE-STOP", Exit::Software, "read the log; look whether a server still runs on the tree")
            }
            ToolStep::Command => ("RESTORE-COMMAND", Exit::Unavailable, "read the log of the restore command"),
        }
    }
}

fn first(wrong: &[String]) -> &str {
    wrong.first().map_or("", String::as_str)
}

impl Explain for RestoreError {
    fn explain(&self) -> Failure {
        let (id, exit, hint) = match self {
            RestoreError::Tool { step, .. } => step.explain(),
            RestoreError::NoProgram { .. } => (
                "RESTORE-TOOL",
                Exit::Unavailable,
                "install it, or correct restore.postgresql_bin or the registry's command",
            ),
            RestoreError::Run { .. } => ("RESTORE-TOOL", Exit::Unavailable, "look at its permissions"),
            RestoreError::Answer { .. } => ("RESTORE-ANSWER", Exit::Software, "read the log"),
            RestoreError::Version { .. } => {
                ("RESTORE-VERSION", Exit::Config, "install that version, or correct restore.postgresql_bin")
            }
            RestoreError::Root => ("RESTORE-USER", Exit::Config, "set run_as = \"postgres\" in [restore]"),
            RestoreError::NotRoot { .. } => ("RESTORE-USER", Exit::Config, "run as root, or take run_as out"),
            RestoreError::NoUser { .. } => ("RESTORE-USER", Exit::Config, "correct run_as in [restore]"),
            RestoreError::Reach { .. } => (
                "RESTORE-REACH",
                Exit::Config,
                "chmod a+x that directory, or set restored to a place that user can reach",
            ),
            RestoreError::Lacks { .. } | RestoreError::Taken { .. } => {
                ("RESTORE-TREE", Exit::Data, "the source is no base backup; ask home for a new pouch")
            }
            RestoreError::Slow { .. } => ("RESTORE-SLOW", Exit::TryAgain, "raise restore.start_seconds; read the log"),
            RestoreError::Identity { .. } | RestoreError::Position { .. } => {
                ("RESTORE-IDENTITY", Exit::Data, "this is not the cluster that was declared; ask home")
            }
            RestoreError::Rows { .. } => (
                "RESTORE-ROWS",
                Exit::Data,
                "the log lists them all; compare with home before anybody relies on this data",
            ),
            RestoreError::NoCommand { .. } => (
                "RESTORE-NO-COMMAND",
                Exit::Config,
                "set it to the program, and its arguments, that takes the tree's path as its last argument",
            ),
            RestoreError::Dir(error) => {
                ("RESTORE-DISK", dir_exit(error), "look at the disk, then run the same command again")
            }
            RestoreError::File { source, .. } => {
                ("RESTORE-DISK", Exit::from(source), "look at the disk, then run the same command again")
            }
            RestoreError::Process(_) => {
                ("RESTORE-USER", Exit::Unavailable, "look at the user database of this machine")
            }
        };
        Failure::new(id, exit, self).hint(hint)
    }
}

fn dir_exit(error: &DirError) -> Exit {
    match error {
        DirError::System { source, .. } => Exit::from(source),
        _ => Exit::Data,
    }
}
