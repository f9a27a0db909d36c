//! A secret typed at a terminal.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use nix::sys::{
    signal::raise,
    termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr},
};

use crate::{LockedBytes, MemoryError, signals::HeldSignals};

/// Longest secret, in bytes.
const LONGEST: usize = 512;
/// How long one read waits, in tenths of a second; after each, signals are looked at.
const WAIT: u8 = 2;
/// A read that gives nothing and waited less than this found the terminal gone.
const AT_ONCE: Duration = Duration::from_millis(20);

/// Why no secret was read. The terminal is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum TtyError {
    /// There is no terminal, or it failed.
    #[error("cannot read from the terminal: {0}")]
    Io(#[from] io::Error),
    /// Control-C, or control-D on an empty line.
    #[error("cancelled at the terminal")]
    Cancelled,
    /// Longer than any secret.
    #[error("the secret has more than {limit} bytes")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// The secret cannot be kept safe.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Shows `prompt` on the controlling terminal and reads one line from it without echo.
///
/// The terminal is restored however this ends: signals that would end or stop the process are held back meanwhile,
/// and delivered once the terminal is as it was. The line comes without its end.
///
/// # Errors
/// [`TtyError`].
pub fn read_secret_line(prompt: &str) -> Result<LockedBytes, TtyError> {
    let mut tty = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    read_secret_from(&mut tty, prompt)
}

/// The same on a terminal that is open already.
///
/// # Errors
/// [`TtyError`].
pub fn read_secret_from(tty: &mut File, prompt: &str) -> Result<LockedBytes, TtyError> {
    let mut quiet = Quiet::enter(tty)?;
    let result = quiet.read_line(prompt);
    // Restores the terminal; a signal that came meanwhile takes effect here.
    drop(quiet);
    result
}

/// A terminal without echo, until dropped.
struct Quiet<'t> {
    tty: &'t mut File,
    before: Termios,
    signals: Option<HeldSignals>,
}

impl<'t> Quiet<'t> {
    fn enter(tty: &'t mut File) -> io::Result<Self> {
        let before = tcgetattr(&*tty)?;
        let signals = Some(HeldSignals::hold()?);
        let mut raw = before.clone();
        raw.local_flags &= !(LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG);
        for (index, value) in [(SpecialCharacterIndices::VMIN, 0), (SpecialCharacterIndices::VTIME, WAIT)] {
            if let Some(slot) = raw.control_chars.get_mut(index as usize) {
                *slot = value;
            }
        }
        // From here on dropping restores both.
        let quiet = Self { tty, before, signals };
        tcsetattr(&*quiet.tty, SetArg::TCSAFLUSH, &raw)?;
        Ok(quiet)
    }

    fn read_line(&mut self, prompt: &str) -> Result<LockedBytes, TtyError> {
        self.tty.write_all(prompt.as_bytes())?;
        let mut secret = LockedBytes::zeroed(LONGEST)?;
        // One byte at a time, straight into locked memory.
        let mut byte = LockedBytes::zeroed(1)?;
        let mut length = 0;
        loop {
            if HeldSignals::pending().is_some() {
                return Err(TtyError::Cancelled);
            }
            let asked = Instant::now();
            if self.tty.read(byte.as_mut())? == 0 {
                // The end of the waiting time. A terminal that is gone says nothing at once, again and again.
                if asked.elapsed() < AT_ONCE {
                    return Err(TtyError::Cancelled);
                }
                continue;
            }
            match byte.as_ref() {
                [b'\r' | b'\n'] => break,
                [0x03] => return Err(TtyError::Cancelled),
                [0x04] if length == 0 => return Err(TtyError::Cancelled),
                [0x04] => break,
                [0x08 | 0x7f] => length = before_last_char(secret.as_ref(), length),
                // Control-U: once more from the start.
                [0x15] => length = 0,
                [typed] => {
                    let slot = secret.as_mut().get_mut(length).ok_or(TtyError::TooLong { limit: LONGEST })?;
                    *slot = *typed;
                    length += 1;
                }
                _ => {}
            }
        }
        secret.truncate(length);
        Ok(secret)
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = self.tty.write_all(b"\n");
        let _ = tcsetattr(&*self.tty, SetArg::TCSAFLUSH, &self.before);
        let pending = HeldSignals::pending();
        // What a signal did before it does again, now that the terminal is as it was.
        drop(self.signals.take());
        if let Some(signal) = pending {
            let _ = raise(signal);
        }
    }
}

/// The length without the last UTF-8 character.
fn before_last_char(secret: &[u8], length: usize) -> usize {
    let kept = secret.get(..length).unwrap_or_default();
    kept.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0)
}
