//! Secrets typed at a terminal.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::sys::{
    signal::raise,
    termios::{FlushArg, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflush, tcgetattr, tcsetattr},
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

/// Shows `prompt` on the controlling terminal and reads one line from it without echo, see [`SecretTty`].
///
/// # Errors
/// [`TtyError`].
pub fn read_secret_line(prompt: &str) -> Result<LockedBytes, TtyError> {
    SecretTty::open()?.read_line(prompt)
}

/// The same on a terminal that is open already.
///
/// # Errors
/// [`TtyError`].
pub fn read_secret_from(tty: &File, prompt: &str) -> Result<LockedBytes, TtyError> {
    SecretTty::over(tty.try_clone()?)?.read_line(prompt)
}

/// Forgets what was typed at `tty` and not yet read: it is no answer to a question that comes now.
///
/// # Errors
/// What the system says; for example that it is no terminal.
pub fn forget_typed(tty: &impl AsFd) -> io::Result<()> {
    Ok(tcflush(tty, FlushArg::TCIFLUSH)?)
}

/// A terminal that does not show what is typed, until dropped.
///
/// The terminal is restored however this ends: signals that would end or stop the process are held back meanwhile,
/// and delivered once the terminal is as it was.
pub struct SecretTty {
    tty: File,
    before: Termios,
    signals: Option<HeldSignals>,
}

impl SecretTty {
    /// The controlling terminal.
    ///
    /// # Errors
    /// [`TtyError::Io`]: there is none.
    pub fn open() -> Result<Self, TtyError> {
        Ok(Self::over(OpenOptions::new().read(true).write(true).open("/dev/tty")?)?)
    }

    /// A terminal that is open already.
    ///
    /// # Errors
    /// What the system says; for example that it is no terminal.
    pub fn over(tty: File) -> io::Result<Self> {
        let before = tcgetattr(&tty)?;
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
        tcsetattr(&quiet.tty, SetArg::TCSAFLUSH, &raw)?;
        Ok(quiet)
    }

    /// Shows `text` as it is.
    ///
    /// # Errors
    /// [`TtyError::Io`].
    pub fn show(&mut self, text: &str) -> Result<(), TtyError> {
        Ok(self.tty.write_all(text.as_bytes())?)
    }

    /// Forgets what was typed before, shows `prompt` and reads one line, which comes without its end.
    ///
    /// # Errors
    /// [`TtyError`]. After [`TtyError::TooLong`] one can ask again.
    pub fn read_line(&mut self, prompt: &str) -> Result<LockedBytes, TtyError> {
        forget_typed(&self.tty)?;
        self.show(prompt)?;
        let line = self.read();
        // What ended the line was not shown either.
        self.show("\n")?;
        line
    }

    fn read(&mut self) -> Result<LockedBytes, TtyError> {
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

impl Drop for SecretTty {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.tty, SetArg::TCSAFLUSH, &self.before);
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
