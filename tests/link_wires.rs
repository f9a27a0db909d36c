//! Both ends of the one-way link on real interfaces: raw Ethernet, IPv6, multicast, and a cable that is pulled.

#![cfg(test)]

use acceptance::netns::{End, INTERFACE, Wire};
use acceptance::process::{binary, is_root, run};
use acceptance::software::Software;

use pouch_format::Profile;
use pouch_link::receive::report::Report;
use pouch_seal::PartOptions;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// A wire, a pouch at its beginning, a receiver at its end.
struct Ends {
    wire: Wire,
    folder: TempDir,
    pouch: PathBuf,
    receiver: Option<Child>,
}

impl Ends {
    fn new(mtu: u32, megabytes: usize) -> Self {
        let wire = Wire::create(mtu).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // Whom the receiver becomes may pass.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let mut noise = acceptance::relay::Random::new(7, 7);
        let mut bytes = vec![0; megabytes << 20];
        noise.fill(&mut bytes);
        fs::write(tree.join("noise"), bytes).unwrap();
        let home = Software::create(folder.path(), Profile::Rfc9580).unwrap();
        let sealed = home.seal("land", &tree, PartOptions::default()).unwrap().unwrap();
        let pouch = home.pouch(&sealed.manifest);
        Self { wire, folder, pouch, receiver: None }
    }

    /// Runs a script at an end.
    fn script(&self, end: End, script: &str) {
        run(self.wire.at(end, "sh").args(["-ec", script])).unwrap();
    }

    fn quarantine(&self) -> PathBuf {
        self.folder.path().join("quarantine")
    }

    fn receive(&mut self, lane: &str) {
        let mut receive = self.wire.at(End::Receiver, binary("pouch-receive").unwrap());
        receive.args(["run", "--listen", lane, "--quarantine"]).arg(self.quarantine());
        if is_root() {
            receive.args(["--user", "nobody"]);
        }
        receive.stderr(File::create(self.folder.path().join("receive.log")).unwrap());
        self.receiver = Some(receive.spawn().unwrap());
        until("the receiver lives", || self.quarantine().join("status.json").exists());
    }

    fn send(&self, lane: &str, words: &[&str]) -> Command {
        let mut send = self.wire.at(End::Sender, binary("pouch-send").unwrap());
        send.args(["send", "--format", "json", "--to", lane]).args(words).arg(&self.pouch);
        send
    }

    /// The parts that arrived are those that were sent.
    fn arrives(&self) {
        let arrived = self.quarantine().join("arrived");
        let tar = || {
            let names = fs::read_dir(&arrived).into_iter().flatten().flatten().map(|entry| entry.path());
            names.into_iter().find(|path| path.extension().is_some_and(|end| end == "tar"))
        };
        until("the pouch arrives", || tar().is_some());
        let there = self.folder.path().join("there");
        fs::create_dir(&there).unwrap();
        run(Command::new("tar").arg("-xf").arg(tar().unwrap()).arg("-C").arg(&there)).unwrap();
        let name = self.pouch.file_name().unwrap();
        run(Command::new("diff").arg("-r").arg(&self.pouch).arg(there.join(name))).unwrap();
    }

    fn report(&self) -> Report {
        serde_json::from_slice(&fs::read(self.quarantine().join("status.json")).unwrap()).unwrap()
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some(mut receiver) = self.receiver.take() {
            let _ = receiver.kill();
            let _ = receiver.wait();
        }
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn raw_ethernet_carries_a_pouch_and_its_receiver_says_nothing() {
    for (mtu, lane) in [(1500, "ether:wire/02:00:00:00:00:02"), (9000, "ether:wire")] {
        let mut ends = Ends::new(mtu, 3);
        ends.receive(&format!("ether:{INTERFACE}"));
        let words = ["--mtu", &mtu.to_string(), "--rate", "500M"];
        let planned = json(&run(ends.send(lane, &words).arg("--dry-run")).unwrap());
        let sent = json(&run(&mut ends.send(lane, &words)).unwrap());
        ends.arrives();
        let frames = (ends.wire.frames(End::Sender).unwrap(), ends.wire.frames(End::Receiver).unwrap());
        assert_eq!((frames.1.sent, frames.0.received), (0, 0), "{frames:?}");
        // What was planned is what left, and what left is what came: besides the announcements, and a heartbeat.
        let number = |value: &serde_json::Value, name: &str| value[name].as_u64().unwrap();
        let announced = number(&sent, "datagrams") - number(&planned, "datagrams");
        assert!((10..20).contains(&announced), "{planned} {sent}");
        assert!(frames.1.received - number(&sent, "datagrams") <= 2, "{sent} {frames:?}");
        assert_eq!(planned["stream"], sent["stream"]);
        until("the receiver counts them", || ends.report().datagrams.received == frames.1.received);
    }
}

#[test]
fn ipv6_and_groups_carry_a_pouch() {
    let on = "echo 0 > /proc/sys/net/ipv6/conf/wire/disable_ipv6; ip link set wire multicast on";
    for (to, listen) in [
        ("udp:[fd00::2]:4100", "udp:[::]:4100"),
        ("udp:[ff02::4100]:4100%wire", "udp:[ff02::4100]:4100%wire"),
        ("udp:239.1.1.1:4100%wire", "udp:239.1.1.1:4100%wire"),
    ] {
        let mut ends = Ends::new(1500, 1);
        ends.script(End::Sender, &format!("{on}; ip address add fd00::1/64 dev wire nodad"));
        ends.script(End::Sender, "ip neigh add fd00::2 lladdr 02:00:00:00:00:02 dev wire nud permanent");
        ends.script(End::Receiver, &format!("{on}; ip address add fd00::2/64 dev wire nodad"));
        ends.receive(listen);
        run(&mut ends.send(to, &["--rate", "500M"])).unwrap();
        ends.arrives();
    }
}

/// Starts a slow pass, pulls the cable, and waits until the sender has said so.
fn pulled(ends: &Ends, log: &Path) -> Child {
    let mut send = ends.send("ether:wire/02:00:00:00:00:02", &["--rate", "40M"]);
    let child = send.stderr(File::create(log).unwrap()).stdout(Stdio::null()).spawn().unwrap();
    until("it is under way", || ends.wire.frames(End::Receiver).unwrap().received > 500);
    ends.script(End::Sender, "ip link set wire down");
    let pulled = Instant::now();
    until("the sender says so", || fs::read_to_string(log).unwrap().contains("LINK-LANE"));
    assert!(pulled.elapsed() < Duration::from_secs(5));
    child
}

#[test]
fn a_cable_that_is_pulled_is_said_and_what_was_not_sent_goes_when_it_is_back() {
    let mut ends = Ends::new(1500, 3);
    ends.receive("ether:wire");
    let log = ends.folder.path().join("send.log");

    let mut child = pulled(&ends, &log);
    run(Command::new("kill").args(["-TERM", &child.id().to_string()])).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75), "{}", fs::read_to_string(&log).unwrap());
    ends.script(End::Sender, "ip link set wire up");

    let mut child = pulled(&ends, &log);
    std::thread::sleep(Duration::from_secs(1));
    ends.script(End::Sender, "ip link set wire up");
    assert_eq!(child.wait().unwrap().code(), Some(0), "{}", fs::read_to_string(&log).unwrap());
    assert!(fs::read_to_string(&log).unwrap().contains("works again"));
    ends.arrives();
}
