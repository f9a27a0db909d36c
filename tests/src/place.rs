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

/// Which sort of keys and packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Version 6: Ed25519 and X25519.
    Rfc9580,
    /// Version 4, for GnuPG: RSA 3072 for both.
    Rfc4880,
}

impl Keys {
    /// The profile that fits these keys.
    #[must_use]
    pub const fn profile(self) -> &'static str {
        match self {
            Keys::Rfc9580 => "rfc9580",
            Keys::Rfc4880 => "rfc4880",
        }
    }

    const fn version(self) -> &'static str {
        match self {
            Keys::Rfc9580 => "6",
            Keys::Rfc4880 => "4",
        }
    }

    const fn signing(self) -> &'static str {
        match self {
            Keys::Rfc9580 => "ed25519",
            Keys::Rfc4880 => "rsa3072",
        }
    }

    const fn encryption(self) -> &'static str {
        match self {
            Keys::Rfc9580 => "x25519",
            Keys::Rfc4880 => "rsa3072",
        }
    }
}

/// A home and an embassy in one folder.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    keys: Keys,
    home_fingerprint: String,
    embassy_key: String,
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
        let home = Token::create(&folder.join("home/token"), "home")?;
        let signing = home.generate(keys.signing(), "seal", "01")?;
        let certificate = folder.join("home/home.pgp");
        let home_fingerprint =
            home.certify("signing", keys.version(), &signing, None, "home", &certificate)?.trim().to_owned();

        let embassy = Token::create(&folder.join("embassy/token"), "embassy")?;
        let primary = embassy.generate(keys.signing(), "identity", "01")?;
        let embassy_key = embassy.generate(keys.encryption(), "open", "02")?;
        let own = folder.join("embassy/embassy.pgp");
        embassy.certify("embassy", keys.version(), &primary, Some(&embassy_key), "embassy", &own)?;

        // The certificates cross over, as they would by courier before the first pouch.
        copy(&own, &folder.join("home/embassy.pgp"))?;
        copy(&certificate, &folder.join("embassy/home.pgp"))?;
        let place = Self { folder: folder.to_owned(), keys, home_fingerprint, embassy_key };
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

    /// Adds a registry to both sides; `capture` is its TOML table at home, `extra` more lines of it.
    ///
    /// # Errors
    /// The configuration cannot be written.
    pub fn add_registry(&self, name: &str, capture: &str, extra: &str) -> Result<(), String> {
        let section = format!("\n[registry.{name}]\nprofile = \"{}\"\n{extra}\n", self.keys.profile());
        self.append("home/seal.toml", &format!("{section}[registry.{name}.capture]\n{capture}\n"))?;
        let signers = format!("signers = [\"{}\"]\nthreshold = 1\n", self.home_fingerprint);
        self.append("embassy/trust.toml", &format!("\n[registry.{name}]\n{signers}"))
    }

    /// `pouch-seal` at home.
    ///
    /// # Errors
    /// It is not built.
    pub fn seal(&self) -> Result<Command, String> {
        self.at("pouch-seal", "home/seal.toml", "home/token/softhsm2.conf")
    }

    /// `pouch-import` at the embassy.
    ///
    /// # Errors
    /// It is not built.
    pub fn import(&self) -> Result<Command, String> {
        self.at("pouch-import", "embassy/import.toml", "embassy/token/softhsm2.conf")
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

    fn at(&self, name: &str, config: &str, softhsm: &str) -> Result<Command, String> {
        let mut program = command(binary(name)?, "TERM");
        program.env("SOFTHSM2_CONF", self.path(softhsm)).args(["--no-input", "--color", "never", "--config"]);
        program.arg(self.path(config));
        Ok(program)
    }

    fn seal_toml(&self, key: &str) -> String {
        format!(
            "# DEMO: everything here is throw-away.\nspool = \"spool\"\nstate = \"state\"\nrecipients = [\"embassy.pgp\"]\n\n\
             [signer]\nkey = \"{key}\"\ncertificate = \"home.pgp\"\n"
        )
    }

    fn import_toml(&self) -> String {
        format!(
            "# DEMO: everything here is throw-away.\nroot = \"root\"\ntrust = \"trust.toml\"\nkey = \"{}\"\n",
            self.embassy_key
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

/// A throw-away token.
struct Token {
    folder: PathBuf,
    uri: String,
}

impl Token {
    fn create(folder: &Path, label: &str) -> Result<Self, String> {
        let uri = run(Self::tool(folder)?.args(["create", "--label", label]))?.trim().to_owned();
        Ok(Self { folder: folder.to_owned(), uri })
    }

    /// Makes a key and gives its URI, with module and PIN source.
    fn generate(&self, algorithm: &str, label: &str, id: &str) -> Result<String, String> {
        let arguments = ["generate", "--uri", &self.uri, "--algorithm", algorithm, "--label", label, "--id", id];
        run(Self::tool(&self.folder)?.args(arguments))?;
        let (token, query) = self.uri.split_once('?').ok_or("the token's URI has no query")?;
        Ok(format!("{token};object={label}?{query}"))
    }

    fn certify(
        &self,
        role: &str,
        version: &str,
        primary: &str,
        subkey: Option<&str>,
        user: &str,
        output: &Path,
    ) -> Result<String, String> {
        let mut tool = Self::tool(&self.folder)?;
        tool.args(["certify", "--role", role, "--version", version, "--primary", primary, "--user-id", user]);
        tool.args(subkey.iter().flat_map(|subkey| ["--subkey", subkey])).arg("--output").arg(output);
        run(&mut tool)
    }

    fn tool(folder: &Path) -> Result<Command, String> {
        let mut tool = command(binary("pouch-softtoken")?, "TERM");
        tool.arg("--quiet").arg("--dir").arg(folder);
        Ok(tool)
    }
}
