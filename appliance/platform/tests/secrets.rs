//! Memory for secrets, the hardened process, a secret typed at a terminal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::Command,
    time::Duration,
};

use nix::{
    pty::openpty,
    sys::termios::{LocalFlags, tcgetattr},
};
use pouch_platform::{
    LockedBytes, TtyError, effective_uid, forget_typed, harden_process, read_secret_from, set_pipe_size, user,
};

#[test]
fn locked_bytes_hold_and_hide() {
    let mut bytes = LockedBytes::copy_of(b"hunter2").unwrap();
    assert_eq!(bytes.as_ref(), b"hunter2");
    assert_eq!(format!("{bytes:?}"), "LockedBytes(..)");
    bytes.as_mut()[0] = b'H';
    bytes.truncate(6);
    assert_eq!((bytes.as_ref(), bytes.len(), bytes.is_empty()), (&b"Hunter"[..], 6, false));
    bytes.truncate(100);
    assert_eq!(bytes.len(), 6);
    assert!(LockedBytes::zeroed(0).unwrap().is_empty());
    assert_eq!(LockedBytes::zeroed(10_000).unwrap().as_ref(), [0; 10_000]);
    std::thread::spawn(move || assert_eq!(bytes.as_ref(), b"Hunter")).join().unwrap();
}

#[test]
fn locked_bytes_are_locked_and_not_dumped() {
    let bytes = LockedBytes::copy_of(&[0x5a; 100]).unwrap();
    let address = format!("{:x}-", bytes.as_ref().as_ptr() as usize);
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    // The mapping may have been joined with a neighbour of the same kind, so look for the flags that hold at the address.
    let mut inside = false;
    let mut flags = String::new();
    for line in maps.lines() {
        if let Some((range, _)) = line.split_once(' ').filter(|(range, _)| range.contains('-') && !range.contains(':'))
        {
            let (from, to) = range.split_once('-').unwrap();
            let at = usize::from_str_radix(address.trim_end_matches('-'), 16).unwrap();
            inside = (usize::from_str_radix(from, 16).unwrap()..usize::from_str_radix(to, 16).unwrap()).contains(&at);
        } else if inside && line.starts_with("VmFlags:") {
            flags = line.to_owned();
        }
    }
    assert!(flags.contains(" lo") && flags.contains(" dd"), "{flags}");
}

#[test]
fn more_than_may_be_locked_is_an_error() {
    // Only a limit stops a process from locking; ask for more than any machine has.
    let error = LockedBytes::zeroed(1 << 46).unwrap_err().to_string();
    assert!(error.starts_with("cannot lock 70368744177664 bytes of memory for a secret: "), "{error}");
}

#[test]
fn a_hardened_process_leaves_no_core() {
    // In a process of its own, for it stays hardened.
    if std::env::var_os("POUCH_TEST_HARDEN").is_none() {
        let this = std::env::current_exe().unwrap();
        // Its report is not ours, and would be counted as one of this suite.
        let output = Command::new(this)
            .args(["--exact", "a_hardened_process_leaves_no_core"])
            .env("POUCH_TEST_HARDEN", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    harden_process().unwrap();
    assert!(!nix::sys::prctl::get_dumpable().unwrap());
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    assert!(status.contains("Umask:\t0077"), "{status}");
}

#[test]
fn users_are_found_by_name() {
    assert_eq!(user("root").unwrap(), Some((0, 0)));
    assert_eq!(user("no-such-user-here").unwrap(), None);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    assert_eq!(uids.split_whitespace().nth(1).unwrap(), effective_uid().to_string());
}

#[test]
fn pipes_grow() {
    let (_reader, writer) = std::io::pipe().unwrap();
    assert!(set_pipe_size(&writer, 300_000).unwrap() >= 300_000);
    assert!(set_pipe_size(&writer, usize::MAX).is_err());
}

/// A terminal: our end and the program's.
fn terminal() -> (File, File) {
    let pty = openpty(None, None).unwrap();
    (File::from(pty.master), File::from(pty.slave))
}

fn echoes(tty: &File) -> bool {
    tcgetattr(tty).unwrap().local_flags.contains(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG)
}

/// Types `keys` once the prompt is there; returns what was read and what was shown, and checks the terminal.
fn typed(keys: &[u8]) -> (Result<Vec<u8>, TtyError>, String) {
    let (mut keyboard, tty) = terminal();
    assert!(echoes(&tty));
    let watch: OwnedFd = tty.try_clone().unwrap().into();
    let result = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_secret_from(&tty, "PIN: "));
        let mut prompt = [0; 5];
        keyboard.read_exact(&mut prompt).unwrap();
        assert_eq!(&prompt, b"PIN: ");
        assert!(!tcgetattr(&watch).unwrap().local_flags.contains(LocalFlags::ECHO));
        keyboard.write_all(keys).unwrap();
        reader.join().unwrap()
    });
    assert!(echoes(&tty), "restored");
    drop((tty, watch));
    let mut shown = Vec::new();
    // The other end being closed shows as an error once all is read.
    let _ = keyboard.read_to_end(&mut shown);
    (result.map(|secret| secret.as_ref().to_vec()), String::from_utf8(shown).unwrap())
}

#[test]
fn a_line_is_read_without_echo() {
    for (keys, line) in [
        (&b"123456\r"[..], &b"123456"[..]),
        (b"123456\n", b"123456"),
        (b"\r", b""),
        (b"12x\x7f3\r", b"123"),
        (b"wrong\x15right\r", b"right"),
        ("õä\x7f\r".as_bytes(), "õ".as_bytes()),
        (b"\x7f\x7fa\r", b"a"),
        (b"ab\x04", b"ab"),
    ] {
        let (secret, shown) = typed(keys);
        assert_eq!(secret.unwrap(), line, "{keys:?}");
        assert_eq!(shown, "\r\n", "{keys:?}");
    }
}

#[test]
fn a_line_can_be_cancelled_and_is_bounded() {
    assert!(matches!(typed(b"12\x03").0, Err(TtyError::Cancelled)));
    assert!(matches!(typed(b"\x04").0, Err(TtyError::Cancelled)));
    assert!(matches!(typed(&[b'1'; 513]).0, Err(TtyError::TooLong { limit: 512 })));
    assert_eq!(typed(&[[b'1'; 512].as_slice(), b"\r"].concat()).0.unwrap(), [b'1'; 512]);
}

#[test]
fn what_was_typed_before_can_be_forgotten() {
    let (mut keyboard, tty) = terminal();
    keyboard.write_all(b"Yes\nYes\n").unwrap();
    // The terminal has taken it once it shows it.
    let mut echo = [0; 10];
    keyboard.read_exact(&mut echo).unwrap();
    forget_typed(&tty).unwrap();
    keyboard.write_all(b"no\n").unwrap();
    let mut line = [0; 64];
    let read = (&tty).read(&mut line).unwrap();
    assert_eq!(&line[..read], b"no\n");
}

#[test]
fn no_terminal_is_an_error() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let pipe = File::from(OwnedFd::from(reader));
    assert!(matches!(read_secret_from(&pipe, "PIN: "), Err(TtyError::Io(_))));
}

#[test]
fn a_signal_restores_the_terminal_before_it_kills() {
    // The program is this test once more, on a terminal of ours.
    if std::env::var_os("POUCH_TEST_PROMPT").is_some() {
        let tty = File::options().read(true).write(true).open("/dev/stdin").unwrap();
        let _ = read_secret_from(&tty, "PIN: ");
        // Not reached by the signal's victim: dying is what the default action says.
        std::process::exit(7);
    }
    let (mut keyboard, tty) = terminal();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_signal_restores_the_terminal_before_it_kills", "--test-threads=1"])
        .env("POUCH_TEST_PROMPT", "1")
        .stdin(tty.try_clone().unwrap())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut prompt = [0; 5];
    keyboard.read_exact(&mut prompt).unwrap();
    assert!(!echoes(&tty));
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let mut tries = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        tries += 1;
        assert!(tries < 500, "still waiting");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(ended.signal(), Some(15), "{ended:?}");
    assert!(echoes(&tty));
}
