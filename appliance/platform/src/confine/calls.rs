//! Lists of system calls, and the filter that a list becomes (seccomp(2)).

use std::{collections::BTreeMap, env, os::fd::RawFd};

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

use super::{
    ConfineError,
    vocabulary::{Limit, Word, word},
};

/// Lines that a list may have.
const LINES: usize = 200;

/// The system calls that a process needs, each with its reason.
///
/// A list is text: a line a call, its name, two spaces or more, and why it is needed; empty lines and lines that begin with
/// `#` say nothing. Names are those of the kernel's table, and only such as can do no harm beyond files and privileges.
#[derive(Clone, Debug)]
pub struct Calls {
    lines: Vec<(&'static Word, String)>,
}

/// What is wrong with a list. Lines count from 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallsError {
    /// Neither a call and its reason, nor empty, nor a comment.
    #[error("line {line}: {text:?} is not a call, two spaces, and its reason")]
    Shape {
        /// Where.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A name that is no call, or one that no confined process may have.
    #[error("line {line}: a confined process may not have {name:?}")]
    Unknown {
        /// Where.
        line: usize,
        /// The name.
        name: String,
    },
    /// A second line for a call.
    #[error("line {line}: {name:?} a second time")]
    Twice {
        /// Where.
        line: usize,
        /// The call.
        name: &'static str,
    },
    /// More lines than a list may have.
    #[error("{lines} lines; a list has at most {LINES}")]
    Long {
        /// Lines found.
        lines: usize,
    },
}

impl Calls {
    /// Reads a list, strictly.
    ///
    /// # Errors
    /// [`CallsError`].
    pub fn parse(text: &str) -> Result<Self, CallsError> {
        let count = text.lines().count();
        if count > LINES {
            return Err(CallsError::Long { lines: count });
        }
        let mut lines: Vec<(&'static Word, String)> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let shape = || CallsError::Shape { line, text: text.to_owned() };
            let (name, reason) = text.split_once("  ").ok_or_else(shape)?;
            let reason = reason.trim();
            if reason.is_empty() || name.is_empty() || name.contains(char::is_whitespace) {
                return Err(shape());
            }
            let word = word(name).ok_or_else(|| CallsError::Unknown { line, name: name.to_owned() })?;
            if lines.iter().any(|(other, _)| other.0 == word.0) {
                return Err(CallsError::Twice { line, name: word.0 });
            }
            lines.push((word, reason.to_owned()));
        }
        Ok(Self { lines })
    }

    /// The calls with their reasons, in the order of the list.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &str)> {
        self.lines.iter().map(|(word, reason)| (word.0, reason.as_str()))
    }

    /// Leaves all threads of this process these calls alone.
    pub(super) fn enforce(&self, mute: &[RawFd]) -> Result<(), ConfineError> {
        let (absent, allowed) = self.filters(mute).map_err(ConfineError::Filter)?;
        // The one that kills comes last, for it also ends installing filters. Of several filters the strictest word counts.
        for filter in absent.iter().chain([&allowed]) {
            apply_filter_all_threads(filter).map_err(ConfineError::Seccomp)?;
        }
        Ok(())
    }

    fn filters(&self, mute: &[RawFd]) -> Result<(Option<BpfProgram>, BpfProgram), BackendError> {
        let (mut absent, mut allowed) = (BTreeMap::new(), BTreeMap::new());
        for ((_, number, limit), _) in &self.lines {
            let Some(number) = *number else { continue };
            if *limit == Limit::Absent {
                absent.insert(number, Vec::new());
            }
            allowed.insert(number, rules(*limit, mute)?);
        }
        let enosys = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
        let absent = if absent.is_empty() { None } else { Some(program(absent, SeccompAction::Allow, enosys)?) };
        Ok((absent, program(allowed, SeccompAction::KillProcess, SeccompAction::Allow)?))
    }
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    on_match: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    // A filter looks at the kind of processor first and kills on any other, and numbers of x32 are in no list.
    let here = TargetArch::try_from(env::consts::ARCH)?;
    SeccompFilter::new(rules, otherwise, on_match, here)?.try_into()
}

/// Any of these lets the call through; none means that it always goes through.
fn rules(limit: Limit, mute: &[RawFd]) -> Result<Vec<SeccompRule>, BackendError> {
    let one_of = |argument, values: &[i32]| {
        values.iter().map(|value| SeccompRule::new(vec![condition(argument, SeccompCmpOp::Eq, *value)?])).collect()
    };
    match limit {
        Limit::NoCode => all([condition(2, SeccompCmpOp::MaskedEq(bits(libc::PROT_EXEC)), 0)]),
        Limit::NotMute => all(mute.iter().map(|fd| condition(0, SeccompCmpOp::Ne, *fd))),
        Limit::Thread => all([condition(0, SeccompCmpOp::MaskedEq(bits(THREAD | NAMESPACES)), THREAD)]),
        Limit::Commands(commands) => one_of(1, commands),
        Limit::Options(options) => one_of(0, options),
        Limit::Free | Limit::Absent => Ok(Vec::new()),
    }
}

const THREAD: i32 = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
const NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

fn all(
    conditions: impl IntoIterator<Item = Result<SeccompCondition, BackendError>>,
) -> Result<Vec<SeccompRule>, BackendError> {
    let conditions = conditions.into_iter().collect::<Result<Vec<_>, _>>()?;
    if conditions.is_empty() { Ok(Vec::new()) } else { Ok(vec![SeccompRule::new(conditions)?]) }
}

/// Of the low half of an argument, as the kernel reads a number of that size: the high half can be anything.
fn condition(argument: u8, operator: SeccompCmpOp, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, bits(value))
}

fn bits(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_why() {
        let calls = Calls::parse("# what it needs\n\nread  the pipe\nwrite     the log, slowly\n").unwrap();
        assert_eq!(calls.iter().collect::<Vec<_>>(), [("read", "the pipe"), ("write", "the log, slowly")]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let shape = |text: &str| CallsError::Shape { line: 1, text: text.to_owned() };
        for text in
            ["read", "read the pipe", "read  ", "  read  x", " read  x", "read\tthe pipe", "read,write  x y z w"]
        {
            match Calls::parse(text) {
                Err(CallsError::Unknown { line: 1, .. }) if text.contains(',') => {}
                other => assert_eq!(other.unwrap_err(), shape(text)),
            }
        }
        assert_eq!(Calls::parse("read  x\n\nread  y").unwrap_err(), CallsError::Twice { line: 3, name: "read" });
        assert_eq!(Calls::parse(&"\n".repeat(201)).unwrap_err(), CallsError::Long { lines: 201 });
    }

    #[test]
    fn no_list_can_have_what_sends_or_escapes() {
        let names = "socket socketpair bind connect listen accept accept4 sendto sendmsg sendmmsg sendfile splice tee vmsplice \
            copy_file_range io_uring_setup io_uring_enter execve execveat fork vfork kill tkill tgkill pidfd_open pidfd_getfd \
            pidfd_send_signal ptrace process_vm_readv process_vm_writev mount move_mount fsopen open_tree umount2 pivot_root \
            chroot setns unshare dup dup2 dup3 ioctl setuid setresuid setresgid setgroups capset bpf perf_event_open userfaultfd \
            keyctl add_key request_key personality memfd_create memfd_secret shmat setsockopt open_by_handle_at finit_module \
            kexec_load reboot modify_ldt arch_prctl seccomp landlock_restrict_self prlimit64 linkat symlinkat mknodat fchmod \
            pkey_mprotect";
        for name in names.split_whitespace() {
            let refused = CallsError::Unknown { line: 1, name: name.to_owned() };
            assert_eq!(Calls::parse(&format!("{name}  wanted")).unwrap_err(), refused);
        }
    }
}
