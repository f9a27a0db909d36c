//! How fast and how surely a pouch crosses a one-way link on this machine: `bench-link [--rounds N] [--gib N] [--large N]`.
//!
//! A veth pair between two namespaces is the wire, at an MTU of 1500 and of 9000. We and lidi (where `LIDI` names the folder
//! of its binaries) carry the same bytes in turns; medians count. Both ends are given their processors before others
//! are, where that may be, for there is no link whose ends also compile. Then come the faults, through a relay, and a stream
//! that is large. The last line is JSON; the exit status is 1 when a target is missed.

mod clean;
mod data;
mod ends;
mod faults;
mod lidi;
#[path = "../target.rs"]
mod target;

use acceptance::netns::Wire;
use acceptance::process::{binary, command, run};
use clean::{Clean, Outcome, silent};
use data::Data;
use ends::transfer;
use faults::Faults;
use lidi::Lidi;
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use target::Target;

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
    let mut words = Words { rounds: 3, gib: 2, large: 4 };
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
    let share =
        if ends::can_be_urgent() { "run before all others (SCHED_RR)" } else { "share the processors with all" };
    say(&format!("all in {}; both ends {share}", folder.display()));
    // What the machine lets through at most, before anybody does anything with it.
    let ceiling = run(&mut command(binary("link-ceiling")?, "TERM"))?;
    let ceiling: Value = serde_json::from_str(&ceiling).map_err(|error| format!("link-ceiling: {error}"))?;
    say(&format!("ceiling {ceiling}"));

    let spool = folder.join("spool");
    let mut outcome = Outcome::default();
    {
        let data = Data::make(&spool, 1, words.gib * 16, false)?;
        let file = folder.join("same.tar");
        let mut lidi = None;
        if let Some(path) = std::env::var_os("LIDI") {
            lidi = Some((Lidi::find(Path::new(&path))?, file.as_path()));
            run(command("tar", "TERM").arg("-cf").arg(&file).arg("-C").arg(&spool).arg("bench-000001"))?;
        }
        let clean = Clean { data: &data, lidi, rounds: words.rounds, folder };
        for (mtu, times) in [(1500, 5.0), (9000, 3.5)] {
            clean.measure(mtu, times, &mut outcome)?;
        }
    }
    let Outcome { rows, mut targets, documented } = outcome;
    // Faults end receivers, and where none listens the system would answer.
    let wire = Wire::create(1500)?;
    wire.silence()?;
    let small = Data::make(&spool, 2, 16, false)?;
    targets.extend(Faults { wire: &wire, data: &small, folder }.run());
    if words.large > 0 {
        targets.push(large(&wire, words.large, folder)?);
    }
    targets.push(silent(&wire, "frames sent by the receiver, faults, its output dropped")?);
    say(&format!("\n{}", target::targets(&targets)));
    let met = targets.iter().all(Target::met);
    let targets: Vec<Value> = targets.iter().map(Target::json).collect();
    let line = json!({ "ceiling": ceiling, "rows": rows, "documented": documented, "targets": targets, "met": met });
    say(&line.to_string());
    Ok(met)
}

/// The receiver's memory for a large stream. Its parts are zeros that take no room at the sender; the quarantine holds them.
fn large(wire: &Wire, gib: u64, folder: &Path) -> Result<Target, String> {
    let data = Data::make(&folder.join("large"), 3, 16 * gib, true)?;
    let carried = transfer(wire, &data, folder, &["--rate", "2G"])?;
    let memory = if carried.right { carried.receive.memory } else { f64::NAN };
    say(&format!("{gib} GiB at 2G: {:.1} s; --large 16 needs 17 GiB there", carried.seconds));
    Ok(Target::at_most(format!("receiver's peak MiB, {gib} GiB"), 64.0, memory))
}

fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
