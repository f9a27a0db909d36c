//! A process with its own SoftHSM for every test.
//!
//! SoftHSM reads `SOFTHSM2_CONF` when it is loaded, and a process can load it once. So each test runs itself
//! again as a child with the variable set: own tokens, own counters, nothing shared with its neighbours.

#![allow(
    dead_code,
    clippy::print_stdout,
    reason = "each test file uses its own part of this; what a child said is shown"
)]

pub(crate) mod fault;

use openpgp_pkcs11::{
    Algorithm, LoggedIn, LoginOptions, Token, Uri, certificate::Builder, initialise_token, secrecy::SecretString,
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

/// Where a test's SoftHSM keeps its things.
pub(crate) struct Bench {
    pub(crate) directory: PathBuf,
}

/// Runs `body` in a child process that has SoftHSM to itself. `test` is the name of the calling test.
pub(crate) fn with_softhsm(test: &str, body: impl FnOnce(&Bench)) {
    with_softhsm_prepared(test, |_, _| (), body);
}

/// The same, with something to do for the child before it is started.
pub(crate) fn with_softhsm_prepared(test: &str, prepare: impl FnOnce(&Bench, &mut Command), body: impl FnOnce(&Bench)) {
    if let Some(directory) = std::env::var_os(BENCH) {
        return body(&Bench { directory: directory.into() });
    }
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let config = directory.path().join("softhsm2.conf");
    std::fs::write(&config, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display())).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]);
    child.env("SOFTHSM2_CONF", &config).env(BENCH, directory.path());
    prepare(&Bench { directory: directory.path().to_owned() }, &mut child);
    let child = child.output().unwrap();
    let talk = format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && talk.contains("1 passed"), "{test} in its own process:\n{talk}");
    println!("{talk}");
}

pub(crate) fn module() -> Uri {
    Uri::parse("pkcs11:?module-name=softhsm2").unwrap()
}

/// SoftHSM's module, where the distributions put it.
pub(crate) fn softhsm_module() -> &'static str {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    places.into_iter().find(|path| std::path::Path::new(path).is_file()).expect("SoftHSM 2 is needed for this test")
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
        Uri::parse(&format!("pkcs11:token={label}?module-name=softhsm2&pin-source=file:{}", self.pin_file(PIN)))
            .unwrap()
    }

    /// A new token, logged in.
    pub(crate) fn logged_in(&self, label: &str) -> LoggedIn {
        self.token(label);
        Token::open(&self.uri(label), None).unwrap().login(LoginOptions::default()).unwrap()
    }
}

/// 2026-01-01T00:00:00Z
pub(crate) fn created() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

pub(crate) fn generate(token: &LoggedIn, algorithm: Algorithm, label: &str, id: u8) -> Uri {
    token.generate(algorithm, label, &[id]).unwrap_or_else(|error| panic!("{algorithm}: {error}")).uri
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
