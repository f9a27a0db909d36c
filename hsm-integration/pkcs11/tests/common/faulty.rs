//! The faulty module by itself: built, put in front of a real one, told what to do, asked what was called. For tests of other
//! crates too.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What the module does to a function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fault {
    Error,
    Removed,
    Locked,
    Hang,
    /// Waits like [`Fault::Hang`], and does what was asked when nobody waits for it any more.
    Late,
    Flip,
    Short,
}

impl Fault {
    /// Those of a module that does nothing behind anybody's back.
    pub(crate) const PROMPT: [Self; 6] =
        [Self::Error, Self::Removed, Self::Locked, Self::Hang, Self::Flip, Self::Short];

    pub(crate) const ALL: [Self; 7] =
        [Self::Error, Self::Removed, Self::Locked, Self::Hang, Self::Late, Self::Flip, Self::Short];

    pub(crate) fn order(self, function: &str) -> String {
        match self {
            // CKR_GENERAL_ERROR, CKR_DEVICE_REMOVED, CKR_PIN_LOCKED
            Self::Error => format!("fail {function} 5\n"),
            Self::Removed => format!("fail {function} 50\n"),
            Self::Locked => format!("fail {function} 164\n"),
            Self::Hang => format!("hang {function}\n"),
            Self::Late => format!("late {function}\n"),
            Self::Flip => format!("flip {function}\n"),
            Self::Short => format!("short {function}\n"),
        }
    }

    /// Whether it is possible at all.
    pub(crate) fn is_for(self, function: &str) -> bool {
        let writes = ["C_Sign", "C_Decrypt", "C_GetAttributeValue"].contains(&function);
        !matches!(self, Self::Flip | Self::Short) || writes
    }

    /// Whether the caller has to give up.
    pub(crate) fn is_silence(self) -> bool {
        matches!(self, Self::Hang | Self::Late)
    }
}

/// The faulty module, its orders and its log.
pub(crate) struct Faulty {
    pub(crate) module: PathBuf,
    orders: PathBuf,
    log: PathBuf,
}

impl Faulty {
    /// Whose orders and log lie in this directory, and for which the module was built into `built`.
    pub(crate) fn at(directory: &Path, built: &Path) -> Self {
        Self { module: built.join("fault.so"), orders: directory.join("orders"), log: directory.join("log") }
    }

    /// Builds the module.
    pub(crate) fn build(&self) {
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-x", "c", "-o"]);
        compiler.arg(&self.module).args(["-", "-ldl"]).stdin(Stdio::piped());
        let mut compiler = compiler.spawn().expect("cc is needed for this test");
        let source = include_bytes!("../fault/fault.c");
        compiler.stdin.take().unwrap().write_all(source).unwrap();
        assert!(compiler.wait().unwrap().success(), "the faulty module cannot be built");
    }

    /// Has the module of a child stand in front of `real`, sound as yet.
    pub(crate) fn prepare(&self, real: &Path, child: &mut Command) {
        self.order("");
        self.clear_log();
        child.env("FAULT_FILE", &self.orders).env("FAULT_LOG", &self.log).env("FAULT_MODULE", real);
    }

    /// From now on the module does this.
    pub(crate) fn order(&self, orders: &str) {
        // In one step, for a call that hangs looks again and again.
        let new = self.orders.with_extension("new");
        fs::write(&new, orders).unwrap();
        fs::rename(&new, &self.orders).unwrap();
    }

    pub(crate) fn flags(&self, flags: u32) {
        self.order(&format!("flags {flags}\n"));
    }

    /// How often a function was called since the log was last cleared.
    pub(crate) fn calls(&self, name: &str) -> usize {
        fs::read_to_string(&self.log).unwrap().lines().filter(|line| *line == name).count()
    }

    /// The functions called since the log was last cleared, each once, in the order of their first call.
    pub(crate) fn called(&self) -> Vec<String> {
        let mut called: Vec<String> = Vec::new();
        for line in fs::read_to_string(&self.log).unwrap().lines() {
            if !called.iter().any(|known| known == line) {
                called.push(line.to_owned());
            }
        }
        called
    }

    pub(crate) fn clear_log(&self) {
        fs::write(&self.log, "").unwrap();
    }
}
