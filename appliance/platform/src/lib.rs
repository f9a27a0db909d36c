//! The only owner of system calls: beneath-only directories, durable renames, locked memory.
//!
//! No other crate of the workspace may use `nix` or `unsafe`. This one knows nothing of pouches, parses nothing from
//! outside, and never follows a symbolic link below a [`Dir`]. Start reading at [`Dir`].

mod attributes;
mod card;
pub mod confine;
mod dir;
mod entries;
mod error;
mod file;
pub mod handover;
mod lock;
mod memory;
mod metadata;
pub mod net;
mod new_file;
mod notify;
mod process;
mod read;
mod rename;
mod screen;
mod signals;
mod socket;
mod stop;
mod tree;
mod tty;

pub use card::{CardSettings, card_settings};
pub use dir::Dir;
pub use entries::{Entries, Entry};
pub use error::{Action, DirError};
pub use file::{allocate, set_file_mtime, set_pipe_size};
pub use lock::{Lock, LockError};
pub use memory::{LockedBytes, MemoryError};
pub use metadata::{Kind, Metadata, file_metadata};
pub use new_file::NewFile;
pub use notify::{Notifier, NotifyError};
pub use process::{ProcessError, effective_uid, harden_process, thread_time, user};
pub use screen::terminal_size;
pub use socket::keep_alive;
pub use stop::stop_asked;
pub use tty::{SecretTty, TtyError, forget_typed, read_secret_from, read_secret_line};
