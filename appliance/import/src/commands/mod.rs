//! What is done, one file a verb. Shared: the configuration, the embassy's places, the token.

pub(crate) mod config;
pub(crate) mod import;
pub(crate) mod inspect;
mod opener;
pub(crate) mod recover;
pub(crate) mod restore;
pub(crate) mod session_key;
pub(crate) mod status;
pub(crate) mod take;
pub(crate) mod unpack;
pub(crate) mod verify;

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pouch_cli::explain::dir;
use pouch_console::config as file;
use pouch_console::{Exit, Failure, Output};
use pouch_import::config::{Config, DEFAULT_FILE};
use pouch_open::{Clock, Event, Ledger, State, StateError, Trust, Warning};
use pouch_platform::{Dir, LockError};
use pouch_vault::Vault;

use crate::cli::Cli;
use crate::explain;

/// Mode of folders that the user who runs PostgreSQL must pass through: passed, not listed.
pub(crate) const PASSED: u32 = 0o711;
/// How long another command's hold on the state is waited out.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// The configuration, with its paths made absolute.
pub(crate) fn load(cli: &Cli) -> Result<file::Config<Config>, Failure> {
    let path = cli.common.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let mut loaded = file::load::<Config>(cli.common.config.as_deref(), Path::new(DEFAULT_FILE))?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    loaded.values.resolve(&path);
    Ok(loaded)
}

/// The trust file that the configuration names.
pub(crate) fn trust(config: &Config) -> Result<Trust, Failure> {
    Trust::load(&config.trust).map_err(explain::trust)
}

/// Creates the root if it is not there; its parent must be.
fn make_root(root: &Path) -> Result<(), Failure> {
    match DirBuilder::new().mode(PASSED).create(root) {
        Ok(()) => {
            // The umask took the bits away.
            std::fs::set_permissions(root, Permissions::from_mode(PASSED)).map_err(|e| disk(root, &e))?;
            let parent = root.parent().unwrap_or(Path::new("/"));
            Dir::open(parent).and_then(|parent| parent.sync()).map_err(dir)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => {
            Err(disk(root, &error)
                .hint("nothing was written; correct `root` in the configuration, or create its parent"))
        }
    }
}

fn disk(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new("DISK", Exit::CannotCreate, format!("cannot create {}: {error}", path.display()))
}

/// The vault, created if it is not there.
pub(crate) fn vault(config: &Config) -> Result<Vault, Failure> {
    make_root(&config.root)?;
    Vault::open_local(&config.vault).map_err(explain::vault)
}

/// The state for changing it. Others hold it for moments only, so it is worth waiting for.
pub(crate) fn patient_state(config: &Config, vault: &Vault) -> Result<State, Failure> {
    let started = Instant::now();
    loop {
        match State::open(&config.state_places(), vault) {
            Err(StateError::Busy(LockError::Held { .. })) if started.elapsed() < PATIENCE => sleep(PAUSE),
            opened => return opened.map_err(explain::state),
        }
    }
}

/// Adds a line to the log.
pub(crate) fn record(config: &Config, vault: &Vault, event: &Event) -> Result<(), Failure> {
    patient_state(config, vault)?.record(event, Clock::system()).map_err(explain::state)
}

/// What is known here, read without changing it.
pub(crate) struct Known {
    pub(crate) vault: Vault,
    pub(crate) ledger: Ledger,
    pub(crate) warnings: Vec<Warning>,
    /// A folder for an embassy that was never used: it has nothing, and looking at it must not create anything.
    _unused: Option<tempfile::TempDir>,
}

impl Known {
    /// Reads vault and state, and says loudly what is wrong with it.
    pub(crate) fn read_aloud(config: &Config, output: &Output) -> Result<Self, Failure> {
        let known = Self::read(config)?;
        known.warnings.iter().for_each(|warning| output.warn(warning));
        Ok(known)
    }

    /// Reads vault and state.
    pub(crate) fn read(config: &Config) -> Result<Self, Failure> {
        let [a, b] = &config.state;
        if [&config.vault, a, b, &config.log].iter().any(|place| place.exists()) {
            return Self::at(config, None);
        }
        let folder = tempfile::tempdir().map_err(|e| disk(&std::env::temp_dir(), &e))?;
        let mut nothing = Config { root: folder.path().join("root"), ..Config::default() };
        nothing.resolve(&config.trust);
        Self::at(&nothing, Some(folder))
    }

    fn at(config: &Config, unused: Option<tempfile::TempDir>) -> Result<Self, Failure> {
        let vault = vault(config)?;
        let places = config.state_places();
        for place in [&places.a, &places.b, &places.log] {
            // A lost disk must not keep us from reading the copy on the other one.
            Dir::open_private(place).map_err(dir)?;
        }
        let (ledger, warnings) = State::read(&places, &vault).map_err(explain::state)?;
        Ok(Self { vault, ledger, warnings, _unused: unused })
    }
}
