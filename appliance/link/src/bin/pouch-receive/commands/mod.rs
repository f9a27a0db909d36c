//! What is done, one file a verb. Shared: the configuration and the receiver's report.

pub(crate) mod check;
pub(crate) mod clerk;
pub(crate) mod config;
pub(crate) mod discard;
mod lanes;
pub(crate) mod missing;
pub(crate) mod run;
mod service;
pub(crate) mod status;
mod watch;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use pouch_console::config as file;
use pouch_console::{Failure, Output};
use pouch_link::receive::config::{Config, DEFAULT_FILE};
use pouch_link::receive::view::Shape;
use pouch_platform::terminal_size;

use crate::cli::{Cli, PlaceArgs};

/// The configuration, with its paths made absolute.
pub(crate) fn load(cli: &Cli) -> Result<file::Config<Config>, Failure> {
    let path = cli.common.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let mut loaded = file::load::<Config>(cli.common.config.as_deref(), Path::new(DEFAULT_FILE))?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    loaded.values.resolve(&path);
    Ok(loaded)
}

/// The quarantine: of the command line, or else of the configuration.
pub(crate) fn quarantine(cli: &Cli, place: &PlaceArgs) -> Result<PathBuf, Failure> {
    match &place.quarantine {
        Some(path) => Ok(path.clone()),
        None => Ok(load(cli)?.values.quarantine),
    }
}

/// How a view is drawn on stdout: as its terminal is, or as text.
pub(crate) fn shape(output: &Output) -> Shape {
    let stdout = std::io::stdout();
    let color = output.colors_view(stdout.is_terminal());
    let size = if stdout.is_terminal() { terminal_size(&stdout) } else { None };
    size.map_or(Shape { color, ..Shape::text() }, |(columns, rows)| {
        // The last row is the cursor's.
        Shape { columns: columns.max(40), rows: Some(rows.saturating_sub(1).max(4)), color }
    })
}
