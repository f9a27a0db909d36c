//! The flags that every binary has.

use std::path::PathBuf;

use clap::ArgAction;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use pouch_console::{Color, Format, Options};

/// The flags that every binary has; flatten them into its command line.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Common options")]
pub struct CommonArgs {
    /// How results are written to stdout; notes, warnings and errors go to stderr.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human",
          value_parser = PossibleValuesParser::new(Format::NAMES).try_map(|name| name.parse::<Format>()))]
    pub format: Format,

    /// Say nothing but results, warnings and errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Log what is done and which rules pass; twice for details.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// Whether messages are coloured; NO_COLOR counts for "auto".
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto",
          value_parser = PossibleValuesParser::new(Color::NAMES).try_map(|name| name.parse::<Color>()))]
    pub color: Color,

    /// Never ask: what would need an answer fails instead.
    #[arg(long, global = true)]
    pub no_input: bool,

    /// Read this configuration file instead of the default one; FILE.d/*.toml are read after it.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl CommonArgs {
    /// What the flags say about output.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            format: self.format,
            quiet: self.quiet,
            verbose: self.verbose,
            color: self.color,
            no_input: self.no_input,
        }
    }
}
