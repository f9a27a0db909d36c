//! Receivers that are killed, wherever they are.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use acceptance::process::command;

use crate::ground::{Ground, PATIENCE};

#[test]
fn killed_at_half_it_goes_on_where_it_was() {
    const WINDOW: u32 = 4;
    let ground = Ground::new(&[]);
    let freight = ground.freight(1, 24_000_000);
    let mut sending = ground.link.send().unwrap();
    sending.args(["--rate", "60M", "--interleave", "4", "--rounds", "2"]).arg(&freight.folder).stdout(Stdio::null());
    let mut sending = sending.spawn().unwrap();
    let half = |report: &pouch_link::receive::report::Report| report.streams.iter().any(|s| s.complete >= s.blocks / 2);
    let before = ground.link.report_of(half, PATIENCE).unwrap().streams[0].complete;
    let mut ground = ground;
    ground.link.kill_receiver();
    let ground = ground.receiving(&[]);
    // What it had is verified in the background; blocks of the window that was under way may come again.
    let report =
        ground.link.report_of(|report| report.streams.iter().any(|s| s.complete + 2 * WINDOW >= before), PATIENCE);
    let report = report.unwrap();
    assert_eq!(report.streams[0].flawed, 0, "{report:?}");
    assert!(sending.wait().unwrap().success());
    ground.arrives(&freight);
    assert_eq!(ground.link.frames_sent().unwrap().unwrap_or(0), 0, "a receiver is silent");
}

/// Calls at which a receiver is killed, and which of them, as each thread counts.
const CALLS: [(&str, u32); 10] = [
    ("mkdirat", 1),
    ("fallocate", 1),
    ("openat2", 2),
    ("pwrite64", 1),
    ("pwrite64", 30),
    ("fdatasync", 1),
    ("fsync", 1),
    ("renameat2", 1),
    ("renameat2", 2),
    ("unlinkat", 1),
];

#[test]
fn killed_at_any_system_call_it_loses_nothing_that_it_had() {
    let mut ground = Ground::unreceived(&[&[]]);
    let mut kills = Vec::new();
    for (number, (call, nth)) in (1..).zip(CALLS) {
        let freight = ground.freight(number, 1_500_000);
        ground = ground.receiving(&[]);
        let mut tracer = Tracer::attach(ground.link.receiver().unwrap(), call, nth);
        ground.send(&freight, &[]);
        let _ = ground.link.arrived(&freight.id.to_string(), Duration::from_millis(800));
        if tracer.is_over() {
            kills.push((call, nth));
            assert_eq!(ground.link.ended(PATIENCE).unwrap(), None);
            ground = ground.receiving(&[]);
        }
        drop(tracer);
        ground.send(&freight, &[]);
        ground.arrives(&freight);
        ground.link.kill_receiver();
    }
    assert!(kills.len() >= 6, "it was killed at {kills:?} only");
}

/// strace at a running receiver.
struct Tracer(Child);

impl Tracer {
    /// Kills the process at its `nth` such call.
    fn attach(process: u32, call: &str, nth: u32) -> Self {
        let deadline = Instant::now() + PATIENCE;
        // Before its filter is in force its threads have not all begun.
        while !std::fs::read_to_string(format!("/proc/{process}/status")).unwrap().contains("Seccomp:\t2\n") {
            assert!(Instant::now() < deadline, "{process} is not confined");
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut strace = command("strace", "KILL");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
        strace.args([&format!("inject={call}:signal=KILL:when={nth}"), "-p", &process.to_string()]);
        let tracer = Self(strace.spawn().expect("strace"));
        let traced = |status: std::path::PathBuf| {
            std::fs::read_to_string(status).is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
        };
        let all = || {
            let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
            threads.flatten().all(|thread| traced(thread.path().join("status")))
        };
        while !all() {
            assert!(Instant::now() < deadline, "strace cannot trace {process}");
            std::thread::sleep(Duration::from_millis(5));
        }
        tracer
    }

    /// Whether what it traced has ended.
    fn is_over(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if !self.is_over() {
            // So that it lets go of what it traces.
            let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
            let _ = self.0.wait();
        }
    }
}
