//! What is tried, and what must come of it.

use std::{fs::File, io, os::fd::OwnedFd, path::Path};

use nix::libc;
use pouch_platform::{Notifier, handover::Handover};

use crate::{child::Helper, entered, sealed};

/// How a process must end that tries an act.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is done.
    Works,
    /// The kernel kills the process for asking.
    Killed,
    /// One of these errors.
    Refused(&'static [i32]),
}

/// How far confinement goes before the act.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Files and privileges.
    Entering,
    /// System calls too.
    Sealing,
    /// Not at all: the act does what is to be looked at by itself.
    Nothing,
}

/// What was made before confinement.
pub(crate) struct Props<'a> {
    /// `inside` may be written beneath, `readable` read beneath, `outside` is a file that anyone may write.
    pub(crate) place: &'a Path,
    /// A socket that is bound and mute, with one datagram waiting, as that of the receiver.
    pub(crate) socket: OwnedFd,
    /// One that is bound to an interface below IP, when root.
    pub(crate) frames: Option<OwnedFd>,
    /// A process of the same user that waits for our end, where the act is on another.
    pub(crate) other: Option<i32>,
    /// From the environment, where a manager listens.
    pub(crate) notifier: Notifier,
    /// Started before confinement, where a file is handed over.
    pub(crate) handover: Option<Handover>,
    /// What the system says of this process; opened before it could no longer be.
    pub(crate) status: File,
    /// A thread that does an act when it is told to; none where nothing is confined beforehand.
    pub(crate) thread: Option<Helper>,
}

pub(crate) struct Act {
    pub(crate) name: &'static str,
    pub(crate) after: After,
    pub(crate) outcome: Outcome,
    pub(crate) root_only: bool,
    pub(crate) perform: fn(&mut Props<'_>) -> io::Result<()>,
}

const DENIED: Outcome = Outcome::Refused(&[libc::EACCES]);
const NOT_PERMITTED: Outcome = Outcome::Refused(&[libc::EPERM]);
const NEITHER: Outcome = Outcome::Refused(&[libc::EPERM, libc::EACCES]);

fn act(after: After, outcome: Outcome, name: &'static str, perform: fn(&mut Props<'_>) -> io::Result<()>) -> Act {
    Act { name, after, outcome, root_only: false, perform }
}

pub(crate) fn all() -> Vec<Act> {
    use After::{Entering, Nothing, Sealing};
    use Outcome::{Killed, Works};
    let mut acts = vec![
        act(Sealing, Works, "datagrams are received", sealed::receive),
        act(Sealing, Works, "files are kept", sealed::keep_files),
        act(Sealing, Works, "a directory is listed and its tree removed", sealed::remove_a_tree),
        act(Sealing, Works, "counters are read", sealed::read_counters),
        act(Sealing, Works, "memory grows and shrinks", sealed::use_memory),
        act(Sealing, Works, "sleep, hash, log", sealed::sleep_hash_log),
        act(Sealing, Works, "a thread goes on and ends", sealed::let_thread_end),
        act(Sealing, Works, "the manager is told", sealed::notify),
        act(Sealing, Works, "a file is handed over", sealed::hand_over),
        act(Sealing, DENIED, "open a file outside to write", sealed::open_outside),
        act(Sealing, DENIED, "open a file outside to read", sealed::read_outside),
        act(Sealing, DENIED, "open the memory of the process", sealed::open_memory),
        act(Sealing, DENIED, "write where only reading is left", sealed::write_readable),
        act(Sealing, DENIED, "rename to the outside", sealed::rename_outside),
        act(Sealing, Killed, "a thread opens a socket", sealed::socket_in_thread),
        act(Sealing, Killed, "start a thread", sealed::start_thread),
        act(Sealing, Killed, "write to the socket", sealed::write_to_socket),
        act(Sealing, Killed, "write to the socket, number hidden", sealed::write_to_socket_hidden),
        act(Sealing, Killed, "gather writes to the socket", sealed::gather_to_socket),
        act(Sealing, Killed, "memory of code", sealed::map_code),
        act(Sealing, Killed, "memory becomes code", sealed::protect_code),
        act(Sealing, Killed, "duplicate by fcntl", sealed::duplicate_by_fcntl),
        act(Sealing, Killed, "calls of x32", sealed::call_x32),
        act(Sealing, Killed, "fork", sealed::fork),
        act(Sealing, Killed, "execute a program", sealed::execute),
        act(Sealing, Outcome::Refused(&[libc::ESPIPE]), "write to the socket at a place", sealed::write_at_socket),
        act(Entering, DENIED, "entered: execute", entered::execute),
        act(Entering, DENIED, "entered: a later thread opens outside", entered::open_in_thread),
        act(Entering, DENIED, "entered: connect by TCP", entered::connect_tcp),
        act(Entering, DENIED, "entered: listen on TCP", entered::listen_tcp),
        act(Entering, NOT_PERMITTED, "entered: signal another", entered::signal_other),
        act(Entering, NEITHER, "entered: trace another", entered::trace_other),
        act(Entering, NOT_PERMITTED, "entered: connect to an abstract socket", entered::connect_abstract),
        act(Entering, NOT_PERMITTED, "entered: root again", entered::become_root),
        act(Entering, NOT_PERMITTED, "entered: mount", entered::mount),
        act(Entering, NEITHER, "entered: make a device", entered::make_device),
        act(Entering, DENIED, "entered: make a link", entered::make_link),
        act(Entering, NOT_PERMITTED, "entered: raw socket", entered::raw_socket),
        act(Entering, Outcome::Refused(&[libc::EMFILE]), "entered: open too many", entered::open_too_many),
        act(Entering, Works, "entered: no core, no debugger, no privilege left", entered::look_at_status),
        act(Nothing, Works, "threads before are an error", entered::threads_before),
        act(Nothing, Works, "a path that is missing is an error", entered::missing_path),
        act(Nothing, Works, "a kernel without Landlock is an error", entered::no_landlock),
        act(Nothing, Works, "a kernel without seccomp is an error", entered::no_seccomp),
    ];
    acts.extend(sealed::KILLERS.iter().map(|(name, perform)| act(Sealing, Killed, name, *perform)));
    let root = [
        act(Nothing, Works, "root without a user is an error", entered::root_stays),
        act(Nothing, Works, "root as the user is an error", entered::root_to_root),
        act(Entering, Works, "entered: no group and no bounding set left", entered::look_at_root_status),
        act(Sealing, Killed, "send a frame by write", sealed::write_frame),
    ];
    acts.extend(root.map(|act| Act { root_only: true, ..act }));
    acts
}
