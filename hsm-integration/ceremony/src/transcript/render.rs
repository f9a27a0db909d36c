//! The transcript as people read it.

use super::event::{Ending, Event, Fact, Line, Mode};
use pouch_console::escape;
use std::fmt::Write as _;

/// The lines as text: one paragraph a step, times in UTC.
pub fn render(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{}  {}", line.at.strftime("%Y-%m-%d %H:%M:%SZ"), sentence(&line.event));
        for (name, value) in details(&line.event) {
            let _ = writeln!(text, "{:22}{:18}{}", "", escape(&name), escape(&value));
        }
    }
    text
}

pub(crate) fn sentence(event: &Event) -> String {
    match event {
        Event::Begin { mode: Mode::Run, title, .. } => format!("ceremony \"{}\" begins", escape(title)),
        Event::Begin { mode: Mode::Rehearsal, title, .. } => {
            format!("REHEARSAL of ceremony \"{}\" begins, on throw-away tokens", escape(title))
        }
        Event::Resume { .. } => "the ceremony was interrupted and goes on".to_owned(),
        Event::Step { number, step, title } => format!("step {number}  {}  [{}]", escape(title), escape(step)),
        Event::Answer { role, question, answer, .. } => {
            format!("{role} was asked: {} - answered \"{}\"", escape(&asked(question)), escape(answer))
        }
        Event::Done { .. } => "done".to_owned(),
        Event::Failure { error, message, .. } => format!("FAILED [{}] {}", escape(error), escape(message)),
        Event::Exception { role, reason, .. } => format!("LEFT OUT by the {role}: {}", escape(reason)),
        Event::Close { ending: Ending::Done, .. } => "the ceremony is closed".to_owned(),
        Event::Close { ending: Ending::Failed, reason, .. } => {
            format!("the ceremony is closed as FAILED: {}", escape(reason.as_deref().unwrap_or("no reason given")))
        }
    }
}

/// The question in one line: how to answer is not worth repeating.
fn asked(question: &str) -> String {
    let mut lines = question.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("Type "));
    let first = lines.next().unwrap_or_default();
    if lines.next().is_some() { format!("{first} ...") } else { first.to_owned() }
}

fn details(event: &Event) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    match event {
        Event::Begin { purpose, plan_sha256, binding_sha256, tool, tool_sha256, .. } => {
            row("purpose", purpose.clone());
            row("plan", plan_sha256.to_string());
            row("plan in words", plan_sha256.words());
            row("binding", binding_sha256.to_string());
            row("tool", tool.clone());
            row("tool's file", tool_sha256.to_string());
        }
        Event::Resume { tool_sha256, binding_sha256 } => {
            row("tool's file", tool_sha256.to_string());
            row("binding", binding_sha256.to_string());
        }
        Event::Done { facts, .. } => return facts.iter().flat_map(fact).collect(),
        Event::Close { signed_by: Some(signer), .. } => row("signed by", signer.to_string()),
        _ => {}
    }
    rows
}

/// One fact, as names and values.
pub(crate) fn fact(fact: &Fact) -> Vec<(String, String)> {
    let row = |name: &str, value: &dyn std::fmt::Display| (name.to_owned(), value.to_string());
    match fact {
        Fact::People { names } => names.iter().map(|(role, name)| row(&role.to_string(), name)).collect(),
        Fact::Token { token, uri } => vec![row("token", token), row("uri", uri)],
        Fact::Shares { token, pin, threshold, count, set } => {
            vec![row("shares", &format!("{pin} PIN of token {token}: {threshold} of {count}, set {set}"))]
        }
        Fact::Key { key, uri, algorithm, created } => {
            vec![row("key", &format!("{key}, {algorithm}, made {created}")), row("uri", uri)]
        }
        Fact::Certificate { certificate, fingerprint, subkeys, user_id, created, expires } => {
            let ends = expires.map_or_else(|| "for ever".to_owned(), |expires| format!("until {expires}"));
            let mut rows = vec![row("certificate", &format!("{certificate}, {user_id}"))];
            rows.push(row("fingerprint", fingerprint));
            rows.extend(subkeys.iter().map(|subkey| row("subkey", subkey)));
            rows.push(row("valid", &format!("from {created} {ends}")));
            rows
        }
        Fact::File { name, sha256 } => vec![row("file", name), row("sha256", sha256)],
        Fact::Proof { what } => vec![row("proven", what)],
        Fact::Destroyed { key, uri } => vec![row("destroyed", key), row("uri", uri)],
    }
}
