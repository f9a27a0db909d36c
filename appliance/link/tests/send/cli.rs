//! The command itself, over loopback.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use pouch_link::datagram::{Datagram, Kind};
use pouch_link::key_file;
use pouch_link::tag::Checker;

use crate::pouch::make;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pouch-send"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_dry_run_prints_the_plan() {
    let spool = tempfile::tempdir().unwrap();
    let folder = make(spool.path(), "land-000041", &[30_000_000, 30_000_000, 30_000_000, 30_000_000]);
    let arguments = ["send", path(&folder), "--to", "udp:127.0.0.1:9", "--rate", "1G", "--dry-run"];
    let (code, out, err) = run(&arguments);
    assert_eq!((code, err.as_str()), (0, ""));
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with("stream ")).collect();
    assert_eq!(
        lines,
        [
            "would send land-000041; nothing was sent",
            "",
            "bytes        120.0 MB",
            "blocks       84",
            "symbols      1015 + 64 repair of 1408 bytes",
            "interleave   84 blocks",
            "rounds       1",
            "datagrams    90611",
            "overhead     16.12 %",
            "time         1.11 s",
            "survives     5312 datagrams lost in a row",
            "memory       17.0 MB here",
            "expected     0.1 % lost: no block left to another round",
            "expected     1 % lost: no block left to another round",
            "expected     2 % lost: no block left to another round",
            "expected     5 % lost: 6.15 blocks left to another round",
            "expected     10 % lost: 84.00 blocks left to another round",
        ]
    );
}

#[test]
fn a_pouch_goes_over_loopback_under_a_key() {
    let spool = tempfile::tempdir().unwrap();
    make(spool.path(), "land-000041", &[600_000]);
    let key = spool.path().join("key");
    assert_eq!(run(&["link-key", "-o", path(&key)]).0, 0);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, _, err) = run(&["link-key", "-o", path(&key)]);
    assert!(code == 73 && err.contains("error[OUTPUT]"), "{err}");
    let far = UdpSocket::bind("127.0.0.1:0").unwrap();
    far.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    let to = format!("udp:{}", far.local_addr().unwrap());
    let arguments = ["send", "land-000041", "--spool", path(spool.path()), "--to", &to, "--rate", "100M"];
    let child = command(&[&arguments[..], &["--link-key", path(&key), "--format", "json"]].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut checker = Checker::new(Some(&key_file::read(&key).unwrap()));
    let (mut bytes, mut symbols) = (vec![0; 2000], 0);
    while let Ok(length) = far.recv(&mut bytes) {
        let datagram = Datagram::read(&bytes[..length]).unwrap();
        checker.check(&datagram).unwrap();
        symbols += u64::from(datagram.head.kind == Kind::Symbol);
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["pouch"], "land-000041");
    assert!(symbols >= 460 && said["datagrams"].as_u64().unwrap() >= symbols, "{symbols} of {said}");
}

#[test]
fn what_is_wrong_is_said_by_name_and_exit_code() {
    let spool = tempfile::tempdir().unwrap();
    let folder = make(spool.path(), "land-000041", &[1000]);
    let open = spool.path().join("open");
    fs::write(&open, "0".repeat(64)).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let to = ["--to", "udp:127.0.0.1:9"];
    let none = spool.path().join("none");
    let cases: [(&[&str], i32, &str); 8] = [
        (&["send", path(&folder)], 78, "CONFIG-VALUE"),
        (&["send", path(&folder), to[0], to[1], "--mtu", "100"], 78, "CONFIG-VALUE"),
        (&["send", path(&folder), to[0], to[1], "--link-key", path(&open)], 78, "LINK-KEY"),
        (&["send", path(&folder), to[0], to[1], "--only", "ABC"], 64, "LINK-CODE"),
        (&["send", path(&folder), to[0], "ether:none-such"], 69, "LINK-LANE"),
        (&["send", path(&none), to[0], to[1]], 66, "DISK"),
        (&["send", path(spool.path()), to[0], to[1]], 66, "DISK"),
        (&["send", path(&folder), "--to", "udp:example.org:1"], 64, "USAGE"),
    ];
    for (arguments, wanted, id) in cases {
        let (code, _, err) = run(arguments);
        assert!(code == wanted && err.contains(&format!("error[{id}]")), "{arguments:?}: {code} {err}");
    }
    let config = spool.path().join("send.toml");
    fs::write(&config, "to = [\"udp:127.0.0.1:9\"]\nratte = \"1G\"\n").unwrap();
    let (code, _, err) = run(&["--config", path(&config), "config", "check"]);
    assert!(code == 78 && err.contains("CONFIG-KEY") && err.contains("did you mean \"rate\"?"), "{err}");
    fs::write(&config, "to = [\"udp:127.0.0.1:9\"]\n[registry.land]\nweight = 50\n").unwrap();
    let (code, out, _) = run(&["--config", path(&config), "config", "show", "--origin"]);
    assert!(
        code == 0 && out.contains("registry.land.weight = 50  # ") && out.contains("rate = \"900M\"  # default"),
        "{out}"
    );
}

#[test]
fn the_service_sends_what_appears_and_ends_when_it_is_told() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("spool")).unwrap();
    let config = home.path().join("send.toml");
    let far = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = far.local_addr().unwrap();
    fs::write(&config, format!("to = [\"udp:{to}\"]\nspool = \"spool\"\nstate = \"state\"\n")).unwrap();
    let mut service = command(&["--config", path(&config), "run"]).stderr(Stdio::null()).spawn().unwrap();
    let staged = make(home.path(), "land-000041", &[5000]);
    fs::rename(staged, home.path().join("spool/land-000041")).unwrap();
    let started = Instant::now();
    let status = loop {
        std::thread::sleep(Duration::from_millis(100));
        let (code, out, _) = run(&["--config", path(&config), "status"]);
        if code == 0 && out.contains("land-000041 at ") {
            break out;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{code} {out}");
    };
    assert!(status.contains("1 pouches"), "{status}");
    let (code, _, err) = run(&["--config", path(&config), "run"]);
    assert!(code == 75 && err.contains("LOCKED"), "{err}");
    assert!(Command::new("kill").arg(service.id().to_string()).status().unwrap().success());
    assert_eq!(service.wait().unwrap().code(), Some(0));
}

#[test]
fn a_command_that_is_interrupted_says_that_not_all_was_sent() {
    let spool = tempfile::tempdir().unwrap();
    let folder = make(spool.path(), "land-000041", &[3_000_000]);
    let arguments = ["send", path(&folder), "--to", "udp:127.0.0.1:9", "--rate", "1M"];
    let child = command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(400));
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(75) && err.contains("error[INTERRUPTED]") && err.contains("not all"), "{err}");
}
