//! `pouch-ceremony check`

use crate::cli::CheckArgs;
use pouch_ceremony::binding::Binding;
use pouch_ceremony::ceremony::tool_digest;
use pouch_ceremony::plan::Plan;
use pouch_ceremony::steps;
use pouch_console::{Exit, Failure, Output, table, words};
use serde::Serialize;

#[derive(Serialize)]
struct Row {
    number: usize,
    step: String,
    title: String,
    irreversible: bool,
    optional: bool,
}

#[derive(Serialize)]
struct Checked {
    title: String,
    purpose: String,
    plan_sha256: pouch_format::Sha256Digest,
    plan_words: String,
    tool_sha256: pouch_format::Sha256Digest,
    tool_words: String,
    people: pouch_ceremony::plan::People,
    steps: Vec<Row>,
}

pub(crate) fn run(arguments: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let reviewed = Plan::load(&arguments.plan)?;
    if let Some(binding) = &arguments.binding {
        Binding::load(binding, &reviewed.plan)?;
    }
    let tool = tool_digest()?;
    let steps = steps::of(&reviewed.plan).into_iter().map(|step| Row {
        number: step.number,
        step: step.work.to_string(),
        title: step.title,
        irreversible: step.irreversible.is_some(),
        optional: step.optional,
    });
    let checked = Checked {
        title: reviewed.plan.title.clone(),
        purpose: reviewed.plan.purpose.clone(),
        plan_sha256: reviewed.digest,
        plan_words: reviewed.digest.words(),
        tool_sha256: tool,
        tool_words: tool.words(),
        people: reviewed.plan.people,
        steps: steps.collect(),
    };
    output.data(&checked, || human(&checked))?;
    Ok(Exit::Done)
}

fn human(checked: &Checked) -> String {
    let people = checked.people;
    let spoken = |all: &str| words(&all.split(' ').collect::<Vec<_>>(), 8);
    let rows: Vec<[String; 4]> = checked
        .steps
        .iter()
        .map(|row| {
            let mark = if row.irreversible { "cannot be undone" } else { "" };
            [row.number.to_string(), row.title.clone(), row.step.clone(), mark.to_owned()]
        })
        .collect();
    format!(
        "{}\n{}\n\nplan {}\n{}\ntool {}\n{}\npeople: 1 administrator, {} custodians (it takes {}), {} witnesses\n\n{}",
        checked.title,
        checked.purpose,
        checked.plan_sha256,
        spoken(&checked.plan_words),
        checked.tool_sha256,
        spoken(&checked.tool_words),
        people.custodians,
        people.threshold,
        people.witnesses,
        table(["step", "what", "id", ""], &rows)
    )
}
