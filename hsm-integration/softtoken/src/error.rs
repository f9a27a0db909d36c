//! Why there is no soft token.

use pouch_console::{Exit, Failure};
use std::path::PathBuf;

/// Why a throw-away token, key or certificate was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SoftTokenError {
    /// The label would not do as a file name and as a token label.
    #[error("token label {label:?} must have 1 to 32 letters, digits, dots, dashes or underscores")]
    Label {
        /// As given.
        label: String,
    },
    /// A file or directory cannot be made.
    #[error("cannot make {}: {reason}", path.display())]
    File {
        /// What was to be made.
        path: PathBuf,
        /// Words of the system.
        reason: String,
    },
    /// The module would look somewhere else.
    #[error("{variable} is {}, expected {}", actual.as_ref().map_or("not set".into(), |path| path.display().to_string()), expected.display())]
    Environment {
        /// What the module reads.
        variable: &'static str,
        /// What it would read.
        actual: Option<PathBuf>,
        /// The token's own configuration.
        expected: PathBuf,
    },
    /// The program that does the work is not there.
    #[error("program pouch-softtoken is not in {}", searched.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    NoProgram {
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// The program failed.
    #[error("pouch-softtoken {verb} failed: {talk}")]
    Program {
        /// What it was to do.
        verb: &'static str,
        /// What it said.
        talk: String,
    },
    /// The random generator failed.
    #[error("no random PIN: {reason}")]
    Random {
        /// Words of the library.
        reason: String,
    },
    /// A certificate cannot be written or read.
    #[error("certificate: {reason}")]
    Certificate {
        /// Words of the library.
        reason: String,
    },
    /// The token refused.
    #[error(transparent)]
    Token(#[from] openpgp_pkcs11::Error),
}

impl pouch_console::Explain for SoftTokenError {
    fn explain(&self) -> Failure {
        let (id, exit, hint) = match self {
            Self::Token(error) => return pouch_cli::explain::hsm(error.clone()),
            Self::Label { .. } => ("SOFTTOKEN-LABEL", Exit::Usage, "choose a shorter, simpler label"),
            Self::File { .. } => ("SOFTTOKEN-FILE", Exit::CannotCreate, "nothing is overwritten; name another path"),
            Self::Environment { .. } => ("SOFTTOKEN-CONFIG", Exit::Config, "use --dir"),
            Self::NoProgram { .. } => {
                ("SOFTTOKEN-PROGRAM", Exit::Unavailable, "run: cargo build --release -p pouch-softtoken")
            }
            Self::Program { .. } => ("SOFTTOKEN-FAILED", Exit::Unavailable, "see what the program said"),
            Self::Random { .. } => ("SOFTTOKEN-RANDOM", Exit::Unavailable, "run it again"),
            Self::Certificate { .. } => ("SOFTTOKEN-CERT", Exit::Software, "report it"),
        };
        Failure::new(id, exit, self).hint(hint)
    }
}
