//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pouch_cli::{CommandLine, CommonArgs, Generate};
use pouch_link::receive::amount::Amount;
use pouch_link::receive::config::{Config, Then};
use pouch_link::receive::listen::Listen;

/// Receive pouches over a one-way link, into a quarantine.
///
/// Nothing is ever sent back. What was lost is made good by repair symbols and further rounds; what is missing then is
/// told as a code that a person carries home. A pouch in the quarantine is not verified: that is what pouch-import does.
#[derive(Debug, Parser)]
#[command(name = "pouch-receive", version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
The configuration is read from /etc/pouch/receive.toml, or from --config FILE. A small one:

  listen = [\"udp:0.0.0.0:4100\"]       # or several links that share one stream
  quarantine = \"/var/lib/pouch-receive\"
  link_key = \"/etc/pouch/link.key\"    # 64 hexadecimal digits, mode 0600
  user = \"pouch-receive\"              # what it becomes when the links are open
  then = \"import\"

  [import]
  arguments = [\"--config\", \"/etc/pouch/import.toml\"]

A first link: `pouch-receive check --rate 1G` says whether this machine keeps up and what to change; then start the
service, have home send a heartbeat or a pouch, and look at `pouch-receive status --watch`.

Exit codes: 0 done, 3 done with findings, 64 usage, 65 bad data, 66 no input, 69 no receiver or link, 70 our bug,
73 and 74 disk, 75 try again, 77 refused by a rule, 78 configuration.";

impl CommandLine for Cli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Receive, as a service, until told to stop
    Run(RunArgs),
    /// Show what the receiver is doing, what was lost where, and what a person must do
    Status(StatusArgs),
    /// Show the code of what is missing, to be carried or read to the sending end
    Missing(MissingArgs),
    /// Before the first pouch: look whether this machine keeps up with the link, and say what to change
    Check(CheckArgs),
    /// Give up a stream that is not complete, and remove what has come of it
    Discard(DiscardArgs),
    /// Hand files to a program, for a receiver that may start none
    #[command(hide = true)]
    HandOver(HandOverArgs),
    /// Show the configuration
    Config(ConfigArgs),
    #[command(flatten)]
    Generate(Generate),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-receive run
  pouch-receive run --listen udp:0.0.0.0:4100 --quarantine /var/lib/pouch-receive --user pouch-receive
  pouch-receive run --listen ether:eth1 --listen ether:eth2 --link-key /etc/pouch/link.key --then import
  pouch-receive run --listen udp:127.0.0.1:4100 --quarantine quarantine --once --timeout 60s

It opens the lanes, becomes --user (which root must name), can then open nothing but the quarantine, and can send nothing.
What arrives whole is in the quarantine's arrived/, as one tar for `pouch-import import`; with --then import that is run.
It ends cleanly at SIGTERM or Control-C; killed at any moment, it goes on at its next start.

Exit codes: 0 told to stop, or --once and a pouch arrived; 3 --once and none arrived in time; 69 a lane cannot be opened;
75 another receiver has the quarantine.")]
pub(crate) struct RunArgs {
    /// A lane to listen on: udp:ADDRESS:PORT, udp:GROUP:PORT%INTERFACE or ether:INTERFACE[/ADDRESS]. Once for each.
    #[arg(long, value_name = "LANE")]
    pub(crate) listen: Vec<Listen>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// File of the link key: 64 hexadecimal digits, readable by nobody else.
    #[arg(long, value_name = "FILE")]
    pub(crate) link_key: Option<PathBuf>,

    /// The user to become when the lanes are open; root must name one.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// What is done with a pouch that arrived.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) then: Option<ThenArg>,

    /// End when a pouch has arrived.
    #[arg(long)]
    pub(crate) once: bool,

    /// With --once: end after this time in any case, such as 90s or 10m.
    #[arg(long, value_name = "TIME", requires = "once", value_parser = time)]
    pub(crate) timeout: Option<Duration>,
}

/// What is done with a pouch that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ThenArg {
    /// It is handed to pouch-import import
    Import,
}

impl RunArgs {
    /// The configuration with what was typed over it.
    pub(crate) fn over(&self, mut config: Config) -> Config {
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        if let Some(quarantine) = &self.place.quarantine {
            config.quarantine.clone_from(quarantine);
        }
        config.link_key = self.link_key.clone().or(config.link_key);
        config.user = self.user.clone().or(config.user);
        config.then = self.then.map(|ThenArg::Import| Then::Import).or(config.then);
        config
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(span).map_err(|error| error.to_string())
}

#[derive(Debug, Args)]
pub(crate) struct HandOverArgs {
    #[arg(long)]
    pub(crate) program: PathBuf,
    #[arg(long)]
    pub(crate) directory: PathBuf,
    #[arg(last = true)]
    pub(crate) arguments: Vec<OsString>,
}

/// Where everything lies.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The directory of everything that arrives, instead of what the configuration says.
    #[arg(long, value_name = "DIR")]
    pub(crate) quarantine: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-receive status
  pouch-receive status --watch
  pouch-receive status --format json
  pouch-receive status --watch --format jsonl

The bar \"lost\" is the stream from its first to its last block: # where most datagrams were lost, then * + : and . for
none. A lane's losses are told apart: \"overflow\" was dropped by this machine's kernel, \"card\" by its network card, \"wire\"
never came.

In JSON it is the receiver's own report, renewed every second as status.json in the quarantine. Names and meanings of its
fields stay; further ones may come. Sizes are in bytes, times in UTC, rates in bits a second:

  since, updated       when the receiver started, and when this was written
  lanes[]              listen, datagrams; overflowed, card, wire: datagrams lost there
  heartbeat            at, clock (the sender's), busy, waiting, last (pouch); null if never heard
  datagrams            received; of them foreign, forged, unknown, duplicate
  streams[]            stream, pouch, state (receiving, incomplete, no-space, verifying), length, blocks, complete,
                       round, rounds, since, latest, rate, remaining (seconds), received, lost (before repair),
                       repaired, lost_blocks (after repair), flawed, positions (64 counts), missing (the code)
  arrived[]            stream, pouch, file (below arrived/), at, length, import (code, said)
  alarms[]             id, text, since
  disk                 free, used, share (what the quarantine may take)

Exit codes: 0 all is well, 3 an alarm, an incomplete stream or a failed import, 69 no receiver lives there.")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Go on showing it, renewed every second, until Control-C.
    #[arg(long)]
    pub(crate) watch: bool,
}

/// What the terminal is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Qr {
    /// For a terminal with light letters on dark
    Dark,
    /// For a terminal with dark letters on light
    Light,
    /// No QR code
    None,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-receive missing
  pouch-receive missing land-000041
  pouch-receive missing 00112233aabbccdd --qr light
  pouch-receive missing --format json

The code names the stream, the blocks and how much of each is missing, and has a check: one wrong or swapped character is
noticed at home. It holds no secret. The QR code says the same. At home it is typed, pasted or scanned into
`pouch-send send POUCH --only CODE`, which sends just that.

Exit codes: 0 nothing is missing, 3 something is, 69 no receiver has run there.")]
pub(crate) struct MissingArgs {
    /// Only this stream (16 hexadecimal digits) or pouch, such as land-000041.
    #[arg(value_name = "STREAM")]
    pub(crate) stream: Option<String>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// What the QR code is drawn for; a terminal must show it in its own colours.
    #[arg(long, value_enum, default_value = "dark", value_name = "GROUND")]
    pub(crate) qr: Qr,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-receive check --rate 1G
  pouch-receive check --rate 10G --listen udp:0.0.0.0:4100
  pouch-receive check --rate 950M --listen ether:eth2 --quarantine /srv/quarantine --format json

Changes nothing but a file in the quarantine that it writes to measure the disk, and removes. Run it as root to see what
the service sees when it starts. What is wrong comes with what to change, as a line for now and a line for good.

Exit codes: 0 this machine keeps up, 3 something is to be changed.")]
pub(crate) struct CheckArgs {
    /// Bits a second that will arrive on the wire.
    #[arg(long, value_name = "RATE", default_value = "1G")]
    pub(crate) rate: Amount,

    /// A lane to look at, instead of those of the configuration. Once for each.
    #[arg(long, value_name = "LANE")]
    pub(crate) listen: Vec<Listen>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-receive discard 00112233aabbccdd
  pouch-receive discard land-000041
  pouch-receive discard land-000041 --yes-discard

The receiver must be stopped (systemctl stop pouch-receive), so that nobody writes meanwhile; other streams lose what is
sent until it is started again, which a further round makes good. It asks for exactly `Yes` at the terminal, or needs
--yes-discard. If home sends the pouch again it is collected from its first block.

Exit codes: 0 removed, 66 there is no such stream, 75 the receiver is at work.")]
pub(crate) struct DiscardArgs {
    /// The stream (16 hexadecimal digits), or its pouch, such as land-000041.
    #[arg(value_name = "STREAM")]
    pub(crate) stream: String,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Do not ask.
    #[arg(long)]
    pub(crate) yes_discard: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Print every setting in force
    Show {
        /// Also print where each setting comes from.
        #[arg(long)]
        origin: bool,
    },
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
