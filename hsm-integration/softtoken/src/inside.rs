//! The work itself, in a process whose `SOFTHSM2_CONF` or `KRYOPTIC_CONF` is set.
//!
//! [`generate`] and [`certify`] know no SoftHSM: they work with any module and with keys that other tools made.

use crate::{
    certificate::{Certificate, Role},
    error::SoftTokenError,
    token::{CONFIG_VARIABLE, KRYOPTIC_VARIABLE, SoftToken, config_file, in_certificate, kryoptic_file, whole_seconds},
};
use openpgp_pkcs11::{
    Algorithm, Composite, CompositePlace, Error, LoggedIn, LoginOptions, NewComposite, NewKey, Token, Uri,
    certificate::{Builder, Keys, TokenKey},
    initialise_token,
    secrecy::{ExposeSecret, SecretString},
};
use pouch_console::{Exit, Failure};
use sequoia_openpgp::{
    Cert,
    armor::{Kind, Writer},
    serialize::Serialize,
};
use std::{
    fs::{DirBuilder, OpenOptions},
    io::Write,
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

const HEADER: &str = "# DEMO, throw-away: the PINs lie beside these keys, which protect nothing.\n";

/// Tokens that one directory has room for, where kryoptic makes them: it has a file for each.
const KRYOPTIC_TOKENS: u32 = 4;

/// Makes the directory and the modules' configurations, unless they are there. Needs no variable.
///
/// # Errors
/// [`SoftTokenError::File`]
pub fn prepare(directory: &Path) -> Result<PathBuf, SoftTokenError> {
    let directory = std::path::absolute(directory).map_err(at(directory))?;
    let tokens = directory.join("tokens");
    DirBuilder::new().recursive(true).mode(0o700).create(&tokens).map_err(at(&tokens))?;
    let config = config_file(&directory);
    if !config.exists() {
        let text = format!(
            "{HEADER}directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        write_new(&config, text.as_bytes(), 0o600)?;
    }
    let kryoptic = kryoptic_file(&directory);
    if !kryoptic.exists() {
        let slot = |number: u32| {
            let file = tokens.join(format!("{number}.sql"));
            format!("[[slots]]\nslot = {number}\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n", file.display())
        };
        let text: String = [HEADER.to_owned()].into_iter().chain((1..=KRYOPTIC_TOKENS).map(slot)).collect();
        write_new(&kryoptic, text.as_bytes(), 0o600)?;
    }
    Ok(config)
}

/// Initialises a token with random PINs and returns it by URI, serial included: of SoftHSM, or of the kryoptic module at
/// this path.
///
/// # Errors
/// [`SoftTokenError`]: the label is taken, or the module would read another configuration than the directory's.
pub fn create(directory: &Path, label: &str, kryoptic: Option<&Path>) -> Result<Uri, SoftTokenError> {
    let token = SoftToken::existing(directory, label)?;
    let (variable, expected) = match kryoptic {
        None => (CONFIG_VARIABLE, config_file(token.directory())),
        Some(_) => (KRYOPTIC_VARIABLE, kryoptic_file(token.directory())),
    };
    let actual = std::env::var_os(variable).map(PathBuf::from);
    if actual.as_ref() != Some(&expected) {
        return Err(SoftTokenError::Environment { variable, actual, expected });
    }
    let module = match kryoptic {
        None => token.uri(),
        Some(path) => Uri::default().with_module_path(&std::path::absolute(path).map_err(at(path))?.to_string_lossy()),
    };
    let (so_pin, pin) = (random_pin()?, random_pin()?);
    // Before the token exists: a token without its PIN would be of no use, a PIN without token does no harm.
    write_new(&token.so_pin_file(), so_pin.expose_secret().as_bytes(), 0o600)?;
    write_new(&token.pin_file(), pin.expose_secret().as_bytes(), 0o600)?;
    let made = initialise_token(&module, None, label, &so_pin, &pin).map_err(Error::from)?;
    Ok(made
        .uri()
        .with_module_path(&made.module_path().to_string_lossy())
        .with_pin_file(&token.pin_file().to_string_lossy()))
}

/// Makes a key pair on the token that `uri` names.
///
/// # Errors
/// [`Error`]
pub fn generate(uri: &Uri, algorithm: Algorithm, label: &str, id: &[u8]) -> Result<NewKey, Error> {
    Ok(login(uri)?.generate(algorithm, label, id)?)
}

/// Makes both halves of a composite key on the token that `uri` names.
///
/// # Errors
/// [`Error`]
pub fn generate_composite(uri: &Uri, composite: Composite, label: &str, id: &[u8]) -> Result<NewComposite, Error> {
    Ok(login(uri)?.generate_composite(composite, label, id)?)
}

/// Makes a certificate.
///
/// # Errors
/// [`Error`]
pub fn certify(certificate: &Certificate) -> Result<Cert, Error> {
    let user_id = certificate.marked_user_id();
    let mut builder = Builder::new(certificate.version, &user_id, whole_seconds(certificate.created))?;
    if let Some(validity) = certificate.validity {
        builder = builder.validity(validity);
    }
    let second = certificate.post_quantum.as_ref();
    let key = |uri: &Uri, second: Option<Option<&Uri>>| -> Result<TokenKey, Error> {
        Ok(match second {
            None => login(uri)?.key(uri),
            Some(second) => place(uri, second)?.into(),
        })
    };
    let primary = key(&certificate.primary, second.map(|second| second.primary.as_ref()))?;
    Ok(builder.build(&match &certificate.role {
        Role::Signing => Keys::certifying_and_signing(primary),
        Role::Embassy { subkey } => {
            Keys::certifying(primary).with_encryption(key(subkey, second.map(|second| second.subkey.as_ref()))?)
        }
    })?)
}

fn place(uri: &Uri, second: Option<&Uri>) -> Result<CompositePlace, Error> {
    let first = login(uri)?;
    Ok(match second {
        None => CompositePlace::one(&first, uri),
        Some(second) => CompositePlace::split((&first, uri), (&login(second)?, second)),
    })
}

/// The certificate in armor that says what it is.
///
/// # Errors
/// [`SoftTokenError::Certificate`]
pub fn armor(cert: &Cert) -> Result<Vec<u8>, SoftTokenError> {
    let headers = [("Comment", "DEMO certificate of a throw-away token: trust nothing that it signs")];
    let mut writer = Writer::with_headers(Vec::new(), Kind::PublicKey, headers).map_err(in_certificate)?;
    cert.serialize(&mut writer).map_err(in_certificate)?;
    writer.finalize().map_err(in_certificate)
}

/// Writes a file that must not exist yet.
///
/// # Errors
/// [`SoftTokenError::File`]
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), SoftTokenError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(at(path))?;
    file.write_all(content).map_err(at(path))
}

/// With PIN file or credential only: a throw-away token has its PIN beside it.
fn login(uri: &Uri) -> Result<LoggedIn, Error> {
    Ok(Token::open(uri, None)?.login(LoginOptions::default())?)
}

fn random_pin() -> Result<SecretString, SoftTokenError> {
    let mut bytes = [0; 12];
    sequoia_openpgp::crypto::random(&mut bytes)
        .map_err(|error| SoftTokenError::Random { reason: error.to_string() })?;
    Ok(SecretString::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> SoftTokenError + use<> {
    let path = path.to_owned();
    move |error| SoftTokenError::File { path: path.clone(), reason: error.to_string() }
}

/// Modules read the variables of this very process, which cannot safely change its own environment: it starts
/// itself again, once.
///
/// # Errors
/// The directory cannot be made, or the program not be started.
pub fn start_with_config(directory: &Path, make: bool) -> Result<(), Failure> {
    let config = if make { prepare(directory)? } else { config_file(&absolute(directory)?) };
    if std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from).as_ref() == Some(&config) {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(|error| broken(&error))?;
    let kryoptic = kryoptic_file(&absolute(directory)?);
    let mut again = Command::new(program);
    again.args(std::env::args_os().skip(1)).env(CONFIG_VARIABLE, config).env(KRYOPTIC_VARIABLE, kryoptic);
    Err(broken(&again.exec()))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| broken(&error))
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::new("SOFTTOKEN-START", Exit::Unavailable, format!("this program cannot start itself again: {error}"))
}
