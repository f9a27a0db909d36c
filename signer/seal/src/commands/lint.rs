//! `pouch-seal lint`

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use pouch_archive::{Budget, Mode, TreeError, TreeWriter, Verdict, WalkError, lint, walk};
use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output, size};
use pouch_platform::Dir;
use serde_json::{Value, json};

use crate::cli::LintArgs;

pub(crate) fn run(arguments: &LintArgs, output: &Output) -> Result<Exit, Failure> {
    let input: Box<dyn Read> = match arguments.file.as_os_str().as_encoded_bytes() {
        b"-" => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(&arguments.file).map_err(explain::input(&arguments.file))?),
    };
    let verdict = match &arguments.extract {
        None => lint(input).map_err(explain::input(&arguments.file))?,
        Some(dir) => extract(input, &arguments.file, dir)?,
    };
    output.data(&to_json(&verdict), || to_json(&verdict).to_string())?;
    match verdict {
        Verdict::Accepted(totals) => {
            output.note(format!("accepted: {} entries, {}", totals.entries, size(totals.bytes)));
            Ok(Exit::Done)
        }
        Verdict::Refused { .. } => Ok(Exit::Refused),
    }
}

/// Writes the tree, and removes it again when the archive is refused.
fn extract(input: impl Read, file: &Path, target: &Path) -> Result<Verdict, Failure> {
    let (parent, name) = match (target.parent(), target.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => (Path::new("."), name),
        (Some(parent), Some(name)) => (parent, name),
        _ => {
            let message = format!("{} is no directory that could be made", target.display());
            return Err(Failure::new("LINT-TARGET", Exit::Usage, message));
        }
    };
    let parent = Dir::open(parent).map_err(explain::dir)?;
    let dir = parent.create_dir(name).map_err(explain::dir)?;
    let written = write_tree(input, file, dir);
    if !matches!(written, Ok(Verdict::Accepted(_))) {
        parent.remove_tree(name).map_err(explain::dir)?;
    }
    written
}

fn write_tree(input: impl Read, file: &Path, dir: Dir) -> Result<Verdict, Failure> {
    let failed = |error: TreeError<Infallible>| crate::explain::tree(&error);
    let mut writer = TreeWriter::new(dir, Budget::LIMITS, |_| Ok(())).map_err(failed)?;
    match walk(input, Mode::Strict, Budget::LIMITS, &mut writer) {
        Ok(totals) => {
            writer.commit().map_err(failed)?;
            Ok(Verdict::Accepted(totals))
        }
        Err(WalkError::Refused(refusal)) => {
            Ok(Verdict::Refused { rule: refusal.rule(), offset: refusal.offset, text: refusal.fault.to_string() })
        }
        Err(WalkError::Read(error)) => Err(explain::input(file)(error)),
        Err(WalkError::Sink(error)) => Err(failed(error)),
    }
}

fn to_json(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Accepted(totals) => json!({ "verdict": "accepted", "entries": totals.entries, "bytes": totals.bytes }),
        Verdict::Refused { rule, offset, text } => {
            json!({ "verdict": "refused", "rule": rule.id(), "offset": offset, "reason": text })
        }
    }
}
