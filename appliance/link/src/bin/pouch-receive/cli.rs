//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pouch_cli::{CommandLine, CommonArgs, Generate};
use pouch_link::receive::amount::Amount;
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
    /// Show what the receiver is doing, what was lost where, and what a person must do
    Status(StatusArgs),
    /// Show the code of what is missing, to be carried or read to the sending end
    Missing(MissingArgs),
    /// Before the first pouch: look whether this machine keeps up with the link, and say what to change
    Check(CheckArgs),
    /// Give up a stream that is not complete, and remove what has come of it
    Discard(DiscardArgs),
    /// Show the configuration
    Config(ConfigArgs),
    #[command(flatten)]
    Generate(Generate),
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
