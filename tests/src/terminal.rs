//! A command at a terminal of its own, which `script` of util-linux gives it.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A command at a terminal, and what it showed so far.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    seen: String,
}

impl Terminal {
    /// Starts `line`, a line of the shell, with the token of `softhsm`.
    ///
    /// # Errors
    /// `script` is not there.
    pub fn start(line: &str, softhsm: &Path) -> Result<Self, String> {
        let child = Command::new("script")
            .args(["-qec", &format!("exec {line}"), "/dev/null"])
            .env("SOFTHSM2_CONF", softhsm)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("script: {e}"))?;
        Ok(Self { child, seen: String::new() })
    }

    /// Waits for a prompt.
    ///
    /// # Errors
    /// It does not come.
    pub fn wait_for(&mut self, prompt: &str) -> Result<(), String> {
        let mut byte = [0];
        while !self.seen.ends_with(prompt) {
            let out = self.child.stdout.as_mut().ok_or("no output")?;
            match out.read(&mut byte) {
                Ok(1) => self.seen.push(char::from(byte[0])),
                other => return Err(format!("{other:?} and no {prompt:?} in {:?}", self.seen)),
            }
        }
        Ok(())
    }

    /// Types `keys`.
    ///
    /// # Errors
    /// Nobody takes them.
    pub fn press(&mut self, keys: &str) -> Result<(), String> {
        let keyboard = self.child.stdin.as_mut().ok_or("no input")?;
        keyboard.write_all(keys.as_bytes()).map_err(|e| format!("the keyboard: {e}"))
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
        let mut rest = Vec::new();
        let mut out = self.child.stdout.take().ok_or("no output")?;
        out.read_to_end(&mut rest).map_err(|e| e.to_string())?;
        self.seen.extend(rest.iter().map(|byte| char::from(*byte)));
        let status = self.child.wait().map_err(|e| e.to_string())?;
        Ok((status.code().ok_or("it was killed")?, self.seen))
    }
}
