//! How fresh each registry is, and how sound the embassy.

use std::time::Duration;

use jiff::Timestamp;
use pouch_console::{Exit, Failure, Output, duration, table};
use pouch_format::Sha256Digest;
use serde::Serialize;

use super::minute;

/// Everything that `status` says.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) registries: Vec<RegistryStatus>,
    /// What is wrong with state and log; empty if nothing is.
    pub(crate) state: Vec<String>,
    /// How often the state was changed.
    pub(crate) changes: u64,
    pub(crate) log_lines: u64,
}

/// One registry.
#[derive(Debug, Default, Serialize)]
pub(crate) struct RegistryStatus {
    pub(crate) registry: String,
    pub(crate) sequence: Option<u64>,
    pub(crate) manifest_sha256: Option<Sha256Digest>,
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) kept_at: Option<Timestamp>,
    pub(crate) age_seconds: Option<i64>,
    /// 0 for none.
    pub(crate) rpo_seconds: u64,
    pub(crate) stale: bool,
    /// Pouches in the vault.
    pub(crate) kept: usize,
    pub(crate) unpacked: TreeStatus,
    pub(crate) restored: TreeStatus,
    pub(crate) findings: Vec<String>,
}

/// Versions side by side.
#[derive(Debug, Default, Serialize)]
pub(crate) struct TreeStatus {
    pub(crate) versions: Vec<String>,
    pub(crate) current: Option<String>,
}

pub(crate) fn show(status: &Status, output: &Output) -> Result<Exit, Failure> {
    output.data(status, || text(status))?;
    let sound = status.state.is_empty() && status.registries.iter().all(|registry| registry.findings.is_empty());
    Ok(if sound { Exit::Done } else { Exit::Findings })
}

fn text(status: &Status) -> String {
    let heading = ["registry", "newest", "as of", "age", "rpo", "kept at", "in vault", "unpacked", "restored"];
    let rows: Vec<[String; 9]> = status.registries.iter().map(row).collect();
    let mut text = table(heading, &rows);
    for registry in &status.registries {
        for finding in &registry.findings {
            text += &format!("\n{}: {finding}", registry.registry);
        }
    }
    if status.state.is_empty() {
        text += &format!("\nstate: both copies and the log are sound ({} lines)\n", status.log_lines);
    } else {
        status.state.iter().for_each(|warning| text += &format!("\nstate: {warning}"));
        text.push('\n');
    }
    text
}

fn row(status: &RegistryStatus) -> [String; 9] {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let rpo = i64::try_from(status.rpo_seconds).unwrap_or(i64::MAX);
    [
        status.registry.clone(),
        or_dash(status.sequence.map(|sequence| sequence.to_string())),
        or_dash(status.as_of.map(minute)),
        or_dash(status.age_seconds.map(span)),
        if rpo == 0 { "-".to_owned() } else { span(rpo) },
        or_dash(status.kept_at.map(minute)),
        status.kept.to_string(),
        or_dash(status.unpacked.current.clone()),
        or_dash(status.restored.current.clone()),
    ]
}

/// A span of seconds, for people.
pub(crate) fn span(seconds: i64) -> String {
    match u64::try_from(seconds) {
        Ok(seconds) => duration(Duration::from_secs(seconds)),
        Err(_) => format!("-{}", duration(Duration::from_secs(seconds.unsigned_abs()))),
    }
}
