//! Why there is no backup.

use super::Wrapping;
use crate::{
    device::DeviceError,
    error::{Error, Explain, Explanation, Kind},
    generate::GenerateError,
    key::KeyError,
    uri::Uri,
};

/// Why a key was not carried to a second token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackupError {
    /// The key was not made for a backup.
    #[error("private key {key} was not made for a backup: CKA_EXTRACTABLE is {state}")]
    NotDeclared {
        /// The key.
        key: Uri,
        /// What the token says.
        state: &'static str,
    },
    /// Half of a composite key.
    #[error("{algorithm} is half of a composite key, and halves are not carried")]
    Half {
        /// The algorithm.
        algorithm: String,
    },
    /// First and second token are the same.
    #[error("a copy on the same token {token} is no backup")]
    SameToken {
        /// The token.
        token: Uri,
    },
    /// The two tokens have no way in common.
    #[error(
        "no way to carry a key from token {from} to token {to}: {lack}; the first wraps with {}, the second unwraps {}",
        words(wraps),
        words(unwraps)
    )]
    NotOffered {
        /// The first token.
        from: Uri,
        /// The second token.
        to: Uri,
        /// What is missing.
        lack: String,
        /// How the first token can wrap private keys.
        wraps: Vec<Wrapping>,
        /// How the second token can unwrap them.
        unwraps: Vec<Wrapping>,
    },
    /// The token cannot let go of keys so that another token takes them.
    #[error("token {token} makes no keys for a backup: {lack}; it wraps with {}", words(wraps))]
    CannotWrap {
        /// The token.
        token: Uri,
        /// What is missing.
        lack: String,
        /// How it can wrap private keys.
        wraps: Vec<Wrapping>,
    },
    /// The key was not found, or is not acceptable for another reason.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Label or id is taken on the second token, or the key was not made.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A step failed.
    #[error("{step}: {source}")]
    Step {
        /// What was to be done, and by which token.
        step: &'static str,
        /// The call that failed.
        source: DeviceError,
    },
    /// The copy does not do what the original does.
    #[error("copy {copy} does not prove itself: {source}")]
    NotProven {
        /// The copy.
        copy: Uri,
        /// What failed.
        source: Box<Error>,
    },
    /// The copy opened something else than was sealed.
    #[error("copy {copy} opens messages to the key wrongly")]
    OpensWrongly {
        /// The copy.
        copy: Uri,
    },
    /// The original can still be exported.
    #[error("private key {key} was not confined to its token: {reason}")]
    NotConfined {
        /// The key.
        key: Uri,
        /// What failed, or what is seen.
        reason: String,
    },
    /// It failed, and what was made on the second token could not be taken away.
    #[error("{cause}; and {copy} is left behind: {reason}")]
    LeftBehind {
        /// The copy.
        copy: Uri,
        /// Why it could not be destroyed.
        reason: String,
        /// Why there is no backup.
        cause: Box<BackupError>,
    },
    /// The token failed.
    #[error("token: {0}")]
    Device(#[from] DeviceError),
}

fn words(all: &[Wrapping]) -> String {
    if all.is_empty() {
        return "nothing that is used here".into();
    }
    all.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ")
}

impl Explain for BackupError {
    fn explain(&self) -> Explanation {
        let (id, kind, hint) = match self {
            Self::Key(error) => return error.explain(),
            Self::Generate(error) => return error.explain(),
            Self::Step { source, .. } | Self::Device(source) => return source.explain(),
            Self::NotDeclared { .. } => (
                "HSM-KEY-NOT-FOR-BACKUP",
                Kind::Refused,
                "make a second key on the second token, and let both be recipients",
            ),
            Self::Half { .. } => (
                "HSM-NO-HALF-BACKUP",
                Kind::Refused,
                "nothing was made; the backup of a composite key is a second composite key, and both are recipients",
            ),
            Self::SameToken { .. } => ("HSM-SAME-TOKEN", Kind::Usage, "name another token"),
            Self::NotOffered { .. } | Self::CannotWrap { .. } => (
                "HSM-NO-TRANSPORT",
                Kind::Refused,
                "use tokens of one kind that wrap, or make a second key on the second token, and let both be recipients",
            ),
            Self::NotProven { source, .. } => return source.explain(),
            Self::OpensWrongly { .. } => (
                "HSM-BACKUP-UNPROVEN",
                Kind::Unavailable,
                "the copy was taken away again; do not rely on these tokens for a backup",
            ),
            Self::NotConfined { .. } => (
                "HSM-KEY-NOT-CONFINED",
                Kind::Refused,
                "the copy was taken away again; destroy the original, for it can still leave its token",
            ),
            Self::LeftBehind { .. } => {
                ("HSM-BACKUP-LEFT", Kind::Unavailable, "erase the second token as a whole before it leaves the room")
            }
        };
        Explanation::new(id, kind, hint)
    }
}
