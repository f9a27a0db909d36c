//! Versions of a registry side by side, and the one that is current.
//!
//! ```text
//! <base>/<registry>/.lock
//! <base>/<registry>/.new-000041-c41d77e0/   being written
//! <base>/<registry>/000041-c41d77e0/        a tree
//! <base>/<registry>/current -> 000041-c41d77e0
//! ```
//!
//! A tree appears by one rename when it is whole, and `current` is switched after that. Nothing is ever removed but what
//! was not finished.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pouch_format::{RegistryName, Sha256Digest};
use pouch_platform::{Dir, DirError, Kind, Lock, LockError};

/// The link to the version in use.
pub const CURRENT: &str = "current";
const LOCK: &str = ".lock";

/// The versions of one registry.
#[derive(Debug)]
pub struct Versions {
    dir: Dir,
}

/// One version by its name, such as `000041-c41d77e0`: sequence number, first 8 digits of the manifest's SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(String);

impl Version {
    /// The name of a pouch's version.
    #[must_use]
    pub fn new(sequence: u64, manifest: Sha256Digest) -> Self {
        let digits: String = manifest.to_string().chars().take(8).collect();
        Self(format!("{sequence:06}-{digits}"))
    }

    fn parse(name: &str) -> Option<Self> {
        let (sequence, digits) = name.split_once('-')?;
        let number = sequence.parse::<u64>().ok()?;
        let hex = digits.len() == 8 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (hex && format!("{number:06}") == sequence).then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new_name(&self) -> String {
        format!(".new-{}", self.0)
    }
}

impl Versions {
    /// The versions of a registry, if there is a folder for it.
    ///
    /// # Errors
    /// [`DirError`].
    pub fn look(base: &Path, registry: &RegistryName) -> Result<Option<Self>, DirError> {
        match Dir::open(base).and_then(|base| base.subdir(registry.as_str())) {
            Ok(dir) => Ok(Some(Self { dir })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The versions of a registry; the folder is made if need be. The parent of `base` must exist.
    ///
    /// # Errors
    /// [`DirError`].
    pub fn open(base: &Path, registry: &RegistryName) -> Result<Self, DirError> {
        let base = Dir::open_private(base)?;
        let dir = match base.create_dir(registry.as_str()) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => base.subdir(registry.as_str())?,
            created => created?,
        };
        base.sync()?;
        Ok(Self { dir })
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Where a version is.
    #[must_use]
    pub fn path(&self, version: &Version) -> PathBuf {
        self.dir.path().join(version.as_str())
    }

    /// Whether a version is there.
    ///
    /// # Errors
    /// [`DirError`].
    pub fn has(&self, version: &Version) -> Result<bool, DirError> {
        self.dir.exists(version.as_str())
    }

    /// All versions, oldest first.
    ///
    /// # Errors
    /// [`DirError`].
    pub fn list(&self) -> Result<Vec<Version>, DirError> {
        let names = self.dir.entries()?.map(|entry| entry.map(|entry| entry.name)).collect::<Result<Vec<_>, _>>()?;
        let mut versions: Vec<Version> = names.iter().filter_map(|name| Version::parse(name.to_str()?)).collect();
        versions.retain(|version| matches!(self.dir.metadata(version.as_str()), Ok(m) if m.kind == Kind::Directory));
        versions.sort();
        Ok(versions)
    }

    /// Where `current` leads, if it is there and leads to a version.
    ///
    /// # Errors
    /// [`DirError`].
    pub fn current(&self) -> Result<Option<Version>, DirError> {
        match self.dir.read_link(CURRENT) {
            Ok(target) => Ok(target.to_str().and_then(Version::parse)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets `current` lead to a version, at once and durably.
    ///
    /// # Errors
    /// [`DirError`].
    pub fn set_current(&self, version: &Version) -> Result<(), DirError> {
        if self.current()?.as_ref() == Some(version) {
            Ok(())
        } else {
            self.dir.symlink_atomic(CURRENT, version.as_str())
        }
    }

    /// Waits for nobody: one command at a time changes a registry's versions.
    ///
    /// # Errors
    /// [`LockError::Held`] while another one does.
    pub fn lock(&self) -> Result<Lock, LockError> {
        Lock::acquire(&self.dir, LOCK)
    }

    /// A folder to write a version into. What interrupted commands left there is removed. The caller holds the lock.
    ///
    /// # Errors
    /// [`DirError`].
    pub fn begin(&self, version: &Version) -> Result<Staged<'_>, DirError> {
        for name in self.leftovers()? {
            self.dir.remove_tree(&name)?;
        }
        let dir = self.dir.create_dir(version.new_name())?;
        Ok(Staged { versions: self, version: version.clone(), dir, here: true })
    }

    fn leftovers(&self) -> Result<Vec<OsString>, DirError> {
        let names = self.dir.entries()?.map(|entry| entry.map(|entry| entry.name));
        names.filter(|name| !matches!(name, Ok(name) if !name.to_string_lossy().starts_with(".new-"))).collect()
    }
}

/// A version being written; it vanishes when it is dropped before it is whole.
#[derive(Debug)]
pub struct Staged<'v> {
    versions: &'v Versions,
    version: Version,
    dir: Dir,
    here: bool,
}

impl Staged<'_> {
    /// The folder to write into.
    #[must_use]
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Makes it a version, durably. All that is in it must be durable already.
    ///
    /// # Errors
    /// [`DirError`].
    pub fn publish(mut self) -> Result<Dir, DirError> {
        self.dir.sync()?;
        self.versions.dir.rename_noreplace(self.version.new_name(), self.version.as_str())?;
        self.here = false;
        self.versions.dir.subdir(self.version.as_str())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if self.here
            && let Err(error) = self.versions.dir.remove_tree(self.version.new_name())
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, "an unfinished tree is left behind; the next command removes it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn version(sequence: u64) -> Version {
        Version::new(sequence, Sha256Digest([0xC4; 32]))
    }

    fn versions() -> (tempfile::TempDir, Versions) {
        let folder = tempfile::tempdir().unwrap();
        let versions = Versions::open(&folder.path().join("unpacked"), &"land".parse().unwrap()).unwrap();
        (folder, versions)
    }

    #[test]
    fn a_version_appears_whole_and_becomes_current() {
        let (folder, versions) = versions();
        let path = folder.path().join("unpacked/land");
        for sequence in [41, 7] {
            let staged = versions.begin(&version(sequence)).unwrap();
            staged.dir().create_new("file").unwrap();
            assert!(!versions.has(&version(sequence)).unwrap());
            staged.publish().unwrap();
            versions.set_current(&version(sequence)).unwrap();
        }
        fs::create_dir(path.join("000001-XYZ")).unwrap();
        assert_eq!(versions.list().unwrap(), [version(7), version(41)]);
        assert_eq!(versions.current().unwrap(), Some(version(7)));
        assert!(path.join("current/file").exists());
        assert_eq!(version(7).as_str(), "000007-c4c4c4c4");
    }

    #[test]
    fn what_was_not_finished_vanishes() {
        let (folder, versions) = versions();
        drop(versions.begin(&version(1)).unwrap());
        let path = folder.path().join("unpacked/land");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        // Killed before it could.
        fs::create_dir_all(path.join(".new-000009-aaaaaaaa/data")).unwrap();
        versions.begin(&version(1)).unwrap().publish().unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        assert_eq!(versions.current().unwrap(), None);
    }
}
