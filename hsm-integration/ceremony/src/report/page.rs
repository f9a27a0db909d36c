//! The page, from top to bottom.

use super::Report;
use super::contents::{Beginning, Certificate, Contents};
use super::parts::{capital, compared, fingerprint, groups, text, time, uri, words};
use super::{steps, style};
use crate::transcript::{Mode, State};
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(super) fn page(report: &Report<'_>) -> Markup {
    let lines = &report.verdict.reading.lines;
    let contents = Contents::of(lines);
    let across = across(report.verdict.state(), report.verdict.mode);
    let sheet = style::sheet(&contents, across.unwrap_or("Record of a key ceremony"));
    let title = contents.beginning.as_ref().map_or("a key ceremony", |beginning| beginning.title);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(style::policy(&sheet));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (text(title)) @if let Some(across) = across { " \u{2013} " (across) } }
                style { (PreEscaped(&sheet)) }
            }
            body {
                @if let Some(across) = across { div class="across" aria-hidden="true" { span { (across) } } }
                (head(report, &contents, title))
                @if let Some(beginning) = &contents.beginning { (digests(beginning, &contents)) }
                (tokens(&contents))
                (certificates(&contents))
                (files(&contents))
                (incidents(&contents))
                h2 { "Every step, as it went" }
                (steps::log(lines))
                (signatures(report, &contents))
            }
        }
    }
}

/// What stands across every page of a record that proves nothing.
fn across(state: State, mode: Option<Mode>) -> Option<&'static str> {
    match (state, mode) {
        (State::Altered, _) => Some("ALTERED"),
        (_, Some(Mode::Rehearsal)) => Some("REHEARSAL"),
        (State::Failed, _) => Some("FAILED"),
        (State::Interrupted, _) => Some("NOT CLOSED"),
        (State::Unsigned, _) => Some("NOT SIGNED"),
        (State::Held | State::Unverified, _) => None,
    }
}

fn head(report: &Report<'_>, contents: &Contents<'_>, title: &str) -> Markup {
    let lines = &report.verdict.reading.lines;
    html! {
        header {
            p class="over" { "Record of a key ceremony" }
            h1 { (text(title)) }
            @if let Some(beginning) = &contents.beginning { p class="purpose" { (text(beginning.purpose)) } }
        }
        (state(report))
        table class="facts" {
            @if let Some(first) = lines.first() { tr { th scope="row" { "Begun" } td { (time(first.at)) } } }
            @if let Some(last) = lines.last() {
                tr { th scope="row" { @if report.verdict.ending.is_some() { "Closed" } @else { "Last entry" } } td { (time(last.at)) } }
            }
            @for (role, name) in &contents.people {
                tr { th scope="row" { (capital(&role.to_string())) } td { (text(name)) } }
            }
            @if contents.people.is_empty() { tr { th scope="row" { "People" } td { "Their names were not taken." } } }
            tr { th scope="row" { "Steps done" } td { (contents.steps) } }
            tr { th scope="row" { "Left out" } td { (report.verdict.exceptions) } }
            tr { th scope="row" { "Failed attempts" } td { (report.verdict.failures) } }
        }
    }
}

/// The verdict: what was looked at, when, and what came of it.
fn state(report: &Report<'_>) -> Markup {
    let verdict = report.verdict;
    let state = verdict.state();
    let large = state != State::Held && state != State::Unverified;
    let loud = large || verdict.mode == Some(Mode::Rehearsal);
    let (word, meaning) = meaning(state);
    html! {
        section class=(if loud { "state loud" } else { "state" }) {
            @if verdict.mode == Some(Mode::Rehearsal) {
                p class="word large" { "REHEARSAL" }
                p { "Held on throw-away tokens. Its keys protect nothing and must never be trusted." }
            }
            p class=(if large { "word large" } else { "word" }) { (word) }
            p { (meaning) }
            ul {
                li {
                    (verdict.reading.lines.len()) " lines were read"
                    @if verdict.reading.faults.is_empty() { "; each follows from the one before, and nothing follows the last" }
                    "."
                }
                @if let Some(signed) = &verdict.signed {
                    li { "The signature of " (time(signed.at)) " is by certificate " code { (signed.certificate) } "." }
                }
                @if state == State::Unverified {
                    li { "There is a signature, and whose it is was not looked at: no certificate was given." }
                }
                li { "Files that lie beside the transcript with the digests that it states: " (verdict.files) "." }
                @for finding in report.findings { li { "Finding: " (text(finding)) "." } }
            }
            @if !verdict.evidence.is_empty() {
                p { strong { "What is wrong or missing:" } }
                ul { @for evidence in &verdict.evidence { li { (text(&evidence.to_string())) } } }
            }
            p class="note" { "Judged " (time(report.at)) " by " (text(report.tool)) "." }
        }
    }
}

fn meaning(state: State) -> (&'static str, &'static str) {
    match state {
        State::Held => {
            ("Whole and signed", "The record is as it was written, and is signed by the certificate that was given.")
        }
        State::Unverified => {
            ("Whole; signature not verified", "The record hangs together. Whether it is genuine was not looked at.")
        }
        State::Unsigned => {
            ("NOT SIGNED", "The ceremony was closed, and the signature is missing. Run the same command: it makes it.")
        }
        State::Interrupted => (
            "INTERRUPTED \u{2013} NOT CLOSED",
            "The ceremony is not over. Go on with the same command, or close it as failed.",
        ),
        State::Failed => ("FAILED", "The ceremony was given up. Nothing that it made may be used."),
        State::Altered => {
            ("ALTERED \u{2013} PROVES NOTHING", "This is not what the ceremony wrote. Keep the folder as evidence.")
        }
    }
}

fn digests(beginning: &Beginning<'_>, contents: &Contents<'_>) -> Markup {
    html! {
        h2 { "Plan and tool" }
        p class="note" {
            @if contents.compared { "Compared aloud with the paper from the review, before anything was touched." }
            @else { "NOT compared with the paper from the review." }
        }
        (compared("Plan (SHA-256 of its file)", &beginning.plan.to_string(), &beginning.plan.words()))
        (compared(
            &format!("Tool: {} (SHA-256 of its file)", pouch_console::escape(beginning.tool)),
            &beginning.tool_file.to_string(),
            &beginning.tool_file.words(),
        ))
        @for other in &contents.other_tools {
            (compared("After an interruption: another file of the tool", &other.to_string(), &other.words()))
        }
        h3 { "Binding: which devices were meant (SHA-256 of its file)" }
        p { (groups(&beginning.binding.to_string())) }
        @for other in &contents.other_bindings {
            h3 { "After an interruption: another binding" }
            p { (groups(&other.to_string())) }
        }
    }
}

fn tokens(contents: &Contents<'_>) -> Markup {
    html! {
        h2 { "Tokens and keys" }
        table {
            thead { tr { th scope="col" { "Token" } th scope="col" { "URI" } } }
            tbody {
                @for (name, address) in &contents.tokens { tr { td class="own" { (text(name)) } td { (uri(address)) } } }
                @if contents.tokens.is_empty() { tr { td colspan="2" { "None was looked at or initialised." } } }
            }
        }
        @if !contents.shares.is_empty() {
            table {
                thead { tr { th scope="col" { "PIN that was split" } th scope="col" { "Quorum" } th scope="col" { "Set" } } }
                tbody {
                    @for (token, pin, threshold, count, set) in &contents.shares {
                        tr {
                            td { (text(pin)) " PIN of token " (text(token)) }
                            td { (threshold) " of " (count) " custodians" }
                            td { (set) }
                        }
                    }
                }
            }
        }
        table {
            thead {
                tr { th scope="col" { "Key" } th scope="col" { "Algorithm" } th scope="col" { "Made" } th scope="col" { "URI" } }
            }
            tbody {
                @for (key, algorithm, created, address) in &contents.keys {
                    tr { td class="own" { (text(key)) } td class="own" { (text(algorithm)) } td { (time(*created)) } td { (uri(address)) } }
                }
                @if contents.keys.is_empty() { tr { td colspan="4" { "None was made." } } }
                @for (key, address) in &contents.destroyed {
                    tr { td class="own" { (text(key)) } td colspan="2" { span class="mark" { "DESTROYED" } } td { (uri(address)) } }
                }
            }
        }
    }
}

fn certificates(contents: &Contents<'_>) -> Markup {
    html! {
        h2 { "Certificates" }
        @if contents.certificates.is_empty() { p { "None was made or accepted." } }
        @for certificate in &contents.certificates { (one_certificate(certificate)) }
    }
}

fn one_certificate(certificate: &Certificate<'_>) -> Markup {
    html! {
        section class="certificate" {
            h3 { (text(certificate.name)) ": " (text(certificate.user_id)) }
            (fingerprint(&certificate.fingerprint.to_string(), &certificate.fingerprint.words()))
            table class="facts" {
                tr {
                    th scope="row" { "Valid" }
                    td {
                        "from " (time(certificate.created))
                        @match certificate.expires { Some(at) => { " until " (time(at)) }, None => { " for ever" } }
                    }
                }
                @for subkey in certificate.subkeys {
                    tr { th scope="row" { "Subkey" } td { (groups(&subkey.to_string())) } }
                }
            }
        }
    }
}

fn files(contents: &Contents<'_>) -> Markup {
    html! {
        h2 { "Files" }
        table {
            thead { tr { th scope="col" { "File" } th scope="col" { "SHA-256" } } }
            tbody {
                @for (name, digest) in &contents.files {
                    tr { td class="file" { (text(name)) } td { (groups(&digest.to_string())) } }
                }
                @if contents.files.is_empty() { tr { td colspan="2" { "None was written." } } }
            }
        }
    }
}

fn incidents(contents: &Contents<'_>) -> Markup {
    html! {
        h2 { "Failures, exceptions and interruptions" }
        @if contents.incidents.is_empty() { p { "None." } } @else { (steps::incidents(&contents.incidents)) }
    }
}

/// The last page: the digest that ties the paper to the file, and a line for everybody who was there.
fn signatures(report: &Report<'_>, contents: &Contents<'_>) -> Markup {
    let end = report.verdict.reading.end;
    html! {
        section class="signatures" {
            h2 { "Closing digest" }
            p {
                "SHA-256 of the last line of the transcript, which seals all lines before it. Whoever holds this page can tell "
                "later whether a line was added, altered or taken away."
            }
            p { (groups(&end.to_string())) }
            (words(&end.words()))
            h2 { "Signatures of the people present" }
            p { "I was present, compared the digests above aloud, and saw the steps done as they are recorded here." }
            table class="sign" {
                thead {
                    tr {
                        th scope="col" { "Role" } th scope="col" { "Name" } th scope="col" { "Signature" }
                        th class="gap" {} th scope="col" { "Date" }
                    }
                }
                tbody {
                    @for (role, name) in &contents.people {
                        tr {
                            td class="role" { (capital(&role.to_string())) } td { (text(name)) }
                            td class="hand" {} td class="gap" {} td class="day" {}
                        }
                    }
                    @if contents.people.is_empty() { tr { td colspan="5" { "Their names were not taken." } } }
                }
            }
        }
    }
}
