//! `pouch-import status`

use std::collections::BTreeSet;
use std::path::Path;

use pouch_cli::explain::dir;
use pouch_console::{Exit, Failure, Output};
use pouch_format::{PouchId, RegistryName};
use pouch_import::config::Config;
use pouch_import::versions::Versions;
use pouch_open::{Clock, Trust};

use super::{Known, load, trust};
use crate::cli::{Cli, StatusArgs};
use crate::explain;
use crate::output::status::{self, RegistryStatus, Status, TreeStatus};

pub(crate) fn run(cli: &Cli, arguments: &StatusArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let trust = trust(&config)?;
    let known = Known::read(&config)?;
    let registries: Vec<RegistryName> = match &arguments.registry {
        Some(registry) => vec![named(registry, &trust, &known)?],
        None => all(&trust, &known).into_iter().collect(),
    };
    let looked = registries.iter().map(|registry| look(registry, &config, &trust, &known));
    let status = Status {
        registries: looked.collect::<Result<_, _>>()?,
        state: known.warnings.iter().map(ToString::to_string).collect(),
        changes: known.ledger.generation(),
        log_lines: known.ledger.log().lines,
    };
    status::show(&status, output)
}

fn all(trust: &Trust, known: &Known) -> BTreeSet<RegistryName> {
    trust.registries().map(|(name, _)| name.clone()).chain(known.ledger.heads().keys().cloned()).collect()
}

fn named(registry: &RegistryName, trust: &Trust, known: &Known) -> Result<RegistryName, Failure> {
    let all = all(trust, known);
    if all.contains(registry) {
        return Ok(registry.clone());
    }
    let names: Vec<&str> = all.iter().map(RegistryName::as_str).collect();
    Err(Failure::new("IMPORT-REGISTRY", Exit::NoInput, format!("the trust file does not name registry \"{registry}\""))
        .fact("known", if names.is_empty() { "none".to_owned() } else { names.join(", ") })
        .hint("name one of those, or none for all"))
}

fn look(registry: &RegistryName, config: &Config, trust: &Trust, known: &Known) -> Result<RegistryStatus, Failure> {
    let (unpacked, restored) = (trees(&config.unpacked, registry)?, trees(&config.restored, registry)?);
    let mut status = RegistryStatus { registry: registry.to_string(), unpacked, restored, ..RegistryStatus::default() };
    if trust.registry(registry).is_none() {
        status.findings.push("the trust file does not name it any more".to_owned());
    }
    let Some(head) = known.ledger.head(registry) else {
        status.findings.push("no pouch was admitted yet".to_owned());
        return Ok(status);
    };
    let age = Clock::system().now().as_second().saturating_sub(head.as_of.as_second());
    status.sequence = Some(head.sequence);
    status.manifest_sha256 = Some(head.manifest);
    status.as_of = Some(head.as_of);
    status.kept_at = Some(head.kept_at);
    status.age_seconds = Some(age);
    status.rpo_seconds = head.rpo_seconds;
    let limit = i64::try_from(head.rpo_seconds).unwrap_or(i64::MAX);
    if age < 0 {
        status.findings.push("its time is after this machine's: is the clock right?".to_owned());
    } else if limit > 0 && age > limit {
        status.stale = true;
        status.findings.push(format!("stale: {} old, {} are allowed", status::span(age), status::span(limit)));
    }
    let id = PouchId { registry: registry.clone(), sequence: head.sequence };
    if !known.vault.has(&id).map_err(explain::vault)? {
        status.findings.push(format!("the vault has lost {id}"));
    }
    status.kept = known.vault.list(registry).map_err(explain::vault)?.len();
    Ok(status)
}

fn trees(base: &Path, registry: &RegistryName) -> Result<TreeStatus, Failure> {
    let Some(versions) = Versions::look(base, registry).map_err(dir)? else { return Ok(TreeStatus::default()) };
    let names = versions.list().map_err(dir)?;
    Ok(TreeStatus {
        versions: names.iter().map(|version| version.as_str().to_owned()).collect(),
        current: versions.current().map_err(dir)?.map(|version| version.as_str().to_owned()),
    })
}
