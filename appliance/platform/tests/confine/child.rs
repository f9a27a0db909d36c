//! The process that is confined and tries one act.

use std::{
    env,
    fs::File,
    io::{self, Write},
    net::UdpSocket,
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio, exit},
    sync::mpsc::{Sender, channel},
    thread::{self, JoinHandle},
    time::Instant,
};

use pouch_platform::{
    Notifier,
    confine::{Calls, Confinement},
    effective_uid,
    handover::{self, Clerk, Handover},
};

use crate::{
    NOBODY,
    acts::{self, After, Props},
    sealed,
};

/// Instead of an act: prints what confinement takes, in milliseconds.
pub(crate) const COST: &str = "cost";
/// What is none of the errors that an act may end with.
const BROKEN: i32 = 250;

/// Instead of an act: hands over what arrived.
pub(crate) const SERVE: &str = "--serve";

/// The clerk of a confined process; its program refuses everything.
pub(crate) fn serve(place: &Path) {
    let arguments = vec!["import".into(), "--first".into()];
    let clerk = Clerk { program: place.join("import"), arguments, directory: place.join("inside/arrived") };
    let _ = handover::serve(&clerk, io::stdin().lock(), io::stdout().lock());
}

/// The receiver's, and what acts ask by in addition: without them none would come as far as Landlock.
pub(crate) fn receive_calls() -> Calls {
    let list = include_str!("../../../link/seccomp/receive.list");
    Calls::parse(&format!("{list}\nopenat  ask for files outside\npoll  wait for a datagram\n")).unwrap()
}

pub(crate) fn confinement(place: &Path) -> Confinement {
    Confinement::new()
        .user(NOBODY, NOBODY)
        .writable(place.join("inside"))
        .readable(place.join("readable"))
        .descriptors(32)
}

type Task = fn() -> io::Result<()>;

/// A thread from before the seal.
pub(crate) struct Helper {
    pub(crate) tell: Sender<Task>,
    pub(crate) handle: JoinHandle<io::Result<()>>,
}

impl Helper {
    fn start() -> Self {
        let (tell, told) = channel::<Task>();
        let (begun, has_begun) = channel();
        let handle = thread::spawn(move || {
            begun.send(()).unwrap();
            told.recv().map_or(Ok(()), |act| act())
        });
        // What a thread does before its own work is not in the list.
        has_begun.recv().unwrap();
        Self { tell, handle }
    }

    pub(crate) fn perform(self, act: Task) -> io::Result<()> {
        self.tell.send(act).unwrap();
        self.handle.join().unwrap()
    }
}

pub(crate) fn run(name: &str, place: &Path) -> ! {
    if name == COST {
        let begin = Instant::now();
        let confined = confinement(place).enter().unwrap();
        confined.seal(&receive_calls(), &[]).unwrap();
        let line = format!("{:.3}\n", begin.elapsed().as_secs_f64() * 1e3);
        io::stdout().write_all(line.as_bytes()).unwrap();
        exit(0);
    }
    let act = acts::all().into_iter().find(|act| act.name == name).unwrap();
    let (socket, frames) = (socket_with_datagram(), sealed::frame_socket());
    let (other, status) = (name.contains("another").then(start_other), File::open("/proc/self/status").unwrap());
    let notifier = Notifier::from_environment().unwrap();
    let clerk = [SERVE.into(), place.into()];
    let start_clerk = || Handover::start(env::current_exe().unwrap(), &clerk).unwrap();
    let handover = name.contains("handed over").then(start_clerk);
    let mut props = Props { place, socket, frames, other, notifier, handover, status, thread: None };
    if act.after != After::Nothing {
        let confined = confinement(place).enter().unwrap();
        props.thread = Some(Helper::start());
        if act.after == After::Sealing {
            let frames = props.frames.as_ref().map(AsRawFd::as_raw_fd);
            let mute: Vec<RawFd> = [props.socket.as_raw_fd()].into_iter().chain(frames).collect();
            confined.seal(&receive_calls(), &mute).unwrap();
        }
    }
    end((act.perform)(&mut props));
}

/// Ends by itself when this process ends and the pipe with it.
fn start_other() -> i32 {
    let mut command = Command::new("cat");
    if effective_uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    let other = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let number = i32::try_from(other.id()).unwrap();
    std::mem::forget(other);
    number
}

fn socket_with_datagram() -> OwnedFd {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"datagram", socket.local_addr().unwrap()).unwrap();
    socket.into()
}

fn end(result: io::Result<()>) -> ! {
    exit(match result {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(BROKEN),
    })
}
