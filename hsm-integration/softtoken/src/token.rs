//! A throw-away token, worked on by a second process that has its configuration.

use crate::{
    certificate::{Certificate, Role},
    error::SoftTokenError,
};
use openpgp_pkcs11::{Algorithm, KeyVersion, Uri};
use sequoia_openpgp::{Cert, parse::Parse};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// The variable that SoftHSM reads when it is loaded.
pub const CONFIG_VARIABLE: &str = "SOFTHSM2_CONF";

/// The variable that kryoptic reads when it is loaded.
pub const KRYOPTIC_VARIABLE: &str = "KRYOPTIC_CONF";

/// Name of the binary that does the work.
const PROGRAM: &str = "pouch-softtoken";

/// SoftHSM's configuration in a directory of tokens.
pub fn config_file(directory: &Path) -> PathBuf {
    directory.join("softhsm2.conf")
}

/// Kryoptic's configuration in a directory of tokens.
pub fn kryoptic_file(directory: &Path) -> PathBuf {
    directory.join("kryoptic.conf")
}

/// A throw-away token in a directory of its own or shared with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftToken {
    directory: PathBuf,
    label: String,
}

impl SoftToken {
    /// Makes `directory` if need be, and in it a token with random PINs.
    ///
    /// # Errors
    /// [`SoftTokenError`]: the label is unfit or taken, the directory cannot be written, the program or SoftHSM is
    /// missing.
    pub fn create(directory: &Path, label: &str) -> Result<Self, SoftTokenError> {
        let token = Self::existing(directory, label)?;
        token.run("create", &["--label".into(), label.into()])?;
        Ok(token)
    }

    /// A token made before. Nothing is looked at yet.
    ///
    /// # Errors
    /// [`SoftTokenError::Label`], [`SoftTokenError::File`] when there is no current directory.
    pub fn existing(directory: &Path, label: &str) -> Result<Self, SoftTokenError> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        // A leading dot or dash would hide the PIN file or look like a flag.
        if label.is_empty() || label.len() > 32 || !label.chars().all(fits) || label.starts_with(['.', '-']) {
            return Err(SoftTokenError::Label { label: label.to_owned() });
        }
        let directory = std::path::absolute(directory)
            .map_err(|error| SoftTokenError::File { path: directory.to_owned(), reason: error.to_string() })?;
        Ok(Self { directory, label: label.to_owned() })
    }

    /// What a command that uses the token needs in its environment.
    pub fn environment(&self) -> (&'static str, PathBuf) {
        (CONFIG_VARIABLE, config_file(&self.directory))
    }

    /// The directory of configuration, tokens and PIN files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file with the user PIN.
    pub fn pin_file(&self) -> PathBuf {
        self.directory.join(format!("{}.pin", self.label))
    }

    /// The file with the security officer's PIN.
    pub fn so_pin_file(&self) -> PathBuf {
        self.directory.join(format!("{}.so-pin", self.label))
    }

    /// The token's label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The token with SoftHSM's module and the PIN file.
    pub fn uri(&self) -> Uri {
        Uri::token_of_module(&self.label, "softhsm2").with_pin_file(&self.pin_file().to_string_lossy())
    }

    /// The key of this label on the token.
    pub fn key(&self, label: &str) -> Uri {
        self.uri().with_object(label)
    }

    /// Makes a key pair: sensitive, not extractable.
    ///
    /// # Errors
    /// [`SoftTokenError`]: label or id is taken, or the program or SoftHSM is missing.
    pub fn generate(&self, algorithm: Algorithm, label: &str, id: &[u8]) -> Result<Uri, SoftTokenError> {
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut arguments: Vec<OsString> = vec!["--uri".into(), self.uri().to_string().into()];
        arguments.extend(["--algorithm".into(), algorithm.as_str().into()]);
        arguments.extend(["--label".into(), label.into(), "--id".into(), id.into()]);
        self.run("generate", &arguments)?;
        Ok(self.key(label))
    }

    /// Makes a certificate of keys on this token or on others in the same directory.
    ///
    /// # Errors
    /// [`SoftTokenError`]: a key is missing or not acceptable, or the program or SoftHSM is missing.
    pub fn certify(&self, certificate: &Certificate) -> Result<Cert, SoftTokenError> {
        let created = jiff::Timestamp::try_from(certificate.created).map_err(in_certificate)?;
        let mut arguments: Vec<OsString> = vec!["--output".into(), "-".into(), "--created".into()];
        arguments.push(created.to_string().into());
        arguments.extend(["--primary".into(), certificate.primary.to_string().into()]);
        arguments.extend(["--user-id".into(), certificate.user_id.clone().into()]);
        let version = if certificate.version == KeyVersion::V4 { "4" } else { "6" };
        arguments.extend(["--version".into(), version.into()]);
        match &certificate.role {
            Role::Signing => arguments.extend(["--role".into(), "signing".into()]),
            Role::Embassy { subkey } => {
                arguments.extend(["--role".into(), "embassy".into(), "--subkey".into(), subkey.to_string().into()]);
            }
        }
        if let Some(post_quantum) = &certificate.post_quantum {
            arguments.push("--pqc".into());
            let second = [("--primary-pq", &post_quantum.primary), ("--subkey-pq", &post_quantum.subkey)];
            for (flag, uri) in second {
                arguments.extend(uri.iter().flat_map(|uri| [flag.into(), uri.to_string().into()]));
            }
        }
        if let Some(validity) = certificate.validity {
            let end = jiff::Timestamp::try_from(certificate.created + validity).map_err(in_certificate)?;
            arguments.extend(["--expires".into(), end.to_string().into()]);
        }
        Cert::from_bytes(&self.run("certify", &arguments)?).map_err(in_certificate)
    }

    fn run(&self, verb: &'static str, arguments: &[OsString]) -> Result<Vec<u8>, SoftTokenError> {
        let failed = |talk: String| SoftTokenError::Program { verb, talk };
        let output = Command::new(program()?)
            .arg("--dir")
            .arg(&self.directory)
            .arg(verb)
            .args(arguments)
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

pub(crate) fn in_certificate(reason: impl ToString) -> SoftTokenError {
    SoftTokenError::Certificate { reason: reason.to_string() }
}

/// Whole seconds, which is all that OpenPGP keeps.
pub(crate) fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs())
}

/// The binary beside the running program; test programs run one folder below.
fn program() -> Result<PathBuf, SoftTokenError> {
    let running = std::env::current_exe().unwrap_or_default();
    let searched: Vec<PathBuf> = running.ancestors().skip(1).take(2).map(Path::to_owned).collect();
    let found = searched.iter().map(|directory| directory.join(PROGRAM)).find(|path| path.is_file());
    found.ok_or(SoftTokenError::NoProgram { searched })
}
