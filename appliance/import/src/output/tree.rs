//! Trees: unpacked, restored, or what would become of them.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use pouch_console::{Exit, Failure, Output, duration, escape, size};
use pouch_format::Sha256Digest;
use pouch_import::restore::{PostgresqlReport, Restored};
use serde::{Deserialize, Serialize};

use super::line;

/// An unpacked tree.
#[derive(Debug, Serialize)]
pub(crate) struct TreeReport {
    pub(crate) pouch: String,
    pub(crate) manifest_sha256: Sha256Digest,
    pub(crate) as_of: Timestamp,
    pub(crate) path: PathBuf,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// Whether it was there before.
    pub(crate) already: bool,
    /// What the snapshot is of; only known when it was just opened.
    pub(crate) source: Option<&'static str>,
    pub(crate) seconds: Option<f64>,
}

pub(crate) fn unpacked(report: &TreeReport, output: &Output) -> Result<Exit, Failure> {
    output.data(report, || {
        let heading = match report.seconds {
            None => format!("{} was unpacked before; nothing was changed but `current`", report.pouch),
            Some(seconds) => format!("{} is unpacked, in {}", report.pouch, span(seconds)),
        };
        let mut text = format!("{heading}\n\n");
        text += &line("as of", report.as_of);
        text += &line("content", format!("{} entries, {}", report.entries, size(report.bytes)));
        if let Some(source) = report.source {
            text += &line("source", source);
        }
        text + &line("it is in", report.path.display())
    })?;
    Ok(Exit::Done)
}

/// What would be unpacked or restored.
#[derive(Debug, Serialize)]
pub(crate) struct DryRun {
    pub(crate) pouch: String,
    pub(crate) manifest_sha256: Sha256Digest,
    pub(crate) as_of: Timestamp,
    pub(crate) bytes: u64,
    pub(crate) place: PathBuf,
    pub(crate) free_bytes: u64,
    pub(crate) token: String,
    /// Who will be asked: `pin` or `quorum`.
    pub(crate) login: &'static str,
}

pub(crate) fn dry_run(plan: &DryRun, output: &Output) -> Result<Exit, Failure> {
    output.data(plan, || {
        let mut text = format!("would open {}; nothing was changed and no PIN was asked\n\n", plan.pouch);
        text += &line("as of", plan.as_of);
        text += &line("content", size(plan.bytes));
        text += &line("into", format!("{} ({} free)", plan.place.display(), size(plan.free_bytes)));
        text += &line("token", &plan.token);
        if plan.login == "quorum" {
            text += &line("pin", "a quorum of custodians will be asked for their shares");
        }
        text
    })?;
    Ok(Exit::Done)
}

/// A restored registry. The same text is kept beside its tree.
#[derive(Debug, Serialize)]
pub(crate) struct RestoreReport {
    pub(crate) registry: String,
    pub(crate) pouch: String,
    pub(crate) manifest_sha256: Sha256Digest,
    pub(crate) as_of: Timestamp,
    pub(crate) restored_at: Timestamp,
    pub(crate) log: PathBuf,
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) restored: Restored,
}

/// What a report beside a tree must at least say to be shown again.
#[derive(Debug, Deserialize)]
pub(crate) struct Earlier {
    pub(crate) ready: PathBuf,
    pub(crate) restored_at: Timestamp,
}

pub(crate) fn restored(report: &RestoreReport, output: &Output) -> Result<Exit, Failure> {
    output.data(report, || restored_text(report))?;
    let findings = &report.restored.findings;
    findings.iter().for_each(|finding| output.warn(finding));
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Findings })
}

fn restored_text(report: &RestoreReport) -> String {
    let mut text = format!("{} is restored, in {}\n\n", report.pouch, span(report.seconds));
    text += &line("as of", report.as_of);
    for step in &report.restored.steps {
        text += &line("step", format!("{:>12}  {}", span(step.seconds), step.name));
    }
    if let Some(postgresql) = &report.restored.postgresql {
        text += &postgresql_text(postgresql);
    }
    for advice in &report.restored.advice {
        text += &line("before use", advice);
    }
    text += &line("log", report.log.display());
    text + &line("ready in", report.restored.ready.display())
}

fn postgresql_text(report: &PostgresqlReport) -> String {
    let mut text = line("cluster", format!("system {}, log to {}", report.system_identifier, report.end_lsn));
    text += &line("amcheck", format!("{} databases are sound", report.databases));
    text += &match &report.rows {
        None => line("rows", "home did not count them"),
        Some(rows) => {
            let changing = match rows.within + rows.absent {
                0 => String::new(),
                tables => format!(", {tables} tables that changed meanwhile are within what home counted"),
            };
            line("rows", format!("{} rows; {} tables have exactly what home counted{changing}", rows.rows, rows.exact))
        }
    };
    text
}

/// A registry that was restored before: its report as it was written then.
pub(crate) fn restored_before(report: &serde_json::Value, earlier: &Earlier, output: &Output) -> Result<Exit, Failure> {
    output.data(report, || {
        format!(
            "it was restored before, at {}; nothing was changed\n\n{}",
            earlier.restored_at,
            line("ready in", escape(&earlier.ready.display().to_string()))
        )
    })?;
    Ok(Exit::Done)
}

fn span(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
