//! A token behind a server (p11-kit), which dies in the middle of the work and comes back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod common;

use common::*;
use openpgp_pkcs11::{Algorithm, Error, Explain, KeyVersion, Kind, LoggedIn, LoginOptions, Token, TokenSigner, Uri};
use sequoia_openpgp::types::HashAlgorithm;
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A running p11-kit server, ended by its process id.
struct Server(Child);

impl Server {
    fn start(bench: &Bench, socket: &Path) -> Self {
        let mut server = Command::new("p11-kit");
        server.args(["server", "-f", "-n"]).arg(socket).arg("--provider").arg(bench.module.path()).arg("pkcs11:");
        let server = server.stdout(Stdio::null()).spawn().expect("p11-kit is needed for this test");
        let started = Instant::now();
        while !socket.exists() {
            assert!(started.elapsed() < Duration::from_secs(10), "no socket {}", socket.display());
            thread::sleep(Duration::from_millis(10));
        }
        Self(server)
    }
}

impl Drop for Server {
    /// It has a process for each connection, which would outlive it.
    fn drop(&mut self) {
        let children = format!("/proc/{0}/task/{0}/children", self.0.id());
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let _ = self.0.kill();
        let _ = self.0.wait();
        for child in children.split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", child]).status();
        }
    }
}

/// Set in the process that runs after the server came back.
const AFTER: &str = "OPENPGP_PKCS11_TEST_AFTER";

fn sign(uri: &Uri) -> Result<(), Error> {
    let logged_in = Token::open(uri, None)?.login(LoginOptions::default())?;
    Ok(signer(&logged_in, uri)?.try_sign(HashAlgorithm::SHA256, &[7; 32]).map(drop)?)
}

fn signer(logged_in: &LoggedIn, uri: &Uri) -> Result<TokenSigner, Error> {
    let key = logged_in.public_key(uri)?.to_signing_key(KeyVersion::V6, created()).unwrap();
    Ok(logged_in.signer(uri, &key)?)
}

#[test]
fn a_server_that_dies_is_told_and_the_next_run_succeeds() {
    let test = "a_server_that_dies_is_told_and_the_next_run_succeeds";
    let prepare = |bench: &Bench, child: &mut Command| {
        child.env("P11_KIT_SERVER_ADDRESS", format!("unix:path={}", bench.directory.join("socket").display()));
    };
    with_module_prepared(test, prepare, |bench| {
        let uri = Uri::parse("pkcs11:?module-name=p11-kit-client").unwrap();
        let uri = uri.with_pin_file(&bench.pin_file(PIN)).with_object("sealing");
        if std::env::var_os(AFTER).is_some() {
            return sign(&uri).unwrap();
        }
        let direct = bench.logged_in("home");
        // Ed25519 would not do: p11-kit 0.24 does not carry its mechanism.
        generate(&direct, Algorithm::P256, "sealing", 1);
        drop(direct);

        let socket = bench.directory.join("socket");
        let server = Server::start(bench, &socket);
        sign(&uri).unwrap();
        let logged_in = Token::open(&uri, None).unwrap().login(LoginOptions::default()).unwrap();
        let signer = signer(&logged_in, &uri).unwrap();
        drop(server);
        let error = signer.try_sign(HashAlgorithm::SHA256, &[7; 32]).unwrap_err();
        assert_eq!((error.explain().id, error.explain().kind), ("HSM-DEVICE", Kind::Unavailable), "{error}");

        std::fs::remove_file(&socket).ok();
        let _server = Server::start(bench, &socket);
        // The module keeps its broken connection as long as the process lives; an operator runs the command again.
        let error = sign(&uri).unwrap_err();
        assert_eq!(error.explain().kind, Kind::Unavailable, "{error}");
        let mut again = Command::new(std::env::current_exe().unwrap());
        run(again.args([test, "--exact"]).env(AFTER, "1"));
    });
}
