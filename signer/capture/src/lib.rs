//! A consistent snapshot of a registry, entry by entry and in constant memory: a [directory](Directory), a running
//! [PostgreSQL server](Postgresql), or the tar of a [command](Command).
//!
//! This crate writes no file, holds no key and keeps no second copy of the data: it pushes what it reads into a
//! [`SnapshotSink`] and hands back the [`Declaration`] of the source. It never carries on after a doubt: a file that
//! changed while it was read, a name that cannot stand in a pouch, a page whose checksum the server found wrong -
//! each ends the capture with an error that names it.
//!
//! ```text
//! directory   openat2 beneath the root, fstat, read, fstat -----------------+
//! command     argv -> stdout -> strict tar walker --------------------------+-> SnapshotSink
//! postgresql  count rows -> BASE_BACKUP -> strict tar walker -> count rows -+
//! ```
//!
//! Start reading at [`Source`].

mod command;
mod directory;
mod error;
mod postgres;
mod sink;
mod source;
mod tar;
mod text;

pub use command::CommandError;
pub use directory::{DirectoryError, Fault, Offender};
pub use error::CaptureError;
pub use postgres::{ConninfoError, PassfileError, PostgresqlError, ServerMessage};
pub use pouch_format::Declaration;
pub use sink::{Meta, SinkError, SnapshotSink};
pub use source::{Command, Conninfo, Directory, Postgresql, Source, SourceReport};
pub use tar::TarError;
