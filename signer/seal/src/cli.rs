//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pouch_cli::{CommandLine, CommonArgs, Generate, PinArgs};
use pouch_format::{PouchId, Profile, RegistryName};
use pouch_seal::config::DEFAULT_FILE;

/// Seal registries for the data embassy.
///
/// A registry is captured, packed, encrypted for the embassy and signed with the home key in the token, straight into the
/// spool; nothing of it touches the disk in the clear. What is in the spool is complete and can be carried.
#[derive(Debug, Parser)]
#[command(name = "pouch-seal", version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
The configuration is read from /etc/pouch/seal.toml, or from --config FILE. A small one:

  spool = \"/var/spool/pouch\"
  state = \"/var/lib/pouch/state\"
  recipients = [\"embassy.pgp\"]

  [signer]
  key = \"pkcs11:serial=4711;object=home?pin-source=file:/run/pouch/pin\"
  certificate = \"home.pgp\"

  [registry.land]
  rpo = \"24h\"
  [registry.land.capture]
  source = \"postgresql\"
  conninfo = \"host=/run/postgresql user=backup\"

Exit codes: 0 done, 3 done with findings, 64 usage, 65 bad data, 66 no input, 69 no token or server, 70 our bug,
73 and 74 disk, 75 try again, 77 refused by a rule, 78 configuration.";

impl CommandLine for Cli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Seal a registry into the spool
    Seal(SealArgs),
    /// Add a further officer's signature to a pouch that waits for it
    Cosign(CosignArgs),
    /// List the pouches in the spool
    List,
    /// Show what a pouch's manifest states
    Inspect(InspectArgs),
    /// Write a pouch as the one tar in which it travels
    Export(ExportArgs),
    /// Say whether a tar could stand in a pouch
    Lint(LintArgs),
    /// Show or check the configuration
    Config(ConfigArgs),
    #[command(flatten)]
    Generate(Generate),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-seal seal land --dry-run     check everything that can be checked before a PIN is asked
  pouch-seal seal land               seal the registry \"land\"
  pouch-seal seal land --confirm     show the digest and ask for \"Yes\" before the token signs
  pouch-seal seal land --quorum      the PIN comes from the shares of custodians

The PIN comes from the pin-source of the key's URI, the systemd credential `pouch-pin`, or the terminal; it is tried once.
With --quorum, or `quorum = true` under [signer], custodians type the words of their shares (SLIP-0039) at the terminal
instead, one after another; when enough are there the PIN is put together and tried once.")]
pub(crate) struct SealArgs {
    /// The registry, a section of the configuration.
    pub(crate) registry: RegistryName,

    /// Check configuration, certificates, token, key, space and source; ask for no PIN and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Show what is about to be signed, with its digest in words, and ask for "Yes".
    #[arg(long)]
    pub(crate) confirm: bool,

    /// Which OpenPGP packets, instead of what the configuration says.
    #[arg(long, value_enum)]
    pub(crate) profile: Option<ProfileName>,

    /// zstd level, 1 to 19, instead of what the configuration says.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=19))]
    pub(crate) level: Option<i64>,

    /// Certificates of those who have to sign too, instead of what the configuration says; once for each.
    #[arg(long, value_name = "FILE")]
    pub(crate) cosigner: Option<Vec<PathBuf>>,

    #[command(flatten)]
    pub(crate) pin: PinArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-seal cosign land-000041 --as tamm        with the key of [cosigner.tamm]
  pouch-seal cosign land-000041 --key URI --certificate tamm.pgp

On another machine, where there is no spool:
  pouch-seal cosign land-000041 --export request.json
  pouch-seal cosign --request request.json --output tamm.sig --key URI --certificate tamm.pgp
  pouch-seal cosign land-000041 --import tamm.sig
The first writes what is to be signed, which is carried there; the second runs there; the third
takes the signature that came back.

A pouch whose configuration names `cosigners` waits in the spool until all of them have signed; only
then is it to be carried, and only then the next one is sealed. Before the PIN is asked the manifest
is compared with the ledger and every part with the manifest, and the signatures that are there are
verified. What is signed is shown, with its digest in words: compare them with those that the
sealing officer reads to you, and type \"Yes\".

All whom the manifest announces have to sign. Where K of N officers are enough, --cosigner of
`pouch-seal seal` chooses who signs this time, `threshold` says that they are at least K, and the
embassy's trust file demands K of all N.

Signatures of stock gpg and sq are taken too, if they are binary and say the time of sealing.

If an officer will not sign, the pouch is withdrawn and its number used again:
  pouch-seal cosign land-000041 --withdraw")]
pub(crate) struct CosignArgs {
    /// The pouch that waits for signatures, such as land-000041.
    #[arg(required_unless_present = "request", conflicts_with = "request")]
    pub(crate) pouch: Option<PouchId>,

    /// Sign with the key of this section [cosigner.NAME] of the configuration.
    #[arg(long = "as", value_name = "NAME", conflicts_with = "key")]
    pub(crate) officer: Option<String>,

    /// PKCS#11 URI of the key to sign with.
    #[arg(long, value_name = "URI", requires = "certificate")]
    pub(crate) key: Option<String>,

    /// Certificate of that key; with --import, of whoever made the signature, if the configuration does not name it.
    #[arg(long, value_name = "FILE", conflicts_with = "officer")]
    pub(crate) certificate: Option<PathBuf>,

    /// Write what is to be signed into a new file, the manifest itself.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["import", "withdraw", "officer", "certificate"])]
    pub(crate) export: Option<PathBuf>,

    /// Sign what this file holds; needs no spool, and writes the signature to --output.
    #[arg(long, value_name = "FILE", requires = "output")]
    pub(crate) request: Option<PathBuf>,

    /// New file for the signature.
    #[arg(long, value_name = "FILE", requires = "request")]
    pub(crate) output: Option<PathBuf>,

    /// Add the signature that this file holds.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["request", "withdraw", "officer", "key"])]
    pub(crate) import: Option<PathBuf>,

    /// Remove the pouch, whose number will be used again.
    #[arg(long, conflicts_with_all = ["request", "officer", "certificate"])]
    pub(crate) withdraw: bool,

    #[command(flatten)]
    pub(crate) pin: PinArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProfileName {
    /// Version 6 keys, AES-256 in OCB mode (RFC 9580).
    Rfc9580,
    /// Version 4 keys, for GnuPG 2.2 (RFC 4880).
    Rfc4880,
    /// As rfc9580 with post-quantum keys: ML-DSA-65+Ed25519, ML-KEM-768+X25519 (RFC 9980).
    #[value(alias = "rfc9980")]
    Pqc,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Rfc9580 => Profile::Rfc9580,
            ProfileName::Rfc4880 => Profile::Rfc4880,
            ProfileName::Pqc => Profile::Rfc9980,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A pouch in the spool, such as land-000041, or a directory that holds one.
    pub(crate) pouch: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-seal export land-000041 --output /media/usb/land-000041.tar
  pouch-seal export land-000041 --output -

Every part is compared with the manifest on its way. `pouch-import` takes the tar as it takes the directory, and `tar xf`
makes the directory of it. A pouch that waits for signatures is not exported.")]
pub(crate) struct ExportArgs {
    /// A pouch in the spool, such as land-000041.
    pub(crate) pouch: PouchId,

    /// New file for the tar; `-` writes to standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Prints one verdict as JSON: accepted with its totals, or the rule that refuses and the offset in bytes.
GNU tar makes acceptable archives of plain files and directories with

  tar --format=posix --pax-option=delete=atime,delete=ctime -cf FILE.tar -C DIR --no-recursion FILES...

Exit codes: 0 accepted, 77 refused.")]
pub(crate) struct LintArgs {
    /// The tar; `-` reads standard input.
    pub(crate) file: PathBuf,

    /// Also write the tree into this directory, which must not exist, with the writer that the embassy uses.
    #[arg(long, value_name = "DIR")]
    pub(crate) extract: Option<PathBuf>,
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

/// The configuration that the command line names.
pub(crate) const fn default_file() -> &'static str {
    DEFAULT_FILE
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
            for line in help.lines().filter_map(|line| line.strip_prefix("  pouch-seal ")) {
                let words = line.split("   ").next().unwrap().split_whitespace();
                let parse = Cli::try_parse_from(std::iter::once("pouch-seal").chain(words));
                assert!(parse.is_ok(), "{line}: {parse:?}");
                parsed += 1;
            }
        }
        assert!(parsed >= 10, "{parsed}");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for line in [
            "cosign",
            "cosign land-000041 --request r",
            "cosign --request r",
            "cosign land-000041 --key URI",
            "cosign land-000041 --as a --key URI --certificate c",
            "cosign land-000041 --export e --import i",
            "cosign land-000041 --withdraw --as a",
            "cosign land-41",
        ] {
            let words = std::iter::once("pouch-seal").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
