//! A command at a terminal of its own, which `script` of util-linux gives it.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How long a prompt is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command at a terminal, and what it showed so far.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    seen: String,
    /// How much of it was there when something was typed last: a prompt is answered once.
    answered: usize,
    /// What it shows, byte by byte; ends with the command.
    shown: Receiver<u8>,
}

impl Terminal {
    /// Starts `line`, a line of the shell, with the token of `softhsm`.
    ///
    /// # Errors
    /// `script` is not there.
    pub fn start(line: &str, softhsm: &Path) -> Result<Self, String> {
        Self::start_with(line, &[("SOFTHSM2_CONF".into(), softhsm.into())])
    }

    /// The same with the tokens of any module, which these variables lead to.
    ///
    /// # Errors
    /// `script` is not there.
    pub fn start_with(line: &str, variables: &[(OsString, OsString)]) -> Result<Self, String> {
        let mut child = Command::new("script")
            .args(["-qec", &format!("exec {line}"), "/dev/null"])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("script: {e}"))?;
        let mut out = child.stdout.take().ok_or("no output")?;
        let (sender, shown) = channel();
        thread::spawn(move || {
            let mut byte = [0];
            while out.read(&mut byte).is_ok_and(|read| read == 1) && byte.iter().all(|byte| sender.send(*byte).is_ok())
            {
            }
        });
        Ok(Self { child, seen: String::new(), answered: 0, shown })
    }

    /// Waits for a prompt.
    ///
    /// # Errors
    /// It does not come.
    pub fn wait_for(&mut self, prompt: &str) -> Result<(), String> {
        while !self.seen.get(self.answered..).is_some_and(|new| new.ends_with(prompt)) {
            match self.shown.recv_timeout(PATIENCE) {
                Ok(byte) => self.seen.push(char::from(byte)),
                Err(error) => return Err(format!("{error} and no {prompt:?} in {:?}", self.seen)),
            }
        }
        Ok(())
    }

    /// All that was shown so far.
    #[must_use]
    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// Types `keys`.
    ///
    /// # Errors
    /// Nobody takes them.
    pub fn press(&mut self, keys: &str) -> Result<(), String> {
        let keyboard = self.child.stdin.as_mut().ok_or("no input")?;
        keyboard.write_all(keys.as_bytes()).map_err(|e| format!("the keyboard: {e}"))?;
        self.answered = self.seen.len();
        Ok(())
    }

    /// Waits for a prompt, then types a line.
    ///
    /// # Errors
    /// The prompt does not come.
    pub fn answer(&mut self, prompt: &str, line: &str) -> Result<(), String> {
        self.wait_for(prompt)?;
        self.press(&format!("{line}\n"))
    }

    /// The process at the terminal.
    ///
    /// # Errors
    /// There is none.
    pub fn process(&self) -> Result<u32, String> {
        let script = self.child.id();
        let file = format!("/proc/{script}/task/{script}/children");
        let children = std::fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?;
        let child = children.split_whitespace().next().and_then(|child| child.parse().ok());
        child.ok_or_else(|| format!("script has no child: {:?}", self.seen))
    }

    /// Waits for the end: the exit code, and all that was shown.
    ///
    /// # Errors
    /// The end cannot be had.
    pub fn end(mut self) -> Result<(i32, String), String> {
        self.seen.extend(self.shown.iter().map(char::from));
        let status = self.child.wait().map_err(|e| e.to_string())?;
        Ok((status.code().ok_or("it was killed")?, std::mem::take(&mut self.seen)))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Its terminal goes with it, and so does whatever still runs there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
