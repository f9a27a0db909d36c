//! One connection to a server: bytes, messages, simple queries (PostgreSQL manual, 55.2).

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use openssl::ssl::SslStream;
use postgres_protocol::message::backend::{DataRowBody, Header, Message};
use postgres_protocol::message::frontend;
use pouch_platform::keep_alive;
use zeroize::Zeroize;

use super::conninfo::{Host, Settings, TlsMode};
use super::error::ServerMessage;
use super::{PostgresqlError, auth, tls};

/// Largest message of a server, in bytes: eight times the largest that a base backup sends.
const MESSAGE_BYTES: usize = 1 << 20;
/// Most bytes of rows that one question may bring.
const ROWS_BYTES: usize = 64 << 20;
/// How long a server may be silent in a base backup. It waits for a checkpoint, and at the end for the log's archive.
const SILENCE: Duration = Duration::from_secs(30 * 60);
/// Bytes asked of the system at once.
const READ_BYTES: usize = 128 << 10;
/// Warnings that are kept.
const WARNINGS: usize = 20;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose<'p> {
    /// Base backups.
    Replication,
    /// Queries in a database.
    Database(&'p str),
}

impl<'p> Purpose<'p> {
    /// The name that a password file uses for it.
    pub(super) fn database(self) -> &'p str {
        match self {
            Self::Replication => "replication",
            Self::Database(name) => name,
        }
    }
}

/// The stream beneath the messages.
pub(super) enum Wire {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl Wire {
    fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(timeout),
            Self::Tcp(stream) => stream.set_read_timeout(timeout),
            Self::Tls(stream) => stream.get_ref().set_read_timeout(timeout),
        }
    }

    fn as_stream(&mut self) -> &mut dyn ReadWrite {
        match self {
            Self::Unix(stream) => stream,
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.as_mut(),
        }
    }
}

trait ReadWrite: Read + Write {}
impl<S: Read + Write> ReadWrite for S {}

/// One row of a result: text, or none for NULL.
pub(super) type Row = Vec<Option<String>>;

/// A connection that the server has let in.
pub(super) struct Connection {
    pub(super) wire: Wire,
    inbox: BytesMut,
    pub(super) outbox: BytesMut,
    server: String,
    /// What the server says it is, e.g. `15.14 (Debian 15.14-0+deb12u1)`; escaped.
    pub(super) server_version: String,
    /// The first warnings of the server.
    pub(super) warnings: Vec<String>,
}

impl Connection {
    /// Connects, agrees on TLS, authenticates, and waits until the server is ready.
    pub(super) fn open(settings: &Settings, purpose: Purpose<'_>) -> Result<Self, PostgresqlError> {
        let mut connection = Self {
            wire: connect(settings)?,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            server: settings.to_string(),
            server_version: String::new(),
            warnings: Vec::new(),
        };
        // Somebody who accepts and then says nothing must not hold us up for ever.
        connection.wire.set_timeout(Some(settings.timeout)).map_err(|e| connection.broken(e))?;
        let common = [("user", settings.user.as_str()), ("client_encoding", "UTF8"), ("application_name", "pouch")];
        let special = match purpose {
            Purpose::Replication => ("replication", "true"),
            Purpose::Database(name) => ("database", name),
        };
        let parameters = common.into_iter().chain([special]);
        frontend::startup_message(parameters, &mut connection.outbox).map_err(|e| connection.broken(e))?;
        connection.send()?;
        auth::authenticate(&mut connection, settings, purpose)?;
        // A count of many rows says nothing for as long as it takes; a base backup never pauses so long.
        let silence = matches!(purpose, Purpose::Replication).then_some(SILENCE);
        connection.wire.set_timeout(silence).map_err(|e| connection.broken(e))?;
        Ok(connection)
    }

    /// Sends what is in the outbox.
    pub(super) fn send(&mut self) -> Result<(), PostgresqlError> {
        let stream = self.wire.as_stream();
        let sent = stream.write_all(&self.outbox).and_then(|()| stream.flush());
        // It may have held a password.
        self.outbox.as_mut().zeroize();
        self.outbox.clear();
        sent.map_err(|e| self.broken(e))
    }

    /// The next message that is not by the way: parameters and notices are dealt with here.
    pub(super) fn receive(&mut self) -> Result<Message, PostgresqlError> {
        loop {
            match self.next_message()? {
                Message::ParameterStatus(status) => {
                    if status.name().is_ok_and(|name| name == "server_version") {
                        let version = status.value().unwrap_or_default();
                        self.server_version = pouch_format::escaped(version.as_bytes());
                    }
                }
                Message::NoticeResponse(notice) => self.note(&ServerMessage::read(notice.fields())),
                Message::NotificationResponse(_) => {}
                message => return Ok(message),
            }
        }
    }

    fn note(&mut self, notice: &ServerMessage) {
        // 00000 is a plain notice, 01xxx a warning; the checksum warnings have XX001.
        if notice.sqlstate == "00000" {
            return;
        }
        tracing::warn!(server = %self.server, "{notice}");
        if self.warnings.len() < WARNINGS {
            self.warnings.push(notice.to_string());
        }
    }

    fn next_message(&mut self) -> Result<Message, PostgresqlError> {
        loop {
            if let Some(header) = Header::parse(&self.inbox).map_err(|e| self.protocol(e))?
                && usize::try_from(header.len()).map_or(true, |length| length > MESSAGE_BYTES)
            {
                return Err(self.protocol(format!("a message of {} bytes, {MESSAGE_BYTES} are allowed", header.len())));
            }
            if let Some(message) = Message::parse(&mut self.inbox).map_err(|e| self.protocol(e))? {
                return Ok(message);
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> Result<(), PostgresqlError> {
        let filled = self.inbox.len();
        self.inbox.resize(filled + READ_BYTES, 0);
        let room = self.inbox.get_mut(filled..).unwrap_or_default();
        let read = loop {
            match self.wire.as_stream().read(room) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.inbox.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(()),
            Err(e) => Err(self.broken(e)),
        }
    }

    /// The rows of one query, at most `limit` of them; `task` says in messages what it is for.
    pub(super) fn query(&mut self, task: &'static str, sql: &str, limit: usize) -> Result<Vec<Row>, PostgresqlError> {
        self.start(sql)?;
        let rows = self.rows(task, limit)?;
        self.finish(task)?;
        Ok(rows)
    }

    /// Runs statements that give no rows.
    pub(super) fn run(&mut self, task: &'static str, sql: &str) -> Result<(), PostgresqlError> {
        self.start(sql)?;
        self.finish(task)
    }

    /// The value of a server setting, as it is shown.
    pub(super) fn show(&mut self, setting: &'static str) -> Result<String, PostgresqlError> {
        let rows = self.query("show its settings", &format!("SHOW {setting}"), 1)?;
        let value = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
        value.ok_or_else(|| self.protocol(format!("no {setting}")))
    }

    /// Sends a query (or replication command) without waiting for its answer.
    pub(super) fn start(&mut self, sql: &str) -> Result<(), PostgresqlError> {
        frontend::query(sql, &mut self.outbox).map_err(|e| self.protocol(e))?;
        self.send()
    }

    /// The rows of one result set, up to the message that ends it.
    pub(super) fn rows(&mut self, task: &'static str, limit: usize) -> Result<Vec<Row>, PostgresqlError> {
        let (mut rows, mut bytes) = (Vec::new(), 0usize);
        loop {
            match self.receive()? {
                Message::RowDescription(_) => {}
                Message::DataRow(_) if rows.len() == limit => {
                    return Err(self.protocol(format!("more than {limit} rows, to {task}")));
                }
                Message::DataRow(body) => {
                    bytes += body.buffer().len();
                    if bytes > ROWS_BYTES {
                        return Err(self.protocol(format!("rows of more than {ROWS_BYTES} bytes, to {task}")));
                    }
                    rows.push(self.row(&body)?);
                }
                Message::CommandComplete(_) | Message::EmptyQueryResponse => return Ok(rows),
                other => return Err(self.unexpected(task, &other)),
            }
        }
    }

    /// Waits until the server is ready for the next query.
    pub(super) fn finish(&mut self, task: &'static str) -> Result<(), PostgresqlError> {
        loop {
            match self.receive()? {
                Message::ReadyForQuery(_) => return Ok(()),
                Message::CommandComplete(_) => {}
                other => return Err(self.unexpected(task, &other)),
            }
        }
    }

    fn row(&self, body: &DataRowBody) -> Result<Row, PostgresqlError> {
        let text = |range: Option<std::ops::Range<usize>>| {
            let Some(range) = range else { return Ok(None) };
            let bytes = body.buffer().get(range).unwrap_or_default();
            match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(self.protocol(format!("a value \"{}\" that is not UTF-8", pouch_format::escaped(bytes)))),
            }
        };
        let ranges: Vec<_> = body.ranges().collect().map_err(|e| self.protocol(e))?;
        ranges.into_iter().map(text).collect()
    }

    /// The error of a message that has no place here; that of the server, if it is one.
    pub(super) fn unexpected(&self, task: &'static str, message: &Message) -> PostgresqlError {
        match message {
            Message::ErrorResponse(body) => PostgresqlError::Server {
                server: self.server.clone(),
                task,
                message: ServerMessage::read(body.fields()),
            },
            _ => self.protocol(format!("a message out of place, to {task}")),
        }
    }

    pub(super) fn protocol(&self, detail: impl ToString) -> PostgresqlError {
        let detail = crate::text::printable(detail.to_string().as_bytes(), 300);
        PostgresqlError::Protocol { server: self.server.clone(), detail }
    }

    fn broken(&self, source: io::Error) -> PostgresqlError {
        let source = match source.kind() {
            // How a socket says that its time is over.
            io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "it does not answer"),
            _ => source,
        };
        PostgresqlError::Broken { server: self.server.clone(), source }
    }
}

impl Drop for Connection {
    /// Takes leave, so that the server's log shows no broken connection; whether it hears that does not matter.
    fn drop(&mut self) {
        self.outbox.clear();
        frontend::terminate(&mut self.outbox);
        let _ = self.wire.as_stream().write_all(&self.outbox);
    }
}

fn connect(settings: &Settings) -> Result<Wire, PostgresqlError> {
    let unreachable = |source| PostgresqlError::Unreachable { server: settings.to_string(), source };
    match &settings.host {
        Host::Socket(_) => {
            let path = settings.socket_path().unwrap_or_default();
            UnixStream::connect(path).map(Wire::Unix).map_err(unreachable)
        }
        Host::Tcp { name, address } => {
            let tcp = connect_tcp(address.as_deref().unwrap_or(name), settings).map_err(unreachable)?;
            tcp.set_read_timeout(Some(settings.timeout)).map_err(unreachable)?;
            upgrade(settings, name, tcp)
        }
    }
}

fn connect_tcp(host: &str, settings: &Settings) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host, settings.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, settings.timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                keep_alive(&stream)?;
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Asks for TLS, if the settings want it (PostgreSQL manual, 55.2.10).
fn upgrade(settings: &Settings, name: &str, mut tcp: TcpStream) -> Result<Wire, PostgresqlError> {
    if settings.tls == TlsMode::Disable {
        return Ok(Wire::Tcp(tcp));
    }
    let broken = |source| PostgresqlError::Broken { server: settings.to_string(), source };
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    tcp.write_all(&request).map_err(broken)?;
    // Exactly one byte: what follows belongs to TLS, and anything slipped in here in clear must not pass for it.
    let mut answer = [0];
    tcp.read_exact(&mut answer).map_err(broken)?;
    match answer {
        [b'S'] => Ok(Wire::Tls(Box::new(tls::handshake(settings, name, tcp)?))),
        [b'N'] if settings.tls == TlsMode::Prefer => Ok(Wire::Tcp(tcp)),
        [b'N'] => Err(PostgresqlError::NoTls { server: settings.to_string() }),
        [other] => Err(PostgresqlError::Protocol {
            server: settings.to_string(),
            detail: format!("answer 0x{other:02x} to the request for TLS"),
        }),
    }
}
