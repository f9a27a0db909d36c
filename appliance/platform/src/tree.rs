//! Whole trees: removed, or handed to another user; never through a link or into another file system.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, ResolveFlag},
    sys::stat::Mode,
    unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, unlinkat},
};

use crate::{Action, Dir, DirError, Entries, Kind};

/// Directories open at once, and so the deepest tree.
const DEPTH: usize = 256;

impl Dir {
    /// Removes whatever has the name, with all that is in it. Memory and descriptors grow with the depth only.
    ///
    /// # Errors
    /// [`DirError`]; part of the tree may be gone. A name that is not there is an error of kind `NotFound`.
    pub fn remove_tree(&self, name: impl AsRef<Path>) -> Result<(), DirError> {
        let name = name.as_ref();
        let (parent, last) = self.parent_of(name)?;
        let at = parent.as_ref().unwrap_or(self);
        if let Some(tree) = at.enter(last)? {
            leaves_first(tree, &mut |dir, name, is_dir| {
                let flags = if is_dir { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
                match unlinkat(dir, name, flags) {
                    Ok(()) | Err(Errno::ENOENT) => Ok(()),
                    Err(e) => Err(dir.fail(Action::Remove, Path::new(name), e)),
                }
            })?;
            at.remove_dir(last)
        } else {
            at.remove_file(last)
        }
    }

    /// Gives the directory and all beneath to a user and a group; links themselves, not what they lead to.
    ///
    /// # Errors
    /// [`DirError`]; part of the tree may have been handed over.
    pub fn chown_tree(&self, uid: u32, gid: u32) -> Result<(), DirError> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        leaves_first(self.try_clone()?, &mut |dir, name, _| {
            fchownat(dir, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
                .map_err(|e| dir.fail(Action::Set, Path::new(name), e))
        })?;
        fchown(self, uid, gid).map_err(|e| self.fail(Action::Set, Path::new(""), e))
    }

    /// The directory `name`, or none if it is no directory.
    fn enter(&self, name: &OsStr) -> Result<Option<Self>, DirError> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY;
        match self.openat2_resolving(Path::new(name), flags, Mode::empty(), ResolveFlag::RESOLVE_NO_XDEV) {
            Ok(fd) => Ok(Some(Self::from_parts(fd, self.path().join(name)))),
            Err(Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
            Err(e) => Err(self.fail(Action::Open, Path::new(name), e)),
        }
    }
}

/// A directory being walked, and its name in the one above.
struct Level {
    dir: Dir,
    entries: Entries,
    name: OsString,
}

/// Calls `act` with every entry beneath `top`, the content of a directory before the directory.
fn leaves_first(top: Dir, act: &mut dyn FnMut(&Dir, &OsStr, bool) -> Result<(), DirError>) -> Result<(), DirError> {
    let mut levels = vec![Level { entries: top.entries()?, dir: top, name: OsString::new() }];
    loop {
        let full = levels.len() == DEPTH;
        let Some(level) = levels.last_mut() else { return Ok(()) };
        let Some(entry) = level.entries.next() else {
            let name = levels.pop().map(|level| level.name).unwrap_or_default();
            if let Some(above) = levels.last() {
                act(&above.dir, &name, true)?;
            }
            continue;
        };
        let entry = entry?;
        let below = match entry.kind {
            Some(Kind::Directory) | None => level.dir.enter(&entry.name)?,
            Some(_) => None,
        };
        match below {
            Some(dir) if full => {
                return Err(DirError::TooDeep { path: dir.path().to_owned(), limit: DEPTH });
            }
            Some(dir) => levels.push(Level { entries: dir.entries()?, dir, name: entry.name }),
            None => act(&level.dir, &entry.name, false)?,
        }
    }
}
