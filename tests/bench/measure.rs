//! Whole pipelines measured by GNU time: wall clock, processor time of all processes together, memory of the largest.

use acceptance::process::{command, run, show};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What one run took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Seconds until the last process ended.
    pub(crate) wall: f64,
    /// Seconds of processor, user and system, of all processes.
    pub(crate) cpu: f64,
    /// Most memory resident at once in one process, in MiB.
    pub(crate) memory: f64,
    /// Seconds until what was written is on disk; as `wall` for a tool that sees to it itself.
    pub(crate) durable: f64,
    /// MiB written.
    pub(crate) size: f64,
    /// Operations of the token's private key.
    pub(crate) operations: Option<u64>,
}

/// A tool in a stage: its name, and one run of it.
pub(crate) type Tool<'a> = (&'static str, Box<dyn Fn() -> Result<Figures, String> + 'a>);

/// What each tool took in each round.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) results: Vec<(&'static str, Vec<Figures>)>,
}

impl Stage {
    /// Runs the tools in turn, `rounds` times over, so that what else the machine does falls on all of them.
    pub(crate) fn run(name: &'static str, rounds: usize, tools: &[Tool<'_>]) -> Result<Self, String> {
        let mut results: Vec<(&'static str, Vec<Figures>)> =
            tools.iter().map(|(tool, _)| (*tool, Vec::new())).collect();
        for _ in 0..rounds {
            for ((tool, measure), (_, figures)) in tools.iter().zip(&mut results) {
                // What others left to be written must not be written in our time.
                run(&mut command("sync", "TERM"))?;
                figures.push(measure().map_err(|error| format!("{name}, {tool}: {error}"))?);
            }
        }
        Ok(Self { name, results })
    }

    fn rounds(&self, tool: &str) -> &[Figures] {
        self.results.iter().find(|(name, _)| *name == tool).map_or(&[], |(_, figures)| figures)
    }

    /// The median of a figure of a tool; not a number where the tool did not run.
    pub(crate) fn median(&self, tool: &str, figure: impl Fn(&Figures) -> f64) -> f64 {
        median(self.rounds(tool).iter().map(figure).collect())
    }

    /// The median of the rounds' ratios: a figure of `tool` over the same of `other` in the same round.
    pub(crate) fn ratio(&self, tool: &str, other: &str, figure: impl Fn(&Figures) -> f64) -> f64 {
        let pairs = self.rounds(tool).iter().zip(self.rounds(other));
        median(pairs.map(|(ours, theirs)| figure(ours) / figure(theirs)).collect())
    }

    /// The greatest number of token operations in any run.
    pub(crate) fn operations(&self, tool: &str) -> Option<u64> {
        self.rounds(tool).iter().map(|figures| figures.operations).max().flatten()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(low), Some(high)) if values.len().is_multiple_of(2) => f64::midpoint(*low, *high),
        (_, Some(middle)) => *middle,
        _ => f64::NAN,
    }
}

/// Runs `inner` under GNU time. Gives its standard output too.
pub(crate) fn timed(inner: &Command) -> Result<(Figures, String), String> {
    let report = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let mut time = command("/usr/bin/time", "TERM");
    time.args(["--quiet", "--format", "%U %S %M", "--output"]).arg(report.path());
    time.arg(inner.get_program()).args(inner.get_args());
    time.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let started = Instant::now();
    let output = run(&mut time)?;
    let wall = started.elapsed().as_secs_f64();
    let text = fs::read_to_string(report.path()).map_err(|error| error.to_string())?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [user, system, kibibytes] = numbers[..] else {
        return Err(format!("GNU time says {text:?} of {}", show(inner)));
    };
    let figures = Figures { wall, cpu: user + system, memory: kibibytes / 1024.0, durable: wall, ..Figures::default() };
    Ok((figures, output))
}

/// A pipeline of the shell, timed, and then the same with what it wrote brought to the disk: `sync ARGUMENTS`.
pub(crate) fn pipeline(script: &str, sync: &[&str], written: &Path) -> Result<Figures, String> {
    let mut bash = command("bash", "TERM");
    bash.args(["-o", "pipefail", "-c", script]);
    let (mut figures, _) = timed(&bash)?;
    let mut durable = command("sync", "TERM");
    durable.args(sync).arg(written);
    let (synced, _) = timed(&durable)?;
    figures.durable += synced.wall;
    figures.cpu += synced.cpu;
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_that_of_all_processes() {
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let written = tempfile::NamedTempFile::new().unwrap();
        let figures = pipeline(&format!("({busy}) | ({busy})"), &[], written.path()).unwrap();
        assert!(figures.cpu > figures.wall * 0.3 && figures.memory > 1.0, "{figures:?}");
        assert!(figures.durable >= figures.wall);
        assert!(pipeline("false | true", &[], written.path()).is_err());
    }

    #[test]
    fn ratios_are_taken_within_rounds() {
        let rounds = |walls: [f64; 3]| walls.map(|wall| Figures { wall, ..Figures::default() }).to_vec();
        let results = vec![("a", rounds([1.0, 10.0, 3.0])), ("b", rounds([2.0, 40.0, 3.0]))];
        let stage = Stage { name: "s", results };
        assert!((stage.ratio("a", "b", |f| f.wall) - 0.5).abs() < 1e-9);
        assert!((stage.median("a", |f| f.wall) - 3.0).abs() < 1e-9);
        assert!(stage.median("c", |f| f.wall).is_nan());
    }
}
