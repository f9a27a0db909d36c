//! The PKCS#11 modules that the tests run on, chosen by `POUCH_TEST_MODULE`.
//!
//! What the modules are known to offer is written down here: a mechanism list that is read wrongly must not pass
//! for a token that offers little.

use openpgp_pkcs11::{
    Algorithm,
    Usage::{self, Decrypt, Sign},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub(crate) const CHOICE: &str = "POUCH_TEST_MODULE";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Module {
    /// The token of software that everybody has. The default.
    SoftHsm,
    /// A token of software in Rust, of PKCS#11 3.2; `make tools` builds it.
    Kryoptic,
    /// A TPM: tpm2-pkcs11 on swtpm. tpm2-abrmd between them does what the kernel's `/dev/tpmrm0` does for a
    /// TPM of hardware: a TPM has room for three keys and one connection.
    Tpm,
}

impl Module {
    pub(crate) fn chosen() -> Self {
        match std::env::var(CHOICE).as_deref() {
            Err(_) | Ok("softhsm2") => Self::SoftHsm,
            Ok("kryoptic") => Self::Kryoptic,
            Ok("tpm2") => Self::Tpm,
            Ok(other) => panic!("{CHOICE} is {other:?}; it can be softhsm2, kryoptic or tpm2"),
        }
    }

    /// The word that chooses it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::SoftHsm => "softhsm2",
            Self::Kryoptic => "kryoptic",
            Self::Tpm => "tpm2",
        }
    }

    /// The library, where the distributions or `make tools` put it.
    pub(crate) fn path(self) -> PathBuf {
        let places: &[&str] = match self {
            Self::SoftHsm => &[
                "/usr/lib/softhsm/libsofthsm2.so",
                "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
                "/usr/lib64/softhsm/libsofthsm2.so",
                "/usr/lib64/pkcs11/libsofthsm2.so",
                "/usr/local/lib/softhsm/libsofthsm2.so",
            ],
            // From this crate, and from the acceptance tests, which use this file too.
            Self::Kryoptic => &[
                concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/lib/libkryoptic_pkcs11.so"),
                concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/lib/libkryoptic_pkcs11.so"),
            ],
            Self::Tpm => &[
                "/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so",
                "/usr/lib/aarch64-linux-gnu/pkcs11/libtpm2_pkcs11.so",
                "/usr/lib64/pkcs11/libtpm2_pkcs11.so",
            ],
        };
        let found = places.iter().map(Path::new).find(|path| path.is_file());
        found.unwrap_or_else(|| panic!("{self:?} is needed for this test: none of {places:?}")).to_owned()
    }

    /// How a URI names the library: by name where `module-name` finds it.
    pub(crate) fn in_uri(self) -> String {
        match self {
            Self::SoftHsm => "module-name=softhsm2".into(),
            Self::Tpm => "module-name=tpm2_pkcs11".into(),
            Self::Kryoptic => format!("module-path={}", self.path().canonicalize().unwrap().display()),
        }
    }

    /// What the module offers, known from its documentation.
    pub(crate) fn offers(self) -> Vec<(Algorithm, Vec<Usage>)> {
        match self {
            Self::SoftHsm | Self::Kryoptic => {
                let lattice = |algorithm| matches!(algorithm, Algorithm::MlDsa65 | Algorithm::MlKem768);
                let offered = Algorithm::ALL.into_iter().filter(|&a| self == Self::Kryoptic || !lattice(a));
                offered.map(|algorithm| (algorithm, algorithm.usages().to_vec())).collect()
            }
            Self::Tpm => vec![
                (Algorithm::Rsa3072, vec![Sign, Decrypt]),
                (Algorithm::P256, vec![Sign]),
                (Algorithm::P384, vec![Sign]),
            ],
        }
    }

    pub(crate) fn offers_use(self, algorithm: Algorithm, usage: Usage) -> bool {
        self.offers().iter().any(|(known, usages)| *known == algorithm && usages.contains(&usage))
    }

    /// Whether serial numbers differ. The tokens of a TPM all have that of the TPM, which one of software lacks.
    pub(crate) fn has_serials(self) -> bool {
        self != Self::Tpm
    }

    /// Whether bad RSA padding is answered with a made-up message instead of an error, so that nobody can ask the
    /// token which messages are well-formed.
    pub(crate) fn makes_messages_up(self) -> bool {
        self == Self::Kryoptic
    }

    /// What `C_Login` without a PIN answers where there is no pinpad.
    pub(crate) fn answer_without_pin(self) -> &'static str {
        match self {
            Self::SoftHsm => "CKR_ARGUMENTS_BAD",
            Self::Kryoptic => "CKR_PIN_INCORRECT",
            Self::Tpm => "CKR_HOST_MEMORY",
        }
    }

    /// Whether the retry flags tell of the first wrong PIN. Kryoptic tells of the last three tries only, and a TPM
    /// counts elsewhere: in its own lockout, for all tokens.
    pub(crate) fn tells_of_one_wrong_pin(self) -> bool {
        self == Self::SoftHsm
    }

    /// Makes the module's things in `directory` and tells `child` of them. What it starts ends with the result.
    pub(crate) fn prepare(self, directory: &Path, child: &mut Command) -> Services {
        let mut services = Services(Vec::new());
        match self {
            Self::SoftHsm => {
                let tokens = directory.join("tokens");
                fs::create_dir(&tokens).unwrap();
                let config = directory.join("softhsm2.conf");
                fs::write(&config, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))
                    .unwrap();
                child.env("SOFTHSM2_CONF", config);
            }
            Self::Kryoptic => {
                let config = directory.join("kryoptic.conf");
                let slot = |number: u32| {
                    let file = directory.join(format!("token{number}.sql"));
                    format!("[[slots]]\nslot = {number}\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n", file.display())
                };
                fs::write(&config, (1..=3).map(slot).collect::<String>()).unwrap();
                child.env("KRYOPTIC_CONF", config);
            }
            Self::Tpm => services.start_tpm(directory, child),
        }
        services
    }
}

/// Processes that a test needs beside it; killed by their ids when dropped, the last one first.
pub(crate) struct Services(Vec<Child>);

impl Services {
    fn start_tpm(&mut self, directory: &Path, child: &mut Command) {
        let at = |name: &str| directory.join(name).display().to_string();
        for name in ["tpm", "store"] {
            fs::create_dir(directory.join(name)).unwrap();
        }
        self.start("swtpm", directory, |swtpm| {
            swtpm.args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"]);
            swtpm.args(["--tpmstate", &format!("dir={}", at("tpm"))]);
            swtpm.args(["--server", &format!("type=unixio,path={}", at("swtpm.sock"))]);
            swtpm.args(["--ctrl", &format!("type=unixio,path={}", at("swtpm.sock.ctrl"))]);
        });
        self.start("dbus-daemon", directory, |bus| {
            bus.args(["--session", "--nofork", "--nopidfile", &format!("--address=unix:path={}", at("bus.sock"))]);
        });
        let bus = format!("unix:path={}", at("bus.sock"));
        for socket in ["swtpm.sock", "bus.sock"] {
            wait_for(socket, || directory.join(socket).exists());
        }
        self.start("tpm2-abrmd", directory, |manager| {
            manager.args(["--session", "--allow-root", &format!("--tcti=swtpm:path={}", at("swtpm.sock"))]);
            manager.env("DBUS_SESSION_BUS_ADDRESS", &bus);
        });
        let reached = "tabrmd:bus_type=session";
        wait_for("the TPM", || {
            let mut probe = Command::new("tpm2_getcap");
            probe.args(["properties-fixed"]).env("DBUS_SESSION_BUS_ADDRESS", &bus).env("TPM2TOOLS_TCTI", reached);
            probe.output().expect("tpm2-tools are needed for this test").status.success()
        });
        child.env("DBUS_SESSION_BUS_ADDRESS", bus).env("TPM2_PKCS11_TCTI", reached);
        child.env("TPM2_PKCS11_STORE", at("store"));
    }

    /// Starts a program that dies with the thread that runs the test, even if that is killed.
    fn start(&mut self, program: &str, directory: &Path, with: impl FnOnce(&mut Command)) {
        let log = fs::File::create(directory.join(format!("{program}.log"))).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", program]);
        with(&mut command);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.0.push(command.spawn().expect("setpriv is needed for this test"));
    }
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !there() {
        assert!(Instant::now() < end, "{what} did not appear within 30 seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for child in self.0.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
