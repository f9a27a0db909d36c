//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pouch_cli::{CommandLine, CommonArgs, Generate};
use pouch_link::amount::Amount;
use pouch_link::send::Target;
use pouch_link::send::config::{Config, Percent};

/// Send sealed pouches over a one-way link.
///
/// Datagrams go one way and nothing answers: repair symbols, rounds and the codes that the receiver shows make good what
/// is lost. Nothing is read from the link.
#[derive(Debug, Parser)]
#[command(name = "pouch-send", version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
The configuration is read from /etc/pouch/send.toml, or from --config FILE. A small one:

  to = [\"udp:10.0.0.2:4100\"]        # or \"ether:eth1\"; several links share each pouch
  rate = \"900M\"                     # bits a second on the wire of each link
  spool = \"/var/spool/pouch\"
  state = \"/var/lib/pouch-send\"
  link_key = \"link.key\"             # made by `pouch-send link-key`, the same file at the receiver

  [registry.land]
  weight = 50                       # its share of the rate beside others, which have 10

Exit codes: 0 done, 3 done with findings, 64 usage, 65 bad data, 66 no input, 69 a link does not work, 70 our bug,
73 and 74 disk, 75 interrupted or try again, 77 refused by a rule, 78 configuration.";

impl CommandLine for Cli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Send pouches now, one after the other
    Send(SendArgs),
    /// Watch the spool and send what appears in it, as a service
    Run,
    /// Show how the service is
    Status,
    /// Make a new link key
    LinkKey(LinkKeyArgs),
    /// Show or check the configuration
    Config(ConfigArgs),
    #[command(flatten)]
    Generate(Generate),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-send send land-000041 --to udp:10.0.0.2:4100
  pouch-send send /media/pouch/land-000041 --to ether:eth1 --to ether:eth2 --rate 2.5G --mtu 9000
  pouch-send send land-000041 --dry-run --loss 1%     what it takes, and what loss it survives
  pouch-send send land-000041 --rounds 3 --repair 12.5%
  pouch-send send land-000041 --only 4KDZ-0QR1-M2     only what the receiver lacks, by its code

A pouch is named by its directory, or by its id in the spool. Every round sends all of it with other repair symbols, so a
receiver that lost blocks in one round needs only those of the next. Addresses are numbers: no name is looked up.

Exit codes: 0 all was sent, 69 a link failed and not all was sent, 75 interrupted.")]
pub(crate) struct SendArgs {
    /// Directories of pouches, or ids of pouches in the spool.
    #[arg(required = true, value_name = "POUCH")]
    pub(crate) pouches: Vec<PathBuf>,

    /// Where to send: udp:ADDRESS:PORT, udp:GROUP:PORT%INTERFACE or ether:INTERFACE[/ADDRESS]; once for each link.
    #[arg(long, value_name = "LANE")]
    pub(crate) to: Vec<Target>,

    /// Bits a second on the wire of each link.
    #[arg(long, value_name = "BITS")]
    pub(crate) rate: Option<Amount>,

    /// How often all is sent, each time with other repair symbols.
    #[arg(long, value_name = "N", conflicts_with = "only")]
    pub(crate) rounds: Option<u16>,

    /// Blocks that are sent in turn: a burst of this many times the repair symbols of a block loses nothing.
    #[arg(long, value_name = "BLOCKS")]
    pub(crate) interleave: Option<u16>,

    /// Repair symbols, as a share of the source symbols, 0% to 25%.
    #[arg(long, value_name = "SHARE")]
    pub(crate) repair: Option<Percent>,

    /// Send only what this code names; --mtu as when the pouch was sent.
    #[arg(long, value_name = "CODE")]
    pub(crate) only: Option<String>,

    /// Most bytes of an Ethernet frame's content on the way, 576 to 9000.
    #[arg(long, value_name = "BYTES")]
    pub(crate) mtu: Option<u16>,

    /// File of the link key: 64 hexadecimal digits, readable by nobody else.
    #[arg(long, value_name = "FILE")]
    pub(crate) link_key: Option<PathBuf>,

    /// Where pouches that are named by their id lie.
    #[arg(long, value_name = "DIR")]
    pub(crate) spool: Option<PathBuf>,

    /// Print the plan and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// For the plan: the share of datagrams that the way loses, such as 1%; a few are shown if it is not said.
    #[arg(long, value_name = "SHARE", requires = "dry_run", value_parser = loss)]
    pub(crate) loss: Option<f64>,
}

impl SendArgs {
    /// The configuration with what was typed over it.
    pub(crate) fn over(&self, mut config: Config) -> Config {
        if !self.to.is_empty() {
            config.to.clone_from(&self.to);
        }
        config.rate = self.rate.unwrap_or(config.rate);
        config.rounds = self.rounds.unwrap_or(config.rounds);
        config.interleave = self.interleave.or(config.interleave);
        config.repair = self.repair.unwrap_or(config.repair);
        config.mtu = self.mtu.unwrap_or(config.mtu);
        if let Some(spool) = &self.spool {
            config.spool.clone_from(spool);
        }
        config.link_key = self.link_key.clone().or(config.link_key);
        config
    }
}

/// A loss such as `1%` or `0.5%`.
fn loss(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
    percent
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "a loss is 0% to 100%, such as 0.5%".to_owned())
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-send link-key -o /etc/pouch/link.key

Carry the file to the receiver on a way that nobody else sees. It keeps noise and forgeries away from the receiver; what a
pouch is trusted by is its signature.")]
pub(crate) struct LinkKeyArgs {
    /// New file for the key.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
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
    /// Read the configuration and say whether it is sound
    Check,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn examples_in_the_help_parse() {
        let mut parsed = 0;
        for command in Cli::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            for line in help.lines().filter_map(|line| line.strip_prefix("  pouch-send ")) {
                let words = line.split("   ").next().unwrap().split_whitespace();
                let parse = Cli::try_parse_from(std::iter::once("pouch-send").chain(words));
                assert!(parse.is_ok(), "{line}: {parse:?}");
                parsed += 1;
            }
        }
        assert_eq!(parsed, 6);
    }

    #[test]
    fn wrong_flags_are_refused() {
        for line in [
            "send",
            "send p --to udp:example.org:4100",
            "send p --to udp:0.0.0.0:4100",
            "send p --to tcp:10.0.0.2:1",
            "send p --rate fast",
            "send p --repair 26%",
            "send p --repair -1%",
            "send p --mtu 70000",
            "send p --loss 1%",
            "send p --dry-run --loss 101%",
            "send p --only A --rounds 2",
            "link-key",
            "run now",
        ] {
            let words = std::iter::once("pouch-send").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
