//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pouch_cli::{CommandLine, CommonArgs, Generate};
use pouch_link::amount::Amount;
use pouch_link::receive::config::Then;
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
    /// Receive, as a service or until one stream has arrived
    Run(RunArgs),
    /// Show what the receiver is doing, what was lost where, and what a person must do
    Status(StatusArgs),
    /// Show the code of what is missing, to be carried or read to the sending end
    Missing(MissingArgs),
    /// Before the first pouch: look whether this machine keeps up with the link, and say what to change
    Check(CheckArgs),
    /// Give up a stream that is not complete, and remove what has come of it
    Discard(DiscardArgs),
    #[command(hide = true)]
    /// Hand what has arrived to another program; started by run alone.
    Clerk(ClerkArgs),
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
  pouch-receive run
  pouch-receive run --listen udp:0.0.0.0:4100 --listen ether:eth2 --user pouch-receive
  pouch-receive run --listen udp:[::]:4100 --link-key /etc/pouch/link.key --then import
  pouch-receive run --listen udp:239.1.1.1:4100%eth2
  pouch-receive run --once --timeout 60s --listen udp:127.0.0.1:4100 --quarantine ./quarantine

Lanes, several of which may share one stream:
  udp:ADDRESS:PORT        one address of this machine, or all: 0.0.0.0, [::]
  udp:GROUP:PORT%IFACE    a multicast group. The system joins it, for which it sends IGMP or MLD:
                          where nothing may be sent, use ether: or an address instead
  ether:IFACE[/MAC]       frames of EtherType 0x88B5 without IP; needs CAP_NET_RAW at the start

It opens the lanes, starts the hand-over, becomes USER, gives up all files but the quarantine (Landlock), and says that it
is ready (systemd). Then it takes whatever comes and never stops for it; SIGTERM and SIGINT end it cleanly, with all that
has come written down. Killed or without power it goes on where it was.

A pouch that is whole lies in the quarantine as arrived/POUCH-STREAM.tar. With --then import it is also given to
pouch-import import (program and arguments: [import] of the configuration), as the user that run was started as.

Exit codes: 0 ended by a signal, or with --once a stream has arrived; 3 with --once: none has within --timeout; 69 a lane
cannot be opened; 70 a part of it died, and what has come is kept; 75 another receiver has the quarantine; 78 configuration
or link key.")]
pub(crate) struct RunArgs {
    /// A lane to listen on, instead of those of the configuration. Once for each.
    #[arg(long, value_name = "LANE")]
    pub(crate) listen: Vec<Listen>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// The file of the link key: 64 hexadecimal digits, mode 0600 or 0400.
    #[arg(long, value_name = "FILE")]
    pub(crate) link_key: Option<PathBuf>,

    /// The user to become when the lanes are open, if this is root.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// What is done with a pouch that has arrived: import.
    #[arg(long, value_name = "WHAT", value_parser = then)]
    pub(crate) then: Option<Then>,

    /// How long nothing may be heard of the sender before there is an alarm, such as 30s or 5m.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) silence: Option<Duration>,

    /// Most streams that may be unfinished at a time.
    #[arg(long, value_name = "N")]
    pub(crate) streams: Option<u16>,

    /// Most bytes of a stream, such as 2T.
    #[arg(long, value_name = "BYTES")]
    pub(crate) stream_size: Option<Amount>,

    /// How much of its disk the quarantine may take, in percent.
    #[arg(long, value_name = "PERCENT")]
    pub(crate) share: Option<u8>,

    /// Threads that repair and verify.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<u16>,

    /// End when the first stream has arrived whole, and was handed over if it is to be.
    #[arg(long)]
    pub(crate) once: bool,

    /// With --once: end after so long in any case, such as 60s.
    #[arg(long, value_name = "SPAN", requires = "once", value_parser = span)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct ClerkArgs {
    /// Where the files lie.
    pub(crate) directory: PathBuf,
    /// The program, and what comes before the file.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}

fn then(text: &str) -> Result<Then, String> {
    match text {
        "import" => Ok(Then::Import),
        _ => Err("the only known one is \"import\"".to_owned()),
    }
}

fn span(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "a span is written like 30s, 5m or 1h".to_owned())?;
    Duration::try_from(span).map_err(|_| "a span is not below zero".to_owned())
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
  arrived[]            stream, pouch, file (below arrived/), at, length, lost, repaired, import (code, said)
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
    Show(pouch_cli::ShowArgs),
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
