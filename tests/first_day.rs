//! The first day, from empty tokens to an opened pouch: a ceremony at a terminal makes the keys, home seals with them, and the
//! embassy opens. On the module that `POUCH_TEST_MODULE` names.

#![cfg(test)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::process::{binary, run};
use acceptance::terminal::Terminal;

#[allow(dead_code, reason = "the token's own tests use the rest")]
#[path = "../hsm-integration/pkcs11/tests/common/module.rs"]
mod module;

use module::Module;

const YES: &str = "Type Yes to go on: ";

/// Both sides, in one folder, on one module.
struct Day {
    folder: PathBuf,
    module: Module,
    variables: Vec<(OsString, OsString)>,
}

impl Day {
    fn plan(&self) -> String {
        // A TPM agrees on no keys and has no Edwards curves.
        let (signs, opens) = if self.module == Module::Tpm { ("p256", "rsa3072") } else { ("ed25519", "x25519") };
        let token = |side: &str| {
            format!("[token.{side}]\nstate = \"empty\"\nlabel = \"{side}\"\nuser_pin = \"file\"\nso_pin = \"typed\"\n")
        };
        let key = |name: &str, token: &str, algorithm: &str, id: u8| {
            format!(
                "[key.{name}]\ntoken = \"{token}\"\nalgorithm = \"{algorithm}\"\nlabel = \"{name}\"\nid = \"0{id}\"\n"
            )
        };
        [
            "version = 1\ntitle = \"The first day\"\npurpose = \"From empty tokens to a pouch\"\nprofile = \"rfc9580\"\n".into(),
            "people = { custodians = 0, threshold = 0, witnesses = 0 }\ntranscript = { signed_by = \"home\" }\n".into(),
            token("home"),
            token("embassy"),
            key("certify", "embassy", signs, 1),
            key("open", "embassy", opens, 2),
            key("seal", "home", signs, 1),
            "[certificate.home]\nuser_id = \"Home\"\nprimary = \"seal\"\n".into(),
            "[certificate.embassy]\nuser_id = \"Embassy\"\nprimary = \"certify\"\nencryption = [\"open\"]\n".into(),
            "[trust]\nembassy = [\"embassy\"]\n[trust.registry.land]\nsigners = [\"home\"]\nthreshold = 1\n".into(),
        ]
        .concat()
    }

    fn binding(&self) -> String {
        // Kryoptic shows all of its empty slots, the others one empty token at a time.
        let slot =
            |number: u8| if self.module == Module::Kryoptic { format!("slot-id={number}") } else { String::new() };
        let token = |side: &str, number: u8| {
            let uri = format!("pkcs11:{}?{}", slot(number), self.module.in_uri());
            format!("[token.{side}]\nuri = \"{uri}\"\nuser_pin_file = \"{side}.pin\"\n")
        };
        token("home", 1) + &token("embassy", 2)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.join(below)
    }

    fn write(&self, below: &str, text: &str) {
        fs::write(self.path(below), text).unwrap();
    }

    fn program(&self, name: &str, config: &str) -> Command {
        let mut program = Command::new(binary(name).unwrap());
        program.envs(self.variables.iter().map(|(name, value)| (name, value)));
        program.args(["--no-input", "--config"]).arg(self.path(config));
        program
    }

    fn key(&self, token: &str, key: &str) -> String {
        let pin = self.path(&format!("{token}.pin"));
        format!("pkcs11:token={token};object={key}?{}&pin-source=file:{}", self.module.in_uri(), pin.display())
    }

    fn ceremony(&self) {
        self.write("plan.toml", &self.plan());
        self.write("binding.toml", &self.binding());
        let line = format!(
            "{} --color never run {} --binding {} --output {}",
            binary("pouch-ceremony").unwrap().display(),
            self.path("plan.toml").display(),
            self.path("binding.toml").display(),
            self.path("record").display()
        );
        let mut terminal = Terminal::start_with(&line, &self.variables).unwrap();
        terminal.answer("Name of the administrator: ", "Aino").unwrap();
        for _ in ["clock", "digests"] {
            terminal.answer(YES, "Yes").unwrap();
        }
        for side in ["embassy", "home"] {
            terminal.answer(YES, "Yes").unwrap();
            terminal
                .answer(&format!("New security officer PIN of token {side}, at least 6 characters: "), "officer-pin")
                .unwrap();
            terminal.answer("The same again: ", "officer-pin").unwrap();
        }
        for _ in ["certify", "open", "seal", "the trust file", "the end"] {
            terminal.answer(YES, "Yes").unwrap();
        }
        let (code, seen) = terminal.end().unwrap();
        assert_eq!(code, 0, "{seen}");
        for secret in ["officer-pin", fs::read_to_string(self.path("home.pin")).unwrap().trim()] {
            assert!(!seen.contains(secret), "{seen}");
        }
    }

    fn seal(&self) -> PathBuf {
        let source = self.path("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("deed"), "the deed").unwrap();
        self.write(
            "seal.toml",
            &format!(
                "spool = \"spool\"\nstate = \"state\"\nrecipients = [\"record/embassy.pgp\"]\n[signer]\nkey = \"{}\"\n\
                 certificate = \"record/home.pgp\"\n[registry.land.capture]\nsource = \"directory\"\npath = \"{}\"\n",
                self.key("home", "seal"),
                source.display()
            ),
        );
        run(self.program("pouch-seal", "seal.toml").args(["seal", "land"])).unwrap();
        self.path("spool/land-000001")
    }

    fn open(&self, pouch: &Path) -> PathBuf {
        self.write(
            "import.toml",
            &format!("root = \"root\"\ntrust = \"record/trust.toml\"\nkey = \"{}\"\n", self.key("embassy", "open")),
        );
        let digest =
            run(self.program("pouch-seal", "seal.toml").args(["--format", "json", "inspect", "land-000001"])).unwrap();
        let digest: serde_json::Value = serde_json::from_str(&digest).unwrap();
        let digest = digest["manifest_sha256"].as_str().unwrap();
        run(self.program("pouch-import", "import.toml").args(["import", "--first", digest]).arg(pouch)).unwrap();
        run(self.program("pouch-import", "import.toml").args(["unpack", "land"])).unwrap();
        self.path("root/unpacked/land/current")
    }
}

#[test]
fn from_empty_tokens_to_an_opened_pouch() {
    let folder = tempfile::tempdir().unwrap();
    let module = Module::chosen();
    let mut child = Command::new("true");
    let tokens = folder.path().join("hsm");
    fs::create_dir(&tokens).unwrap();
    let _services = module.prepare(&tokens, &mut child);
    let variable =
        |(name, value): (&std::ffi::OsStr, Option<&std::ffi::OsStr>)| Some((name.to_owned(), value?.to_owned()));
    let variables = child.get_envs().filter_map(variable).collect();
    let day = Day { folder: folder.path().to_owned(), module, variables };
    day.ceremony();
    let pouch = day.seal();
    let tree = day.open(&pouch);
    assert_eq!(fs::read_to_string(tree.join("deed")).unwrap(), "the deed");
}
