//! `pouch-ceremony check`

use crate::cli::CheckArgs;
use pouch_ceremony::binding::Binding;
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
    people: pouch_ceremony::plan::People,
    steps: Vec<Row>,
}

pub(crate) fn run(arguments: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let reviewed = Plan::load(&arguments.plan)?;
    if let Some(binding) = &arguments.binding {
        Binding::load(binding, &reviewed.plan)?;
    }
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
        people: reviewed.plan.people,
        steps: steps.collect(),
    };
    output.data(&checked, || human(&checked))?;
    Ok(Exit::Done)
}

fn human(checked: &Checked) -> String {
    let people = checked.people;
    let spoken: Vec<&str> = checked.plan_words.split(' ').collect();
    let rows: Vec<[String; 4]> = checked
        .steps
        .iter()
        .map(|row| {
            let mark = if row.irreversible { "cannot be undone" } else { "" };
            [row.number.to_string(), row.title.clone(), row.step.clone(), mark.to_owned()]
        })
        .collect();
    format!(
        "{}\n{}\n\nplan {}\n{}\npeople: 1 administrator, {} custodians (it takes {}), {} witnesses\n\n{}",
        checked.title,
        checked.purpose,
        checked.plan_sha256,
        words(&spoken, 8),
        people.custodians,
        people.threshold,
        people.witnesses,
        table(["step", "what", "id", ""], &rows)
    )
}
