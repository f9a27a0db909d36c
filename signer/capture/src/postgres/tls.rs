//! TLS to a server, as libpq's `sslmode` says (PostgreSQL manual, 34.19).

use std::net::TcpStream;
use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::{X509, X509Ref, X509VerifyResult};

use super::PostgresqlError;
use super::conninfo::{Settings, TlsMode};
use crate::text::printable;

/// Shakes hands over `tcp`, whose server has agreed to TLS; `name` is the host that the certificate must name.
pub(super) fn handshake(
    settings: &Settings,
    name: &str,
    tcp: TcpStream,
) -> Result<SslStream<TcpStream>, PostgresqlError> {
    let failed =
        |detail: &str| PostgresqlError::Tls { server: settings.to_string(), detail: printable(detail.as_bytes(), 300) };
    let verifies = matches!(settings.tls, TlsMode::VerifyCa | TlsMode::VerifyFull);
    let connector = if verifies { verifying(settings)? } else { trusting().map_err(|e| failed(&e.to_string()))? };
    let configured = connector.configure().map(|c| c.verify_hostname(settings.tls == TlsMode::VerifyFull));
    configured.map_err(|e| failed(&e.to_string()))?.connect(name, tcp).map_err(|error| match error {
        HandshakeError::SetupFailure(e) => failed(&e.to_string()),
        HandshakeError::Failure(middle) | HandshakeError::WouldBlock(middle) => match middle.ssl().verify_result() {
            X509VerifyResult::OK => failed(&middle.error().to_string()),
            refused => failed(refused.error_string()),
        },
    })
}

/// A connector that encrypts and believes anybody, as `prefer` and `require` do.
fn trusting() -> Result<SslConnector, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_verify(SslVerifyMode::NONE);
    Ok(builder.build())
}

/// A connector that believes the root certificates of the settings, and no others.
fn verifying(settings: &Settings) -> Result<SslConnector, PostgresqlError> {
    let default = || settings.home.as_ref().map(|home| home.join(".postgresql/root.crt"));
    let path = settings.root_cert.clone().or_else(default).unwrap_or_else(|| PathBuf::from("~/.postgresql/root.crt"));
    let failed = |detail: String| PostgresqlError::RootCertificate {
        path: path.clone(),
        detail: printable(detail.as_bytes(), 300),
    };
    let store = roots(&path).map_err(failed)?;
    let build = || {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        builder.set_cert_store(store);
        builder.set_verify(SslVerifyMode::PEER);
        Ok::<_, ErrorStack>(builder.build())
    };
    build().map_err(|e| failed(e.to_string()))
}

fn roots(path: &Path) -> Result<X509Store, String> {
    let pem = std::fs::read(path).map_err(|e| e.to_string())?;
    let certificates = X509::stack_from_pem(&pem).map_err(|e| e.to_string())?;
    if certificates.is_empty() {
        return Err("no certificate in it".to_owned());
    }
    let mut store = X509StoreBuilder::new().map_err(|e| e.to_string())?;
    for certificate in certificates {
        store.add_cert(certificate).map_err(|e| e.to_string())?;
    }
    Ok(store.build())
}

/// What binds a SCRAM exchange to this very TLS connection: `tls-server-end-point` of RFC 5929, section 4.1.
pub(super) fn server_end_point(stream: &SslStream<TcpStream>) -> Option<Vec<u8>> {
    let certificate = stream.ssl().peer_certificate()?;
    Some(certificate.digest(end_point_digest(&certificate)?).ok()?.to_vec())
}

/// The digest of the certificate's signature; SHA-256 instead of MD5 and SHA-1; none for those without, like Ed25519.
fn end_point_digest(certificate: &X509Ref) -> Option<MessageDigest> {
    let algorithms = certificate.signature_algorithm().object().nid().signature_algorithms()?;
    match algorithms.digest {
        Nid::UNDEF => None,
        Nid::MD5 | Nid::SHA1 => Some(MessageDigest::sha256()),
        digest => MessageDigest::from_nid(digest),
    }
}
