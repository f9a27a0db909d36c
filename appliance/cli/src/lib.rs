//! The one command line of all binaries: the same flags, the same usage errors, the same exit codes, one voice.
//!
//! This is the only library that uses clap. Every binary must have the same flags, and flags are clap types; were they
//! written in each binary, they would drift apart. What else a binary can be told stands in its own `cli` module.
//! Nothing here knows what a pouch is for.
//!
//! A `main` is:
//!
//! ```no_run
//! #[derive(clap::Parser)]
//! struct Cli {
//!     #[command(flatten)]
//!     common: pouch_cli::CommonArgs,
//! }
//!
//! impl pouch_cli::CommandLine for Cli {
//!     fn common(&self) -> &pouch_cli::CommonArgs {
//!         &self.common
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     pouch_cli::run(|_cli: &Cli, output| {
//!         output.note("nothing to do");
//!         Ok(pouch_console::Exit::Done)
//!     })
//! }
//! ```
//!
//! Start reading at [`run`].

mod args;
pub mod explain;
mod generate;
mod login;
mod pin;
mod quorum;
mod run;
mod show;
mod split;
mod usage;

pub use args::CommonArgs;
pub use generate::Generate;
pub use login::{Login, PinArgs};
pub use quorum::{quorum_pin, read_share};
pub use run::{CommandLine, run};
pub use show::ShowArgs;
