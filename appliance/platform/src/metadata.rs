//! What the system knows of a file, without following a link.

use std::{fmt, fs::File, io};

use nix::sys::stat::{FileStat, SFlag, fstat};

/// What something in a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharDevice,
    /// Anything else.
    Other,
}

impl Kind {
    fn of(stat: &FileStat) -> Self {
        match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => Self::File,
            SFlag::S_IFDIR => Self::Directory,
            SFlag::S_IFLNK => Self::Symlink,
            SFlag::S_IFIFO => Self::Fifo,
            SFlag::S_IFSOCK => Self::Socket,
            SFlag::S_IFBLK => Self::BlockDevice,
            SFlag::S_IFCHR => Self::CharDevice,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "regular file",
            Self::Directory => "directory",
            Self::Symlink => "symbolic link",
            Self::Fifo => "FIFO",
            Self::Socket => "socket",
            Self::BlockDevice => "block device",
            Self::CharDevice => "character device",
            Self::Other => "thing of unknown type",
        })
    }
}

/// Metadata of a file, a directory or whatever else a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// Size in bytes.
    pub size: u64,
    /// Space on disk, in units of 512 bytes; less than the size says if there are holes.
    pub blocks: u64,
    /// Time of the last change of the content, whole seconds since 1970.
    pub mtime: i64,
    /// And nanoseconds, 0 to 999,999,999.
    pub mtime_nanos: u32,
    /// Time of the last change of content or attributes, whole seconds since 1970.
    pub ctime: i64,
    /// And nanoseconds, 0 to 999,999,999.
    pub ctime_nanos: u32,
    /// Inode number.
    pub ino: u64,
    /// Number of the file system.
    pub dev: u64,
    /// Number of names.
    pub nlink: u64,
    /// Permission bits with setuid, setgid and sticky (07777).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl From<&FileStat> for Metadata {
    fn from(stat: &FileStat) -> Self {
        Self {
            kind: Kind::of(stat),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            blocks: u64::try_from(stat.st_blocks).unwrap_or(0),
            mtime: stat.st_mtime,
            mtime_nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
            ctime: stat.st_ctime,
            ctime_nanos: u32::try_from(stat.st_ctime_nsec).unwrap_or(0),
            ino: stat.st_ino,
            dev: stat.st_dev,
            nlink: stat.st_nlink,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
        }
    }
}

/// Metadata of an open file.
///
/// # Errors
/// What `fstat` says.
pub fn file_metadata(file: &File) -> io::Result<Metadata> {
    Ok(Metadata::from(&fstat(file)?))
}
