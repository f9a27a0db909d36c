//! What can be typed.

use clap::{Args, Parser, Subcommand};
use pouch_cli::{CommandLine, CommonArgs, Generate, PinArgs};
use std::path::PathBuf;

/// Hold key ceremonies: check a plan, rehearse it on a throw-away token, run it on the HSM, prove what was done.
///
/// A plan says what is made and under whose eyes; a binding says which devices are meant. The same plan file is rehearsed and
/// run. Everything that a ceremony makes lies in one folder, with a transcript that the new key signs.
#[derive(Debug, Parser)]
#[command(name = "pouch-ceremony", version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
From a plan to keys:

  pouch-ceremony check plan.toml                                        its steps
  pouch-ceremony rehearse plan.toml --output trial                      on throw-away tokens
  pouch-ceremony run plan.toml --binding hsm.toml --output record       on the HSM
  pouch-ceremony verify-transcript record --certificate home.pgp        months later
  pouch-ceremony report record --certificate home.pgp --output r.html   to print and sign
  pouch-ceremony inventory pkcs11:token=home --login                    what is in a token

Exit codes: 0 done, 3 done with findings, 64 usage, 65 bad data, 66 no input, 69 no token or a failed ceremony, 70 our bug, 73 and 74 disk, 75 interrupted, to be resumed, 77 refused by a rule, 78 configuration.";

impl CommandLine for Cli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say whether a plan can be carried out, and list its steps
    Check(CheckArgs),
    /// Hold the ceremony on throw-away tokens
    Rehearse(RehearseArgs),
    /// Hold the ceremony on the tokens of the binding
    Run(RunArgs),
    /// Judge a finished transcript: chain, signature, files
    VerifyTranscript(VerifyArgs),
    /// Write the record of a ceremony as a page to be printed and signed
    Report(ReportArgs),
    /// List tokens, keys and certificates, their URIs, and what is wrong with them
    Inventory(InventoryArgs),
    #[command(flatten)]
    Generate(Generate),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The plan.
    pub(crate) plan: PathBuf,

    /// Also compare the binding with the plan.
    #[arg(long, value_name = "FILE")]
    pub(crate) binding: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    /// The plan.
    pub(crate) plan: PathBuf,

    /// The folder of the rehearsal: a new one, or one where it was interrupted.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// The module of the throw-away tokens; SoftHSM's unless given. Post-quantum keys need one of PKCS#11 3.2, such as
    /// kryoptic's, which `make tools` builds.
    #[arg(long, value_name = "FILE")]
    pub(crate) module: Option<PathBuf>,

    /// Play everybody: answer Yes to all, and type back what is shown. For tests of a plan.
    #[arg(long)]
    pub(crate) unattended: bool,

    /// Where custodians see and type their words, as on the day; this terminal unless given.
    #[arg(long, value_name = "TTY", conflicts_with = "unattended")]
    pub(crate) private_terminal: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The plan.
    pub(crate) plan: PathBuf,

    /// Which devices are the plan's tokens.
    #[arg(long, value_name = "FILE")]
    pub(crate) binding: PathBuf,

    /// The folder of the ceremony: a new one, or one where it was interrupted.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// Use the token although one more wrong PIN locks it.
    #[arg(long)]
    pub(crate) last_try: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A transcript that was altered, shortened or put in another order is refused with exit code 77; a rehearsal, exceptions and
failed attempts are findings, exit code 3.")]
pub(crate) struct VerifyArgs {
    /// The folder of the ceremony.
    pub(crate) folder: PathBuf,

    /// The certificate that must have signed, from a place you trust: not from the folder itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: PathBuf,

    /// The plan that was reviewed: also compare its digest, and demand each of its steps.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,

    /// Also print the transcript as text.
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
One HTML file without scripts, made for A4. A ceremony that was interrupted, failed or is not signed can be reported, says
so in large letters, and is a finding, exit code 3; so is a report without --certificate. An altered transcript is reported
as altered, and refused with exit code 77.")]
pub(crate) struct ReportArgs {
    /// The folder of the ceremony.
    pub(crate) folder: PathBuf,

    /// The file to be written; it must not be there.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// The certificate that must have signed, from a place you trust: not from the folder itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Changes nothing. Exit code 0 when nothing is wrong with what was seen, 3 when something is. Private keys are seen only with
--login; then the URI must name one token, and may say where its PIN is.")]
pub(crate) struct InventoryArgs {
    /// The token or module, as a PKCS#11 URI; all slots of the module unless given.
    pub(crate) uri: Option<String>,

    /// The module, where the URI names none.
    #[arg(long, value_name = "FILE")]
    pub(crate) module: Option<PathBuf>,

    /// Log in with the user PIN, so that private keys are seen.
    #[arg(long)]
    pub(crate) login: bool,

    #[command(flatten)]
    pub(crate) pin: PinArgs,
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
    fn the_last_try_is_said_in_the_words_of_the_other_commands() {
        let help = |verb: &str| {
            let cli = Cli::command();
            let verb = cli.find_subcommand(verb).unwrap();
            let flag = verb.get_arguments().find(|flag| flag.get_long() == Some("last-try"));
            flag.map(|flag| flag.get_help().unwrap().to_string())
        };
        assert_eq!(help("run").unwrap(), help("inventory").unwrap());
        assert_eq!(help("rehearse"), None, "throw-away tokens need none");
        let given = |last: &[&str]| {
            let words = ["pouch-ceremony", "run", "plan.toml", "--binding", "hsm.toml", "--output", "ceremony"];
            let Verb::Run(arguments) = Cli::try_parse_from(words.iter().chain(last)).unwrap().verb else { panic!() };
            arguments.last_try
        };
        assert!(given(&["--last-try"]) && !given(&[]));
    }

    #[test]
    fn examples_in_the_help_parse() {
        let examples: Vec<&str> = AFTER_HELP.lines().filter(|line| line.trim().starts_with("pouch-ceremony")).collect();
        assert_eq!(examples.len(), 6);
        for line in examples {
            let words = line.split("  ").find(|part| !part.trim().is_empty()).unwrap().split_whitespace();
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }
}
