//! Where the PIN comes from. It is never an argument, never in the environment, never in a message.
//!
//! Order: the token's own pinpad; the file of `pin-source` in the URI; a systemd credential; the prompt of
//! the caller. The first that exists is used and there is no second try with the next.

mod change;

pub use change::PinError;

use crate::{
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    status::{PinState, TokenStatus},
    uri::Uri,
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Name of the systemd credential that holds the PIN.
pub const DEFAULT_CREDENTIAL: &str = "pouch-pin";

/// Longest PIN in bytes; PKCS#11 tokens take at most 255.
const MAX_PIN: u64 = 255;

/// Asks the human at the terminal; the binary owns the terminal.
pub trait PinPrompt {
    /// Asks for the user PIN of `token` without echo. `None` when the human gives up.
    ///
    /// # Errors
    /// The terminal failed.
    fn ask(&mut self, token: &TokenStatus) -> io::Result<Option<SecretString>>;

    /// Tells the human to type the PIN at the token's own pinpad.
    ///
    /// # Errors
    /// The terminal failed.
    fn announce_pinpad(&mut self, token: &TokenStatus) -> io::Result<()>;
}

/// How to log in. The default takes a PIN file or credential, asks nobody and never uses the final try.
pub struct LoginOptions<'a> {
    /// Name of the systemd credential looked for in `$CREDENTIALS_DIRECTORY`.
    pub credential: &'a str,
    /// Asks the human; `None` for unattended work.
    pub prompt: Option<&'a mut dyn PinPrompt>,
    /// Log in although one more wrong PIN would lock the token, or may.
    pub allow_final_try: bool,
}

impl Default for LoginOptions<'_> {
    fn default() -> Self {
        Self { credential: DEFAULT_CREDENTIAL, prompt: None, allow_final_try: false }
    }
}

/// Why there is no login. Except for [`LoginError::Device`] no PIN was sent to the token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoginError {
    /// The retry flags say locked.
    #[error("the PIN of token {token} is locked; no try was made")]
    Locked {
        /// The token.
        token: Uri,
    },
    /// The retry flags say that one more wrong PIN locks.
    #[error("one more wrong PIN locks token {token}; no try was made")]
    FinalTry {
        /// The token.
        token: Uri,
    },
    /// The retry flags cannot be read, so that one more wrong PIN may lock.
    #[error("the retry flags of token {token} cannot be read; no try was made")]
    FlagsUnread {
        /// The token.
        token: Uri,
    },
    /// The token was never given a user PIN.
    #[error("token {token} has no user PIN yet")]
    NotSet {
        /// The token.
        token: Uri,
    },
    /// The token's self-test failed.
    #[error("token {token} is in its error state")]
    Fault {
        /// The token.
        token: Uri,
    },
    /// No file, no credential, nobody to ask.
    #[error("no PIN for token {token}: no pin-source, no credential {credential:?}, and nobody to ask")]
    NoPin {
        /// The token.
        token: Uri,
        /// Name of the credential looked for.
        credential: String,
    },
    /// The human gave up.
    #[error("no PIN was entered for token {token}")]
    GivenUp {
        /// The token.
        token: Uri,
    },
    /// `pin-source` is something else than `file:/...`.
    #[error("pin-source {source_text:?} is not a file: URI with an absolute path")]
    Source {
        /// As written in the URI.
        source_text: String,
    },
    /// The PIN file cannot be read.
    #[error("PIN file {} cannot be read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Words of the system.
        reason: String,
    },
    /// Others may read the PIN file.
    #[error("PIN file {} has mode {mode:04o}: others can read it", path.display())]
    FileMode {
        /// The file.
        path: PathBuf,
        /// Permission bits found.
        mode: u32,
    },
    /// The PIN is empty, has control characters or is not text.
    #[error("the PIN from {origin} is empty, too long, or not one line of text")]
    Form {
        /// Where it came from.
        origin: String,
    },
    /// The PIN's length is outside what the token says it takes.
    #[error("the PIN from {origin} is outside the {min} to {max} bytes that token {token} takes; no try was made")]
    Length {
        /// Where it came from.
        origin: String,
        /// The token.
        token: Uri,
        /// Shortest in bytes.
        min: usize,
        /// Longest in bytes.
        max: usize,
    },
    /// The prompt failed.
    #[error("the PIN prompt failed: {reason}")]
    Prompt {
        /// Words of the system.
        reason: String,
    },
    /// The token failed or refused.
    #[error("login to token {token}: {source}")]
    Device {
        /// The token.
        token: Uri,
        /// The call that failed.
        source: DeviceError,
    },
}

impl Explain for LoginError {
    fn explain(&self) -> Explanation {
        let (id, kind, hint) = match self {
            Self::Device { source, .. } => return source.explain(),
            Self::Locked { .. } => ("HSM-PIN-LOCKED", Kind::Refused, "the security officer has to set a new user PIN"),
            Self::FinalTry { .. } | Self::FlagsUnread { .. } => {
                ("HSM-PIN-FINAL-TRY", Kind::Refused, "make sure of the PIN first, then allow the final try explicitly")
            }
            Self::NotSet { .. } => {
                ("HSM-PIN-UNSET", Kind::Refused, "the security officer has to set the user PIN first")
            }
            Self::Fault { .. } => ("HSM-DEVICE", Kind::Unavailable, "look at the HSM's own log and front panel"),
            Self::NoPin { .. } => (
                "HSM-NO-PIN",
                Kind::Configuration,
                "add pin-source=file:/path to the key URI, load a credential, or run at a terminal",
            ),
            Self::GivenUp { .. } => ("HSM-NO-PIN", Kind::Refused, "nothing was tried; run the command again"),
            Self::Source { .. } => {
                ("HSM-PIN-SOURCE", Kind::Usage, "write pin-source=file:/absolute/path; programs are not run for PINs")
            }
            Self::File { .. } => ("HSM-PIN-FILE", Kind::Missing, "correct pin-source in the key URI"),
            Self::FileMode { .. } => {
                ("HSM-PIN-FILE-MODE", Kind::Refused, "chmod 600 the file, and change the PIN if others had access")
            }
            Self::Form { .. } | Self::Length { .. } => {
                ("HSM-PIN-FORM", Kind::Refused, "the file holds the PIN and at most one newline; look at the PIN rules")
            }
            Self::Prompt { .. } => ("HSM-NO-PIN", Kind::Unavailable, "run the command at a terminal"),
        };
        Explanation::new(id, kind, hint)
    }
}

/// Refuses a login that could lock the token. Called with flags read just before.
pub(crate) fn assert_safe_to_try(status: &TokenStatus, allow_final_try: bool) -> Result<(), LoginError> {
    let token = status.uri();
    if status.fault {
        return Err(LoginError::Fault { token });
    }
    if !status.pin_set {
        return Err(LoginError::NotSet { token });
    }
    assert_state(status, status.pin, allow_final_try)
}

/// Refuses a try of a PIN whose retry flags say `state`.
pub(crate) fn assert_state(status: &TokenStatus, state: PinState, allow_final_try: bool) -> Result<(), LoginError> {
    let token = status.uri();
    match state {
        PinState::Locked => Err(LoginError::Locked { token }),
        PinState::FinalTry if !allow_final_try => Err(LoginError::FinalTry { token }),
        PinState::Unknown if !allow_final_try => Err(LoginError::FlagsUnread { token }),
        PinState::FinalTry => {
            tracing::warn!(%token, "this is the final try before the PIN locks");
            Ok(())
        }
        PinState::Unknown => {
            tracing::warn!(%token, "the retry flags cannot be read; this may be the final try before the PIN locks");
            Ok(())
        }
        PinState::CountLow => {
            tracing::warn!(%token, "a wrong PIN was entered since the last login");
            Ok(())
        }
        PinState::Good => Ok(()),
    }
}

/// The PIN, or `None` when it is typed at the token's own pinpad.
pub(crate) fn obtain(
    status: &TokenStatus,
    pin_source: Option<&str>,
    options: &mut LoginOptions<'_>,
) -> Result<Option<SecretString>, LoginError> {
    if status.pinpad {
        return ask(status, options);
    }
    let (pin, origin) = if let Some(source) = pin_source {
        let path = file_of(source)?;
        (read_pin(&path, Access::Owner)?, path.display().to_string())
    } else if let Some(path) = credential(std::env::var_os("CREDENTIALS_DIRECTORY"), options.credential) {
        (read_pin(&path, Access::Credential)?, path.display().to_string())
    } else {
        return ask(status, options);
    };
    assert_fit(&pin, &origin, status)?;
    Ok(Some(pin))
}

/// The PIN from the human, or `None` when it is typed at the token's own pinpad.
pub(crate) fn ask(status: &TokenStatus, options: &mut LoginOptions<'_>) -> Result<Option<SecretString>, LoginError> {
    let no_pin = || LoginError::NoPin { token: status.uri(), credential: options.credential.to_owned() };
    let failed = |error: io::Error| LoginError::Prompt { reason: error.to_string() };
    let prompt = options.prompt.as_deref_mut().ok_or_else(no_pin)?;
    if status.pinpad {
        prompt.announce_pinpad(status).map_err(failed)?;
        return Ok(None);
    }
    let pin = prompt.ask(status).map_err(failed)?.ok_or_else(|| LoginError::GivenUp { token: status.uri() })?;
    assert_fit(&pin, "the prompt", status)?;
    Ok(Some(pin))
}

/// Refuses a PIN that the token cannot take.
pub(crate) fn assert_fit(pin: &SecretString, origin: &str, status: &TokenStatus) -> Result<(), LoginError> {
    assert_form(pin.expose_secret(), origin)?;
    assert_length(pin.expose_secret(), origin, status)
}

/// RFC 7512 section 2.4 also allows programs (`|...`) and relative names; both are refused.
fn file_of(source: &str) -> Result<PathBuf, LoginError> {
    let refused = || LoginError::Source { source_text: source.to_owned() };
    let path = source.strip_prefix("file:").ok_or_else(refused)?;
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.starts_with('/') && !path.contains('\0') { Ok(PathBuf::from(path)) } else { Err(refused()) }
}

fn credential(directory: Option<std::ffi::OsString>, name: &str) -> Option<PathBuf> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return None;
    }
    directory.map(|directory| Path::new(&directory).join(name)).filter(|path| path.exists())
}

/// Who may have access to a file with a PIN.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Its owner alone.
    Owner,
    /// Whoever systemd let into the credentials directory: an access list shows up as group bits there.
    Credential,
}

fn read_pin(path: &Path, access: Access) -> Result<SecretString, LoginError> {
    let failed = |reason: String| LoginError::File { path: path.to_owned(), reason };
    // Before opening, because opening a FIFO would wait for a writer.
    if !fs::metadata(path).map_err(|error| failed(error.to_string()))?.is_file() {
        return Err(failed("it is not a regular file".into()));
    }
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mode = file.metadata().map_err(|error| failed(error.to_string()))?.mode() & 0o7777;
    if access == Access::Owner && mode & 0o077 != 0 {
        return Err(LoginError::FileMode { path: path.to_owned(), mode });
    }
    // Reserved at once, so that growing does not leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(512));
    file.take(MAX_PIN + 3).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| LoginError::Form { origin: path.display().to_string() })?;
    Ok(SecretString::from(text))
}

fn assert_form(pin: &str, origin: &str) -> Result<(), LoginError> {
    let fits = u64::try_from(pin.len()).is_ok_and(|length| length <= MAX_PIN);
    if pin.is_empty() || !fits || pin.chars().any(char::is_control) {
        return Err(LoginError::Form { origin: origin.to_owned() });
    }
    Ok(())
}

/// Spares a try that cannot succeed. A token that states no limits is believed.
fn assert_length(pin: &str, origin: &str, status: &TokenStatus) -> Result<(), LoginError> {
    let (min, max) = status.pin_length;
    if pin.len() < min || (max > 0 && pin.len() > max) {
        return Err(LoginError::Length { origin: origin.to_owned(), token: status.uri(), min, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
