//! `pouch-ceremony report`

use super::verify::{findings, refused};
use crate::cli::ReportArgs;
use pouch_ceremony::certificate_file;
use pouch_ceremony::report::{self, Report};
use pouch_ceremony::transcript::{self, State};
use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output};
use pouch_platform::Dir;
use serde_json::json;
use std::path::Path;

const TOOL: &str = concat!("pouch-ceremony ", env!("CARGO_PKG_VERSION"));

pub(crate) fn run(arguments: &ReportArgs, output: &Output) -> Result<Exit, Failure> {
    let signer = arguments.certificate.as_deref().map(certificate_file).transpose()?;
    let dir = Dir::open(&arguments.folder).map_err(explain::dir)?;
    let verdict = transcript::judge(&dir, signer.as_ref()).map_err(explain::dir)?;
    let findings = findings(&verdict);
    let at = jiff::Timestamp::now();
    write(&arguments.output, &report::html(&Report { verdict: &verdict, findings: &findings, at, tool: TOOL }))?;
    let file = arguments.output.display().to_string();
    if verdict.state() == State::Altered {
        return Err(refused(&verdict).fact("report", file));
    }
    let state = format!("{:?}", verdict.state()).to_lowercase();
    output.data(&json!({ "report": file, "state": state, "findings": findings }), || {
        let mut text = format!("the report is in {file}\nthe transcript: {state}\n");
        verdict.evidence.iter().for_each(|evidence| text.push_str(&format!("finding: {evidence}\n")));
        findings.iter().for_each(|finding| text.push_str(&format!("finding: {finding}\n")));
        text
    })?;
    Ok(if verdict.state() == State::Held && findings.is_empty() { Exit::Done } else { Exit::Findings })
}

/// A report that is there already may be the one that was signed by hand.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let wrong =
        || Failure::new("USAGE", Exit::Usage, format!("{} names no file", file.display())).hint("nothing was written");
    let name = file.file_name().ok_or_else(wrong)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = Dir::open(folder).map_err(explain::dir)?;
    if dir.exists(name).map_err(explain::dir)? {
        let message = format!("{} is there already", file.display());
        return Err(
            Failure::new("CEREMONY-FILE", Exit::CannotCreate, message).hint("nothing was written; name another file")
        );
    }
    dir.replace_file(name, text.as_bytes()).map_err(explain::dir)
}
