//! Acts after files, privileges and system calls are taken away.
#![allow(unsafe_code, reason = "what is tried here is what hostile code would do")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "arguments of a system call are words, whatever they mean"
)]

use std::{
    collections::HashMap,
    ffi::CString,
    fs::{self, File},
    io::{self, Write},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::fs::FileExt,
    },
    process::Command,
    ptr, thread,
    time::Duration,
};

use nix::libc::{self, c_long};
use pouch_platform::{Dir, file_metadata, handover::HandedOver};

use crate::acts::Props;

type Perform = fn(&mut Props<'_>) -> io::Result<()>;

pub(crate) fn asked(result: c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A call with arguments that would do, were it allowed; six numbers.
pub(crate) fn call(number: c_long, arguments: [usize; 6]) -> io::Result<()> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: a process that does nothing else, and whose memory nobody looks at afterwards.
    asked(unsafe { libc::syscall(number, a, b, c, d, e, f) })
}

macro_rules! killers {
    ($($name:literal $number:ident [$($argument:expr),*]);* $(;)?) => {
        &[$(($name, |_| call(libc::$number, padded(&[$($argument as usize),*])))),*]
    };
}

/// Calls that kill by their number alone.
pub(crate) const KILLERS: &[(&str, Perform)] = killers![
    "socket" SYS_socket [libc::AF_INET, libc::SOCK_DGRAM, 0];
    "socket below IP" SYS_socket [libc::AF_PACKET, libc::SOCK_RAW, 0];
    "pair of sockets" SYS_socketpair [libc::AF_UNIX, libc::SOCK_DGRAM, 0, ptr::null::<u8>()];
    "connect" SYS_connect [3, ptr::null::<u8>(), 0];
    "bind" SYS_bind [3, ptr::null::<u8>(), 0];
    "listen" SYS_listen [3, 1];
    "accept" SYS_accept4 [3, 0, 0, 0];
    "setsockopt" SYS_setsockopt [3, libc::SOL_SOCKET, libc::SO_BROADCAST, 0, 0];
    "sendto" SYS_sendto [3, ptr::null::<u8>(), 0, 0, 0, 0];
    "sendmsg" SYS_sendmsg [3, 0, 0];
    "sendmmsg" SYS_sendmmsg [3, 0, 0, 0];
    "sendfile" SYS_sendfile [3, 3, 0, 1];
    "splice" SYS_splice [3, 0, 3, 0, 1, 0];
    "ring of calls" SYS_io_uring_setup [1, 0];
    "vfork" SYS_vfork [];
    "clone with new namespaces" SYS_unshare [libc::CLONE_NEWUSER];
    "enter a namespace" SYS_setns [3, 0];
    "kill" SYS_kill [libc::SIGCHLD, 0];
    "tgkill" SYS_tgkill [1, 1, 0];
    "ptrace" SYS_ptrace [libc::PTRACE_TRACEME, 0, 0, 0];
    "read memory of another" SYS_process_vm_readv [1, 0, 0, 0, 0, 0];
    "mount" SYS_mount [0, 0, 0, 0, 0];
    "unmount" SYS_umount2 [0, 0];
    "chroot" SYS_chroot [0];
    "setuid" SYS_setuid [0];
    "setresuid" SYS_setresuid [0, 0, 0];
    "setgid" SYS_setgid [0];
    "capset" SYS_capset [0, 0];
    "dup" SYS_dup [3];
    "dup2" SYS_dup2 [3, 2];
    "dup3" SYS_dup3 [3, 2, 0];
    "ioctl" SYS_ioctl [0, libc::TIOCSTI, 0];
    "prctl" SYS_prctl [libc::PR_SET_DUMPABLE, 1, 0, 0, 0];
    "bpf" SYS_bpf [0, 0, 0];
    "add a key" SYS_add_key [0, 0, 0, 0, 0];
    "limits" SYS_prlimit64 [0, libc::RLIMIT_CORE, 0, 0];
    "personality" SYS_personality [0];
    "memory as a file" SYS_memfd_create [0, 0];
    "link" SYS_linkat [libc::AT_FDCWD, 0, libc::AT_FDCWD, 0, 0];
    "symbolic link" SYS_symlinkat [0, libc::AT_FDCWD, 0];
    "node" SYS_mknodat [libc::AT_FDCWD, 0, 0, 0];
    "mode" SYS_fchmod [3, 0o4755];
    "owner" SYS_fchown [3, 0, 0];
    "run a file descriptor" SYS_execveat [3, 0, 0, 0, 0];
    "performance counters" SYS_perf_event_open [0, 0, 0, 0, 0];
    "userfaultfd" SYS_userfaultfd [0];
    "filter calls" SYS_seccomp [0, 0, 0];
    "restart the machine" SYS_reboot [0, 0, 0, 0];
    "load a module" SYS_finit_module [3, 0, 0];
    "set the clock" SYS_clock_settime [0, 0];
];

const fn padded(some: &[usize]) -> [usize; 6] {
    let mut all = [0; 6];
    let mut at = 0;
    while at < some.len() {
        all[at] = some[at];
        at += 1;
    }
    all
}

pub(crate) fn receive(props: &mut Props<'_>) -> io::Result<()> {
    let mut buffer = [0_u8; 64];
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all zero is a message without address and control data; buffer and vector live until after the call.
    let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
    (message.msg_hdr.msg_iov, message.msg_hdr.msg_iovlen) = (&raw mut vector, 1);
    let mut poll = libc::pollfd { fd: props.socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: as above, and one element each, as told.
    asked(unsafe { libc::poll(&raw mut poll, 1, 5000) }.into())?;
    // SAFETY: as above.
    let got =
        unsafe { libc::recvmmsg(props.socket.as_raw_fd(), &raw mut message, 1, libc::MSG_DONTWAIT, ptr::null_mut()) };
    asked(got.into())?;
    assert_eq!((got, &buffer[..8]), (1, &b"datagram"[..]));
    let (mut value, mut length) = (0_i32, 4);
    // SAFETY: four bytes are told and there.
    asked(
        unsafe {
            let value = (&raw mut value).cast();
            libc::getsockopt(props.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, value, &raw mut length)
        }
        .into(),
    )
}

pub(crate) fn keep_files(props: &mut Props<'_>) -> io::Result<()> {
    let dir = Dir::open(props.place.join("inside")).unwrap();
    let stream = dir.create_dir("stream").unwrap();
    let part = stream.open_or_create("part").unwrap();
    part.set_len(1 << 20)?;
    // SAFETY: numbers only.
    asked(unsafe { libc::fallocate(part.as_raw_fd(), 0, 0, 1 << 20) }.into())?;
    part.write_all_at(&[7; 4096], 8192)?;
    part.sync_data()?;
    let mut back = [0; 4096];
    part.read_exact_at(&mut back, 8192)?;
    assert_eq!(back, [7; 4096]);
    assert_eq!(file_metadata(&part).unwrap().size, 1 << 20);
    dir.create_dir("arrived").unwrap();
    dir.rename_noreplace("stream/part", "arrived/land-000041.tar").unwrap();
    dir.replace_file("status.json", b"{}").unwrap();
    dir.replace_file("status.json", b"{ }").unwrap();
    assert_eq!(dir.read_bounded("status.json", 64).unwrap(), b"{ }");
    // SAFETY: all zero is a value of this structure, and the kernel writes no more than that.
    asked(unsafe {
        let mut space: libc::statvfs = std::mem::zeroed();
        libc::fstatvfs(part.as_raw_fd(), &raw mut space).into()
    })
}

pub(crate) fn remove_a_tree(props: &mut Props<'_>) -> io::Result<()> {
    let dir = Dir::open(props.place.join("inside")).unwrap();
    dir.create_dir("stream").unwrap().create_new("part").unwrap();
    assert_eq!(dir.entries().unwrap().count(), 1);
    dir.remove_tree("stream").unwrap();
    assert_eq!(fs::read_dir(props.place.join("inside"))?.count(), 0);
    Ok(())
}

pub(crate) fn read_counters(props: &mut Props<'_>) -> io::Result<()> {
    assert_eq!(fs::read_to_string(props.place.join("readable/figure"))?, "41\n");
    Ok(())
}

pub(crate) fn use_memory(props: &mut Props<'_>) -> io::Result<()> {
    let grow = || {
        let mut pieces: Vec<Vec<u8>> = (0..2000).map(|size| vec![1; size]).collect();
        let mut large = vec![2_u8; 1 << 20];
        large.resize(1 << 25, 3);
        pieces.clear();
        Ok(())
    };
    grow()?;
    props.thread.take().unwrap().perform(grow)
}

pub(crate) fn sleep_hash_log(_: &mut Props<'_>) -> io::Result<()> {
    thread::sleep(Duration::from_millis(1));
    let table: HashMap<u64, u64> = (0..100).map(|n| (n, n)).collect();
    assert_eq!(table.len(), 100);
    writeln!(io::stderr(), "a line of the log")
}

pub(crate) fn let_thread_end(props: &mut Props<'_>) -> io::Result<()> {
    props.thread.take().unwrap().perform(|| Ok(()))
}

pub(crate) fn open_outside(props: &mut Props<'_>) -> io::Result<()> {
    File::options().write(true).truncate(true).open(props.place.join("outside")).map(|_| ())
}

pub(crate) fn read_outside(props: &mut Props<'_>) -> io::Result<()> {
    File::open(props.place.join("outside")).map(|_| ())
}

pub(crate) fn open_memory(_: &mut Props<'_>) -> io::Result<()> {
    File::options().write(true).open("/proc/self/mem").map(|_| ())
}

pub(crate) fn write_readable(props: &mut Props<'_>) -> io::Result<()> {
    File::options().write(true).open(props.place.join("readable/figure")).map(|_| ())
}

pub(crate) fn rename_outside(props: &mut Props<'_>) -> io::Result<()> {
    let path = |name| CString::new(props.place.join(name).to_str().unwrap()).unwrap();
    fs::write(props.place.join("inside/x"), "x")?;
    let (from, to) = (path("inside/x"), path("taken"));
    // SAFETY: both are strings that end with a zero.
    let moved = unsafe { libc::renameat2(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), 0) };
    // Landlock says so where a file would leave its rules behind.
    asked(moved.into()).map_err(|error| if error.raw_os_error() == Some(libc::EXDEV) { denied() } else { error })
}

fn denied() -> io::Error {
    io::Error::from_raw_os_error(libc::EACCES)
}

pub(crate) fn socket_in_thread(props: &mut Props<'_>) -> io::Result<()> {
    let open = || call(libc::SYS_socket, padded(&[2, 2]));
    props.thread.take().unwrap().perform(open)
}

pub(crate) fn start_thread(_: &mut Props<'_>) -> io::Result<()> {
    thread::Builder::new().spawn(|| ()).map(|_| ())
}

fn number(props: &Props<'_>) -> usize {
    usize::try_from(props.socket.as_raw_fd()).unwrap()
}

pub(crate) fn write_to_socket(props: &mut Props<'_>) -> io::Result<()> {
    call(libc::SYS_write, padded(&[number(props), c"x".as_ptr() as usize, 1]))
}

/// The kernel looks at the low half of a descriptor's number, so the filter must not look at more.
pub(crate) fn write_to_socket_hidden(props: &mut Props<'_>) -> io::Result<()> {
    call(libc::SYS_write, padded(&[number(props) | 1 << 40, c"x".as_ptr() as usize, 1]))
}

pub(crate) fn gather_to_socket(props: &mut Props<'_>) -> io::Result<()> {
    let vector = libc::iovec { iov_base: c"x".as_ptr().cast_mut().cast(), iov_len: 1 };
    call(libc::SYS_writev, padded(&[number(props), (&raw const vector) as usize, 1]))
}

/// Allowed by the list, and a socket has no places.
pub(crate) fn write_at_socket(props: &mut Props<'_>) -> io::Result<()> {
    call(libc::SYS_pwrite64, padded(&[number(props), c"x".as_ptr() as usize, 1, 0]))
}

/// Below IP a write on a bound socket is a frame on the wire; here it would be one on the loopback interface.
pub(crate) fn write_frame(props: &mut Props<'_>) -> io::Result<()> {
    let socket = usize::try_from(props.frames.as_ref().expect("root may have it").as_raw_fd()).unwrap();
    call(libc::SYS_write, padded(&[socket, [0_u8; 60].as_ptr() as usize, 60]))
}

/// A socket as that of raw Ethernet, bound to the loopback interface; none if we are not root.
pub(crate) fn frame_socket() -> Option<OwnedFd> {
    let protocol = 0x88b5_u16.to_be();
    // SAFETY: numbers, then an address of the shape and length that the family prescribes.
    unsafe {
        let socket = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol.into());
        let socket = if socket < 0 { return None } else { OwnedFd::from_raw_fd(socket) };
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = u16::try_from(libc::AF_PACKET).unwrap();
        address.sll_protocol = protocol;
        address.sll_ifindex = i32::try_from(libc::if_nametoindex(c"lo".as_ptr())).unwrap();
        let size = libc::socklen_t::try_from(size_of_val(&address)).unwrap();
        asked(libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size).into()).unwrap();
        Some(socket)
    }
}

pub(crate) fn map_code(_: &mut Props<'_>) -> io::Result<()> {
    let prot = (libc::PROT_READ | libc::PROT_EXEC).unsigned_abs() as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS).unsigned_abs() as usize;
    call(libc::SYS_mmap, [0, 4096, prot, flags, usize::MAX, 0])
}

pub(crate) fn protect_code(_: &mut Props<'_>) -> io::Result<()> {
    let page = Box::leak(Box::new([0_u8; 8192])).as_ptr().align_offset(4096);
    call(libc::SYS_mprotect, padded(&[page, 4096, libc::PROT_EXEC.unsigned_abs() as usize]))
}

pub(crate) fn duplicate_by_fcntl(props: &mut Props<'_>) -> io::Result<()> {
    call(libc::SYS_fcntl, padded(&[number(props), libc::F_DUPFD_CLOEXEC.unsigned_abs() as usize, 10]))
}

pub(crate) fn call_x32(_: &mut Props<'_>) -> io::Result<()> {
    call(libc::SYS_close | 0x4000_0000, padded(&[3]))
}

pub(crate) fn fork(_: &mut Props<'_>) -> io::Result<()> {
    call(libc::SYS_clone, padded(&[libc::SIGCHLD.unsigned_abs() as usize]))
}

pub(crate) fn execute(_: &mut Props<'_>) -> io::Result<()> {
    Command::new("/bin/true").status().map(|_| ())
}

pub(crate) fn notify(props: &mut Props<'_>) -> io::Result<()> {
    assert_eq!(props.notifier.watchdog(), Some(Duration::from_secs(10)));
    props.notifier.ready()?;
    props.notifier.alive()
}

pub(crate) fn hand_over(props: &mut Props<'_>) -> io::Result<()> {
    let handover = props.handover.as_mut().unwrap();
    for name in ["land-000041-00c0ffee00c0ffee.tar", "land-000042-00c0ffee00c0ffee.tar"] {
        let ended = handover.pass(name).unwrap();
        let words = format!("refused: {}", props.place.join("inside/arrived").join(name).display());
        assert_eq!(ended, HandedOver { code: Some(77), words });
    }
    Ok(())
}
