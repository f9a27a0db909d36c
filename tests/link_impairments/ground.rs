//! A link and what stands around it, for one test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use acceptance::crossing::{Crossing, Outcome};
use acceptance::freight::Freight;
use acceptance::process::run;
use acceptance::truth::Truth;
use pouch_carry::{Layout, Shape};
use pouch_link::receive::report::Progress;
use serde_json::Value;

/// Wire bits a second: little enough that two busy cores lose nothing by themselves.
pub(crate) const RATE: &str = "200M";
/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Within so long an alarm, a line of the log and a metric say that something is missing.
const TOLD: Duration = Duration::from_secs(5);

pub(crate) struct Ground {
    pub(crate) link: Crossing,
    folder: tempfile::TempDir,
}

impl Ground {
    /// A link of one lane that impairs, and a receiver at its end.
    pub(crate) fn new(impairments: &[&str]) -> Self {
        let ground = Self::unreceived(&[impairments]);
        ground.receiving(&[])
    }

    /// A link of these lanes; nobody receives.
    pub(crate) fn unreceived(lanes: &[&[&str]]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let all: Vec<Vec<String>> =
            (0..).zip(lanes).map(|(n, words)| Self::words(&folder.path().join(format!("passed-{n}")), words)).collect();
        let all: Vec<Vec<&str>> = all.iter().map(|words| words.iter().map(String::as_str).collect()).collect();
        let all: Vec<&[&str]> = all.iter().map(Vec::as_slice).collect();
        Self { link: Crossing::of_lanes(&folder.path().join("link"), &all).unwrap(), folder }
    }

    pub(crate) fn receiving(mut self, arguments: &[&str]) -> Self {
        self.link.receive(arguments).unwrap();
        self
    }

    /// The words of a relay that records what passes it.
    fn words(passed: &std::path::Path, words: &[&str]) -> Vec<String> {
        let recorded = ["--passed", passed.to_str().unwrap()];
        words.iter().chain(&recorded).map(|word| (*word).to_owned()).collect()
    }

    /// Puts another relay in the place of that of the first lane.
    pub(crate) fn impair(&mut self, words: &[&str]) {
        let words = Self::words(&self.path("passed-0"), words);
        self.link.impair(&words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn freight(&self, number: u64, bytes: usize) -> Freight {
        Freight::make(&self.path("spool"), &format!("land-{number:06}"), bytes, number).unwrap()
    }

    /// Sends a pouch to its end.
    pub(crate) fn send(&self, freight: &Freight, words: &[&str]) {
        self.send_at(RATE, freight, words);
    }

    pub(crate) fn send_at(&self, rate: &str, freight: &Freight, words: &[&str]) {
        run(self.link.send().unwrap().args(["--rate", rate]).args(words).arg(&freight.folder)).unwrap();
    }

    /// It arrives, and is what it was.
    pub(crate) fn arrives(&self, freight: &Freight) {
        let file = self.link.arrived(&freight.id.to_string(), PATIENCE).unwrap();
        freight.check(&file).unwrap();
    }

    /// It does not arrive: within seconds the receiver says so in every place.
    pub(crate) fn is_incomplete(&self, freight: &Freight) -> Progress {
        let ended = Instant::now();
        let said = match self.link.outcome(&freight.id.to_string(), PATIENCE).unwrap() {
            Outcome::Incomplete(said) => *said,
            Outcome::Arrived(file) => panic!("{} has arrived", file.display()),
        };
        let report = self.link.report().unwrap();
        let alarm = report.alarms.iter().find(|alarm| alarm.id == "LINK-INCOMPLETE").expect("an alarm");
        let code = said.missing.as_deref().expect("a code");
        assert!(alarm.text.contains(code), "{}", alarm.text);
        let metrics = fs::read_to_string(self.link.quarantine().join("metrics.prom")).unwrap();
        assert!(metrics.contains("pouch_link_alarms{id=\"LINK-INCOMPLETE\"} 1\n"), "{metrics}");
        let log = self.link.log();
        assert!(log.lines().any(|line| line.contains("LINK-INCOMPLETE") && line.contains(code)), "{code}: {log}");
        assert!(ended.elapsed() < TOLD, "it was told after {:?}", ended.elapsed());
        said
    }

    /// Ends the relays and compares what the receiver says with what they let pass. Gives what the first one did.
    pub(crate) fn is_exact(&mut self, said: &Progress, lanes: u32) -> Value {
        let counts = self.link.counts().unwrap();
        let overflowed: u64 = self.link.report().unwrap().lanes.iter().map(|lane| lane.overflowed).sum();
        assert_eq!(overflowed, 0, "this machine is too slow for {RATE}");
        let truth = Truth::read((0..lanes).map(|n| self.path(&format!("passed-{n}")))).unwrap();
        truth.matches(said, symbols(said.length)).unwrap();
        counts
    }

    /// Sends what the code names over a wire that is well; it completes. Gives what the relay saw of it.
    pub(crate) fn completes(&mut self, freight: &Freight, said: &Progress) -> Value {
        self.impair(&[]);
        self.send(freight, &["--only", said.missing.as_deref().unwrap()]);
        self.arrives(freight);
        self.link.counts().unwrap()
    }
}

/// The symbols of each block of a stream of so many bytes at an MTU of 1500.
pub(crate) fn symbols(length: u64) -> impl Fn(u32) -> u16 {
    let layout = Layout::even(Shape::new(1408, 1024).unwrap(), length).unwrap();
    move |number| layout.block(number).map_or(0, |block| block.symbols)
}

pub(crate) fn count(counts: &Value, name: &str) -> u64 {
    counts[name].as_u64().unwrap_or_else(|| panic!("no {name} in {counts}"))
}
