//! `pouch-seal export`

use std::io::{self, Write as _};
use std::path::Path;

use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output, escape, size};
use pouch_platform::{Dir, NewFile};
use pouch_seal::export::{Export, ExportError};
use pouch_seal::spool;
use serde_json::json;

use super::load;
use crate::cli::{Cli, ExportArgs};
use crate::explain as explain_seal;

pub(crate) fn run(cli: &Cli, arguments: &ExportArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let id = &arguments.pouch;
    let spool = Dir::open(&config.spool).map_err(explain::dir)?;
    if spool.exists(spool::waiting_name(id)).map_err(explain::dir)? {
        return Err(explain_seal::not_signed(id));
    }
    let dir = spool.subdir(id.to_string()).map_err(explain::dir)?;
    let export = Export::of(dir, id).map_err(explain_seal::export)?;
    if arguments.output.as_os_str() == "-" {
        let mut stdout = io::stdout().lock();
        export.write(&mut stdout).map_err(explain_seal::export)?;
        stdout.flush().map_err(|error| explain_seal::export(ExportError::Write(error)))?;
        return Ok(Exit::Done);
    }
    write_new(&arguments.output, &export)?;
    output.data(&json!({ "pouch": id.to_string(), "file": arguments.output, "bytes": export.length() }), || {
        format!("{id} is in {}, {}\n", escape(&arguments.output.display().to_string()), size(export.length()))
    })?;
    Ok(Exit::Done)
}

/// A new file that has its name only once it is whole and durable.
fn write_new(path: &Path, export: &Export) -> Result<(), Failure> {
    let path = std::path::absolute(path).map_err(explain::input(path))?;
    let name = path.file_name().unwrap_or_default();
    let dir = Dir::open(path.parent().unwrap_or(Path::new("/"))).map_err(explain::dir)?;
    if dir.exists(name).map_err(explain::dir)? {
        let message = format!("{} is there already", path.display());
        return Err(Failure::new("EXPORT-FILE", Exit::Usage, message).hint("nothing was written; choose another name"));
    }
    let mut staged = std::ffi::OsString::from(".");
    staged.push(name);
    staged.push(".part");
    if dir.exists(&staged).map_err(explain::dir)? {
        // Of a run that was interrupted.
        dir.remove_file(&staged).map_err(explain::dir)?;
    }
    let file = dir.create_new(&staged).map_err(explain::dir)?;
    let mut file = NewFile::new(file, export.length());
    let written = export
        .write(&mut file)
        .and_then(|()| file.finish().and_then(|file| file.sync_all()).map_err(ExportError::Write));
    let published =
        written.map_err(explain_seal::export).and_then(|()| dir.rename_noreplace(&staged, name).map_err(explain::dir));
    if published.is_err() {
        let _ = dir.remove_file(&staged);
    }
    published
}
