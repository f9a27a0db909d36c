//! How fast a registry is sealed and opened on this machine, and how fast others do about the same: `bench-seal [ROUNDS]`.
//!
//! All tools get the same 2 GiB, kept in memory by the system, and write to the same disk; they take turns, three times
//! over, and medians count. `pouch-seal` and `pouch-import` make durable what they write, so each peer is followed by
//! `sync` of what it wrote within its time ("durable"); its time without that stands beside it ("wall"). The last line
//! is JSON; the exit status is 1 when a target is missed.

mod data;
mod measure;
mod ours;
mod peers;
mod report;
mod stream;
mod target;

use acceptance::place::{Keys, Place};
use data::Data;
use measure::{Figures, Stage, Tool};
use ours::Operations;
use peers::Peers;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use target::Target;

const ROUNDS: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        [] => bench(ROUNDS),
        ["stream-seal", keys] => stream::seal(Path::new(keys)).map(|()| true).map_err(|error| error.to_string()),
        ["stream-open", keys] => stream::open(Path::new(keys)).map(|()| true).map_err(|error| error.to_string()),
        [rounds] if rounds.parse().is_ok_and(|rounds: usize| rounds > 0) => bench(rounds.parse().unwrap_or(ROUNDS)),
        _ => Err("usage: bench-seal [ROUNDS]".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            let _ = writeln!(io::stderr().lock(), "bench-seal: {message}");
            ExitCode::from(2)
        }
    }
}

/// Measures, reports, and says whether all targets are met.
fn bench(rounds: usize) -> Result<bool, String> {
    let root = std::env::current_exe().map_err(|error| error.to_string())?;
    let root = root.ancestors().nth(2).ok_or("this program lies in no target folder")?.join("bench");
    let data = Data::make(&root.join("data"))?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&root).map_err(|error| error.to_string())?;
    let place = Place::create(folder.path(), Keys::Rfc9580)?;
    for (registry, source) in REGISTRIES {
        place.add_registry(
            registry,
            &format!("source = \"directory\"\npath = \"{}\"", data.folder(source).display()),
            "",
        )?;
    }
    let peers = Peers::create(folder.path())?;
    let bench = Bench { data: &data, place: &place, peers: &peers, rounds };

    let stages = [bench.seal()?, bench.open()?, bench.incompressible()?, bench.small()?, bench.growth()?];
    let operations = ours::operations(&place, "few")?;
    say(&format!("\ntoken: {} operation to seal a pouch, {} to open it", operations.sealing, operations.opening));
    let targets = targets(&stages, operations);
    say(&format!("\n{}", target::targets(&targets)));
    say(&report::line(&stages, &targets).to_string());
    Ok(targets.iter().all(Target::met))
}

/// Registries and the folders they are of.
const REGISTRIES: [(&str, &str); 6] = [
    ("mixed", "mixed"),
    ("noise", "mixed/incompressible"),
    ("small", "small"),
    ("one", "grow-1"),
    ("eight", "grow-8"),
    ("few", "small/000"),
];

struct Bench<'b> {
    data: &'b Data,
    place: &'b Place,
    peers: &'b Peers,
    rounds: usize,
}

impl Bench<'_> {
    fn stage(&self, name: &'static str, rounds: usize, tools: &[Tool<'_>]) -> Result<Stage, String> {
        let stage = Stage::run(name, rounds, tools)?;
        say(&report::table(&stage));
        Ok(stage)
    }

    /// Ours, then the peers named, or all.
    fn sealing(&self, registry: &'static str, source: &str, peers: &[&str]) -> Vec<Tool<'_>> {
        let mut tools: Vec<Tool<'_>> = vec![("pouch", Box::new(move || ours::seal(self.place, registry)))];
        tools.extend(self.peers.sealing(peers, &self.data.folder(source)));
        tools
    }

    fn opening(&self, registry: &'static str, peers: &[&str]) -> Vec<Tool<'_>> {
        let mut tools: Vec<Tool<'_>> = vec![("pouch", Box::new(move || ours::open(self.place, registry)))];
        tools.extend(self.peers.opening(peers));
        tools
    }

    fn seal(&self) -> Result<Stage, String> {
        self.data.warm("mixed")?;
        self.stage("seal 2 GiB", self.rounds, &self.sealing("mixed", "mixed", &[]))
    }

    fn open(&self) -> Result<Stage, String> {
        let imported = ours::import(self.place, "mixed")?;
        say(&format!(
            "\nimport of the pouch into the vault, once, without a key: {:.2} s, CPU {:.2} s, {:.0} MiB",
            imported.durable, imported.cpu, imported.memory
        ));
        self.stage("open 2 GiB", self.rounds, &self.opening("mixed", &[]))
    }

    fn incompressible(&self) -> Result<Stage, String> {
        self.data.warm("mixed/incompressible")?;
        let tools = self.sealing("noise", "mixed/incompressible", &[]);
        self.stage("seal 512 MiB incompressible", self.rounds, &tools)
    }

    fn small(&self) -> Result<Stage, String> {
        self.data.warm("small")?;
        let sealed = self.stage("seal 200,000 files", self.rounds, &self.sealing("small", "small", &["tar|zstd"]))?;
        ours::import(self.place, "small")?;
        self.stage("open 200,000 files", 1, &self.opening("small", &["tar|zstd"]))?;
        Ok(sealed)
    }

    /// Only ours, once: here memory counts.
    fn growth(&self) -> Result<Stage, String> {
        let mut results = Vec::new();
        for (registry, source, sealing, opening) in
            [("one", "grow-1", "seal 1 GiB", "open 1 GiB"), ("eight", "grow-8", "seal 8 GiB", "open 8 GiB")]
        {
            self.data.warm(source)?;
            results.push((sealing, vec![ours::seal(self.place, registry)?]));
            ours::import(self.place, registry)?;
            results.push((opening, vec![ours::open(self.place, registry)?]));
        }
        let stage = Stage { name: "growth", results };
        say(&report::table(&stage));
        Ok(stage)
    }
}

fn targets(stages: &[Stage; 5], operations: Operations) -> Vec<Target> {
    let [seal, open, noise, small, growth] = stages;
    let durable = |figures: &Figures| figures.durable;
    let cpu = |figures: &Figures| figures.cpu;
    let memory = |figures: &Figures| figures.memory;
    let most = |stage: &Stage| stage.median("pouch", memory);
    let growth_of = |more: &str, less: &str| growth.median(more, memory) / growth.median(less, memory);
    let peak = [most(seal), most(open), most(noise), most(small)];
    let peak = peak.into_iter().chain(growth.results.iter().map(|(tool, _)| growth.median(tool, memory)));
    // Each pouch that was sealed says how often the token signed, the spy says it once more; the spy alone speaks of opening.
    let reported = [seal, noise, small].into_iter().filter_map(|stage| stage.operations("pouch")).max();
    let signed = reported.and_then(|most| u32::try_from(most).ok()).map_or(f64::NAN, f64::from);
    let count = |number: usize| u32::try_from(number).map_or(f64::NAN, f64::from);
    vec![
        Target::at_most("seal: wall, over tar | zstd", 1.25, seal.ratio("pouch", "tar|zstd", durable)),
        Target::at_most("seal: CPU, over tar | zstd", 1.25, seal.ratio("pouch", "tar|zstd", cpu)),
        Target::at_least("seal: times faster than gpg's chain", 1.5, seal.ratio("gpg", "pouch", durable)),
        Target::at_least("seal: times faster than sq's chain", 2.0, seal.ratio("sq", "pouch", durable)),
        Target::at_least("incompressible: times faster than gpg's chain", 2.5, noise.ratio("gpg", "pouch", durable)),
        Target::at_least("incompressible: times faster than sq's chain", 4.0, noise.ratio("sq", "pouch", durable)),
        Target::at_least("open: times faster than gpg's chain", 1.5, open.ratio("gpg", "pouch", durable)),
        Target::at_least("open: times faster than sequoia's stream", 2.0, open.ratio("sequoia", "pouch", durable)),
        Target::at_most("200,000 files: wall, over tar | zstd", 1.5, small.ratio("pouch", "tar|zstd", durable)),
        Target::at_most("peak memory of any run, MiB", 400.0, peak.fold(0.0, f64::max)),
        Target::at_most("seal: memory for 8 GiB over 1 GiB", 1.1, growth_of("seal 8 GiB", "seal 1 GiB")),
        Target::at_most("open: memory for 8 GiB over 1 GiB", 1.1, growth_of("open 8 GiB", "open 1 GiB")),
        Target::at_most("token operations to seal, as reported", 1.0, signed),
        Target::at_most("token operations to seal, as seen by pkcs11-spy", 1.0, count(operations.sealing)),
        Target::at_least("token operations to seal, not fewer", 1.0, count(operations.sealing)),
        Target::at_most("token operations to open, as seen by pkcs11-spy", 1.0, count(operations.opening)),
        Target::at_least("token operations to open, not fewer", 1.0, count(operations.opening)),
    ]
}

/// Bytes as MiB.
fn mebibytes(bytes: u64) -> f64 {
    u32::try_from(bytes >> 10).map_or(f64::INFINITY, f64::from) / 1024.0
}

/// Removes a folder that may not be there.
fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("{}: {error}", folder.display())),
        _ => Ok(()),
    }
}

fn say(text: &str) {
    // Where nobody listens there is nothing to do about it.
    let _ = writeln!(io::stdout().lock(), "{text}");
}
