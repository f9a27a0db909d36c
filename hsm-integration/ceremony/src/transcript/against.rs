//! A transcript beside the plan that was reviewed: the same plan, and every step of it.

use super::event::Event;
use super::read::Reading;
use super::verify::Evidence;
use crate::plan::Reviewed;
use crate::steps::{self, Work};
use std::collections::BTreeSet;

/// What the transcript lacks of the plan; nothing when it is of this plan, and each step was done or left out on the record.
pub fn against(reading: &Reading, reviewed: &Reviewed) -> Vec<Evidence> {
    let mut lacks = Vec::new();
    if let Some(Event::Begin { plan_sha256: says, .. }) = reading.lines.first().map(|line| &line.event)
        && *says != reviewed.digest
    {
        lacks.push(Evidence::OtherPlan { says: *says, given: reviewed.digest });
    }
    let finished: BTreeSet<&str> = reading
        .lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Done { step, .. } | Event::Exception { step, .. } => Some(step.as_str()),
            _ => None,
        })
        .collect();
    let missing = steps::of(&reviewed.plan).into_iter().filter(|step| step.work != Work::Close);
    let missing = missing.map(|step| step.work.to_string()).filter(|step| !finished.contains(step.as_str()));
    lacks.extend(missing.map(|step| Evidence::NoStep { step }));
    lacks
}
