//! Names that change all at once, and stay changed when the power goes.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
};

use nix::{
    fcntl::{RenameFlags, readlinkat, renameat2},
    unistd::symlinkat,
};

use crate::{Action, Dir, DirError};

impl Dir {
    /// Gives `from` the name `to`, replacing what has it, and makes that durable in both directories.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), DirError> {
        self.rename_with(from.as_ref(), self, to.as_ref(), RenameFlags::empty())
    }

    /// Gives `from` the name `to`, and makes that durable in both directories.
    ///
    /// # Errors
    /// [`DirError::System`], of kind `AlreadyExists` if something has the name.
    pub fn rename_noreplace(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), DirError> {
        self.rename_with(from.as_ref(), self, to.as_ref(), RenameFlags::RENAME_NOREPLACE)
    }

    /// Moves `from` to the name `to` beneath another directory of the same file system, durably.
    ///
    /// # Errors
    /// As for [`Dir::rename_noreplace`].
    pub fn move_noreplace(&self, from: impl AsRef<Path>, other: &Self, to: impl AsRef<Path>) -> Result<(), DirError> {
        self.rename_with(from.as_ref(), other, to.as_ref(), RenameFlags::RENAME_NOREPLACE)
    }

    /// Makes `name` a symbolic link to `target`, replacing what has the name, at once and durably.
    ///
    /// The link is made under a temporary name first; callers hold a lock if they may run at the same time.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn symlink_atomic(&self, name: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<(), DirError> {
        let name = name.as_ref();
        let temporary = temporary(name);
        self.remove_leftover(&temporary)?;
        let (parent, last) = self.parent_of(&temporary)?;
        symlinkat(target.as_ref(), parent.as_ref().unwrap_or(self), last)
            .map_err(|e| self.fail(Action::Create, &temporary, e))?;
        self.rename(&temporary, name)
    }

    /// Where the symbolic link `name` leads.
    ///
    /// # Errors
    /// [`DirError::System`], also if it is no link.
    pub fn read_link(&self, name: impl AsRef<Path>) -> Result<OsString, DirError> {
        let name = name.as_ref();
        let (parent, last) = self.parent_of(name)?;
        readlinkat(parent.as_ref().unwrap_or(self), last).map_err(|e| self.fail(Action::Read, name, e))
    }

    /// Makes `bytes` the content of the file `name` (mode 0600), at once and durably.
    ///
    /// Whenever the power goes, the file holds either the old content or the new. Callers hold a lock if they may run
    /// at the same time.
    ///
    /// # Errors
    /// [`DirError::System`]; the old content stays.
    pub fn replace_file(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<(), DirError> {
        let name = name.as_ref();
        let temporary = temporary(name);
        self.remove_leftover(&temporary)?;
        let mut file = self.create_new(&temporary)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|source| DirError::System {
            action: Action::Write,
            path: self.path().join(&temporary),
            source,
        })?;
        self.rename(&temporary, name)
    }

    /// Makes `bytes` the content of the file `name` (mode 0600), at once, but not durably: for what is renewed all the time
    /// and must not wait for a disk. After a power cut the file may be old, empty or gone.
    ///
    /// # Errors
    /// [`DirError::System`]; the old content stays.
    pub fn renew_file(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<(), DirError> {
        let name = name.as_ref();
        let temporary = temporary(name);
        self.remove_leftover(&temporary)?;
        let mut file = self.create_new(&temporary)?;
        file.write_all(bytes).map_err(|source| DirError::System {
            action: Action::Write,
            path: self.path().join(&temporary),
            source,
        })?;
        let (parent, last) = self.parent_of(name)?;
        let at = parent.as_ref().unwrap_or(self);
        let from = temporary.file_name().unwrap_or_default();
        renameat2(at, from, at, last, RenameFlags::empty()).map_err(|e| self.fail(Action::Rename, name, e))
    }

    fn remove_leftover(&self, name: &Path) -> Result<(), DirError> {
        match self.remove_file(name) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn rename_with(&self, from: &Path, other: &Self, to: &Path, flags: RenameFlags) -> Result<(), DirError> {
        let (from_parent, from_last) = self.parent_of(from)?;
        let (to_parent, to_last) = other.parent_of(to)?;
        let (source, target) = (from_parent.as_ref().unwrap_or(self), to_parent.as_ref().unwrap_or(other));
        renameat2(source, from_last, target, to_last, flags).map_err(|e| other.fail(Action::Rename, to, e))?;
        // The new name first: should the power go in between, two names are better than none.
        target.sync()?;
        if from.parent() == to.parent() && std::ptr::eq(self, other) { Ok(()) } else { source.sync() }
    }
}

/// `a/name` becomes `a/.name.new`.
fn temporary(name: &Path) -> std::path::PathBuf {
    let mut last = OsString::from(".");
    last.push(name.file_name().unwrap_or_default());
    last.push(".new");
    name.with_file_name(last)
}
