//! Why a PostgreSQL server could not be captured, in words for whoever runs it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;
use pouch_format::{DeclarationError, PathError, Rule};

use super::conninfo::ConninfoError;
use super::passfile::PassfileError;
use crate::tar::TarError;
use crate::text::printable;

/// Longest text of a server that is repeated, in bytes.
const TALK_BYTES: usize = 1000;

/// What a server said went wrong; its texts are escaped and bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerMessage {
    /// Five characters (PostgreSQL manual, appendix A).
    pub sqlstate: String,
    /// The message.
    pub message: String,
    /// More about it, or empty.
    pub detail: String,
}

impl ServerMessage {
    /// Reads the fields of an error or notice (PostgreSQL manual, 55.8); what is missing stays empty.
    pub(super) fn read(mut fields: ErrorFields<'_>) -> Box<Self> {
        let mut read = Self { sqlstate: String::new(), message: String::new(), detail: String::new() };
        while let Ok(Some(field)) = fields.next() {
            let value = printable(field.value_bytes(), TALK_BYTES);
            match field.type_() {
                b'C' => read.sqlstate = value,
                b'M' => read.message = value,
                b'D' => read.detail = value,
                _ => {}
            }
        }
        Box::new(read)
    }
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        write!(f, " [{}]", self.sqlstate)
    }
}

/// Why a PostgreSQL server could not be captured. `server` is always the server as the settings name it.
#[derive(Debug, thiserror::Error)]
pub enum PostgresqlError {
    /// The settings are wrong.
    #[error(transparent)]
    Conninfo(#[from] ConninfoError),
    /// The password file is of no use.
    #[error(transparent)]
    Passfile(#[from] PassfileError),
    /// Nobody answers.
    #[error("cannot reach a PostgreSQL server at {server}: {source}")]
    Unreachable {
        /// The server.
        server: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The connection broke later on.
    #[error("the connection to the PostgreSQL server at {server} broke: {source}")]
    Broken {
        /// The server.
        server: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The server speaks no TLS, and the settings insist on it.
    #[error("the PostgreSQL server at {server} offers no TLS, and sslmode insists on it")]
    NoTls {
        /// The server.
        server: String,
    },
    /// No root certificate to verify the server with.
    #[error("cannot read root certificates from {path:?}: {detail}")]
    RootCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// TLS could not be agreed on, or the certificate did not verify.
    #[error("TLS with the PostgreSQL server at {server} failed: {detail}")]
    Tls {
        /// The server.
        server: String,
        /// What OpenSSL said.
        detail: String,
    },
    /// The server wants a password and there is none.
    #[error("the PostgreSQL server at {server} wants a password of user \"{user}\", and {} has none", PassfileName(.passfile))]
    NoPassword {
        /// The server.
        server: String,
        /// The user.
        user: String,
        /// Where a password was looked for.
        passfile: Option<PathBuf>,
    },
    /// The server asks for the password itself, and anybody on the way could read it.
    #[error("the PostgreSQL server at {server} wants the password in clear over a connection without TLS")]
    ClearPassword {
        /// The server.
        server: String,
    },
    /// The server asks for something that is not spoken here.
    #[error(
        "the PostgreSQL server at {server} wants authentication by {method}; \
             trust, peer, password, md5 and scram-sha-256 are known here"
    )]
    Method {
        /// The server.
        server: String,
        /// What it asks for.
        method: &'static str,
    },
    /// The server does not let us in.
    #[error("the PostgreSQL server at {server} does not let user \"{user}\" in{}: {message}",
            if *.replication { " for replication" } else { "" })]
    Refused {
        /// The server.
        server: String,
        /// The user.
        user: String,
        /// Whether it was about the replication connection.
        replication: bool,
        /// What it said.
        message: Box<ServerMessage>,
    },
    /// The server could not prove that it knows the password.
    #[error(
        "the server at {server} could not prove that it knows the password of user \"{user}\"; it may be an impostor"
    )]
    Impostor {
        /// The server.
        server: String,
        /// The user.
        user: String,
    },
    /// The user may not take base backups.
    #[error("user \"{user}\" has no right to take a base backup from the PostgreSQL server at {server}: {message}")]
    NoReplicationRight {
        /// The server.
        server: String,
        /// The user.
        user: String,
        /// What it said.
        message: Box<ServerMessage>,
    },
    /// No connection is left.
    #[error("the PostgreSQL server at {server} has no {} left: {message}",
            if *.replication { "replication connection (max_wal_senders)" } else { "connection" })]
    NoConnectionLeft {
        /// The server.
        server: String,
        /// Whether it was about the replication connection.
        replication: bool,
        /// What it said.
        message: Box<ServerMessage>,
    },
    /// An old server.
    #[error("the PostgreSQL server at {server} is version {found}; 15 is the oldest that can be captured")]
    TooOld {
        /// The server.
        server: String,
        /// Its version.
        found: String,
    },
    /// The server found pages whose checksum is wrong: corruption at the source.
    #[error("the PostgreSQL server at {server} found corrupt pages: {message}{}", Listed(.pages))]
    Corrupt {
        /// The server.
        server: String,
        /// What it said in the end.
        message: Box<ServerMessage>,
        /// What it said of single pages or files, the first of them.
        pages: Vec<String>,
    },
    /// The server refused something for another reason.
    #[error("the PostgreSQL server at {server} failed to {task}: {message}")]
    Server {
        /// The server.
        server: String,
        /// What it was asked for.
        task: &'static str,
        /// What it said.
        message: Box<ServerMessage>,
    },
    /// The server does not keep to the protocol.
    #[error("what answers at {server} breaks the PostgreSQL protocol: {detail}")]
    Protocol {
        /// The server.
        server: String,
        /// How.
        detail: String,
    },
    /// An archive of the base backup is not as it must be.
    #[error("archive {archive} of the base backup: {source}")]
    Archive {
        /// As the server names it.
        archive: String,
        /// What is wrong with it.
        #[source]
        source: TarError,
    },
    /// Rows of some tables cannot be counted.
    #[error("user \"{user}\" may not read these tables of database \"{database}\", so their rows cannot be counted: {}",
            .tables.join(", "))]
    NotReadable {
        /// The user.
        user: String,
        /// The database.
        database: String,
        /// The first of the tables.
        tables: Vec<String>,
    },
    /// Too many tables to declare.
    #[error("the server has more than {limit} tables, whose row counts a pouch cannot declare")]
    TooManyTables {
        /// How many there may be.
        limit: usize,
    },
    /// A name that no declaration can hold.
    #[error("\"{name}\" is too long a name: {source}")]
    LongName {
        /// The name, escaped.
        name: String,
        /// How long it may be.
        #[source]
        source: DeclarationError,
    },
    /// No replication slot is left.
    #[error(
        "the PostgreSQL server at {server} has no replication slot left to hold its log during the backup: {message}"
    )]
    NoSlotLeft {
        /// The server.
        server: String,
        /// What it said.
        message: Box<ServerMessage>,
    },
    /// A manifest that does not fit in memory.
    #[error("the manifest of the base backup has more than {limit} bytes")]
    LongManifest {
        /// Bytes allowed.
        limit: usize,
    },
    /// The places of the archives in a pouch are no names; cannot be.
    #[error("the layout of a backup: {0}")]
    Layout(#[source] PathError),
}

/// Where a password was looked for, in a sentence.
struct PassfileName<'e>(&'e Option<PathBuf>);

impl fmt::Display for PassfileName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(path) => write!(f, "password file {path:?}"),
            None => f.write_str("there is no password file, which"),
        }
    }
}

/// The first of many, if any.
struct Listed<'e>(&'e Vec<String>);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "; {line}"))
    }
}

impl PostgresqlError {
    /// The rule that refused, if it was one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::Archive { source, .. } => source.rule(),
            _ => None,
        }
    }

    /// What to do about it, as one sentence, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let quoted = |user: &str| format!("\"{}\"", user.replace('"', "\"\""));
        Some(match self {
            Self::Conninfo(ConninfoError::Password) | Self::NoPassword { .. } => {
                "put a line host:port:*:user:password into ~/.pgpass or the file of passfile=, mode 0600 (PGPASSWORD is not read)"
                    .to_owned()
            }
            Self::Conninfo(ConninfoError::Service) => "unset PGSERVICE, and put its settings into conninfo".to_owned(),
            Self::Passfile(PassfileError::Mode { path, .. }) => format!("chmod 0600 {}", path.display()),
            Self::Unreachable { .. } => {
                "is it running, and are host= and port= right? (psql with the same conninfo must connect)".to_owned()
            }
            Self::NoTls { .. } => "set ssl = on in postgresql.conf, or use a Unix socket".to_owned(),
            Self::RootCertificate { .. } => "name the file of the server's root certificate with sslrootcert=".to_owned(),
            Self::ClearPassword { .. } => "use scram-sha-256 in pg_hba.conf, or sslmode=verify-full".to_owned(),
            Self::NoSlotLeft { .. } => {
                "raise max_replication_slots in postgresql.conf and restart the server, or drop unused slots".to_owned()
            }
            Self::Refused { message, .. } if message.sqlstate == "28P01" => {
                "is the line of the password file the right one? (host:port:database:user:password)".to_owned()
            }
            Self::Refused { user, replication: true, .. } => format!(
                "pg_hba.conf needs a line for database \"replication\" and user {}, \"all\" does not include it",
                quoted(user)
            ),
            Self::NoReplicationRight { user, .. } => format!("ALTER ROLE {} REPLICATION", quoted(user)),
            Self::NoConnectionLeft { replication: true, .. } => {
                "set max_wal_senders to 2 or more and wal_level to replica in postgresql.conf, and restart the server".to_owned()
            }
            Self::Corrupt { .. } => {
                "nothing was sealed; restore the pages from an older backup, or repair the server, before the next pouch"
                    .to_owned()
            }
            Self::NotReadable { user, .. } => {
                format!("GRANT pg_read_all_data TO {}, or set count_rows = false", quoted(user))
            }
            Self::TooManyTables { .. } => "set count_rows = false".to_owned(),
            _ => return None,
        })
    }
}
