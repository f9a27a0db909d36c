//! User, groups and capabilities (credentials(7), capabilities(7)).

use std::io;

use nix::{
    errno::Errno,
    libc,
    sys::prctl,
    unistd::{Gid, Uid, getegid, geteuid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid},
};

use super::ConfineError;

/// What became of user and capabilities. None of either can be had back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privileges {
    /// The process was root and is now this user.
    Dropped {
        /// Its user.
        user: u32,
        /// Its one group.
        group: u32,
    },
    /// The process was not root: user and groups are as before, capabilities are gone.
    NotRoot {
        /// Its user.
        user: u32,
        /// Its group.
        group: u32,
    },
}

/// Capabilities in `capget` and `capset` are two words each of effective, permitted and inheritable ones.
type Capabilities = [[u32; 3]; 2];

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h.
const VERSION: u32 = 0x2008_0522;

/// Becomes the user and drops all capabilities; a process that is not root only does the second.
pub(super) fn drop_to(user: Option<(u32, u32)>) -> Result<Privileges, ConfineError> {
    let root = geteuid().is_root() || getresuid().is_ok_and(|ids| ids.real.is_root() || ids.saved.is_root());
    let privileges = match (root, user) {
        (true, None) => return Err(ConfineError::StaysRoot),
        (true, Some((user, group))) if user == 0 || group == 0 => return Err(ConfineError::Root { user, group }),
        (true, Some((user, group))) => {
            clear_bounding_set()?;
            become_user(Uid::from_raw(user), Gid::from_raw(group))?;
            Privileges::Dropped { user, group }
        }
        (false, _) => Privileges::NotRoot { user: geteuid().as_raw(), group: getegid().as_raw() },
    };
    control("drop ambient capabilities", libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong)?;
    // A service that was given none may not even be allowed to ask.
    if capabilities()? != Capabilities::default() {
        set_no_capabilities()?;
    }
    prctl::set_no_new_privs().map_err(|errno| ConfineError::system("forbid new privileges", errno))?;
    verify(privileges)?;
    Ok(privileges)
}

fn become_user(user: Uid, group: Gid) -> Result<(), ConfineError> {
    setgroups(&[]).map_err(|errno| ConfineError::system("leave the other groups", errno))?;
    setresgid(group, group, group).map_err(|errno| ConfineError::system("become another group", errno))?;
    setresuid(user, user, user).map_err(|errno| ConfineError::system("become another user", errno))
}

fn verify(privileges: Privileges) -> Result<(), ConfineError> {
    let gone = |what, gone| if gone { Ok(()) } else { Err(ConfineError::Regained { what }) };
    gone("user root", setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)) == Err(Errno::EPERM))?;
    gone("a capability", capabilities()? == Capabilities::default())?;
    let Privileges::Dropped { user, group } = privileges else { return Ok(()) };
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
    let ids = getresuid().map_err(|errno| ConfineError::system("ask for the user", errno))?;
    gone("another user", ids.real == user && ids.effective == user && ids.saved == user)?;
    let ids = getresgid().map_err(|errno| ConfineError::system("ask for the group", errno))?;
    gone("another group", ids.real == group && ids.effective == group && ids.saved == group)?;
    let groups = getgroups().map_err(|errno| ConfineError::system("ask for the other groups", errno))?;
    gone("another group", groups.is_empty())?;
    gone("group root", setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0)) == Err(Errno::EPERM))?;
    gone("a capability of programs that are executed", in_bounding_set(0)? == Some(false))
}

/// From capability 0 on until the kernel knows no further one.
fn clear_bounding_set() -> Result<(), ConfineError> {
    for capability in 0.. {
        match in_bounding_set(capability)? {
            Some(true) => control("drop a capability", libc::PR_CAPBSET_DROP, capability)?,
            Some(false) => {}
            None => break,
        }
    }
    Ok(())
}

/// None for a capability that the kernel does not know.
fn in_bounding_set(capability: libc::c_ulong) -> Result<Option<bool>, ConfineError> {
    match prctl_number(libc::PR_CAPBSET_READ, capability) {
        Ok(held) => Ok(Some(held != 0)),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(None),
        Err(source) => Err(ConfineError::System { what: "read the bounding set", source }),
    }
}

fn control(what: &'static str, option: libc::c_int, argument: libc::c_ulong) -> Result<(), ConfineError> {
    prctl_number(option, argument).map(|_| ()).map_err(|source| ConfineError::System { what, source })
}

#[expect(unsafe_code, reason = "nix has no prctl for capabilities")]
fn prctl_number(option: libc::c_int, argument: libc::c_ulong) -> io::Result<libc::c_int> {
    let none: libc::c_ulong = 0;
    // SAFETY: all options used here take numbers and no pointer.
    let result = unsafe { libc::prctl(option, argument, none, none, none) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[expect(unsafe_code, reason = "nix has no capset")]
fn set_no_capabilities() -> Result<(), ConfineError> {
    let header = Header { version: VERSION, pid: 0 };
    let none = Capabilities::default();
    // SAFETY: both pointers are of live values of the shapes that version 3 prescribes, which the kernel only reads.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, &raw const none) };
    let refused = |source| ConfineError::System { what: "drop capabilities", source };
    if result == 0 { Ok(()) } else { Err(refused(io::Error::last_os_error())) }
}

#[expect(unsafe_code, reason = "nix has no capget")]
fn capabilities() -> Result<Capabilities, ConfineError> {
    let mut header = Header { version: VERSION, pid: 0 };
    let mut held = Capabilities::default();
    // SAFETY: both pointers are of live values of the shapes that version 3 prescribes; the kernel writes two elements of
    // three words, which is the size of `held`.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, &raw mut held) };
    let refused = |source| ConfineError::System { what: "ask for capabilities", source };
    if result == 0 { Ok(held) } else { Err(refused(io::Error::last_os_error())) }
}
