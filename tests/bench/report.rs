//! Figures beside targets, for people and as one line of JSON.

use crate::measure::{Figures, Stage};
use crate::target::{Target, round};
use serde_json::{Value, json};

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
    json!({
        "stages": Value::Object(stages.iter().map(stage).collect()),
        "targets": targets.iter().map(Target::json).collect::<Vec<_>>(),
        "met": targets.iter().all(Target::met),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_is_said_in_the_line() {
        let line = line(&[], &[Target::at_most("a", 1.0, 0.5), Target::at_least("b", 1.0, f64::NAN)]);
        assert_eq!(line["met"], false);
        assert_eq!(line["targets"][0]["at_most"], 1.0);
    }
}
