//! Files, by Landlock (<https://docs.kernel.org/userspace-api/landlock.html>).

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};

use super::ConfineError;

/// Below this nothing is confined: the first version that also knows TCP.
const FLOOR: ABI = ABI::V4;
/// The kernel that brought it.
const FLOOR_LINUX: &str = "6.7";
/// All that is known is taken away where the kernel knows it too: ioctl on devices, signals and abstract sockets of
/// others, UDP, sockets with a name.
const KNOWN: ABI = ABI::V10;

/// Leaves files beneath `writable` and `readable`, and no way to execute, to make anything but regular files and
/// directories, to use TCP, or to signal processes outside. Returns the version in force.
pub(super) fn restrict(writable: &[PathBuf], readable: &[PathBuf]) -> Result<i32, ConfineError> {
    let refused = |source: RulesetError| ConfineError::Landlock { linux: FLOOR_LINUX, source };
    let mut rules = ruleset().map_err(refused)?;
    for path in writable {
        rules = rules.add_rule(PathBeneath::new(open(path)?, to_write())).map_err(refused)?;
    }
    for path in readable {
        let rights = if path.is_dir() { AccessFs::ReadFile | AccessFs::ReadDir } else { AccessFs::ReadFile.into() };
        rules = rules.add_rule(PathBeneath::new(open(path)?, rights)).map_err(refused)?;
    }
    let status = rules.restrict_self().map_err(refused)?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. }
            if status.ruleset != RulesetStatus::NotEnforced && status.no_new_privs =>
        {
            Ok(effective_abi as i32)
        }
        _ => Err(ConfineError::NotEnforced),
    }
}

fn ruleset() -> Result<landlock::RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(FLOOR))?
        .handle_access(AccessNet::from_all(FLOOR))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()
        .map(|created| created.set_compatibility(CompatLevel::HardRequirement))
}

fn to_write() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer
    })
}

fn open(path: &Path) -> Result<PathFd, ConfineError> {
    PathFd::new(path).map_err(|source| ConfineError::Path { path: path.to_owned(), source })
}
