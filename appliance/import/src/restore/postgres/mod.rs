//! The recipe of a PostgreSQL base backup: made startable, started, looked through, counted, stopped.
//!
//! ```text
//! relocate     data/pg_tblspc/<oid> -> tablespaces/<oid>; configuration of home set aside
//! verify       pg_verifybackup: every file against the manifest that the server at home made
//! start        a scratch server on a private Unix socket, nothing of home's configuration in force
//! identify     system identifier, end of the log
//! amcheck      every table and B-tree index of every database
//! rows         counts against the declaration
//! stop         a clean shutdown, and everything on disk
//! ```
//!
//! The cluster's content may be an insider's. So the scratch server listens to nobody else, loads no library that the
//! operator did not name, and runs no command of home's configuration (`archive_command`, `restore_command` and their
//! like); and no view, policy or function of the cluster is called by us.

mod checks;
mod cluster;
mod rows;
mod scratch;
mod server;
mod tablespaces;

use std::path::PathBuf;

use pouch_format::PostgresqlDeclaration;
use serde::Serialize;

use super::{Job, RestoreError, Restored, Steps, ToolLog, ToolStep, Tools, run_as};
pub use rows::RowsReport;
use server::Server;

pub(super) use cluster::check_reach;

/// What was found in a restored cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PostgresqlReport {
    /// The data directory, ready to be started.
    pub data: PathBuf,
    /// The number that `initdb` gave the cluster, as declared.
    pub system_identifier: String,
    /// How far the log was replayed.
    pub end_lsn: String,
    /// Tablespaces relocated, by oid.
    pub tablespaces: Vec<u32>,
    /// Databases looked through.
    pub databases: usize,
    /// Row counts against the declaration; none if the source did not count.
    pub rows: Option<RowsReport>,
}

/// Makes the tree a cluster that an operator can start, and proves it.
pub(super) fn restore(
    job: Job<'_>,
    declaration: &PostgresqlDeclaration,
    mut steps: Steps<'_>,
) -> Result<Restored, RestoreError> {
    let user = run_as(job.settings)?;
    let log = ToolLog { file: job.log, path: job.log_path.to_owned() };
    let major = declaration.server_version_num / 10_000;
    let bin = job.settings.postgresql_bin.clone().unwrap_or_else(|| format!("/usr/lib/postgresql/{major}/bin").into());
    let tools = Tools { bin, user: user.clone(), log };
    cluster::check(&tools, job.tree, job.path, major)?;

    let data = job.path.join("data");
    // All that we change, before the tree is the other user's.
    let aside = steps.step("relocate", || {
        tablespaces::link(job.tree, job.path, &declaration.tablespaces)?;
        tablespaces::map(job.tree, job.path, &declaration.tablespaces)?;
        let aside = cluster::set_aside(job.tree)?;
        if let Some(user) = &user {
            job.tree.chown_tree(user.uid, user.gid)?;
        }
        Ok(aside)
    })?;
    steps.step("pg_verifybackup", || cluster::verify(&tools, &data))?;

    let mut findings = aside.findings();
    let mut server = steps.step("start and replay the log", || Server::start(&tools, &data, job.settings))?;
    let end_lsn = steps.step("identify", || checks::identify(&server, declaration))?;
    findings.extend(steps.step("collations", || checks::collations(&server))?);
    let databases = steps.step("pg_amcheck", || checks::amcheck(&server, job.settings.jobs))?;
    let rows = match declaration.databases.as_slice() {
        [] => None,
        declared => Some(steps.step("row counts", || rows::compare(&server, declared))?),
    };
    steps.step("stop", || server.stop())?;
    drop(server);
    steps.step("make durable", || {
        aside.put_back(job.tree)?;
        Ok(job.tree.sync_file_system()?)
    })?;

    findings.extend(rows.iter().flat_map(RowsReport::findings));
    let report = PostgresqlReport {
        data: data.clone(),
        system_identifier: declaration.system_identifier.to_string(),
        end_lsn,
        tablespaces: declaration.tablespaces.iter().map(|tablespace| tablespace.oid).collect(),
        databases,
        rows,
    };
    let advice = aside.advice();
    Ok(Restored { recipe: "postgresql", ready: data, steps: steps.done, findings, advice, postgresql: Some(report) })
}
