//! The units of the one-way link: what the service manager's own analysis says of them, and that they allow what the
//! receiver needs.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pouch_platform::confine::Calls;

/// Ten times the exposure that a service may have.
const THRESHOLD: &str = "15";

const SERVICES: [&str; 3] = ["pouch-receive", "pouch-send", "pouch-import-arrived"];

/// What the receiver asks of the kernel before its own list of calls is in force, and what starts it.
const BEFORE: &str = "execve clone3 clone pipe2 socket bind setsockopt ioctl connect sendto recvmsg capget prctl prlimit64 umask \
    landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp set_robust_list rseq sched_getaffinity \
    rt_sigaction dup2 readlink wait4 openat mkdirat";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../appliance/link/systemd")
}

fn analyze(arguments: &[&str]) -> Output {
    let output = Command::new("systemd-analyze").args(arguments).env("SYSTEMD_COLORS", "0").output();
    output.expect("systemd-analyze is installed (tests/scripts/tools.sh)")
}

fn assert_well(output: &Output, what: &str) {
    let text = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat();
    assert!(output.status.success(), "{what}: {text}");
}

/// The units with programs that are here, and those that can with the drop-in of raw Ethernet.
fn installed(ethernet: bool) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "ethernet.conf" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let here = ["pouch-receive", "pouch-send", "pouch-import"]
            .iter()
            .fold(text, |text, program| text.replace(&format!("/usr/bin/{program} "), "/usr/bin/env "));
        fs::write(place.path().join(&name), here).unwrap();
        if ethernet && ["pouch-receive.service", "pouch-send.service"].contains(&name.as_str()) {
            let drop_ins = place.path().join(format!("{name}.d"));
            fs::create_dir(&drop_ins).unwrap();
            fs::copy(folder().join("ethernet.conf"), drop_ins.join("ethernet.conf")).unwrap();
        }
    }
    place
}

#[test]
fn the_manager_finds_them_sound() {
    for ethernet in [false, true] {
        let place = installed(ethernet);
        let mut units: Vec<String> = fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| path.to_str().unwrap().to_owned())
            .collect();
        units.sort();
        assert_eq!(units.len(), 5, "{units:?}");
        let arguments: Vec<&str> = ["verify", "--man=no", "--recursive-errors=no"]
            .into_iter()
            .chain(units.iter().map(String::as_str))
            .collect();
        let output = analyze(&arguments);
        assert_well(&output, "verify");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn they_are_exposed_to_little() {
    for ethernet in [false, true] {
        let place = installed(ethernet);
        for service in SERVICES {
            let unit = place.path().join(format!("{service}.service"));
            let threshold = format!("--threshold={THRESHOLD}");
            let output = analyze(&["security", "--offline=true", "--no-pager", &threshold, unit.to_str().unwrap()]);
            assert_well(&output, service);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            println!("raw Ethernet {ethernet}: {}", text.lines().last().unwrap_or_default());
        }
    }
}

#[test]
fn they_start_what_there_is_as_who_owns_it() {
    let unit = |name: &str| fs::read_to_string(folder().join(name)).unwrap();
    for (name, line) in [
        ("pouch-receive.service", "ExecStart=/usr/bin/pouch-receive run --config /etc/pouch/receive.toml"),
        ("pouch-send.service", "ExecStart=/usr/bin/pouch-send run --config /etc/pouch/send.toml"),
        ("pouch-receive.service", "User=pouch-receive"),
        ("pouch-send.service", "User=pouch-send"),
        ("pouch-import-arrived.service", "User=pouch-import"),
        ("pouch-import-arrived.path", "PathChanged=/var/lib/pouch-receive/arrived"),
    ] {
        assert_eq!(unit(name).lines().filter(|found| *found == line).count(), 1, "{name}: {line}");
    }
    // The receiver's user is not to see the vault.
    assert!(unit("pouch-receive.service").contains("InaccessiblePaths=-/var/lib/pouch "));
}

#[test]
fn the_receiver_may_do_what_it_needs() {
    let list = fs::read_to_string(folder().join("../seccomp/receive.list")).unwrap();
    let own = Calls::parse(&list).expect("the list is one");
    for unit in ["pouch-receive.service", "pouch-send.service"] {
        let allowed = allowed(&fs::read_to_string(folder().join(unit)).unwrap());
        // What the sender needs from Landlock is nothing.
        let before = BEFORE.split_whitespace().filter(|call| unit == "pouch-receive.service" || !call.contains("land"));
        let before = before.filter(|call| unit == "pouch-receive.service" || !["seccomp", "pipe2"].contains(call));
        for call in own.iter().map(|(name, _)| name).chain(before) {
            assert!(allowed.contains(call), "{unit} forbids {call}");
        }
        for call in [
            "mount",
            "ptrace",
            "init_module",
            "reboot",
            "bpf",
            "chown",
            "setuid",
            "capset",
            "io_uring_setup",
            "kexec_load",
        ] {
            assert!(!allowed.contains(call), "{unit} allows {call}");
        }
    }
}

/// The calls that a unit's filter lets through, line by line as systemd.exec(5) has it.
fn allowed(unit: &str) -> BTreeSet<String> {
    let mut allowed = calls("@default");
    for value in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (deny, names) = value.strip_prefix('~').map_or((false, value), |names| (true, names));
        for call in names.split_whitespace().flat_map(calls) {
            if deny {
                allowed.remove(&call);
            } else {
                allowed.insert(call);
            }
        }
    }
    allowed
}

/// A call, or those of a set with the sets in it.
fn calls(name: &str) -> BTreeSet<String> {
    if !name.starts_with('@') {
        return BTreeSet::from([name.to_owned()]);
    }
    let output = analyze(&["syscall-filter", name]);
    assert_well(&output, name);
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.lines().skip(1).map(str::trim).filter(|word| !word.is_empty() && !word.starts_with('#'));
    words.flat_map(calls).collect()
}
