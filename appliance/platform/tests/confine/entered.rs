//! Acts after files and privileges are taken away, with all system calls still there; and what cannot be confined.
#![allow(unsafe_code, reason = "what is tried here is what hostile code would do")]

use std::{
    collections::BTreeMap,
    ffi::CString,
    fs::File,
    io::{self, Read},
    net::{TcpListener, TcpStream},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::symlink,
            net::{SocketAddr, UnixStream},
            process::CommandExt,
        },
    },
    process::Command,
    sync::mpsc::channel,
    thread,
};

use nix::{
    errno::Errno,
    libc,
    unistd::{Uid, getppid, setresuid},
};
use pouch_platform::{
    confine::{ConfineError, Confinement},
    effective_uid,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

use crate::{
    NOBODY,
    acts::Props,
    child::{confinement, receive_calls},
    sealed::{asked, call},
};

pub(crate) fn execute(_: &mut Props<'_>) -> io::Result<()> {
    Err(Command::new("/bin/true").exec())
}

pub(crate) fn open_in_thread(props: &mut Props<'_>) -> io::Result<()> {
    props.thread.take().unwrap().perform(|| File::open("/etc/passwd").map(|_| ()))
}

pub(crate) fn connect_tcp(_: &mut Props<'_>) -> io::Result<()> {
    TcpStream::connect("127.0.0.1:9").map(|_| ())
}

pub(crate) fn listen_tcp(_: &mut Props<'_>) -> io::Result<()> {
    TcpListener::bind("127.0.0.1:0").map(|_| ())
}

/// Asked with signal 0, which does no harm and is allowed to whoever may send others.
pub(crate) fn signal_other(props: &mut Props<'_>) -> io::Result<()> {
    // SAFETY: numbers only.
    asked(unsafe { libc::kill(props.other.unwrap(), 0) }.into())
}

pub(crate) fn trace_other(props: &mut Props<'_>) -> io::Result<()> {
    let other = usize::try_from(props.other.unwrap()).unwrap();
    call(libc::SYS_ptrace, [usize::try_from(libc::PTRACE_SEIZE).unwrap(), other, 0, 0, 0, 0])
}

/// The parent listens there.
pub(crate) fn connect_abstract(_: &mut Props<'_>) -> io::Result<()> {
    let name = format!("pouch-confine-{}", getppid());
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?).map(|_| ())
}

pub(crate) fn become_root(_: &mut Props<'_>) -> io::Result<()> {
    Ok(setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0))?)
}

pub(crate) fn mount(props: &mut Props<'_>) -> io::Result<()> {
    let at = CString::new(props.place.join("inside").to_str().unwrap()).unwrap();
    call(libc::SYS_mount, [c"none".as_ptr() as usize, at.as_ptr() as usize, c"tmpfs".as_ptr() as usize, 0, 0, 0])
}

pub(crate) fn make_device(props: &mut Props<'_>) -> io::Result<()> {
    let at = CString::new(props.place.join("inside/null").to_str().unwrap()).unwrap();
    // SAFETY: a string that ends with a zero, and numbers.
    asked(unsafe { libc::mknod(at.as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 3)) }.into())
}

pub(crate) fn make_link(props: &mut Props<'_>) -> io::Result<()> {
    symlink("/etc/passwd", props.place.join("inside/link"))
}

pub(crate) fn raw_socket(_: &mut Props<'_>) -> io::Result<()> {
    // SAFETY: numbers only.
    asked(unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) }.into())
}

pub(crate) fn open_too_many(props: &mut Props<'_>) -> io::Result<()> {
    let open = |_| File::open(props.place.join("readable/figure"));
    (0..40).map(open).collect::<io::Result<Vec<_>>>().map(|_| ())
}

pub(crate) fn look_at_status(props: &mut Props<'_>) -> io::Result<()> {
    let number = |option| {
        // SAFETY: this option takes no argument.
        unsafe { libc::prctl(option, 0, 0, 0, 0) }
    };
    assert_eq!(number(libc::PR_GET_DUMPABLE), 0);
    let mut cores = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
    // SAFETY: a live value of the shape.
    asked(unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut cores) }.into())?;
    assert_eq!((cores.rlim_cur, cores.rlim_max), (0, 0));
    let mut status = String::new();
    props.status.read_to_string(&mut status)?;
    let word = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim();
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(word(capabilities), "0000000000000000", "{capabilities}");
    }
    assert_eq!((word("NoNewPrivs:"), word("Seccomp:")), ("1", "0"));
    let ids = |user| [user; 4].map(|id: u32| id.to_string()).join("\t");
    assert_eq!(word("Uid:"), ids(effective_uid()));
    assert_ne!(effective_uid(), 0);
    Ok(())
}

/// What only root can take away.
pub(crate) fn look_at_root_status(props: &mut Props<'_>) -> io::Result<()> {
    let mut status = String::new();
    props.status.read_to_string(&mut status)?;
    let word = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim();
    assert_eq!((word("CapBnd:"), word("Groups:")), ("0000000000000000", ""));
    Ok(())
}

pub(crate) fn threads_before(props: &mut Props<'_>) -> io::Result<()> {
    let (_go, wait) = channel::<()>();
    thread::spawn(move || wait.recv());
    let refused = confinement(props.place).enter().unwrap_err();
    assert!(matches!(refused, ConfineError::Threads { count: 2 }), "{refused}");
    Ok(())
}

pub(crate) fn missing_path(props: &mut Props<'_>) -> io::Result<()> {
    let refused = confinement(props.place).writable("/no/such/place").enter().unwrap_err();
    assert!(matches!(&refused, ConfineError::Path { path, .. } if path.ends_with("no/such/place")), "{refused}");
    Ok(())
}

pub(crate) fn no_landlock(props: &mut Props<'_>) -> io::Result<()> {
    answer_enosys(libc::SYS_landlock_create_ruleset);
    let refused = confinement(props.place).enter().unwrap_err();
    assert!(matches!(refused, ConfineError::Landlock { .. }), "{refused}");
    assert!(refused.to_string().contains("Linux 6.7"), "{refused}");
    Ok(())
}

pub(crate) fn no_seccomp(props: &mut Props<'_>) -> io::Result<()> {
    let confined = confinement(props.place).enter().unwrap();
    answer_enosys(libc::SYS_seccomp);
    let refused = confined.seal(&receive_calls(), &[]).unwrap_err();
    assert!(matches!(refused, ConfineError::Seccomp(_)), "{refused}");
    Ok(())
}

/// From now on this call is not there, as in a kernel that was built without it.
fn answer_enosys(call: i64) {
    let rules = BTreeMap::from([(call, Vec::new())]);
    let enosys = SeccompAction::Errno(Errno::ENOSYS as u32);
    let here = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, enosys, here).unwrap();
    apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

pub(crate) fn root_stays(props: &mut Props<'_>) -> io::Result<()> {
    let refused = Confinement::new().writable(props.place.join("inside")).enter().unwrap_err();
    assert!(matches!(refused, ConfineError::StaysRoot), "{refused}");
    Ok(())
}

pub(crate) fn root_to_root(props: &mut Props<'_>) -> io::Result<()> {
    for (user, group) in [(0, NOBODY), (NOBODY, 0)] {
        let refused = confinement(props.place).user(user, group).enter().unwrap_err();
        assert!(matches!(refused, ConfineError::Root { .. }), "{refused}");
    }
    Ok(())
}
