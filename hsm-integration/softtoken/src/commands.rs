//! What each verb does: parse what was typed, let the library work, report.

use crate::cli::{CertArgs, KeyArgs, KeyKind, RoleArg};
use openpgp_pkcs11::{Error, PublicKey, Token, Uri};
use pouch_cli::explain::hsm;
use pouch_console::{Exit, Failure, Output, escape};
use pouch_softtoken::{
    CONFIG_VARIABLE, Certificate, KRYOPTIC_VARIABLE, PostQuantum, Role, SoftToken, config_file, inside, kryoptic_file,
};
use serde::Serialize;
use std::{io::Write, path::Path, time::SystemTime};

#[derive(Serialize)]
struct Made {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<String>,
}

pub(crate) fn create(
    directory: Option<&Path>,
    (label, kryoptic): (&str, Option<&Path>),
    pin_file: Option<&Path>,
    output: &Output,
) -> Result<Exit, Failure> {
    let directory = directory.ok_or_else(|| {
        Failure::new("USAGE", Exit::Usage, "create needs --dir").hint("name a new or existing directory with --dir DIR")
    })?;
    let uri = inside::create(directory, label, kryoptic)?;
    if let Some(copy) = pin_file {
        let pin = SoftToken::existing(directory, label)?.pin_file();
        let pin = std::fs::read(&pin).map_err(pouch_cli::explain::input(&pin))?;
        inside::write_new(copy, &pin, 0o600)?;
    }
    let (variable, config) = match kryoptic {
        None => (CONFIG_VARIABLE, config_file(directory)),
        Some(_) => (KRYOPTIC_VARIABLE, kryoptic_file(directory)),
    };
    output.note(format!("DEMO: throw-away token; export {variable}={}", config.display()));
    let made = Made { uri: uri.to_string(), algorithm: None };
    output.data(&made, || format!("{}\n", made.uri))?;
    Ok(Exit::Done)
}

pub(crate) fn generate(key: &KeyArgs, output: &Output) -> Result<Exit, Failure> {
    let token = uri(&key.uri)?;
    let (uri, algorithm) = match key.algorithm {
        KeyKind::Single(algorithm) => {
            let new = inside::generate(&token, algorithm, &key.label, &key.id.0).map_err(hsm)?;
            (new.uri, new.public.algorithm())
        }
        KeyKind::Composite(composite) => {
            let new = inside::generate_composite(&token, composite, &key.label, &key.id.0).map_err(hsm)?;
            (new.uri, composite.as_str().to_owned())
        }
    };
    output.note(format!("DEMO: throw-away key, {algorithm}"));
    let made = Made { uri: uri.reached_as(&token).to_string(), algorithm: Some(algorithm) };
    output.data(&made, || format!("{}\n", made.uri))?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Certified {
    fingerprint: String,
    file: String,
}

pub(crate) fn certify(args: &CertArgs, output: &Output) -> Result<Exit, Failure> {
    let cert = inside::certify(&request(args)?).map_err(hsm)?;
    let text = inside::armor(&cert)?;
    let fingerprint = cert.fingerprint().to_hex();
    output.note(format!("DEMO: throw-away certificate {fingerprint}"));
    if args.output == Path::new("-") {
        let written = std::io::stdout().lock().write_all(&text);
        written.map_err(|error| Failure::new("OUTPUT", Exit::Io, format!("stdout: {error}")))?;
        return Ok(Exit::Done);
    }
    inside::write_new(&args.output, &text, 0o644)?;
    let file = args.output.display().to_string();
    output.data(&Certified { fingerprint: fingerprint.clone(), file }, || format!("{fingerprint}\n"))?;
    Ok(Exit::Done)
}

fn request(args: &CertArgs) -> Result<Certificate, Failure> {
    let usage = |message: &str| Failure::new("USAGE", Exit::Usage, message).hint("see --help");
    let subkey = args.subkey.as_deref().map(uri).transpose()?;
    let role = match (args.role, subkey) {
        (RoleArg::Signing, None) => Role::Signing,
        (RoleArg::Signing, Some(_)) => return Err(usage("--subkey goes with --role embassy only")),
        (RoleArg::Embassy, Some(subkey)) => Role::Embassy { subkey },
        (RoleArg::Embassy, None) => return Err(usage("--role embassy needs --subkey")),
    };
    let mut request = Certificate::new(role, uri(&args.primary)?, &args.user_id);
    request.version = args.version;
    if args.pqc {
        let second = |text: &Option<String>| text.as_deref().map(uri).transpose();
        request.post_quantum =
            Some(PostQuantum { primary: second(&args.primary_pq)?, subkey: second(&args.subkey_pq)? });
    }
    if let Some(created) = args.created {
        request.created = created.into();
    }
    if let Some(expires) = args.expires {
        let validity = SystemTime::from(expires).duration_since(request.created);
        request.validity = Some(validity.map_err(|_| usage("--expires is before the creation time"))?);
    }
    Ok(request)
}

fn uri(text: &str) -> Result<Uri, Failure> {
    Uri::parse(text).map_err(hsm)
}

pub(crate) fn list(text: &str, output: &Output) -> Result<Exit, Failure> {
    let wanted = uri(text)?;
    let token = Token::open(&wanted, None).map_err(hsm)?;
    let keys = token.list().map_err(|error| hsm(Error::from(error)))?;
    let rows: Vec<_> = keys
        .iter()
        .map(|(uri, public)| Made { uri: uri.reached_as(&wanted).to_string(), algorithm: Some(public.algorithm()) })
        .collect();
    let line =
        |(row, (_, public)): (&Made, &(Uri, PublicKey))| format!("{}  {}\n", row.uri, escape(&public.to_string()));
    output.rows(&rows, || rows.iter().zip(&keys).map(line).collect())?;
    Ok(Exit::Done)
}
