//! What must hold on a bad wire, each fault once, through the relay.

use crate::data::Data;
use crate::ends::{PORT, RELAY, Receiver, Running, SETTLE, sender, timed};
use crate::target::Target;
use acceptance::netns::{End, RECEIVER, Wire};
use acceptance::process::binary;
use jiff::Timestamp;
use pouch_carry::resume::{BlockRecord, BlockState};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Fast enough to be short, slow enough that the relay loses nothing by itself.
const RATE: &str = "1G";

/// Repair as it is unless another share is said.
const REPAIR: &[&str] = &["--repair", "6.25%"];

/// Faults that must be made good without anybody's help: what they are, what the sender is told, and what the relay does.
const REPAIRED: [(&str, &[&str], &[&str]); 9] = [
    ("loss 0.1 %", REPAIR, &["--loss", "0.1%"]),
    ("loss 1 %", REPAIR, &["--loss", "1%"]),
    ("loss 2 %", REPAIR, &["--loss", "2%"]),
    ("loss 5 % at 12.5 %", &["--repair", "12.5%"], &["--loss", "5%"]),
    ("duplicates 5 %", REPAIR, &["--duplicate", "5%"]),
    ("reorder 1 %", REPAIR, &["--reorder", "1%", "--distance", "1..64"]),
    ("corruption 0.01 %", REPAIR, &["--corrupt", "0.01%"]),
    // With a tag that is right: such a symbol spoils its block, which is collected again.
    ("forged 0.001 %, two rounds", &["--repair", "6.25%", "--rounds", "2"], &["--corrupt-sealed", "0.001%"]),
    ("burst of 4096", REPAIR, &["--burst", "4096@70000"]),
];

/// The ground of all faults.
pub(crate) struct Faults<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) data: &'a Data,
    pub(crate) folder: &'a Path,
}

impl Faults<'_> {
    /// All of them. A fault that cannot be tried counts as missed, and the reason is said.
    pub(crate) fn run(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for (name, sender_words, words) in REPAIRED {
            let right = said(name, self.repaired(sender_words, words));
            targets.push(Target::at_least(format!("{name}: complete and right"), 1.0, right));
        }
        let killed = said("kill -9", self.killed());
        targets.push(Target::at_most("kill -9 at 50 %: blocks received again", 64.0, killed));
        let cut = said("link cut", self.cut());
        targets.push(Target::at_most("10 s link cut: resent over lost", 1.1, cut));
        let grown = said("flood", self.flood());
        targets.push(Target::at_most("60 s of random datagrams: growth in MiB", 1.0, grown));
        let told = said("failure", self.told());
        targets.push(Target::at_most("failure: seconds until alarm, log and metric", 5.0, told));
        targets
    }

    fn relay(&self, words: &[&str]) -> Result<Running, String> {
        let mut relay = self.wire.at(End::Sender, binary("impair")?);
        relay.args(["--listen", &format!("127.0.0.1:{RELAY}"), "--to", &format!("{RECEIVER}:{PORT}"), "--seed", "7"]);
        // It must also end if nothing ever comes.
        relay.args(["--quiet", "2s", "--for", "300s"]);
        let running = Running::start(relay.args(words).stdin(Stdio::null()), &self.folder.join("impair.log"))?;
        std::thread::sleep(Duration::from_millis(200));
        Ok(running)
    }

    /// A receiver, and the folder of its quarantine, which goes after it.
    fn receiver(&self) -> Result<(TempDir, Receiver), String> {
        let place = tempfile::tempdir_in(self.folder).map_err(|error| error.to_string())?;
        let receiver = Receiver::start(self.wire, &place.path().join("quarantine"))?;
        Ok((place, receiver))
    }

    /// Sends through the relay and waits for both to end. Gives what the relay counted.
    fn send(&self, rate: &str, sender_words: &[&str], relay_words: &[&str]) -> Result<Value, String> {
        let mut relay = self.relay(relay_words)?;
        let words = [&["--rate", rate], sender_words].concat();
        let mut send = sender(self.wire, self.data, &format!("udp:127.0.0.1:{RELAY}"), &words)?;
        let log = self.folder.join("send.log");
        if !timed(&mut send, &log)?.0 {
            return Err(format!("pouch-send: {}", fs::read_to_string(&log).unwrap_or_default()));
        }
        relay.child.wait().map_err(|error| error.to_string())?;
        let counts =
            serde_json::from_str::<Value>(&relay.said()).map_err(|error| format!("{error}: {}", relay.said()))?;
        match counts.get("missed").and_then(Value::as_u64) {
            Some(0) => Ok(counts),
            missed => Err(format!("{missed:?} datagrams were lost before the relay")),
        }
    }

    fn right(&self, receiver: &mut Receiver) -> Result<bool, String> {
        receiver.arrived(SETTLE).map_or(Ok(false), |tar| self.data.is_in(&tar))
    }

    /// 1 if everything arrived as it was.
    fn repaired(&self, sender_words: &[&str], words: &[&str]) -> Result<f64, String> {
        let (_place, mut receiver) = self.receiver()?;
        self.send(RATE, sender_words, words)?;
        Ok(f64::from(u8::from(self.right(&mut receiver)?)))
    }

    /// Blocks that were there before `kill -9` and not after.
    fn killed(&self) -> Result<f64, String> {
        let (_place, mut receiver) = self.receiver()?;
        let to = format!("udp:{RECEIVER}:{PORT}");
        let mut send = sender(self.wire, self.data, &to, &["--rate", RATE, "--rounds", "2"])?;
        let mut sending = Running::start(&mut send, &self.folder.join("send.log"))?;
        let started = Instant::now();
        let before = loop {
            // A report that is this new tells how it is now, and not how it was a second ago.
            let report = receiver.report()?;
            let fresh = Timestamp::now().duration_since(report.updated).as_secs_f64() < 0.05;
            match report.streams.first() {
                Some(stream) if fresh && stream.complete >= stream.blocks / 2 => break stream.complete,
                _ if started.elapsed() > Duration::from_secs(120) => return Err("it never comes to 50 %".into()),
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        receiver.running.child.kill().map_err(|error| error.to_string())?;
        let _ = receiver.running.child.wait();
        let after = recorded(&receiver.quarantine)?;
        let mut receiver = Receiver::start(self.wire, &receiver.quarantine)?;
        let sent = sending.child.wait().map_err(|error| error.to_string())?;
        if !sent.success() || !self.right(&mut receiver)? {
            return Err(format!("the next round did not complete it: {}", receiver.running.said()));
        }
        Ok(f64::from(before.saturating_sub(after)))
    }

    /// Datagrams that the code has sent again, over those that the cut has taken.
    fn cut(&self) -> Result<f64, String> {
        let (_place, mut receiver) = self.receiver()?;
        let first = self.send("500M", &[], &["--cut", "10s@200000", "--quiet", "3s"])?;
        let code = Self::code(&receiver)?;
        let second = self.send(RATE, &["--only", &code], &[])?;
        if !self.right(&mut receiver)? {
            return Err("it is not complete after what was missing came again".into());
        }
        let count = |counts: &Value, name: &str| counts.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
        Ok(count(&second, "received") / count(&first, "cut"))
    }

    /// What the receiver says is missing, once it knows that the pass is over.
    fn code(receiver: &Receiver) -> Result<String, String> {
        let deadline = Instant::now() + SETTLE;
        while Instant::now() < deadline {
            if let Some(code) = receiver.report()?.streams.into_iter().find_map(|stream| stream.missing) {
                return Ok(code);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err("no code of what is missing is given".into())
    }

    /// MiB by which the receiver has grown; afterwards it must work as before.
    fn flood(&self) -> Result<f64, String> {
        let (_place, mut receiver) = self.receiver()?;
        let mut warm = self.relay(&["--flood", "--for", "2s"])?;
        warm.child.wait().map_err(|error| error.to_string())?;
        let before = receiver.running.usage()?.memory;
        let mut flood = self.relay(&["--flood", "--for", "60s"])?;
        flood.child.wait().map_err(|error| error.to_string())?;
        let grown = receiver.running.usage()?.memory - before;
        self.send(RATE, &[], &[])?;
        if self.right(&mut receiver)? { Ok(grown) } else { Err("the transfer behind the flood is not right".into()) }
    }

    /// Seconds from the end of a pass with too much loss until the receiver has said so in all three places; a sender that
    /// cannot send must say it at once.
    fn told(&self) -> Result<f64, String> {
        let (_place, receiver) = self.receiver()?;
        let mut wrong = sender(self.wire, self.data, "ether:none/02:00:00:00:00:02", &[])?;
        if timed(&mut wrong, &self.folder.join("send.log"))?.0 {
            return Err("a sender without an interface ends as if it had sent".into());
        }
        self.send(RATE, &[], &["--loss", "30%", "--quiet", "100ms"])?;
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(10) {
            let alarm = receiver.report().is_ok_and(|report| !report.alarms.is_empty());
            let metrics = fs::read_to_string(receiver.quarantine.join("metrics.prom")).unwrap_or_default();
            let metric = metrics
                .lines()
                .any(|line| line.contains("lost_blocks") && !line.starts_with('#') && !line.ends_with(" 0"));
            if alarm && metric && receiver.running.said().contains("LINK-") {
                return Ok(started.elapsed().as_secs_f64());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("nothing is said: {}", receiver.running.said()))
    }
}

/// Blocks that the records in a quarantine say are complete.
fn recorded(quarantine: &Path) -> Result<u32, String> {
    let mut complete = 0;
    let streams = fs::read_dir(quarantine.join("streams")).map_err(|error| error.to_string())?;
    for stream in streams.flatten() {
        let records = fs::read(stream.path().join("blocks")).map_err(|error| error.to_string())?;
        let records = records
            .chunks(BlockRecord::BYTES)
            .filter_map(|bytes| BlockRecord::from_bytes(bytes.try_into().ok()?).ok()?);
        complete += records.filter(|record| record.state == BlockState::Complete).count();
    }
    u32::try_from(complete).map_err(|error| error.to_string())
}

/// The figure, or none and the reason.
fn said(name: &str, outcome: Result<f64, String>) -> f64 {
    match outcome {
        Ok(figure) => {
            crate::say(&format!("{name}: {figure:.2}"));
            figure
        }
        Err(error) => {
            crate::say(&format!("{name}: {error}"));
            f64::NAN
        }
    }
}
