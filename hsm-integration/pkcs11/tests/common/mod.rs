//! A process with its own tokens for every test, on the module that `POUCH_TEST_MODULE` names.
//!
//! Modules read their configuration when they are loaded, and a process can load one once. So each test runs itself
//! again as a child with the variables set: own tokens, own counters, nothing shared with its neighbours.

#![allow(
    dead_code,
    clippy::print_stdout,
    reason = "each test file uses its own part of this; what a child said is shown"
)]

pub(crate) mod fault;
pub(crate) mod faulty;
pub(crate) mod raw;

mod module;

pub(crate) use module::Module;

use openpgp_pkcs11::{
    Algorithm, Explain, GenerateError, Kind, LoggedIn, LoginOptions, Token, Uri, Usage, certificate::Builder,
    initialise_token, secrecy::SecretString,
};
use sequoia_openpgp::{
    Cert, Packet, PacketPile,
    parse::Parse,
    policy::StandardPolicy,
    serialize::{
        MarshalInto,
        stream::{Encryptor, LiteralWriter, Message, Signer},
    },
};
use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    time::{Duration, SystemTime},
};

pub(crate) const PIN: &str = "demo-user-pin";
const BENCH: &str = "OPENPGP_PKCS11_TEST_BENCH";

/// Where a test's module keeps its things.
pub(crate) struct Bench {
    pub(crate) directory: PathBuf,
    pub(crate) module: Module,
}

/// Runs `body` in a child process that has the module to itself. `test` is the name of the calling test.
pub(crate) fn with_module(test: &str, body: impl FnOnce(&Bench)) {
    with_module_prepared(test, |_, _| (), body);
}

/// The same, with something to do for the child before it is started.
pub(crate) fn with_module_prepared(test: &str, prepare: impl FnOnce(&Bench, &mut Command), body: impl FnOnce(&Bench)) {
    with_this_module(Module::chosen(), test, prepare, body);
}

/// The same on a module that the test needs, whichever is chosen.
pub(crate) fn with_this_module(
    module: Module,
    test: &str,
    prepare: impl FnOnce(&Bench, &mut Command),
    body: impl FnOnce(&Bench),
) {
    if let Some(directory) = std::env::var_os(BENCH) {
        return body(&Bench { directory: directory.into(), module });
    }
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]).env(BENCH, directory.path()).env(module::CHOICE, module.word());
    let services = module.prepare(directory.path(), &mut child);
    prepare(&Bench { directory: directory.path().to_owned(), module }, &mut child);
    let child = child.output().unwrap();
    drop(services);
    let talk = format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && talk.contains("1 passed"), "{test} in its own process:\n{talk}");
    println!("{talk}");
}

/// The module and nothing more.
pub(crate) fn module() -> Uri {
    Uri::parse(&format!("pkcs11:?{}", Module::chosen().in_uri())).unwrap()
}

impl Bench {
    /// A new token with the usual PIN.
    pub(crate) fn token(&self, label: &str) -> Token {
        let pin = |text: &str| SecretString::from(text);
        initialise_token(&module(), None, label, &pin("demo-so-pin"), &pin(PIN)).unwrap()
    }

    /// A file with a PIN that only its owner can read.
    pub(crate) fn pin_file(&self, pin: &str) -> String {
        let path = self.directory.join(format!("{pin}.txt"));
        std::fs::write(&path, format!("{pin}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The token of this label, with the right PIN file.
    pub(crate) fn uri(&self, label: &str) -> Uri {
        self.without_pin(&format!("token={label}")).with_pin_file(&self.pin_file(PIN))
    }

    /// The token that `attributes` name, with no word on the PIN.
    pub(crate) fn without_pin(&self, attributes: &str) -> Uri {
        Uri::parse(&format!("pkcs11:{attributes}?{}", self.module.in_uri())).unwrap()
    }

    /// `pkcs11-tool` on the module.
    pub(crate) fn tool(&self) -> Command {
        let mut tool = Command::new("pkcs11-tool");
        tool.arg("--module").arg(self.module.path());
        tool
    }

    /// A new token, made by a program that is not this one. Modules show a process only tokens that existed when
    /// they were loaded, so this comes first.
    pub(crate) fn token_of_another_program(&self, label: &str) {
        let (old, empty) = slots(&run(self.tool().arg("--list-slots")), label);
        let empty = empty.expect("an empty token");
        run(self.tool().args(["--slot", &empty, "--init-token", "--label", label, "--so-pin", "demo-so-pin"]));
        // SoftHSM gives the new token another slot.
        let (new, _) = slots(&run(self.tool().arg("--list-slots")), label);
        let slot = new.iter().find(|slot| !old.contains(slot)).expect("a new token");
        let officer = ["--login", "--login-type", "so", "--so-pin", "demo-so-pin"];
        run(self.tool().args(["--slot", slot, "--init-pin", "--new-pin", PIN]).args(officer));
    }

    /// A new token, logged in.
    pub(crate) fn logged_in(&self, label: &str) -> LoggedIn {
        self.token(label);
        Token::open(&self.uri(label), None).unwrap().login(LoginOptions::default()).unwrap()
    }
}

/// In the words of `pkcs11-tool`: slots of the tokens with this label, and the first with an empty token.
fn slots(talk: &str, label: &str) -> (Vec<String>, Option<String>) {
    let (mut named, mut empty) = (Vec::new(), None);
    for text in talk.split("Slot ").skip(1) {
        let slot = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).expect("a slot number").0.to_owned();
        if text.contains("uninitialized") {
            empty = empty.or(Some(slot));
        } else if text.lines().any(|line| line.contains("token label") && line.ends_with(&format!(": {label}"))) {
            named.push(slot);
        }
    }
    (named, empty)
}

/// 2026-01-01T00:00:00Z
pub(crate) fn created() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

pub(crate) fn generate(token: &LoggedIn, algorithm: Algorithm, label: &str, id: u8) -> Uri {
    token.generate(algorithm, label, &[id]).unwrap_or_else(|error| panic!("{algorithm}: {error}")).uri
}

/// Those of `algorithms` that can be used so on this token. Of the others it is asserted that they are refused, in
/// time and with words: none is left out in silence.
pub(crate) fn usable(bench: &Bench, token: &LoggedIn, usage: Usage, algorithms: &[Algorithm]) -> Vec<Algorithm> {
    for &algorithm in algorithms {
        let good = bench.module.offers_use(algorithm, usage);
        match token.token().assert_offers(algorithm, usage) {
            Ok(()) => assert!(good, "{:?} is not known to offer {algorithm} for {usage}", bench.module),
            Err(error) => {
                assert!(!good, "{error}");
                assert_refused(&error, token, algorithm);
            }
        }
        if !bench.module.offers().iter().any(|(known, _)| *known == algorithm) {
            let error = token.generate(algorithm, "never-made", &[0xee]).unwrap_err();
            assert!(matches!(error, GenerateError::Offer(_)), "{error}");
            assert_refused(&error, token, algorithm);
        }
    }
    algorithms.iter().copied().filter(|&algorithm| bench.module.offers_use(algorithm, usage)).collect()
}

/// The refusal names algorithm, token, and what the token offers.
fn assert_refused(error: &impl Explain, token: &LoggedIn, algorithm: Algorithm) {
    let text = error.to_string();
    assert_eq!((error.explain().id, error.explain().kind), ("HSM-NOT-OFFERED", Kind::Refused), "{text}");
    assert!(text.contains(&format!("offers no {algorithm}")), "{text}");
    assert!(text.contains(&token.token().uri().to_string()), "{text}");
    for (offered, _) in Module::chosen().offers() {
        assert!(text.contains(&format!("{offered} (")), "{text}");
    }
}

/// How RSA keys open, and the others.
pub(crate) fn opening(algorithm: Algorithm) -> Usage {
    if matches!(algorithm, Algorithm::Rsa3072 | Algorithm::Rsa4096) { Usage::Decrypt } else { Usage::Derive }
}

/// [`usable`] for opening messages.
pub(crate) fn opening_here(bench: &Bench, token: &LoggedIn, algorithms: &[Algorithm]) -> Vec<Algorithm> {
    let (rsa, curves): (Vec<_>, Vec<_>) =
        algorithms.iter().partition(|&&algorithm| opening(algorithm) == Usage::Decrypt);
    let mut found = usable(bench, token, Usage::Decrypt, &rsa);
    found.extend(usable(bench, token, Usage::Derive, &curves));
    assert!(!found.is_empty(), "nothing opens on {:?}", bench.module);
    found
}

/// Ed25519 where the token has it.
pub(crate) fn best_signing(bench: &Bench) -> Algorithm {
    if bench.module.offers_use(Algorithm::Ed25519, Usage::Sign) { Algorithm::Ed25519 } else { Algorithm::P384 }
}

pub(crate) fn builder(version: openpgp_pkcs11::KeyVersion) -> Builder {
    Builder::new(version, "DEMO home <demo@example.org>", created()).unwrap()
}

/// Writes and reads the certificate once, as its users do.
pub(crate) fn reread(cert: &Cert) -> Cert {
    Cert::from_bytes(&cert.to_vec().unwrap()).unwrap()
}

pub(crate) fn detached_signature(signer: openpgp_pkcs11::TokenSigner, data: &[u8]) -> Vec<u8> {
    let mut signature = Vec::new();
    let message = Message::new(&mut signature);
    let mut writer = Signer::new(message, signer).unwrap().detached().build().unwrap();
    writer.write_all(data).unwrap();
    writer.finalize().unwrap();
    signature
}

/// Encrypts in software to all valid encryption keys of `cert`.
pub(crate) fn encrypt(cert: &Cert, data: &[u8]) -> Vec<u8> {
    let policy = StandardPolicy::new();
    let recipients: Vec<_> =
        cert.keys().with_policy(&policy, None).supported().alive().revoked(false).for_storage_encryption().collect();
    assert_eq!(recipients.len(), 1);
    let mut sealed = Vec::new();
    let message = Encryptor::for_recipients(Message::new(&mut sealed), recipients).build().unwrap();
    let mut writer = LiteralWriter::new(message).build().unwrap();
    writer.write_all(data).unwrap();
    writer.finalize().unwrap();
    sealed
}

/// The first packet, which must be the encrypted session key.
pub(crate) fn first_pkesk(sealed: &[u8]) -> sequoia_openpgp::packet::PKESK {
    match PacketPile::from_bytes(sealed).unwrap().children().next() {
        Some(Packet::PKESK(pkesk)) => pkesk.clone(),
        other => panic!("no PKESK but {other:?}"),
    }
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} is needed for this test: {error}"));
    let talk = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {talk}");
    talk
}
