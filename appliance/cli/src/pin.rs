//! The PIN, typed at the terminal without echo.

use std::io;

use openpgp_pkcs11::secrecy::SecretString;
use openpgp_pkcs11::{PinPrompt, PinState, TokenStatus};
use pouch_console::{Output, escape};
use pouch_platform::{TtyError, read_secret_line};

/// Asks for PINs at the controlling terminal.
#[derive(Debug)]
pub(crate) struct TtyPin<'o> {
    output: &'o Output,
}

impl<'o> TtyPin<'o> {
    /// A prompt, unless `--no-input` forbids it.
    pub(crate) fn new(output: &'o Output) -> Option<Self> {
        (!output.options().no_input).then_some(Self { output })
    }
}

impl PinPrompt for TtyPin<'_> {
    fn ask(&mut self, token: &TokenStatus) -> io::Result<Option<SecretString>> {
        if token.pin == PinState::CountLow {
            self.output.warn("a wrong PIN was entered at this token since the last login; there is one try now");
        }
        let prompt = format!("PIN of token \"{}\" (serial {}): ", escape(&token.label), escape(&token.serial));
        let line = match read_secret_line(&prompt) {
            Ok(line) => line,
            Err(TtyError::Cancelled) => return Ok(None),
            Err(TtyError::Io(error)) => return Err(error),
            Err(error) => return Err(io::Error::other(error)),
        };
        match std::str::from_utf8(line.as_ref()) {
            Ok("") => Ok(None),
            Ok(pin) => Ok(Some(SecretString::from(pin))),
            Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "the PIN is not UTF-8")),
        }
    }

    fn announce_pinpad(&mut self, token: &TokenStatus) -> io::Result<()> {
        self.output
            .warn(format!("type the PIN of token \"{}\" (serial {}) at its own pinpad", token.label, token.serial));
        Ok(())
    }
}
