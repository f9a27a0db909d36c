//! What can be typed. URIs are taken as text and parsed later: the parser of the command line repeats a wrong value
//! in its message, and a wrong URI may carry a PIN.

use clap::{Args, Parser, Subcommand, ValueEnum};
use openpgp_pkcs11::{Algorithm, Composite, GenerateError, KeyVersion};
use pouch_cli::{CommandLine, CommonArgs, Generate};
use std::path::PathBuf;

/// Makes throw-away tokens, keys and certificates for demonstrations and tests. DEMO only: the PIN lies beside
/// the keys.
#[derive(Debug, Parser)]
#[command(name = "pouch-softtoken", version, disable_version_flag = true)]
pub(crate) struct Cli {
    /// The directory of the modules' configuration, tokens and PIN files. Not needed when SOFTHSM2_CONF or
    /// KRYOPTIC_CONF is set or another module is used.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

impl CommandLine for Cli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a token with random PINs and print its URI.
    Create {
        /// Label of the token.
        #[arg(long)]
        label: String,
        /// Also write the user PIN to this new file.
        #[arg(long, value_name = "FILE")]
        pin_file: Option<PathBuf>,
        /// The module of kryoptic, instead of SoftHSM: it has post-quantum keys.
        #[arg(long, value_name = "MODULE")]
        kryoptic: Option<PathBuf>,
    },
    /// Make a key pair inside a token and print its URI.
    Generate(KeyArgs),
    /// Make a certificate of keys inside tokens; prints its fingerprint.
    Certify(CertArgs),
    /// Print the keys that a token shows without a PIN.
    List {
        /// URI of the token.
        #[arg(long, value_name = "URI")]
        uri: String,
    },
    #[command(flatten)]
    Make(Generate),
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// URI of the token.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: String,
    /// rsa3072, rsa4096, p256, p384, ed25519, x25519; both halves of a key of profile pqc: mldsa65-ed25519,
    /// mlkem768-x25519; one post-quantum half: mldsa65, mlkem768.
    #[arg(long, value_parser = kind)]
    pub(crate) algorithm: KeyKind,
    /// Label of the key.
    #[arg(long)]
    pub(crate) label: String,
    /// Id of the key, in hexadecimal.
    #[arg(long, value_name = "HEX", value_parser = hex)]
    pub(crate) id: Id,
}

/// What is made: one key of the token, or two.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyKind {
    Single(Algorithm),
    Composite(Composite),
}

fn kind(text: &str) -> Result<KeyKind, GenerateError> {
    text.parse().map(KeyKind::Composite).or_else(|_| text.parse().map(KeyKind::Single))
}

/// Bytes of a key id; a type of its own, because clap takes a bare `Vec` as a repeated argument.
#[derive(Debug, Clone)]
pub(crate) struct Id(pub(crate) Vec<u8>);

#[derive(Debug, Args)]
pub(crate) struct CertArgs {
    /// What the certificate is for.
    #[arg(long, value_enum)]
    pub(crate) role: RoleArg,
    /// Version of the keys: 4 for GnuPG, 6 for RFC 9580.
    #[arg(long, default_value = "6", value_parser = version)]
    pub(crate) version: KeyVersion,
    /// URI of the primary key.
    #[arg(long, value_name = "URI")]
    pub(crate) primary: String,
    /// URI of the encryption key, with --role embassy.
    #[arg(long, value_name = "URI", required_if_eq("role", "embassy"))]
    pub(crate) subkey: Option<String>,
    /// The keys are those of profile pqc.
    #[arg(long)]
    pub(crate) pqc: bool,
    /// URI of the primary key's post-quantum half, if it is in a second token.
    #[arg(long, value_name = "URI", requires = "pqc")]
    pub(crate) primary_pq: Option<String>,
    /// URI of the encryption key's post-quantum half, if it is in a second token.
    #[arg(long, value_name = "URI", requires = "pqc")]
    pub(crate) subkey_pq: Option<String>,
    /// User id; "DEMO " is put before it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_id: String,
    /// Creation time, such as 2026-01-01T00:00:00Z; now unless given. Fingerprints follow from it.
    #[arg(long, value_name = "TIME")]
    pub(crate) created: Option<jiff::Timestamp>,
    /// End of validity; never unless given.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<jiff::Timestamp>,
    /// New file for the certificate, or - for stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// One key that certifies and signs.
    Signing,
    /// A primary key that certifies, a subkey that opens.
    Embassy,
}

fn version(text: &str) -> Result<KeyVersion, &'static str> {
    match text {
        "4" => Ok(KeyVersion::V4),
        "6" => Ok(KeyVersion::V6),
        _ => Err("expected 4 or 6"),
    }
}

fn hex(text: &str) -> Result<Id, &'static str> {
    const WRONG: &str = "expected an even number of hexadecimal digits";
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(WRONG);
    }
    let pair = |start: usize| u8::from_str_radix(text.get(start..start + 2).unwrap_or_default(), 16);
    (0..text.len()).step_by(2).map(pair).collect::<Result<_, _>>().map(Id).map_err(|_| WRONG)
}
