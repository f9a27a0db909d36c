//! What a process that reads hostile bytes may still do.
//!
//! Said once as a [`Confinement`], and entered in two steps that cannot be undone: [`Confinement::enter`] while there is
//! one thread (privileges, files, limits; these belong to a thread, and its later threads inherit them), then, once
//! all threads and sockets are there, [`Confined::seal`] (system calls, of all threads at once). What the kernel cannot
//! enforce is an error, never a warning.
//!
//! A receiver begins like this: sockets, notifier and hand-over are opened; `enter`; threads are started and meet at a barrier;
//! `seal` with the sockets as `mute`; the manager is told that it is ready.

mod calls;
mod error;
mod files;
mod privileges;
mod vocabulary;

use std::{fs, io, os::fd::RawFd, path::PathBuf};

use nix::sys::resource::{Resource, setrlimit};

pub use calls::{Calls, CallsError};
pub use error::ConfineError;
pub use privileges::Privileges;

use crate::harden_process;

/// Open files of a process that says no number of its own.
const DESCRIPTORS: u64 = 256;

/// What a process keeps; all else is taken away. To be entered while the process has one thread.
#[derive(Clone, Debug)]
pub struct Confinement {
    user: Option<(u32, u32)>,
    writable: Vec<PathBuf>,
    readable: Vec<PathBuf>,
    descriptors: u64,
}

/// Proof that privileges and files are taken away from this thread and from each that it starts.
#[derive(Debug)]
#[must_use = "system calls are not restricted before `seal`"]
pub struct Confined {
    privileges: Privileges,
    landlock: i32,
}

impl Default for Confinement {
    fn default() -> Self {
        Self { user: None, writable: Vec::new(), readable: Vec::new(), descriptors: DESCRIPTORS }
    }
}

impl Confinement {
    /// A process that may open no file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The user and group to become; without effect on a process that is not root.
    #[must_use]
    pub fn user(mut self, user: u32, group: u32) -> Self {
        self.user = Some((user, group));
        self
    }

    /// Regular files and directories beneath this directory may be made, read, written, renamed and removed.
    #[must_use]
    pub fn writable(mut self, directory: impl Into<PathBuf>) -> Self {
        self.writable.push(directory.into());
        self
    }

    /// This file, or all beneath this directory, may be read.
    #[must_use]
    pub fn readable(mut self, path: impl Into<PathBuf>) -> Self {
        self.readable.push(path.into());
        self
    }

    /// The most files that may be open (256 unless told).
    #[must_use]
    pub fn descriptors(mut self, most: u64) -> Self {
        self.descriptors = most;
        self
    }

    /// Takes away privileges and files, for good. Sockets must be open; threads must not have been started yet.
    ///
    /// # Errors
    /// [`ConfineError`]; part of it may be in force then, so the process must end.
    pub fn enter(self) -> Result<Confined, ConfineError> {
        one_thread()?;
        let privileges = privileges::drop_to(self.user)?;
        // Becoming another user makes a process dumpable again where the system is told so.
        harden_process().map_err(ConfineError::Harden)?;
        setrlimit(Resource::RLIMIT_NOFILE, self.descriptors, self.descriptors)
            .map_err(|errno| ConfineError::system("limit open files", errno))?;
        let landlock = files::restrict(&self.writable, &self.readable)?;
        Ok(Confined { privileges, landlock })
    }
}

impl Confined {
    /// What became of user and capabilities.
    #[must_use]
    pub fn privileges(&self) -> Privileges {
        self.privileges
    }

    /// Version of Landlock in force.
    #[must_use]
    pub fn landlock(&self) -> i32 {
        self.landlock
    }

    /// Leaves all threads the system calls of the list alone; any other kills the process with `SIGSYS`.
    ///
    /// Threads must have begun their own work (have all wait at one [`Barrier`](std::sync::Barrier) first): what the runtime does at the start of a
    /// thread is in no list that needs no threads, and would kill.
    ///
    /// Nothing is ever written to a descriptor in `mute`: to name here every socket that is bound to an interface, since
    /// `write` on one would send. Descriptors cannot be renumbered afterwards, for no list can name `dup`.
    ///
    /// # Errors
    /// [`ConfineError`]; the process must end.
    pub fn seal(self, calls: &Calls, mute: &[RawFd]) -> Result<(), ConfineError> {
        calls.enforce(mute)
    }
}

fn one_thread() -> Result<(), ConfineError> {
    let threads = fs::read_dir("/proc/self/task")
        .and_then(|tasks| tasks.map(|task| task.map(|_| ())).collect::<io::Result<Vec<()>>>());
    match threads.map_err(|source| ConfineError::System { what: "count the threads", source })?.len() {
        1 => Ok(()),
        count => Err(ConfineError::Threads { count }),
    }
}
