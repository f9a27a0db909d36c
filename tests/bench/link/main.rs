//! How fast and how surely a pouch crosses a one-way link on this machine: `bench-link [--rounds N] [--gib N] [--large N]`.
//!
//! A veth pair between two namespaces is the wire, at an MTU of 1500 and of 9000. We and lidi (where `LIDI` names the folder
//! of its binaries) carry the same bytes in turns; medians count. Then come the faults, through a relay, and a stream that is
//! large. The last line is JSON; the exit status is 1 when a target is missed.

mod data;
mod ends;
mod faults;
mod lidi;
#[path = "../target.rs"]
mod target;

use acceptance::netns::{End, Wire};
use acceptance::process::{binary, command, run};
use data::Data;
use ends::{Transfer, transfer};
use faults::Faults;
use lidi::Lidi;
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use target::{Target, round};

/// Rates that are tried, the first that carries everything twice is taken: without feedback a sender must be told.
const RATES: [&str; 9] = ["14G", "12G", "10G", "8.5G", "7G", "6G", "5G", "3G", "1G"];

/// What is asked for on the command line.
struct Words {
    rounds: usize,
    /// Of the file that is carried.
    gib: u64,
    /// Of the large stream; 0: none.
    large: u64,
}

fn main() -> ExitCode {
    match words().and_then(|words| bench(&words)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            let _ = writeln!(io::stderr().lock(), "bench-link: {message}");
            ExitCode::from(2)
        }
    }
}

fn words() -> Result<Words, String> {
    let mut words = Words { rounds: 3, gib: 2, large: 16 };
    let mut rest = std::env::args().skip(1);
    while let Some(word) = rest.next() {
        let number: Option<u64> = rest.next().and_then(|text| text.parse().ok());
        match (word.as_str(), number) {
            ("--rounds", Some(number @ 1..=99)) => words.rounds = usize::try_from(number).unwrap_or(3),
            ("--gib", Some(number @ 1..=256)) => words.gib = number,
            ("--large", Some(number @ 0..=256)) => words.large = number,
            _ => return Err("usage: bench-link [--rounds N] [--gib N] [--large N]".into()),
        }
    }
    Ok(words)
}

/// Measures, reports, and says whether all targets are met.
fn bench(words: &Words) -> Result<bool, String> {
    let root = std::env::current_exe().map_err(|error| error.to_string())?;
    let root = root.ancestors().nth(2).ok_or("this program lies in no target folder")?.join("bench");
    std::fs::create_dir_all(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    let folder = tempfile::Builder::new().prefix("link-").tempdir_in(&root).map_err(|error| error.to_string())?;
    let folder = folder.path();
    let lidi = std::env::var_os("LIDI").map(|path| Lidi::find(Path::new(&path))).transpose()?;
    let data = Data::make(&folder.join("spool"), 1, words.gib * 16, false)?;
    let file = folder.join("same.tar");
    if lidi.is_some() {
        run(command("tar", "TERM").arg("-cf").arg(&file).arg("-C").arg(folder.join("spool")).arg("bench-000001"))?;
    }
    // What the machine lets through at most, before anybody does anything with it.
    let ceiling = run(&mut command(binary("link-ceiling")?, "TERM"))?;
    say(ceiling.trim_end());
    let ceiling: Value = serde_json::from_str(&ceiling).map_err(|error| format!("link-ceiling: {error}"))?;
    let mut rows = Vec::new();
    let mut targets = Vec::new();
    for (mtu, times) in [(1500, 5.0), (9000, 3.5)] {
        let wire = Wire::create(mtu)?;
        let measured = measure(&wire, mtu, words, &data, lidi.as_ref().map(|lidi| (lidi, file.as_path())), folder)?;
        if lidi.is_some() {
            let ratio =
                median(measured.iter().filter_map(|(ours, theirs)| Some(theirs.as_ref()?.seconds / ours.seconds)));
            targets.push(Target::at_least(format!("goodput over lidi's, MTU {mtu}"), times, ratio));
        }
        let ours = summary(measured.iter().map(|(ours, _)| ours), &data);
        if mtu == 1500 {
            targets.push(Target::at_most("CPU s per Gbit, sender, MTU 1500", 0.20, ours.send));
            targets.push(Target::at_most("CPU s per Gbit, receiver, MTU 1500", 0.20, ours.receive));
        }
        targets.push(Target::at_most(format!("receiver's peak MiB, MTU {mtu}"), 64.0, ours.memory));
        rows.push(ours.row("pouch", mtu));
        if lidi.is_some() {
            rows.push(summary(measured.iter().filter_map(|(_, theirs)| theirs.as_ref()), &data).row("lidi", mtu));
        }
        targets.push(silent(&wire, &format!("frames sent by the receiver, MTU {mtu}"))?);
    }
    // Faults end receivers, and where none listens the system would answer.
    let wire = Wire::create(1500)?;
    wire.silence()?;
    let small = Data::make(&folder.join("spool"), 2, 16 * words.gib.min(2), false)?;
    targets.extend(Faults { wire: &wire, data: &small, folder }.run());
    if words.large > 0 {
        let large = Data::make(&folder.join("large"), 3, 16 * words.large, true)?;
        let carried = transfer(&wire, &large, folder, &["--rate", "3G"])?;
        let memory = if carried.right { carried.receive.memory } else { f64::NAN };
        targets.push(Target::at_most(format!("receiver's peak MiB, {} GiB", words.large), 64.0, memory));
    }
    targets.push(silent(&wire, "frames sent by the receiver, faults, its output dropped")?);
    say(&format!("\n{}", target::targets(&targets)));
    let met = targets.iter().all(Target::met);
    let line = json!({ "ceiling": ceiling, "rows": rows, "targets": targets.iter().map(Target::json).collect::<Vec<_>>(), "met": met });
    say(&line.to_string());
    Ok(met)
}

/// Ours and lidi's transfers, in turns.
fn measure(
    wire: &Wire,
    mtu: u32,
    words: &Words,
    data: &Data,
    lidi: Option<(&Lidi, &Path)>,
    folder: &Path,
) -> Result<Vec<(Transfer, Option<Transfer>)>, String> {
    let mtu_word = mtu.to_string();
    let ours = |rate: &str| transfer(wire, data, folder, &["--rate", rate, "--mtu", &mtu_word]);
    let mut rate = None;
    for tried in RATES {
        if ours(tried)?.right && ours(tried)?.right {
            rate = Some(tried);
            break;
        }
    }
    let rate = rate.ok_or("no rate carries the file whole")?;
    say(&format!("MTU {mtu}: pouch at {rate}"));
    let mut measured = Vec::new();
    for _ in 0..words.rounds {
        let ours = ours(rate)?;
        if !ours.right {
            say(&format!("MTU {mtu}: at {rate} a round was not complete"));
        }
        let theirs = lidi.map(|(lidi, file)| lidi.transfer(wire, file, mtu, folder)).transpose()?;
        measured.push((ours, theirs));
    }
    Ok(measured)
}

/// Medians of several transfers.
struct Summary {
    /// Gb/s; none if one was not complete.
    goodput: f64,
    /// CPU seconds per Gbit.
    send: f64,
    receive: f64,
    /// Peak MiB of the receiver, the worst.
    memory: f64,
    send_memory: f64,
}

fn summary<'a>(transfers: impl Iterator<Item = &'a Transfer>, data: &Data) -> Summary {
    let transfers: Vec<&Transfer> = transfers.collect();
    // Sizes are far below 2^53.
    let gbit = data.size.to_string().parse::<f64>().unwrap_or(f64::NAN) * 8e-9;
    let of = |figure: &dyn Fn(&Transfer) -> f64| median(transfers.iter().map(|one| figure(one)));
    let worst = |figure: &dyn Fn(&Transfer) -> f64| transfers.iter().map(|one| figure(one)).fold(0.0, f64::max);
    Summary {
        goodput: of(&|one| if one.right { gbit / one.seconds } else { f64::NAN }),
        send: of(&|one| one.send.cpu / gbit),
        receive: of(&|one| one.receive.cpu / gbit),
        memory: worst(&|one| one.receive.memory),
        send_memory: worst(&|one| one.send.memory),
    }
}

impl Summary {
    fn row(&self, who: &str, mtu: u32) -> Value {
        say(&format!(
            "{who:<6} MTU {mtu}: {:>6.2} Gb/s, CPU s/Gbit {:.3} sending {:.3} receiving, peak MiB {:.0} and {:.0}",
            self.goodput, self.send, self.receive, self.send_memory, self.memory
        ));
        json!({
            "who": who, "mtu": mtu, "gbit_s": round(self.goodput), "send_cpu_s_gbit": round(self.send),
            "receive_cpu_s_gbit": round(self.receive), "send_mib": round(self.send_memory), "receive_mib": round(self.memory),
        })
    }
}

fn silent(wire: &Wire, name: &str) -> Result<Target, String> {
    let sent = u32::try_from(wire.frames(End::Receiver)?.sent).unwrap_or(u32::MAX);
    Ok(Target::at_most(name, 0.0, f64::from(sent)))
}

/// The middle value; not a number if there is none, or if one is not.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
