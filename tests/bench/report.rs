//! Figures beside targets, for people and as one line of JSON.

use crate::measure::{Figures, Stage};
use serde_json::{Value, json};

/// One promise about a figure.
pub(crate) struct Target {
    name: &'static str,
    figure: f64,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    pub(crate) fn at_least(name: &'static str, bound: f64, figure: f64) -> Self {
        Self { name, figure, bound: Bound::AtLeast(bound) }
    }

    pub(crate) fn at_most(name: &'static str, bound: f64, figure: f64) -> Self {
        Self { name, figure, bound: Bound::AtMost(bound) }
    }

    /// Not met either by a figure that is none.
    pub(crate) fn met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.figure >= bound,
            Bound::AtMost(bound) => self.figure <= bound,
        }
    }

    fn bound(&self) -> (&'static str, f64) {
        match self.bound {
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::AtMost(bound) => ("at most", bound),
        }
    }
}

/// The medians of a stage, a line a tool.
pub(crate) fn table(stage: &Stage) -> String {
    let mut text = format!(
        "\n{}\n{:<14} {:>10} {:>10} {:>8} {:>11} {:>12} {:>10} {:>10}\n",
        stage.name, "", "durable s", "wall s", "CPU s", "memory MiB", "written MiB", "wall /us", "CPU /us"
    );
    for (tool, _) in &stage.results {
        let median = |figure: fn(&Figures) -> f64| stage.median(tool, figure);
        text += &format!(
            "{tool:<14} {:>10.2} {:>10.2} {:>8.2} {:>11.0} {:>12.0} {:>10.2} {:>10.2}\n",
            median(|f| f.durable),
            median(|f| f.wall),
            median(|f| f.cpu),
            median(|f| f.memory),
            median(|f| f.size),
            stage.ratio(tool, "pouch", |f| f.durable),
            stage.ratio(tool, "pouch", |f| f.cpu),
        );
    }
    text
}

/// The targets, those that are missed first.
pub(crate) fn targets(targets: &[Target]) -> String {
    let mut text = String::new();
    for met in [false, true] {
        for target in targets.iter().filter(|target| target.met() == met) {
            let (word, bound) = target.bound();
            let outcome = if met { "met" } else { "MISSED" };
            text += &format!("{outcome:<7} {:<58} {:>8.2}   {word} {bound}\n", target.name, target.figure);
        }
    }
    text
}

/// Everything, on one line.
pub(crate) fn line(stages: &[Stage], targets: &[Target]) -> Value {
    let stage = |stage: &Stage| {
        let tools = stage.results.iter().map(|(tool, _)| {
            let median = |figure: fn(&Figures) -> f64| round(stage.median(tool, figure));
            let figures = json!({
                "durable_s": median(|f| f.durable), "wall_s": median(|f| f.wall), "cpu_s": median(|f| f.cpu),
                "memory_mib": median(|f| f.memory), "written_mib": median(|f| f.size),
            });
            ((*tool).to_owned(), figures)
        });
        (stage.name.to_owned(), Value::Object(tools.collect()))
    };
    let target = |target: &Target| {
        let (word, bound) = target.bound();
        json!({ "name": target.name, "figure": round(target.figure), word.replace(' ', "_"): bound, "met": target.met() })
    };
    json!({
        "stages": Value::Object(stages.iter().map(stage).collect()),
        "targets": targets.iter().map(target).collect::<Vec<_>>(),
        "met": targets.iter().all(Target::met),
    })
}

fn round(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_missed_and_said_first() {
        let all =
            [Target::at_most("a", 1.0, 0.5), Target::at_least("b", 1.0, f64::NAN), Target::at_least("c", 2.0, 1.9)];
        assert_eq!(all.iter().map(Target::met).collect::<Vec<_>>(), [true, false, false]);
        assert!(targets(&all).starts_with("MISSED  b "));
        let line = line(&[], &all);
        assert_eq!(line["met"], false);
        assert_eq!(line["targets"][0]["at_most"], 1.0);
    }
}
