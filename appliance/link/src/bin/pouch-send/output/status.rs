//! How the service is.

use std::time::Duration;

use pouch_console::{Exit, Failure, Output, duration, escape, table};
use pouch_link::send::report::{Report, Sending};

use super::line;

/// The report; `old` says that nobody renews it.
pub(crate) fn show(report: &Report, old: bool, output: &Output) -> Result<Exit, Failure> {
    output.data(report, || text(report))?;
    if old {
        output.warn(format!("the service does not run; this was written at {}", report.updated));
    }
    Ok(if old || !report.alarms.is_empty() { Exit::Findings } else { Exit::Done })
}

fn text(report: &Report) -> String {
    let mut text = line("running", format!("since {}", report.since));
    for lane in &report.lanes {
        let works = if lane.works { "works" } else { "FAILS" };
        text += &line("lane", format!("{} {works}, {} datagrams, {} refused", lane.to, lane.datagrams, lane.failures));
    }
    text += &line("sent", format!("{} pouches, {} datagrams", report.pouches, report.datagrams));
    if let Some(last) = report.sent.last() {
        text += &line("last", format!("{} at {}", last.pouch, last.at));
    }
    if !report.waiting.is_empty() {
        text += &line("waiting", report.waiting.join(" "));
    }
    if !report.sending.is_empty() {
        let row = |sending: &Sending| {
            let percent = u128::from(sending.sent) * 100 / u128::from(sending.symbols.max(1));
            let round = format!("{} of {}", sending.round, sending.rounds);
            let to_go = sending.remaining.map_or("-".to_owned(), |left| duration(Duration::from_secs(left)));
            [sending.pouch.clone(), round, format!("{percent} %"), to_go, sending.weight.to_string()]
        };
        let rows: Vec<_> = report.sending.iter().map(row).collect();
        text += &format!("\n{}", table(["sending", "round", "sent", "to go", "weight"], &rows));
    }
    for alarm in &report.alarms {
        text += &format!("\n{}: {} (since {})", alarm.id, escape(&alarm.text), alarm.since);
    }
    text
}
