//! What a confined process may do works; what it may not kills it or is refused.
//!
//! Each act is tried by a process of its own, which is this program once more: confinement is for good, and is entered
//! by a process of one thread, which no test of the usual harness is. When root, all of it runs as another user too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod acts;
mod child;
mod entered;
mod sealed;

use std::{
    env, fs,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{PermissionsExt, chown},
            net::{SocketAddr, UnixDatagram, UnixListener},
            process::ExitStatusExt,
        },
    },
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use acts::{Act, Outcome};
use pouch_platform::effective_uid;

/// Nobody, on every Linux.
pub(crate) const NOBODY: u32 = 65534;
const SIGSYS: i32 = 31;

fn main() {
    let mut arguments = env::args().skip(1);
    if let (Some(child::SERVE), Some(place)) = (env::args().nth(1).as_deref(), env::args().nth(2)) {
        child::serve(Path::new(&place));
        return;
    }
    if let (Some("--act"), Some(name), Some(place)) = (arguments.next().as_deref(), arguments.next(), arguments.next())
    {
        child::run(&name, Path::new(&place));
    }
    // Whom an act tries to connect to.
    let name = SocketAddr::from_abstract_name(format!("pouch-confine-{}", std::process::id())).unwrap();
    let _listener = UnixListener::bind_addr(&name).unwrap();
    let manager = format!("pouch-manager-{}", std::process::id());
    let heard = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&manager).unwrap()).unwrap();
    let stage = Stage::build(manager);
    let mut wrong = Vec::new();
    let mut tried = 0;
    for as_nobody in [false, true] {
        if as_nobody && effective_uid() != 0 {
            continue;
        }
        for act in acts::all() {
            if act.root_only && (as_nobody || effective_uid() != 0) {
                continue;
            }
            let ended = stage.perform(&act, as_nobody);
            tried += 1;
            if !as_wanted(&act.outcome, ended) {
                wrong.push(format!("{} (as nobody: {as_nobody}): {ended}, not {:?}", act.name, act.outcome));
            }
        }
    }
    heard.set_nonblocking(true).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for word in ["READY=1", "WATCHDOG=1"] {
        let mut buffer = [0; 64];
        let length = heard.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], word.as_bytes());
    }
    println!("{tried} acts ended as they should; {}", stage.cost());
}

fn as_wanted(outcome: &Outcome, ended: ExitStatus) -> bool {
    match outcome {
        Outcome::Works => ended.code() == Some(0),
        Outcome::Killed => ended.signal() == Some(SIGSYS),
        Outcome::Refused(errnos) => ended.code().is_some_and(|code| errnos.contains(&code)),
    }
}

/// A directory that the acts may write beneath, beside one that they may not.
struct Stage {
    place: tempfile::TempDir,
    program: PathBuf,
    /// Abstract name of the socket where a service says that it is ready.
    manager: String,
}

impl Stage {
    fn build(manager: String) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // Where cargo builds may be closed to others.
        let program = place.path().join("program");
        fs::copy(env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let import = place.path().join("import");
        fs::write(&import, "#!/bin/sh\necho \"refused: $3\" >&2\nexit 77\n").unwrap();
        fs::set_permissions(&import, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(place.path().join("outside"), "not to be touched").unwrap();
        fs::set_permissions(place.path().join("outside"), fs::Permissions::from_mode(0o666)).unwrap();
        fs::create_dir(place.path().join("readable")).unwrap();
        fs::write(place.path().join("readable/figure"), "41\n").unwrap();
        Self { place, program, manager }
    }

    fn command(&self, name: &str, as_nobody: bool) -> Command {
        let inside = self.place.path().join("inside");
        let _ = fs::remove_dir_all(&inside);
        fs::create_dir(&inside).unwrap();
        if effective_uid() == 0 {
            chown(&inside, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut command = if as_nobody {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command.args(["--act", name]).arg(self.place.path());
        command
            .env("NOTIFY_SOCKET", format!("@{}", self.manager))
            .env("WATCHDOG_USEC", "20000000")
            .env_remove("WATCHDOG_PID");
        command
    }

    fn perform(&self, act: &Act, as_nobody: bool) -> ExitStatus {
        let ended = self.command(act.name, as_nobody).output().unwrap().status;
        let outside = fs::read_to_string(self.place.path().join("outside")).unwrap();
        assert_eq!(outside, "not to be touched", "{} reached outside", act.name);
        ended
    }

    /// What confinement costs at the start, the median of some starts.
    fn cost(&self) -> String {
        let starts = (0..15).map(|_| {
            let output = self.command(child::COST, false).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap()
        });
        let mut starts: Vec<f64> = starts.collect();
        starts.sort_by(f64::total_cmp);
        format!("confined in {:.2} ms", starts[starts.len() / 2])
    }
}
