//! What a directory and the names in it are: metadata, times, owner, room left.

use std::{io, path::Path};

use nix::{
    fcntl::AtFlags,
    sys::{
        stat::{UtimensatFlags, fstat, fstatat, futimens, utimensat},
        statvfs::fstatvfs,
        time::TimeSpec,
    },
};

use crate::{Action, Dir, DirError, Metadata, effective_uid, file::mtime_only};

impl Dir {
    /// Checks that only this user can change the directory.
    ///
    /// # Errors
    /// [`DirError::NotPrivate`] as for [`Dir::open_private`].
    pub fn check_private(&self) -> Result<(), DirError> {
        let Metadata { uid: owner, mode, .. } = self.own_metadata()?;
        let user = effective_uid();
        if owner == user && mode & 0o022 == 0 {
            Ok(())
        } else {
            Err(DirError::NotPrivate { path: self.path().to_owned(), owner, mode, user })
        }
    }

    /// Metadata of a name beneath, without following it if it is a link.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn metadata(&self, name: impl AsRef<Path>) -> Result<Metadata, DirError> {
        let name = name.as_ref();
        let (parent, last) = self.parent_of(name)?;
        let at = parent.as_ref().unwrap_or(self);
        let stat = fstatat(at, last, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(|e| self.fail(Action::Stat, name, e))?;
        Ok(Metadata::from(&stat))
    }

    /// Metadata of the directory itself.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn own_metadata(&self) -> Result<Metadata, DirError> {
        let stat = fstat(self).map_err(|e| self.fail(Action::Stat, Path::new(""), e))?;
        Ok(Metadata::from(&stat))
    }

    /// Whether a name is taken, by whatever.
    ///
    /// # Errors
    /// [`DirError::System`] if that cannot be told.
    pub fn exists(&self, name: impl AsRef<Path>) -> Result<bool, DirError> {
        match self.metadata(name) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Sets the directory's time of change, in seconds since 1970.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn set_mtime(&self, seconds: i64) -> Result<(), DirError> {
        let (atime, mtime) = mtime_only(TimeSpec::new(seconds, 0));
        futimens(self, &atime, &mtime).map_err(|e| self.fail(Action::Set, Path::new(""), e))
    }

    /// Sets a name's time of change, in seconds and nanoseconds since 1970; a link itself, not what it leads to.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn set_mtime_of(&self, name: impl AsRef<Path>, seconds: i64, nanos: u32) -> Result<(), DirError> {
        let name = name.as_ref();
        let (parent, last) = self.parent_of(name)?;
        let at = parent.as_ref().unwrap_or(self);
        let (atime, mtime) = mtime_only(TimeSpec::new(seconds, nanos.into()));
        utimensat(at, last, &atime, &mtime, UtimensatFlags::NoFollowSymlink)
            .map_err(|e| self.fail(Action::Set, name, e))
    }

    /// Bytes that this user can still write to the directory's file system.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn free_bytes(&self) -> Result<u64, DirError> {
        let stat = fstatvfs(self).map_err(|e| self.fail(Action::Stat, Path::new(""), e))?;
        Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
    }
}
