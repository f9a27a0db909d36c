//! The steps as they went, line by line.

use super::parts::{capital, text, uri};
use crate::transcript::{Event, Line, fact, sentence};
use maud::{Markup, html};
use pouch_console::{escape, escape_lines};

/// Every line of the transcript, under its step.
pub(super) fn log(lines: &[Line]) -> Markup {
    html! {
        table class="log" {
            thead { tr { th scope="col" { "Line" } th scope="col" { "UTC" } th scope="col" { "What happened" } } }
            tbody { @for line in lines { (row(line)) } }
        }
    }
}

fn row(line: &Line) -> Markup {
    let (number, at) = (line.line, line.at.strftime("%H:%M:%S"));
    match &line.event {
        Event::Step { number: step, step: id, title } => html! {
            tr class="step" { td colspan="3" { (step) ". " (text(title)) span class="id" { (text(id)) } } }
        },
        event => html! {
            tr class=[mark(event).map(|_| "incident")] {
                td class="line" { (number) }
                td class="at" { (at) }
                td { @if let Some(mark) = mark(event) { (marked(mark)) } (said(event)) }
            }
        },
    }
}

/// What must not be overlooked, also in black and white.
pub(super) fn mark(event: &Event) -> Option<&'static str> {
    match event {
        Event::Failure { .. } => Some("FAILED"),
        Event::Exception { .. } => Some("LEFT OUT"),
        Event::Resume { .. } => Some("INTERRUPTED"),
        Event::Close { ending: crate::transcript::Ending::Failed, .. } => Some("CLOSED AS FAILED"),
        _ => None,
    }
}

fn marked(mark: &str) -> Markup {
    html! { span class="mark" { (mark) } }
}

fn said(event: &Event) -> Markup {
    match event {
        Event::Answer { role, question, answer, .. } => html! {
            (asked(question))
            div { "The " (role) " answered: " span class="answer" { "\u{201c}" (text(answer)) "\u{201d}" } }
        },
        Event::Done { facts, .. } => html! {
            "Done."
            @for (name, value) in facts.iter().flat_map(fact) {
                div class="fact" { span class="name" { (text(&name)) } span { (value_of(&name, &value)) } }
            }
        },
        Event::Failure { error, message, .. } => html! { "[" (text(error)) "] " (text(message)) },
        Event::Exception { role, reason, .. } => html! { "by decision of the " (role) ": " (text(reason)) },
        Event::Resume { tool_sha256, binding_sha256 } => html! {
            "The ceremony went on here, with the tool " code { (tool_sha256) } " and the binding " code { (binding_sha256) }
        },
        other => html! { (capital(&escape(&sentence(other)))) "." },
    }
}

/// A question in its lines; one with a table keeps the table's columns.
fn asked(question: &str) -> Markup {
    let question = escape_lines(question.trim_end());
    if question.lines().any(|line| line.starts_with("   ")) {
        return html! { pre { (question) } };
    }
    html! { div class="asked" { (question) } }
}

fn value_of(name: &str, value: &str) -> Markup {
    match name {
        "uri" => uri(value),
        "sha256" | "fingerprint" | "subkey" | "file" => html! { code { (text(value)) } },
        _ => text(value),
    }
}

/// The incidents by themselves, with their lines, so that nobody has to look for them.
pub(super) fn incidents(lines: &[&Line]) -> Markup {
    html! {
        table class="log" {
            thead { tr { th scope="col" { "Line" } th scope="col" { "UTC" } th scope="col" { "What happened" } } }
            tbody {
                @for line in lines {
                    tr {
                        td class="line" { (line.line) }
                        td class="at" { (line.at.strftime("%Y-%m-%d %H:%M:%S")) }
                        td {
                            @if let Some(mark) = mark(&line.event) { (marked(mark)) }
                            @if let Event::Failure { step, .. } | Event::Exception { step, .. } = &line.event {
                                code { (text(step)) } " "
                            }
                            (said(&line.event))
                        }
                    }
                }
            }
        }
    }
}
