//! The recipe of a snapshot that a command made: another command of the operator's takes the tree.

use super::{Job, RestoreError, Restored, Steps, ToolLog, ToolStep, Tools};

/// Runs the registry's command with the tree's path as its last argument.
pub(super) fn restore(job: Job<'_>, mut steps: Steps<'_>) -> Result<Restored, RestoreError> {
    let Some((program, arguments)) = job.command.and_then(|command| command.split_first()) else {
        return Err(RestoreError::NoCommand { registry: job.registry.to_string() });
    };
    let log = ToolLog { file: job.log, path: job.log_path.to_owned() };
    // As ourselves: whether it becomes somebody else is the operator's to write into the command.
    let tools = Tools { bin: "/".into(), user: None, log };
    let mut arguments: Vec<&std::ffi::OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    arguments.push(job.path.as_os_str());
    steps.step("restore command", || tools.run(ToolStep::Command, program, &arguments))?;
    Ok(Restored {
        recipe: "command",
        ready: job.path.to_owned(),
        steps: steps.done,
        findings: Vec::new(),
        advice: Vec::new(),
        postgresql: None,
    })
}
