//! lidi, the diode software of ANSSI, as the peer: `LIDI` names the folder of its binaries (2.x). It carries one file with the
//! same contents; both of its programs count on each side.

use crate::ends::{PORT, Processors, Running, SETTLE, Transfer, Usage, urgent};
use acceptance::netns::{End, RECEIVER, Wire};
use acceptance::process::{command, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where its binaries are.
pub(crate) struct Lidi {
    folder: PathBuf,
    /// Whether its ports stand in an option of their own, as of 2.1.
    ports: bool,
}

/// Where the programs of a side find each other.
const LOCAL: &str = "127.0.0.1:5000";
/// Repair, in percent: as near to ours as a whole number comes.
const REPAIR: &str = "6";

impl Lidi {
    /// Looks whether they are there.
    pub(crate) fn find(folder: &Path) -> Result<Self, String> {
        let help = run(command(folder.join("diode-send"), "TERM").arg("--help"))?;
        Ok(Self { folder: folder.to_owned(), ports: help.contains("--to-ports") })
    }

    /// Carries one file.
    pub(crate) fn transfer(&self, wire: &Wire, file: &Path, mtu: u32, folder: &Path) -> Result<Transfer, String> {
        let place = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
        let (out, log) = (place.path().join("out"), |name: &str| place.path().join(format!("{name}.log")));
        fs::create_dir(&out).map_err(|error| error.to_string())?;
        let at = |end, program: &str| urgent(wire, end, self.folder.join(program));
        let mtu = mtu.to_string();

        let mut write = at(End::Receiver, "diode-receive-file");
        let write = Running::start(write.args(["--from-tcp", LOCAL]).arg(&out), &log("receive-file"))?;
        let mut receive = at(End::Receiver, "diode-receive");
        receive.args(self.address("from")).args(["--to-tcp", LOCAL, "--from-mtu", &mtu, "--repair", REPAIR]);
        let receive = Running::start(&mut receive, &log("receive"))?;
        let mut send = at(End::Sender, "diode-send");
        send.args(self.address("to")).args(["--from-tcp", LOCAL, "--to-mtu", &mtu, "--repair", REPAIR]);
        let send = Running::start(&mut send, &log("send"))?;
        std::thread::sleep(Duration::from_millis(500));

        let (started, clock) = (Instant::now(), Processors::now()?);
        let mut read = at(End::Sender, "diode-send-file");
        let (_, read) = crate::ends::timed(read.args(["--to-tcp", LOCAL]).arg(file), &log("send-file"))?;
        let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
        let whole = whole(&out, size);
        let seconds = started.elapsed().as_secs_f64();
        let (send, receive) = (both(send.usage()?, read), both(receive.usage()?, write.usage()?));
        let others = clock.others(send.cpu + receive.cpu)?;
        let right = match &whole {
            Some(path) => run(command("cmp", "TERM").args([path.as_path(), file])).is_ok(),
            None => false,
        };
        Ok(Transfer { seconds, send, receive, right, others })
    }

    fn address(&self, side: &str) -> Vec<String> {
        if self.ports {
            [format!("--{side}"), RECEIVER.to_owned(), format!("--{side}-ports"), PORT.to_string()].into()
        } else {
            [format!("--{side}"), format!("{RECEIVER}:{PORT}")].into()
        }
    }
}

/// The file below `folder` that has reached its size in time.
fn whole(folder: &Path, size: u64) -> Option<PathBuf> {
    let deadline = Instant::now() + SETTLE;
    while Instant::now() < deadline {
        let entries = fs::read_dir(folder).ok()?.flatten();
        let whole =
            entries.map(|entry| entry.path()).find(|path| fs::metadata(path).is_ok_and(|file| file.len() == size));
        if whole.is_some() {
            return whole;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

fn both(a: Usage, b: Usage) -> Usage {
    Usage { cpu: a.cpu + b.cpu, memory: a.memory + b.memory }
}
