//! Authentication (PostgreSQL manual, 55.2.1 and 55.3): trust, peer, password, md5, SCRAM-SHA-256.

use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, ErrorResponseBody, Message};
use postgres_protocol::message::frontend;
use zeroize::Zeroizing;

use super::connection::{Connection, Purpose, Wire};
use super::conninfo::Settings;
use super::error::ServerMessage;
use super::{PostgresqlError, passfile, tls};

/// Answers whatever the server asks, and returns once it is ready for queries.
pub(super) fn authenticate(
    connection: &mut Connection,
    settings: &Settings,
    purpose: Purpose<'_>,
) -> Result<(), PostgresqlError> {
    let task = "log in";
    loop {
        match connection.receive()? {
            Message::AuthenticationOk => break,
            Message::AuthenticationCleartextPassword => clear(connection, settings, purpose)?,
            Message::AuthenticationMd5Password(body) => {
                let password = password(settings, purpose)?;
                let hash = Zeroizing::new(md5_hash(settings.user.as_bytes(), &password, body.salt()));
                answer(connection, hash.as_bytes())?;
            }
            Message::AuthenticationSasl(body) => scram(connection, settings, purpose, &body)?,
            Message::ErrorResponse(body) => return Err(refusal(settings, purpose, &body)),
            other => return Err(unknown_method(connection, settings, &other)),
        }
    }
    loop {
        match connection.receive()? {
            Message::BackendKeyData(_) => {}
            Message::ReadyForQuery(_) => return Ok(()),
            Message::ErrorResponse(body) => return Err(refusal(settings, purpose, &body)),
            other => return Err(connection.unexpected(task, &other)),
        }
    }
}

fn unknown_method(connection: &Connection, settings: &Settings, message: &Message) -> PostgresqlError {
    let method = match message {
        Message::AuthenticationGss | Message::AuthenticationGssContinue(_) => "gss",
        Message::AuthenticationSspi => "sspi",
        Message::AuthenticationKerberosV5 => "krb5",
        Message::AuthenticationScmCredential => "crypt",
        other => return connection.unexpected("log in", other),
    };
    PostgresqlError::Method { server: settings.to_string(), method }
}

/// The password itself, which goes only where nobody can listen.
fn clear(connection: &mut Connection, settings: &Settings, purpose: Purpose<'_>) -> Result<(), PostgresqlError> {
    if matches!(connection.wire, Wire::Tcp(_)) {
        return Err(PostgresqlError::ClearPassword { server: settings.to_string() });
    }
    let password = password(settings, purpose)?;
    answer(connection, &password)
}

fn answer(connection: &mut Connection, password: &[u8]) -> Result<(), PostgresqlError> {
    frontend::password_message(password, &mut connection.outbox).map_err(|e| connection.protocol(e))?;
    connection.send()
}

fn password(settings: &Settings, purpose: Purpose<'_>) -> Result<Zeroizing<Vec<u8>>, PostgresqlError> {
    passfile::find(settings, purpose.database())?.ok_or_else(|| PostgresqlError::NoPassword {
        server: settings.to_string(),
        user: pouch_format::escaped(settings.user.as_bytes()),
        passfile: passfile::path(settings),
    })
}

/// SCRAM-SHA-256 (RFC 7677), bound to the TLS connection where there is one and the server can.
///
/// Returns only when the server has proved that it knows the password too; its refusal comes as an error message.
fn scram(
    connection: &mut Connection,
    settings: &Settings,
    purpose: Purpose<'_>,
    offer: &AuthenticationSaslBody,
) -> Result<(), PostgresqlError> {
    let offered: Vec<String> =
        offer.mechanisms().map(|name| Ok(name.to_owned())).collect().map_err(|e| connection.protocol(e))?;
    let offers = |mechanism: &str| offered.iter().any(|name| name == mechanism);
    let end_point = match &connection.wire {
        Wire::Tls(stream) => tls::server_end_point(stream),
        Wire::Unix(_) | Wire::Tcp(_) => None,
    };
    let (mechanism, binding) = match end_point {
        Some(digest) if offers(SCRAM_SHA_256_PLUS) => {
            (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(digest))
        }
        // We could have bound: should somebody have struck it off the offer, the server will notice.
        Some(_) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        None => (SCRAM_SHA_256, ChannelBinding::unsupported()),
    };
    if !offers(mechanism) {
        return Err(PostgresqlError::Method { server: settings.to_string(), method: "an unknown SASL mechanism" });
    }
    let mut scram = ScramSha256::new(&password(settings, purpose)?, binding);
    frontend::sasl_initial_response(mechanism, scram.message(), &mut connection.outbox)
        .map_err(|e| connection.protocol(e))?;
    connection.send()?;
    match connection.receive()? {
        Message::AuthenticationSaslContinue(body) => scram.update(body.data()).map_err(|e| connection.protocol(e))?,
        Message::ErrorResponse(body) => return Err(refusal(settings, purpose, &body)),
        other => return Err(connection.unexpected("log in", &other)),
    }
    frontend::sasl_response(scram.message(), &mut connection.outbox).map_err(|e| connection.protocol(e))?;
    connection.send()?;
    match connection.receive()? {
        Message::AuthenticationSaslFinal(body) => scram.finish(body.data()).map_err(|_| PostgresqlError::Impostor {
            server: settings.to_string(),
            user: pouch_format::escaped(settings.user.as_bytes()),
        }),
        Message::ErrorResponse(body) => Err(refusal(settings, purpose, &body)),
        other => Err(connection.unexpected("log in", &other)),
    }
}

/// What it means when the server refuses at the door (PostgreSQL manual, appendix A).
fn refusal(settings: &Settings, purpose: Purpose<'_>, body: &ErrorResponseBody) -> PostgresqlError {
    let server = settings.to_string();
    let user = pouch_format::escaped(settings.user.as_bytes());
    let message = ServerMessage::read(body.fields());
    let replication = purpose == Purpose::Replication;
    match message.sqlstate.as_str() {
        // Invalid authorization specification, invalid password.
        "28000" | "28P01" => PostgresqlError::Refused { server, user, replication, message },
        // Insufficient privilege: the role has no REPLICATION.
        "42501" if replication => PostgresqlError::NoReplicationRight { server, user, message },
        // Too many connections.
        "53300" => PostgresqlError::NoConnectionLeft { server, replication, message },
        _ => PostgresqlError::Server { server, task: "log in", message },
    }
}
