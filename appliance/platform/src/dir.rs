//! A directory, and what is beneath it.

use std::{
    ffi::OsStr,
    fs::File,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::{Mode, fchmod, mkdirat},
    unistd::{UnlinkatFlags, fsync, syncfs, unlinkat},
};

use crate::{Action, DirError, Kind, file_metadata};

/// How often a resolution that raced with a rename is tried again.
const RETRIES: usize = 128;

/// A directory held open by descriptor.
///
/// Every name given to it is a plain relative path, resolved by `openat2` beneath the descriptor and through no
/// symbolic or magic link, so whoever moves or links things about meanwhile cannot lead a call outside.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    /// For messages only.
    path: PathBuf,
}

impl Dir {
    /// Opens a directory that the operator named; links on the way to it are followed.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DirError> {
        let path = path.as_ref();
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let fd = nix::fcntl::open(path, flags, Mode::empty())
            .map_err(|e| DirError::system(Action::Open, path.to_owned(), e))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Opens a directory that only this user can change, and creates it (mode 0700) if it is not there.
    ///
    /// # Errors
    /// [`DirError::NotPrivate`] if its owner is another user or its group or others may write in it.
    pub fn open_private(path: impl AsRef<Path>) -> Result<Self, DirError> {
        let path = path.as_ref();
        match nix::unistd::mkdir(path, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(e) => return Err(DirError::system(Action::Create, path.to_owned(), e)),
        }
        let dir = Self::open(path)?;
        dir.check_private()?;
        Ok(dir)
    }

    /// A directory that was opened before this process became the user it is.
    ///
    /// # Errors
    /// As of [`Dir::open_private`].
    pub fn into_private(self) -> Result<Self, DirError> {
        self.check_private()?;
        Ok(self)
    }

    /// The path it was opened by, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A directory beneath.
    ///
    /// # Errors
    /// [`DirError::System`], also if there is a link on the way.
    pub fn subdir(&self, name: impl AsRef<Path>) -> Result<Self, DirError> {
        let name = name.as_ref();
        check_name(name)?;
        let fd = self
            .openat2(name, OFlag::O_DIRECTORY | OFlag::O_RDONLY, Mode::empty())
            .map_err(|e| self.fail(Action::Open, name, e))?;
        Ok(Self { fd, path: self.path.join(name) })
    }

    /// A second descriptor of the same directory.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn try_clone(&self) -> Result<Self, DirError> {
        let fd = self.fd.try_clone().map_err(|source| DirError::System {
            action: Action::Open,
            path: self.path.clone(),
            source,
        })?;
        Ok(Self { fd, path: self.path.clone() })
    }

    /// Creates a directory, of mode exactly 0700 also in a setgid directory, and opens it. The parent must exist.
    ///
    /// # Errors
    /// [`DirError::System`], also if the name is taken.
    pub fn create_dir(&self, name: impl AsRef<Path>) -> Result<Self, DirError> {
        let name = name.as_ref();
        let (parent, last) = self.parent_of(name)?;
        let at = parent.as_ref().unwrap_or(self);
        mkdirat(&at.fd, last, Mode::S_IRWXU).map_err(|e| self.fail(Action::Create, name, e))?;
        let dir = at.subdir(last)?;
        if dir.own_metadata()?.mode != 0o700 {
            fchmod(&dir.fd, Mode::S_IRWXU).map_err(|e| self.fail(Action::Set, name, e))?;
        }
        Ok(dir)
    }

    /// Creates a file of mode 0600 for reading and writing. The directory must exist.
    ///
    /// # Errors
    /// [`DirError::System`], also if the name is taken.
    pub fn create_new(&self, name: impl AsRef<Path>) -> Result<File, DirError> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
        self.open_as(name.as_ref(), flags, Action::Create)
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// [`DirError::NotAFile`] for anything else; a FIFO does not block.
    pub fn open_file(&self, name: impl AsRef<Path>) -> Result<File, DirError> {
        self.open_as(name.as_ref(), OFlag::O_RDONLY, Action::Open)
    }

    /// Opens a regular file for appending, and creates it (mode 0600) if it is not there.
    ///
    /// # Errors
    /// As for [`Dir::open_file`].
    pub fn open_append(&self, name: impl AsRef<Path>) -> Result<File, DirError> {
        self.open_as(name.as_ref(), OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT, Action::Open)
    }

    /// Opens a regular file for reading and writing, and creates it (mode 0600) if it is not there.
    ///
    /// # Errors
    /// As for [`Dir::open_file`].
    pub fn open_or_create(&self, name: impl AsRef<Path>) -> Result<File, DirError> {
        self.open_as(name.as_ref(), OFlag::O_RDWR | OFlag::O_CREAT, Action::Open)
    }

    /// Removes a file, or whatever else is not a directory.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn remove_file(&self, name: impl AsRef<Path>) -> Result<(), DirError> {
        self.unlink(name.as_ref(), UnlinkatFlags::NoRemoveDir)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`DirError::System`].
    pub fn remove_dir(&self, name: impl AsRef<Path>) -> Result<(), DirError> {
        self.unlink(name.as_ref(), UnlinkatFlags::RemoveDir)
    }

    /// Makes the names in the directory durable.
    ///
    /// # Errors
    /// [`DirError::System`]; then nothing is known to be durable.
    pub fn sync(&self) -> Result<(), DirError> {
        fsync(&self.fd).map_err(|e| self.fail(Action::Sync, Path::new(""), e))
    }

    /// Makes the whole file system of the directory durable, files included.
    ///
    /// An error of any write-back since this `Dir` was opened is reported (Linux 5.8 and later).
    ///
    /// # Errors
    /// [`DirError::System`]; then nothing is known to be durable.
    pub fn sync_file_system(&self) -> Result<(), DirError> {
        syncfs(&self.fd).map_err(|e| self.fail(Action::Sync, Path::new(""), e))
    }

    fn open_as(&self, name: &Path, flags: OFlag, action: Action) -> Result<File, DirError> {
        check_name(name)?;
        let mode = if flags.contains(OFlag::O_CREAT) { Mode::S_IRUSR | Mode::S_IWUSR } else { Mode::empty() };
        // A FIFO opened without a writer would block for ever; on regular files the flag does nothing.
        let fd = self.openat2(name, flags | OFlag::O_NONBLOCK, mode).map_err(|e| self.fail(action, name, e))?;
        let file = File::from(fd);
        if flags.contains(OFlag::O_EXCL) {
            return Ok(file);
        }
        let kind = file_metadata(&file)
            .map_err(|source| DirError::System { action: Action::Stat, path: self.path.join(name), source })?
            .kind;
        if kind == Kind::File { Ok(file) } else { Err(DirError::NotAFile { path: self.path.join(name), kind }) }
    }

    fn unlink(&self, name: &Path, flags: UnlinkatFlags) -> Result<(), DirError> {
        let (parent, last) = self.parent_of(name)?;
        let at = parent.as_ref().unwrap_or(self);
        unlinkat(&at.fd, last, flags).map_err(|e| self.fail(Action::Remove, name, e))
    }

    /// The directory that holds `name` (none if that is this one) and the last component.
    pub(crate) fn parent_of<'n>(&self, name: &'n Path) -> Result<(Option<Self>, &'n OsStr), DirError> {
        check_name(name)?;
        let last = name.file_name().unwrap_or_default();
        match name.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => Ok((Some(self.subdir(parent)?), last)),
            _ => Ok((None, last)),
        }
    }

    /// Opens beneath, through no link; a race with a rename elsewhere is tried again.
    pub(crate) fn openat2(&self, name: &Path, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
        self.openat2_resolving(name, flags, mode, ResolveFlag::empty())
    }

    pub(crate) fn openat2_resolving(
        &self,
        name: &Path,
        flags: OFlag,
        mode: Mode,
        more: ResolveFlag,
    ) -> nix::Result<OwnedFd> {
        let how = OpenHow::new().flags(flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).mode(mode).resolve(
            ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS | more,
        );
        let mut result = Err(Errno::EAGAIN);
        for _ in 0..RETRIES {
            result = openat2(&self.fd, name, how);
            if !matches!(result, Err(Errno::EAGAIN | Errno::EINTR)) {
                break;
            }
        }
        result
    }

    pub(crate) fn from_parts(fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd, path }
    }

    pub(crate) fn fail(&self, action: Action, name: &Path, errno: Errno) -> DirError {
        let path = if name.as_os_str().is_empty() { self.path.clone() } else { self.path.join(name) };
        DirError::system(action, path, errno)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Only plain components: resolution beneath would stop `..` too, but names of this program never hold it.
fn check_name(name: &Path) -> Result<(), DirError> {
    let bytes = name.as_os_str().as_bytes();
    let plain = !bytes.is_empty()
        && !bytes.ends_with(b"/")
        && name.components().all(|part| matches!(part, Component::Normal(_)))
        // `Path` drops a `.` in the middle of a path.
        && bytes.split(|byte| *byte == b'/').all(|part| part != b".");
    if plain { Ok(()) } else { Err(DirError::Name { name: name.to_owned() }) }
}
