//! A command at a terminal of its own, which `script` of util-linux gives it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::process::is_root;

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

    /// A custodian copies the words that a ceremony shows at this terminal, and says so.
    ///
    /// # Errors
    /// No words come.
    pub fn copy_words(&mut self) -> Result<Vec<String>, String> {
        const COPIED: &str = "Press Enter when you have copied them: ";
        self.wait_for(COPIED)?;
        let page = self.seen.rsplit("they are not shown again.").next().unwrap_or_default();
        let page = page.split(COPIED).next().unwrap_or_default();
        let words = page.split_whitespace().filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
        let words = words.map(str::to_owned).collect();
        self.press("\n")?;
        Ok(words)
    }

    /// A line of the shell whose end takes its time: until then its memory can be looked at. `trace` is a file for strace.
    #[must_use]
    pub fn drawn_out(line: &str, trace: &Path) -> String {
        let trace = trace.display();
        format!("strace -qq -e trace=exit_group -e inject=exit_group:delay_enter=8s -o {trace} {line}")
    }

    /// The memory of a program that was started by [`Terminal::drawn_out`] and ends just now; none where this user may not look
    /// into it, which is as good.
    ///
    /// # Errors
    /// It is not there, it could leave a core, or root may not look.
    pub fn memory(&self) -> Result<Option<Vec<u8>>, String> {
        let strace = self.process()?;
        let file = format!("/proc/{strace}/task/{strace}/children");
        let children = std::fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?;
        let program = children.split_whitespace().next().ok_or("strace has no child")?;
        let limits = std::fs::read_to_string(format!("/proc/{program}/limits")).map_err(|e| format!("limits: {e}"))?;
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        if core.and_then(|core| core.split_whitespace().next()) != Some("0") {
            return Err(format!("it could leave a core: {limits}"));
        }
        let (Ok(maps), Ok(memory)) =
            (std::fs::read_to_string(format!("/proc/{program}/maps")), File::open(format!("/proc/{program}/mem")))
        else {
            return if is_root() { Err("root can look into every process".into()) } else { Ok(None) };
        };
        let mut all = Vec::new();
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let range = line.split_whitespace().next().and_then(|range| range.split_once('-')).ok_or("no range")?;
            let number = |text: &str| u64::from_str_radix(text, 16).map_err(|e| e.to_string());
            let (from, to) = (number(range.0)?, number(range.1)?);
            let mut part = vec![0; usize::try_from(to.saturating_sub(from)).map_err(|e| e.to_string())?];
            // Some ranges are of the kernel, and nobody reads them.
            if memory.read_exact_at(&mut part, from).is_ok() {
                all.extend(part);
            }
        }
        Ok(Some(all))
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

/// Whether `part` is somewhere in `bytes`.
#[must_use]
pub fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
