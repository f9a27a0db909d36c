//! The tree as a data directory: can it be started here, is it what the server at home sent, whose configuration is it.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use pouch_platform::{Dir, Kind, effective_uid};

use super::{RestoreError, ToolStep, Tools};
use crate::restore::tool::RunAs;

/// Every program that the recipe runs.
const PROGRAMS: [&str; 5] = ["postgres", "pg_ctl", "pg_verifybackup", "pg_amcheck", "psql"];
/// Settings made at home with ALTER SYSTEM. A server reads them whatever other configuration it is given.
const AUTO: &str = "data/postgresql.auto.conf";
/// Files that make a starting server a replica, which never ends its recovery.
const SIGNALS: [&str; 2] = ["data/standby.signal", "data/recovery.signal"];
/// What is appended to the name of a file of home's that is set aside.
const HOME: &str = ".home";
/// Most bytes of the file of ALTER SYSTEM that are looked at.
const AUTO_BYTES: u64 = 1 << 20;
/// Longest `PG_VERSION`, in bytes.
const VERSION_BYTES: u64 = 16;

/// Checks that this machine can start the cluster.
pub(super) fn check(tools: &Tools, tree: &Dir, path: &Path, major: u32) -> Result<(), RestoreError> {
    for program in PROGRAMS {
        tools.find(program)?;
    }
    if tools.user.is_none() && effective_uid() == 0 {
        return Err(RestoreError::Root);
    }
    if let Some(user) = &tools.user {
        check_reach(user, path.parent().unwrap_or(path))?;
    }
    let found = version(tools)?;
    if found != major {
        return Err(RestoreError::Version { bin: tools.bin.clone(), found, wanted: major });
    }
    if !matches!(tree.metadata("data/global"), Ok(metadata) if metadata.kind == Kind::Directory) {
        return Err(RestoreError::Lacks { path: "data/global".into() });
    }
    let text = tree.read_bounded("data/PG_VERSION", VERSION_BYTES)?;
    match String::from_utf8_lossy(&text).trim().parse() {
        Ok(of_tree) if of_tree == major => Ok(()),
        of_tree => Err(RestoreError::Version { bin: path.join("data"), found: of_tree.unwrap_or(0), wanted: major }),
    }
}

/// The major version of the programs: `postgres (PostgreSQL) 15.14 (Debian ...)`.
fn version(tools: &Tools) -> Result<u32, RestoreError> {
    let answer = tools.ask(ToolStep::Start, "postgres", &["--version"], "")?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let digits = number.map(|word| word.chars().take_while(char::is_ascii_digit).collect::<String>());
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| RestoreError::Answer { tool: "postgres --version".to_owned(), said: text })
}

/// Checks that `user` can pass through every directory that exists on the way to `path`, itself included.
pub(in crate::restore) fn check_reach(user: &RunAs, path: &Path) -> Result<(), RestoreError> {
    for place in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
        let metadata = match std::fs::metadata(place) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(RestoreError::File { action: "look at", path: place.to_owned(), source }),
        };
        let bit = if metadata.uid() == user.uid {
            0o100
        } else if metadata.gid() == user.gid {
            0o010
        } else {
            0o001
        };
        if metadata.mode() & bit == 0 {
            let (user, mode) = (user.name.clone(), metadata.mode() & 0o7777);
            return Err(RestoreError::Reach { user, path: place.to_owned(), mode });
        }
    }
    Ok(())
}

/// Every file against the manifest of the base backup, and whether the log is whole. Files that we changed are left out;
/// the index of the pouch vouches for what they were.
pub(super) fn verify(tools: &Tools, data: &Path) -> Result<(), RestoreError> {
    let changed = ["tablespace_map", "postgresql.auto.conf.home", "standby.signal.home", "recovery.signal.home"];
    let mut arguments: Vec<&OsStr> = vec!["-q".as_ref()];
    for name in changed {
        arguments.extend([OsStr::new("-i"), name.as_ref()]);
    }
    arguments.push(data.as_os_str());
    tools.run(ToolStep::Verify, "pg_verifybackup", &arguments)
}

/// What was set aside before the scratch server starts.
#[derive(Debug, Default)]
pub(super) struct Aside {
    auto: bool,
    /// Whether anything was set with ALTER SYSTEM.
    altered: bool,
    signals: Vec<&'static str>,
    lacks: Vec<&'static str>,
}

/// Takes out of the way what would make the scratch server do as home configured.
pub(super) fn set_aside(tree: &Dir) -> Result<Aside, RestoreError> {
    let move_aside = |name: &str| match tree.rename(name, aside(name)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    let altered = is_altered(tree)?;
    let mut found = Aside { auto: move_aside(AUTO)?, altered, ..Aside::default() };
    for name in SIGNALS {
        if move_aside(name)? {
            found.signals.push(name);
        }
    }
    for name in ["postgresql.conf", "pg_hba.conf"] {
        if !tree.exists(Path::new("data").join(name))? {
            found.lacks.push(name);
        }
    }
    Ok(found)
}

impl Aside {
    /// Puts back what an operator's server is to read.
    pub(super) fn put_back(&self, tree: &Dir) -> Result<(), RestoreError> {
        if self.auto {
            tree.rename(aside(AUTO), AUTO)?;
        }
        Ok(())
    }

    /// What is not as it was at home.
    pub(super) fn findings(&self) -> Vec<String> {
        let renamed = |name: &&str| format!("the source was a replica: {name} was renamed to {name}{HOME}");
        self.signals.iter().map(renamed).collect()
    }

    /// What an operator does before he starts the cluster.
    pub(super) fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if self.altered {
            advice.push(
                "read postgresql.auto.conf: home's ALTER SYSTEM settings come into force when you start it".to_owned(),
            );
        }
        for name in &self.lacks {
            advice.push(format!("start it with a {name} of this machine: the snapshot has none"));
        }
        advice
    }
}

/// Whether the file of ALTER SYSTEM says anything. One too large to tell does.
fn is_altered(tree: &Dir) -> Result<bool, RestoreError> {
    match tree.read_bounded(AUTO, AUTO_BYTES) {
        Ok(bytes) => {
            let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            Ok(lines.any(|line| !line.is_empty() && !line.starts_with(b"#")))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn aside(name: &str) -> PathBuf {
    PathBuf::from(format!("{name}{HOME}"))
}
