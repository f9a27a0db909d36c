//! The names in a directory.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use nix::{
    dir::{OwningIter, Type},
    fcntl::OFlag,
    sys::stat::Mode,
};

use crate::{Action, Dir, DirError, Kind};

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, never `.` or `..`.
    pub name: OsString,
    /// What it is, as far as the directory says; [`Dir::metadata`] says for sure.
    pub kind: Option<Kind>,
}

/// The entries of a directory, as the system gives them.
#[derive(Debug)]
pub struct Entries {
    iter: OwningIter,
    path: PathBuf,
}

impl Dir {
    /// The entries, unsorted, one at a time.
    ///
    /// # Errors
    /// [`DirError::System`]; so may every entry.
    pub fn entries(&self) -> Result<Entries, DirError> {
        let fail = |e| self.fail(Action::Read, Path::new(""), e);
        let fd = self.openat2(Path::new("."), OFlag::O_DIRECTORY | OFlag::O_RDONLY, Mode::empty()).map_err(fail)?;
        let iter = nix::dir::Dir::from_fd(fd).map_err(fail)?.into_iter();
        Ok(Entries { iter, path: self.path().to_owned() })
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, DirError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.iter.next()? {
                Ok(entry) => entry,
                Err(e) => return Some(Err(DirError::system(Action::Read, self.path.clone(), e))),
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                return Some(Ok(Entry { name: name.to_owned(), kind: entry.file_type().map(kind_of) }));
            }
        }
    }
}

fn kind_of(kind: Type) -> Kind {
    match kind {
        Type::Fifo => Kind::Fifo,
        Type::CharacterDevice => Kind::CharDevice,
        Type::Directory => Kind::Directory,
        Type::BlockDevice => Kind::BlockDevice,
        Type::File => Kind::File,
        Type::Symlink => Kind::Symlink,
        Type::Socket => Kind::Socket,
    }
}
