//! A module of our own in front of the real one, which fails, lies and hangs on demand.

pub(crate) use super::faulty::Faulty;

use super::*;
use std::process::Command;

/// Runs `body` in a process whose real module sits behind the faulty module, with one token "home".
pub(crate) fn with_faults(test: &str, body: impl FnOnce(&Bench, &Faulty)) {
    with_faults_of(Module::chosen(), test, body);
}

/// The same with a module that the test needs.
pub(crate) fn with_faults_of(module: Module, test: &str, body: impl FnOnce(&Bench, &Faulty)) {
    let faulty = |bench: &Bench| Faulty::at(&bench.directory, &bench.directory);
    let prepare = |bench: &Bench, child: &mut Command| {
        let faulty = faulty(bench);
        faulty.build();
        faulty.prepare(&bench.module.path(), child);
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
