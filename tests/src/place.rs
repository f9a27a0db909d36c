//! A home and an embassy in one folder: a token, keys, certificates and a configuration each. Everything in it is
//! throw-away.
//!
//! ```text
//! <folder>/home/      seal.toml  home.pgp  token/  spool/  state/
//! <folder>/embassy/   import.toml  trust.toml  embassy.pgp  home.pgp  token/  root/
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{binary, command, run};

mod ceremony;

/// Which sort of keys and packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Version 6: Ed25519 and X25519.
    Rfc9580,
    /// Version 4, for GnuPG: RSA 3072 for both.
    Rfc4880,
    /// Post-quantum: ML-DSA-65+Ed25519 and ML-KEM-768+X25519, both halves of each in a token of kryoptic.
    Pqc,
    /// The same with each key in two tokens: the half of the elliptic curve in SoftHSM, the other in kryoptic. Weaker.
    PqcSplit,
}

impl Keys {
    /// The profile that fits these keys.
    #[must_use]
    pub const fn profile(self) -> &'static str {
        match self {
            Keys::Rfc9580 => "rfc9580",
            Keys::Rfc4880 => "rfc4880",
            Keys::Pqc | Keys::PqcSplit => "pqc",
        }
    }

    const fn version(self) -> &'static str {
        match self {
            Keys::Rfc9580 | Keys::Pqc | Keys::PqcSplit => "6",
            Keys::Rfc4880 => "4",
        }
    }

    const fn signing(self) -> &'static str {
        match self {
            Keys::Rfc9580 | Keys::PqcSplit => "ed25519",
            Keys::Rfc4880 => "rsa3072",
            Keys::Pqc => "mldsa65-ed25519",
        }
    }

    const fn encryption(self) -> &'static str {
        match self {
            Keys::Rfc9580 | Keys::PqcSplit => "x25519",
            Keys::Rfc4880 => "rsa3072",
            Keys::Pqc => "mlkem768-x25519",
        }
    }

    /// The post-quantum halves of the keys that sign and open, where they are in a second token.
    const fn second(self) -> Option<[&'static str; 2]> {
        match self {
            Keys::PqcSplit => Some(["mldsa65", "mlkem768"]),
            Keys::Rfc9580 | Keys::Rfc4880 | Keys::Pqc => None,
        }
    }
}

/// A home and an embassy in one folder.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    keys: Keys,
    home_fingerprint: String,
    embassy_key: Key,
    /// Certificates of those who sign after home.
    officers: Vec<String>,
    /// Where the tokens' configurations are, of home and of the embassy.
    tokens: [PathBuf; 2],
}

impl Place {
    /// Makes tokens, keys, certificates and configurations below `folder`, which must exist. No registry is configured.
    ///
    /// # Errors
    /// SoftHSM is not there, or a binary is not built.
    pub fn create(folder: &Path, keys: Keys) -> Result<Self, String> {
        for side in ["home", "embassy"] {
            fs::create_dir_all(folder.join(side)).map_err(|e| format!("{side}: {e}"))?;
        }
        let home = Tokens::create(&folder.join("home/token"), "home", keys)?;
        let signing = home.signing("seal", "01")?;
        let certificate = folder.join("home/home.pgp");
        let home_fingerprint = home.certify("signing", &signing, None, "home", &certificate)?.trim().to_owned();

        let embassy = Tokens::create(&folder.join("embassy/token"), "embassy", keys)?;
        let primary = embassy.signing("identity", "01")?;
        let embassy_key = embassy.encryption("open", "02")?;
        let own = folder.join("embassy/embassy.pgp");
        embassy.certify("embassy", &primary, Some(&embassy_key), "embassy", &own)?;

        // The certificates cross over, as they would by courier before the first pouch.
        copy(&own, &folder.join("home/embassy.pgp"))?;
        copy(&certificate, &folder.join("embassy/home.pgp"))?;
        let tokens = ["home/token", "embassy/token"].map(|token| folder.join(token));
        let place =
            Self { folder: folder.to_owned(), keys, home_fingerprint, embassy_key, officers: Vec::new(), tokens };
        place.write("home/seal.toml", &place.seal_toml(&signing))?;
        place.write("embassy/import.toml", &place.import_toml())?;
        place.write("embassy/trust.toml", &place.trust_toml())?;
        Ok(place)
    }

    /// The folder of everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path below the folder.
    #[must_use]
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.join(below)
    }

    /// Adds an officer who has to sign the pouches of all registries that are added later: a token of his own in
    /// `<folder>/<name>/token`, and a section `[cosigner.NAME]` at home. Gives the URI of his key.
    ///
    /// # Errors
    /// SoftHSM is not there, or a binary is not built.
    pub fn add_officer(&mut self, name: &str) -> Result<String, String> {
        fs::create_dir_all(self.path(name)).map_err(|e| format!("{name}: {e}"))?;
        let token = Tokens::create(&self.path(name).join("token"), name, self.keys)?;
        let key = token.signing("sign", "01")?;
        let certificate = self.path(&format!("home/{name}.pgp"));
        let fingerprint = token.certify("signing", &key, None, name, &certificate)?;
        self.announce(name, fingerprint.trim())?;
        let section = format!("\n[cosigner.{name}]\n{}certificate = \"{name}.pgp\"\n", key.settings());
        self.append("home/seal.toml", &section)?;
        Ok(key.uri)
    }

    /// Names `home/NAME.pgp` as one who has to sign, on both sides.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn announce(&mut self, name: &str, fingerprint: &str) -> Result<(), String> {
        copy(&self.path(&format!("home/{name}.pgp")), &self.path(&format!("embassy/{name}.pgp")))?;
        let pin = format!("\n[[certificate]]\nfile = \"{name}.pgp\"\nfingerprint = \"{fingerprint}\"\n");
        self.append("embassy/trust.toml", &pin)?;
        self.officers.push(fingerprint.to_owned());
        Ok(())
    }

    /// Adds a registry to both sides; `capture` is its TOML table at home, `extra` more lines of it.
    ///
    /// # Errors
    /// The configuration cannot be written.
    pub fn add_registry(&self, name: &str, capture: &str, extra: &str) -> Result<(), String> {
        let section = format!("\n[registry.{name}]\nprofile = \"{}\"\n{extra}\n", self.keys.profile());
        self.append("home/seal.toml", &format!("{section}[registry.{name}.capture]\n{capture}\n"))?;
        let signers: Vec<_> = std::iter::once(&self.home_fingerprint).chain(&self.officers).collect();
        let signers = format!("signers = {signers:?}\nthreshold = {}\n", signers.len());
        let policy = format!("{signers}profile = \"{}\"\n", self.keys.profile());
        let section = format!("[registry.{name}]");
        // A trust file that a ceremony wrote names its registries already.
        if fs::read_to_string(self.path("embassy/trust.toml")).is_ok_and(|trust| trust.contains(&section)) {
            return Ok(());
        }
        self.append("embassy/trust.toml", &format!("\n{section}\n{policy}"))
    }

    /// `pouch-seal` at home.
    ///
    /// # Errors
    /// It is not built.
    pub fn seal(&self) -> Result<Command, String> {
        self.at("pouch-seal", "home/seal.toml", &self.tokens[0])
    }

    /// `pouch-import` at the embassy.
    ///
    /// # Errors
    /// It is not built.
    pub fn import(&self) -> Result<Command, String> {
        self.at("pouch-import", "embassy/import.toml", &self.tokens[1])
    }

    /// The folder of a pouch in the spool.
    #[must_use]
    pub fn spooled(&self, pouch: &str) -> PathBuf {
        self.folder.join("home/spool").join(pouch)
    }

    /// SHA-256 of the manifest of a pouch in the spool, for the dispatch note.
    ///
    /// # Errors
    /// `pouch-seal inspect` says no.
    pub fn digest(&self, pouch: &str) -> Result<String, String> {
        let text = run(self.seal()?.args(["--format", "json", "inspect"]).arg(self.spooled(pouch)))?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        value
            .get("manifest_sha256")
            .and_then(|digest| digest.as_str())
            .map(str::to_owned)
            .ok_or_else(|| format!("no digest in {text}"))
    }

    fn at(&self, name: &str, config: &str, tokens: &Path) -> Result<Command, String> {
        let mut program = command(binary(name)?, "TERM");
        program.env("SOFTHSM2_CONF", tokens.join("softhsm2.conf")).env("KRYOPTIC_CONF", tokens.join("kryoptic.conf"));
        program.args(["--no-input", "--color", "never", "--config"]);
        program.arg(self.path(config));
        Ok(program)
    }

    fn seal_toml(&self, key: &Key) -> String {
        format!(
            "# DEMO: everything here is throw-away.\nspool = \"spool\"\nstate = \"state\"\nrecipients = [\"embassy.pgp\"]\n\n\
             [signer]\n{}certificate = \"home.pgp\"\n",
            key.settings()
        )
    }

    fn import_toml(&self) -> String {
        format!(
            "# DEMO: everything here is throw-away.\nroot = \"root\"\ntrust = \"trust.toml\"\n{}",
            self.embassy_key.settings()
        )
    }

    fn trust_toml(&self) -> String {
        format!(
            "# DEMO: everything here is throw-away.\n[embassy]\ncertificates = [\"embassy.pgp\"]\n\n\
             [[certificate]]\nfile = \"home.pgp\"\nfingerprint = \"{}\"\n",
            self.home_fingerprint
        )
    }

    fn write(&self, below: &str, text: &str) -> Result<(), String> {
        fs::write(self.path(below), text).map_err(|e| format!("{below}: {e}"))
    }

    fn append(&self, below: &str, text: &str) -> Result<(), String> {
        let before = fs::read_to_string(self.path(below)).map_err(|e| format!("{below}: {e}"))?;
        self.write(below, &(before + text))
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|e| format!("{} to {}: {e}", from.display(), to.display()))
}

/// A key of a certificate: one URI, or two where its halves are in two tokens.
#[derive(Debug)]
struct Key {
    uri: String,
    second: Option<String>,
}

impl Key {
    /// The lines of a configuration that name it.
    fn settings(&self) -> String {
        let second = self.second.iter().map(|uri| format!("key_pq = \"{uri}\"\naccept_split_key = true\n"));
        second.fold(format!("key = \"{}\"\n", self.uri), |text, line| text + &line)
    }
}

/// Throw-away tokens of one side: one, or two where the keys are split.
struct Tokens {
    folder: PathBuf,
    keys: Keys,
    uri: String,
    second: Option<String>,
}

impl Tokens {
    fn create(folder: &Path, label: &str, keys: Keys) -> Result<Self, String> {
        let create = |label: &str, lattices: bool| {
            let mut tool = Self::tool(folder)?;
            tool.args(["create", "--label", label]);
            if lattices {
                tool.arg("--kryoptic").arg(kryoptic()?);
            }
            run(&mut tool).map(|uri| uri.trim().to_owned())
        };
        let uri = create(label, keys == Keys::Pqc)?;
        let second = keys.second().map(|_| create(&format!("{label}-second"), true)).transpose()?;
        Ok(Self { folder: folder.to_owned(), keys, uri, second })
    }

    fn signing(&self, label: &str, id: &str) -> Result<Key, String> {
        self.generate(self.keys.signing(), self.keys.second().map(|[signing, _]| signing), label, id)
    }

    fn encryption(&self, label: &str, id: &str) -> Result<Key, String> {
        self.generate(self.keys.encryption(), self.keys.second().map(|[_, encryption]| encryption), label, id)
    }

    /// Makes a key and gives its URIs, with module and PIN source.
    fn generate(&self, algorithm: &str, second: Option<&str>, label: &str, id: &str) -> Result<Key, String> {
        let generate = |token: &str, algorithm: &str| {
            let arguments = ["generate", "--uri", token, "--algorithm", algorithm, "--label", label, "--id", id];
            run(Self::tool(&self.folder)?.args(arguments))?;
            let (token, query) = token.split_once('?').ok_or("the token's URI has no query")?;
            Ok::<_, String>(format!("{token};object={label}?{query}"))
        };
        let uri = generate(&self.uri, algorithm)?;
        let second = self.second.iter().zip(second).map(|(token, algorithm)| generate(token, algorithm)).next();
        Ok(Key { uri, second: second.transpose()? })
    }

    fn certify(
        &self,
        role: &str,
        primary: &Key,
        subkey: Option<&Key>,
        user: &str,
        output: &Path,
    ) -> Result<String, String> {
        let mut tool = Self::tool(&self.folder)?;
        tool.args(["certify", "--role", role, "--version", self.keys.version(), "--user-id", user]);
        if self.keys.profile() == "pqc" {
            tool.arg("--pqc");
        }
        let named = [("--primary", "--primary-pq", Some(primary)), ("--subkey", "--subkey-pq", subkey)];
        for (first, second, key) in named {
            tool.args(key.iter().flat_map(|key| [first, key.uri.as_str()]));
            tool.args(key.and_then(|key| key.second.as_deref()).iter().flat_map(|uri| [second, uri]));
        }
        run(tool.arg("--output").arg(output))
    }

    fn tool(folder: &Path) -> Result<Command, String> {
        let mut tool = command(binary("pouch-softtoken")?, "TERM");
        tool.arg("--quiet").arg("--dir").arg(folder);
        Ok(tool)
    }
}

/// The module of kryoptic, for keys that SoftHSM does not have.
fn kryoptic() -> Result<PathBuf, String> {
    let module = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/lib/libkryoptic_pkcs11.so"));
    module.canonicalize().map_err(|error| format!("{}: {error}; run: make tools", module.display()))
}
