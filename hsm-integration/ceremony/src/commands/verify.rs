//! `pouch-ceremony verify-transcript`

use crate::cli::VerifyArgs;
use pouch_ceremony::certificate_file;
use pouch_ceremony::plan::Plan;
use pouch_ceremony::transcript::{self, Mode, Verdict};
use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output};
use pouch_platform::Dir;
use serde_json::json;

pub(crate) fn run(arguments: &VerifyArgs, output: &Output) -> Result<Exit, Failure> {
    let signer = certificate_file(&arguments.certificate)?;
    let dir = Dir::open(&arguments.folder).map_err(explain::dir)?;
    let mut verdict = transcript::verify(&dir, &signer).map_err(explain::dir)?;
    if let Some(plan) = &arguments.plan {
        verdict.evidence.extend(transcript::against(&verdict.reading, &Plan::load(plan)?));
    }
    if !verdict.evidence.is_empty() {
        return Err(refused(&verdict));
    }
    let findings = findings(&verdict);
    let fingerprint = signer.fingerprint().to_hex();
    output.data(
        &json!({
            "lines": verdict.reading.lines.len(), "signed_by": fingerprint,
            "transcript_end": verdict.reading.end, "findings": findings,
        }),
        || {
            let mut text =
                if arguments.show { transcript::render(&verdict.reading.lines) + "\n" } else { String::new() };
            text += &format!(
                "the transcript of {} lines is whole and signed by {fingerprint}\nlast line {}\n",
                verdict.reading.lines.len(),
                verdict.reading.end
            );
            findings.iter().for_each(|finding| text.push_str(&format!("finding: {finding}\n")));
            text
        },
    )?;
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Findings })
}

pub(super) fn refused(verdict: &Verdict) -> Failure {
    let message = format!("the transcript is not what was signed: {} things are wrong", verdict.evidence.len());
    let failure = Failure::new("CEREMONY-TRANSCRIPT", Exit::Refused, message);
    let failure = verdict.evidence.iter().fold(failure, |failure, evidence| failure.fact("wrong", evidence));
    failure.hint("keep the folder as evidence, and compare it with the other copies and the paper of the ceremony")
}

pub(super) fn findings(verdict: &Verdict) -> Vec<String> {
    let mut findings = Vec::new();
    if verdict.mode == Some(Mode::Rehearsal) {
        findings.push("it is a rehearsal: its keys protect nothing".to_owned());
    }
    if verdict.other_tool {
        findings.push("after an interruption it went on with another file of the tool".to_owned());
    }
    if verdict.other_binding {
        findings.push("after an interruption it went on with another binding".to_owned());
    }
    if verdict.exceptions > 0 {
        findings.push(format!("{} steps were left out on the record", verdict.exceptions));
    }
    if verdict.failures > 0 {
        findings.push(format!("{} attempts failed and were repeated or given up", verdict.failures));
    }
    findings
}
