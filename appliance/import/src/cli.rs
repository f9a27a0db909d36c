//! What can be typed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use pouch_cli::{CommandLine, CommonArgs, Generate, PinArgs};
use pouch_format::{NameError, PouchId, RegistryName, Sha256Digest};

/// Take in sealed pouches at the embassy, keep them, and on the day open and restore them.
///
/// A pouch is verified and admitted without any secret, and kept sealed. Only unpack, restore and session-key use the
/// embassy's key, which stays in the token.
#[derive(Debug, Parser)]
#[command(name = "pouch-import", version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
The configuration is read from /etc/pouch/import.toml, or from --config FILE. A small one:

  root = \"/var/lib/pouch\"                # vault, state, log, unpacked and restored trees lie in it
  trust = \"trust.toml\"                   # whose signatures count; beside this file
  key = \"pkcs11:serial=4712;object=open?pin-source=file:/run/pouch/pin\"

  [restore]
  run_as = \"postgres\"                    # as root only

  [registry.business]
  command = [\"/usr/local/bin/load-business\", \"--from\"]    # the tree's path is added

Exit codes: 0 done, 3 done with findings, 64 usage, 65 bad data, 66 no input, 69 no token or program, 70 our bug,
73 and 74 disk, 75 try again, 77 refused by a rule, 78 configuration.";

impl CommandLine for Cli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what a pouch claims to be; nothing of it is verified
    Inspect(InspectArgs),
    /// Verify a pouch where it lies; nothing is written
    Verify(VerifyArgs),
    /// Verify pouches, admit them and keep them in the vault
    Import(ImportArgs),
    /// Show how fresh each registry is, and whether state and log are sound
    Status(StatusArgs),
    /// Open a kept pouch with the token and unpack it
    Unpack(UnpackArgs),
    /// Unpack a kept pouch and make it a registry that works
    Restore(RestoreArgs),
    /// Print a pouch's session key, so that stock gpg or sq can open it in an emergency
    SessionKey(SessionKeyArgs),
    /// Make the state anew from dispatch notes, when both copies are lost
    Recover(RecoverArgs),
    /// Show or check the configuration
    Config(ConfigArgs),
    #[command(flatten)]
    Generate(Generate),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-import inspect /media/pouch/land-000041
  pouch-import inspect /media/pouch/land-000041.tar

Needs no configuration. Whoever made the files wrote what is shown: believe nothing before `pouch-import verify`.")]
pub(crate) struct InspectArgs {
    /// The directory of a pouch, or its one tar in transit.
    pub(crate) pouch: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-import verify /media/pouch/land-000041
  pouch-import verify /media/pouch/land-000041.tar

Checks signatures, policy and every part against the trust file. Whether it is the next pouch of its registry is not
looked at: that is `pouch-import import --dry-run`. Exit codes: 0 verified, 77 refused by the rule that is named.")]
pub(crate) struct VerifyArgs {
    /// The directory of a pouch, or its one tar in transit.
    pub(crate) pouch: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-import import /media/pouch/land-000041
  pouch-import import /media/pouch/land-000042 /media/pouch/land-000043
  pouch-import import /var/lib/pouch/arrived/land-000044.tar
  pouch-import import --dry-run /media/pouch/land-000041
  pouch-import import --first \"adroitness adviser ... 32 words\" /media/pouch/land-000001

Needs no secret. Several pouches are taken in the order of their sequence numbers. The first pouch of a registry needs
--first with the digest of its manifest, in 64 hexadecimal digits or 32 words, from the dispatch note that came on
another way; never take it from the pouch itself.

A pouch is a directory, or the one tar of it that a link delivers and `pouch-seal export` writes. The tar is read where it
lies, never unpacked before it is verified; one that another tool made is refused (POUCH-TRANSIT): unpack that with
`tar xf` and import the directory.

Exit codes: 0 all are kept, 3 a pouch was here already, 77 a pouch is refused; nothing of a refused pouch is kept.")]
pub(crate) struct ImportArgs {
    /// Directories of pouches, or their tars in transit.
    #[arg(required = true, value_name = "POUCH")]
    pub(crate) pouches: Vec<PathBuf>,

    /// Digest of the first pouch of a registry, from its dispatch note; once for each first pouch.
    #[arg(long, value_name = "DIGEST_OR_WORDS")]
    pub(crate) first: Vec<Sha256Digest>,

    /// Say what would be admitted, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-import status
  pouch-import status land --format json

Exit codes: 0 all is well, 3 a registry is stale or has no pouch, or a copy of the state or the log is damaged.")]
pub(crate) struct StatusArgs {
    /// Only this registry.
    pub(crate) registry: Option<RegistryName>,
}

/// A pouch in the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The newest of a registry.
    Newest(RegistryName),
    /// This one.
    Pouch(PouchId),
}

impl FromStr for Target {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        text.parse().map(Target::Pouch).or_else(|_| text.parse().map(Target::Newest))
    }
}

/// How the token is used.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// PKCS#11 URI of the key, instead of what the configuration says.
    #[arg(long, value_name = "URI")]
    pub(crate) key: Option<String>,

    #[command(flatten)]
    pub(crate) pin: PinArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-import unpack land --dry-run     check vault, space, token and key before a PIN is asked
  pouch-import unpack land               the newest pouch of the registry \"land\"
  pouch-import unpack land-000041        this one
  pouch-import unpack land --quorum      the PIN comes from the shares of custodians

The tree is written to <unpacked>/<registry>/<sequence>-<digest>/, appears there when it is complete and compared with
its signed index, and is never changed again. <unpacked>/<registry>/current then leads to it; older versions stay.
The token decrypts once, whatever the size. The PIN comes from the pin-source of the key's URI, the systemd credential
`pouch-pin`, or the terminal; it is tried once. With --quorum, or `quorum = true` in the configuration, custodians type
the words of their shares (SLIP-0039) at the terminal instead, one after another; when enough are there the PIN is put
together and tried once.")]
pub(crate) struct UnpackArgs {
    /// A registry, for its newest pouch, or a pouch such as land-000041.
    #[arg(value_name = "REGISTRY[-NNNNNN]")]
    pub(crate) target: Target,

    #[command(flatten)]
    pub(crate) token: TokenArgs,

    /// Check everything that can be checked before a PIN is asked, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-import restore land --dry-run
  pouch-import restore land
  pouch-import restore land-000041 --format json
  pouch-import restore land --quorum

Unpacks into <restored>/<registry>/<sequence>-<digest>/ and does what the source of the snapshot asks for:

  directory    nothing more: every file was compared with the signed index
  command      runs `command` of [registry.NAME] with the tree's path as last argument
  postgresql   relocates tablespaces; runs pg_verifybackup; starts a scratch server on a
               private socket and replays the log; runs pg_amcheck on every database;
               compares row counts with those of home; stops it again: the data
               directory is then ready to be started

<restored>/<registry>/current leads to it when all of that passed. What was restored before is never touched again.")]
pub(crate) struct RestoreArgs {
    /// A registry, for its newest pouch, or a pouch such as land-000041.
    #[arg(value_name = "REGISTRY[-NNNNNN]")]
    pub(crate) target: Target,

    #[command(flatten)]
    pub(crate) token: TokenArgs,

    /// Check everything that can be checked before a PIN is asked, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-import session-key land-000041 --officer \"A. Mets\" --officer \"B. Tamm\"
  pouch-import session-key land-000041 --quorum

  for s in segment-*.pgp; do sq decrypt --session-key KEY \"$s\"; done | zstd -d | tar x
  for s in segment-*.pgp; do gpg --override-session-key KEY --decrypt \"$s\"; done | zstd -d | tar x

The first takes any sq for profile rfc4880 and sq 1.0 or later for rfc9580, the second is for rfc4880. For rfc9980, which is
pqc, the format's description has a line with OpenPGP.js.

Whoever holds the printed text can read this pouch, and no other. The act goes to the log, the key does not. It asks for
exactly `Yes` at the terminal, or needs --yes-export.")]
pub(crate) struct SessionKeyArgs {
    /// A pouch in the vault such as land-000041, or the directory or tar of a pouch, which is verified first.
    pub(crate) pouch: String,

    #[command(flatten)]
    pub(crate) token: TokenArgs,

    /// Who answers for it; goes to the log. Once for each.
    #[arg(long, value_name = "NAME")]
    pub(crate) officer: Vec<String>,

    /// Do not ask.
    #[arg(long)]
    pub(crate) yes_export: bool,
}

/// What the newest dispatch note of a registry says: `land-000041=DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) pouch: PouchId,
    pub(crate) manifest: Sha256Digest,
}

impl FromStr for Note {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (pouch, digest) = text.split_once('=').ok_or("a note is a pouch, `=` and a digest")?;
        let pouch = pouch.parse().map_err(|error: NameError| error.to_string())?;
        let manifest = digest.parse().map_err(|error: pouch_format::DigestError| error.to_string())?;
        Ok(Self { pouch, manifest })
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pouch-import recover --note \"land-000041=adroitness adviser ... 32 words\" --officer \"A. Mets\" --officer \"B. Tamm\"

For every registry in the vault the newest dispatch note is needed, and it must name the newest pouch there. Both
officers stand in the log. As long as one copy of the state is readable, this is refused: that copy decides.")]
pub(crate) struct RecoverArgs {
    /// What the newest dispatch note of a registry says: pouch and digest of its manifest. Once for each registry.
    #[arg(long, value_name = "POUCH=DIGEST_OR_WORDS")]
    pub(crate) note: Vec<Note>,

    /// The two who answer for it.
    #[arg(long, required = true, value_name = "NAME")]
    pub(crate) officer: Vec<String>,
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
    /// Check configuration, trust file, state, token, key and the programs that restore; ask for no PIN
    Check,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// Splits as a shell does, as far as the examples need it.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn examples_in_the_help_parse() {
        let digest = Sha256Digest([7; 32]).words();
        let mut parsed = 0;
        for command in Cli::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            for line in help.lines().filter_map(|line| line.strip_prefix("  pouch-import ")) {
                let line = line.split("   ").next().unwrap().replace("adroitness adviser ... 32 words", &digest);
                let arguments = [vec!["pouch-import".to_owned()], words(&line)].concat();
                assert!(Cli::try_parse_from(&arguments).is_ok(), "{line}");
                parsed += 1;
            }
        }
        assert!(parsed >= 15, "{parsed}");
    }

    #[test]
    fn a_target_is_a_pouch_or_else_a_registry() {
        assert!(matches!("land-000041".parse(), Ok(Target::Pouch(id)) if id.sequence == 41));
        assert!(matches!("land-41".parse(), Ok(Target::Newest(_))));
        assert!("Land".parse::<Target>().is_err());
    }

    #[test]
    fn a_note_takes_digits_or_words() {
        let digest = Sha256Digest([7; 32]);
        for text in [digest.to_string(), digest.words()] {
            let note: Note = format!("land-000041={text}").parse().unwrap();
            assert_eq!((note.pouch.to_string().as_str(), note.manifest), ("land-000041", digest));
        }
        assert!("land-000041".parse::<Note>().is_err());
        assert!("land=00".parse::<Note>().is_err());
    }
}
