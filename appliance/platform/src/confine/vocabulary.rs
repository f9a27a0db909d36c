//! The system calls that a list may name, and how far each goes.
//!
//! A call that is not here cannot be allowed by any list: nothing that opens, connects or names a socket, that sends,
//! executes, makes a process, duplicates a descriptor, signals, traces, mounts, or changes a user. So is what moves bytes
//! between descriptors in the kernel (splice, sendfile, `io_uring`), for it would go past the rule on `write`.

use nix::libc;

/// How far a call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// As far as files and privileges let it.
    Free,
    /// Not with `PROT_EXEC`.
    NoCode,
    /// Not to a descriptor that is to be mute.
    NotMute,
    /// Only to make a thread, in no new namespace.
    Thread,
    /// Only these commands in the second argument.
    Commands(&'static [i32]),
    /// Only these commands in the first argument.
    Options(&'static [i32]),
    /// Always answered with `ENOSYS`, as by an old kernel; the caller knows another way.
    Absent,
}

/// A call: name, number if this processor's kernel has it, and limit.
pub(super) type Word = (&'static str, Option<i64>, Limit);

macro_rules! free {
    ($($name:ident $number:ident),* $(,)?) => { [$((stringify!($name), Some(libc::$number), Limit::Free)),*] };
}

const FREE: &[Word] = &free![
    brk SYS_brk,
    clock_gettime SYS_clock_gettime,
    clock_nanosleep SYS_clock_nanosleep,
    close SYS_close,
    exit SYS_exit,
    exit_group SYS_exit_group,
    fallocate SYS_fallocate,
    fdatasync SYS_fdatasync,
    flock SYS_flock,
    fstat SYS_fstat,
    fstatfs SYS_fstatfs,
    fsync SYS_fsync,
    ftruncate SYS_ftruncate,
    futex SYS_futex,
    getdents64 SYS_getdents64,
    geteuid SYS_geteuid,
    getpid SYS_getpid,
    getrandom SYS_getrandom,
    getsockopt SYS_getsockopt,
    gettid SYS_gettid,
    lseek SYS_lseek,
    madvise SYS_madvise,
    mkdirat SYS_mkdirat,
    mremap SYS_mremap,
    munmap SYS_munmap,
    newfstatat SYS_newfstatat,
    openat SYS_openat,
    openat2 SYS_openat2,
    ppoll SYS_ppoll,
    pread64 SYS_pread64,
    pwrite64 SYS_pwrite64,
    pwritev SYS_pwritev,
    read SYS_read,
    recvfrom SYS_recvfrom,
    recvmmsg SYS_recvmmsg,
    recvmsg SYS_recvmsg,
    renameat SYS_renameat,
    renameat2 SYS_renameat2,
    restart_syscall SYS_restart_syscall,
    rseq SYS_rseq,
    rt_sigaction SYS_rt_sigaction,
    rt_sigprocmask SYS_rt_sigprocmask,
    rt_sigreturn SYS_rt_sigreturn,
    sched_getaffinity SYS_sched_getaffinity,
    sched_yield SYS_sched_yield,
    set_robust_list SYS_set_robust_list,
    sigaltstack SYS_sigaltstack,
    statfs SYS_statfs,
    statx SYS_statx,
    sync_file_range SYS_sync_file_range,
    unlinkat SYS_unlinkat,
];

const LIMITED: &[Word] = &[
    ("mmap", Some(libc::SYS_mmap), Limit::NoCode),
    ("mprotect", Some(libc::SYS_mprotect), Limit::NoCode),
    ("write", Some(libc::SYS_write), Limit::NotMute),
    ("writev", Some(libc::SYS_writev), Limit::NotMute),
    ("clone", Some(libc::SYS_clone), Limit::Thread),
    ("clone3", Some(libc::SYS_clone3), Limit::Absent),
    ("fcntl", Some(libc::SYS_fcntl), Limit::Commands(&[libc::F_GETFD, libc::F_SETFD, libc::F_GETFL])),
    ("prctl", Some(libc::SYS_prctl), Limit::Options(&[libc::PR_SET_NAME])),
    ("poll", POLL, Limit::Free),
];

#[cfg(target_arch = "x86_64")]
const POLL: Option<i64> = Some(libc::SYS_poll);
/// `ppoll` does its work where the kernel never had it.
#[cfg(not(target_arch = "x86_64"))]
const POLL: Option<i64> = None;

/// The call of that name, if a list may name it.
pub(super) fn word(name: &str) -> Option<&'static Word> {
    FREE.iter().chain(LIMITED).find(|(word, ..)| *word == name)
}
