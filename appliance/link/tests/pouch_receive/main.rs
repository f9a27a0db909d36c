//! `pouch-receive` as an operator uses it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod looks;
mod run;
mod wire;
mod wrong;

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use pouch_link::receive::report::{Progress, Report, State};
use serde_json::Value;

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_pouch-receive");

/// Runs the command without any environment.
pub(crate) fn said(arguments: &[&str]) -> Said {
    let output = Command::new(BINARY).env_clear().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A quarantine in which a receiver wrote this report just now.
pub(crate) fn with(report: &Report) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let report = Report { updated: Timestamp::now(), ..report.clone() };
    std::fs::write(folder.path().join("status.json"), serde_json::to_vec(&report).unwrap()).unwrap();
    folder
}

/// Makes its report older.
pub(crate) fn age(quarantine: &Path, seconds: i64) {
    let file = quarantine.join("status.json");
    let mut report: Report = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    report.updated -= jiff::SignedDuration::from_secs(seconds);
    std::fs::write(file, serde_json::to_vec(&report).unwrap()).unwrap();
}

pub(crate) const STREAM: &str = "00112233aabbccdd";

/// A stream of which two of eight blocks are missing.
pub(crate) fn incomplete() -> Progress {
    Progress {
        stream: STREAM.into(),
        pouch: "land-000041".into(),
        state: State::Incomplete,
        length: 8_000_000,
        blocks: 8,
        complete: 6,
        round: 1,
        rounds: 1,
        lost_blocks: 2,
        positions: vec![0; 64],
        missing: Some("7KA2-90QF-1".into()),
        ..Progress::default()
    }
}
