//! A module of our own in front of the real one, which fails, lies and hangs on demand.

use super::*;
use std::{fs, path::PathBuf, process::Command};

/// The faulty module, its orders and its log.
pub(crate) struct Faulty {
    pub(crate) module: PathBuf,
    orders: PathBuf,
    log: PathBuf,
}

/// Runs `body` in a process whose real module sits behind the faulty module, with one token "home".
pub(crate) fn with_faults(test: &str, body: impl FnOnce(&Bench, &Faulty)) {
    with_faults_of(Module::chosen(), test, body);
}

/// The same with a module that the test needs.
pub(crate) fn with_faults_of(module: Module, test: &str, body: impl FnOnce(&Bench, &Faulty)) {
    let faulty = |bench: &Bench| Faulty {
        module: bench.directory.join("fault.so"),
        orders: bench.directory.join("orders"),
        log: bench.directory.join("log"),
    };
    let prepare = |bench: &Bench, child: &mut Command| {
        let faulty = faulty(bench);
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fault/fault.c");
        run(Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&faulty.module)
            .arg(source)
            .arg("-ldl"));
        fs::write(&faulty.orders, "").unwrap();
        child.env("FAULT_FILE", &faulty.orders).env("FAULT_LOG", &faulty.log).env("FAULT_MODULE", bench.module.path());
    };
    with_this_module(module, test, prepare, |bench| {
        let faulty = faulty(bench);
        let pin = |text: &str| SecretString::from(text);
        let module = Uri::default().with_module_path(faulty.module.to_str().unwrap());
        initialise_token(&module, None, "home", &pin("demo-so-pin"), &pin(PIN)).unwrap();
        body(bench, &faulty);
    });
}

impl Faulty {
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

    pub(crate) fn uri(&self, bench: &Bench) -> Uri {
        bench.uri("home").with_module_path(self.module.to_str().unwrap())
    }

    pub(crate) fn token(&self, bench: &Bench) -> Token {
        Token::open(&self.uri(bench), None).unwrap()
    }

    pub(crate) fn login(&self, bench: &Bench) -> LoggedIn {
        self.token(bench).login(LoginOptions::default()).unwrap()
    }
}
